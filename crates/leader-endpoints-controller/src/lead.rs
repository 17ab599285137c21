//! Acting only as the leader: what that means for pools.

use controller_runtime::lease::Acting;
use controller_runtime::mirror::Mirror;

use crate::context::Context;

impl Acting for Context {
    fn relist(&self) {
        self.pools.relist();
        self.nodes.relist();
        self.roles.relist();
        self.outputs.all().into_iter().for_each(Mirror::relist);
    }

    async fn listed(&self) {
        while !self.is_listed() {
            self.listed.notified().await;
        }
    }

    fn forget(&self) {
        self.memories.clear();
    }

    fn begin(&self) {
        self.wake_all();
    }

    /// A stand-by knows nothing of what is in step.
    fn cease(&self) {
        self.ledger.clear();
    }
}
