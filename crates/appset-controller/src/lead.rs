//! Acting only as the leader: what that means for YurtAppSets.

use std::sync::PoisonError;

use controller_runtime::lease::Acting;
use jiff::Timestamp;

use crate::context::Context;

impl Acting for Context {
    fn relist(&self) {
        self.mirrors.relist();
        self.desk.relist();
    }

    async fn listed(&self) {
        while !self.is_listed() {
            self.listed.notified().await;
        }
    }

    fn forget(&self) {
        self.memories.clear();
        self.desk.forget();
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = Timestamp::now();
    }

    fn begin(&self) {
        self.wake_all();
    }
}
