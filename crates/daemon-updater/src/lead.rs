//! Acting only as the leader: what that means for runs.

use controller_runtime::lease::Acting;
use controller_runtime::mirror::Mirrored;

use crate::context::Context;

impl Acting for Context {
    fn relist(&self) {
        self.fleet.relist();
        self.daemon_sets.relist();
        self.desk.relist();
        self.pools.mirror.relist();
    }

    async fn listed(&self) {
        while !self.is_listed() {
            self.listed.notified().await;
        }
    }

    fn forget(&self) {
        self.runs.clear();
        self.claims.lock().clear();
        self.desk.forget();
    }

    fn begin(&self) {
        self.daemon_sets.all().iter().for_each(|object| self.queue.add(object.uid()));
    }
}
