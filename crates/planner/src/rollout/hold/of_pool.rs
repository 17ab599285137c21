//! Holds in the words of runs whose units are pools.

use super::{Hold, second};
use crate::rollout::UnitKind;

impl Hold {
    /// Why a unit of this kind is not moved, in a sentence.
    pub fn sentence(&self, kind: UnitKind) -> String {
        match kind {
            UnitKind::Node => self.to_string(),
            UnitKind::Pool => of_pool(self).unwrap_or_else(|| self.to_string()),
        }
    }
}

/// The sentences that are others where pools are the units.
fn of_pool(hold: &Hold) -> Option<String> {
    Some(match hold {
        Hold::Budget { scope, down, allowed } => {
            format!("{down} of {allowed} allowed pools of the {scope} are under change or down")
        }
        Hold::SlowStart { unsettled, limit } => {
            format!("slow start waits for {unsettled} pools under way to settle, {limit} may be")
        }
        Hold::TooFewSettled { settled, wanted } => {
            format!("{settled} pools of the wave are settled, {wanted} must be, and no more are reachable and sound")
        }
        Hold::Offline => "none of its nodes is Ready".to_owned(),
        Hold::Returning { at } => format!("it counts as reachable at {}", second(*at)),
        Hold::Terminating => "its former workload is being deleted".to_owned(),
        Hold::NoCatchUp => "it was offline during its wave and offline.catchUp is Never".to_owned(),
        Hold::UnknownRevision { revision } => format!("its workload has revision {revision:?}, which is not known"),
        Hold::Inconclusive { reachable, needed } => {
            format!("only {reachable} pools are reachable, a verdict needs {needed}")
        }
        // Each time later: that is no news.
        Hold::Refused { why, retry: _ } => {
            format!("the API server refused the last write: {why}; it is tried again")
        }
        Hold::OtherController { lease, seen: true } => {
            format!("lease {lease} is alive: its holder upgrades the same YurtAppSets")
        }
        Hold::OtherController { lease, seen: false } => {
            format!("it is not known whether lease {lease} is alive, whose holder upgrades the same YurtAppSets")
        }
        Hold::NoBudget { .. }
        | Hold::EarlierWave { .. }
        | Hold::Soak { .. }
        | Hold::Approval { .. }
        | Hold::Rejected { .. }
        | Hold::Window { .. }
        | Hold::Dependency { .. }
        | Hold::ConcurrentPools { .. }
        | Hold::NoPoolLeft { .. }
        | Hold::InvalidStrategy { .. }
        | Hold::UnderMaintenance
        | Hold::NodeBusy
        | Hold::NoPod
        | Hold::Stale { .. }
        | Hold::NotObserved
        | Hold::NodesLost { .. }
        | Hold::Halted
        | Hold::HaltedFor { .. }
        | Hold::RevisionRefused { .. }
        | Hold::ReachUnknown { .. }
        | Hold::Paused
        | Hold::Aborted => return None,
    })
}
