//! A watch: what its client is told, in messages.

use std::sync::Arc;
use std::time::Duration;

use chassis::Standing;
use chassis::feed::{Batch, Reset, Teller};
use proto::rollout::v1 as messages;
use tonic::Status;

use super::row::Row;
use super::select::Pools;

/// What the service knows of its process.
pub(super) struct Process {
    /// How old the mirrors are.
    pub(super) source_age: Box<dyn Fn() -> Duration + Send + Sync>,
    pub(super) standing: Box<dyn Fn() -> Standing + Send + Sync>,
}

/// What one client is told.
pub(super) struct Watch {
    pub(super) pools: Pools,
    pub(super) process: Arc<Process>,
}

impl Process {
    /// # Errors
    /// `FAILED_PRECONDITION` when pools are wanted of a replica that does not lead.
    pub(super) fn may_tell(&self, pools: Pools) -> Result<(), Status> {
        if pools == Pools::LeftOut {
            return Ok(());
        }
        match (self.standing)() {
            Standing::Alone | Standing::Leading(_) => Ok(()),
            Standing::StandBy(leader) => Err(Status::failed_precondition(format!(
                "this replica does not lead and knows of no pools: ask {}",
                leader.as_deref().unwrap_or("the replica that will lead, nobody does at the moment")
            ))),
        }
    }
}

impl Teller<Row> for Watch {
    type Message = messages::WatchResponse;

    fn check(&self) -> Result<(), Status> {
        self.process.may_tell(self.pools)
    }

    fn message(&self, batch: Batch<Row>) -> messages::WatchResponse {
        let Batch { reset, changed, removed, synced, token } = batch;
        let mark = messages::Mark {
            resume_token: token.encode(),
            synced,
            reset: reset.map_or(messages::Reset::Unspecified, told).into(),
            source_age: synced.then(|| encoded((self.process.source_age)())),
        };
        let (mut rollouts, mut pools) = (Vec::new(), Vec::new());
        for (_, row) in changed {
            match row {
                Row::Rollout(_, rollout) => rollouts.push(messages::Rollout::clone(&rollout)),
                Row::Pool(_, pool) => pools.push(messages::Pool::clone(&pool)),
            }
        }
        let removed = removed.into_iter().map(|key| key.to_string()).collect();
        messages::WatchResponse { rollouts, pools, removed, mark: Some(mark) }
    }
}

fn encoded(age: Duration) -> prost_types::Duration {
    /// 10,000 years, which is the most that the type can hold.
    const LONGEST: prost_types::Duration = prost_types::Duration { seconds: 315_576_000_000, nanos: 0 };
    prost_types::Duration::try_from(age).unwrap_or(LONGEST)
}

fn told(reset: Reset) -> messages::Reset {
    match reset {
        Reset::OtherEpoch => messages::Reset::OtherEpoch,
        Reset::TooOld => messages::Reset::TooOld,
        Reset::OtherSelection => messages::Reset::OtherSelector,
        Reset::Ahead => messages::Reset::Ahead,
    }
}
