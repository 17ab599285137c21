//! What a NodePool asks of an election, as the planner takes it.

use std::fmt;

use planner::election::{Settings, Strategy};

use super::{GroupVersionResource, MARK, NodePoolSpec, RANDOM};

impl NodePoolSpec {
    /// What the pool asks for. A negative number of leaders is none.
    pub fn election(&self) -> Settings {
        if !self.enable_leader_election {
            return Settings::Disabled;
        }
        let strategy = match self.leader_election_strategy.as_str() {
            RANDOM => Strategy::Random,
            MARK => Strategy::Mark(self.leader_node_label_selector.clone()),
            other => {
                return Settings::Invalid(format!("spec.leaderElectionStrategy: {other:?} is not {RANDOM} or {MARK}"));
            }
        };
        Settings::Enabled { strategy, replicas: u32::try_from(self.leader_replicas).unwrap_or(0) }
    }

    /// What leaders fetch for the whole pool, sorted as text, each once: as all outputs have it.
    pub fn pool_scoped(&self) -> Vec<String> {
        let mut all: Vec<_> = self.pool_scope_metadata.iter().map(GroupVersionResource::to_string).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl fmt::Display for GroupVersionResource {
    /// `group/version/resource`, as OpenYurt writes it; the core group is empty, which leaves a leading slash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, version, resource } = self;
        write!(f, "{group}/{version}/{resource}")
    }
}
