//! What a cluster shows of one YurtAppSet at a moment, as far as the user may read it, and the planner's view of it.
//!
//! As with DaemonSets nothing is sighted here: what the objects show counts as having been so for long, and verdicts that take time
//! are those of the run's record. What decides is appset-controller's own pure part.

mod changed;
mod planned;
mod read;
mod told;
mod workload;

use std::collections::HashMap;

use api::approval_request::ApprovalRequest;
use api::yurt_app_set::YurtAppSet;
use appset_controller::children::Child;
use appset_controller::plan::{Outlook, outlook};
use appset_controller::pools::Pool;
use appset_controller::revisions::Revision;
use jiff::Timestamp;
use planner::rollout::Progress;

pub use changed::Change;
pub use planned::PlannedSet;
pub use read::{around, get, read};
pub use told::{is_behind, notices};
pub use workload::Workload;

/// One YurtAppSet with what its rollouts are about.
#[derive(Debug, Clone)]
pub struct AppSet {
    /// When it was taken.
    pub at: Timestamp,
    /// The YurtAppSet.
    pub set: YurtAppSet,
    /// All NodePools, by name.
    pub pools: Vec<Pool>,
    /// The Deployments and StatefulSets of its namespace: its own, and whoever else has a name.
    pub workloads: Vec<Workload>,
    /// The ControllerRevisions of its namespace.
    pub history: Vec<Revision>,
    /// The approval requests of its namespace.
    pub approvals: Vec<ApprovalRequest>,
    /// How far the dependencies of its strategy are, in its order; unknown until they were asked for.
    pub dependencies: Vec<Progress>,
}

impl AppSet {
    /// Where it is.
    pub fn namespace(&self) -> String {
        self.set.metadata.namespace.clone().unwrap_or_default()
    }

    /// The workloads, as appset-controller takes them.
    pub fn children(&self) -> Vec<&Child> {
        self.workloads.iter().map(|workload| &workload.child).collect()
    }

    /// Which pools are chosen, and whose workload is whose.
    pub fn outlook<'a>(&'a self, children: &[&'a Child]) -> Outlook<'a> {
        outlook(&self.set, &self.pools, children)
    }

    /// The workload of each pool that has one.
    pub fn by_pool(&self) -> HashMap<&str, &Workload> {
        let children = self.children();
        let by_uid: HashMap<&str, &Workload> =
            self.workloads.iter().map(|workload| (workload.child.uid.as_str(), workload)).collect();
        let members = self.outlook(&children).family.members;
        members.into_iter().filter_map(|(pool, member)| Some((pool, *by_uid.get(member.child.uid.as_str())?))).collect()
    }
}
