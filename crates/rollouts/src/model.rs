//! What is followed, and what is known of it.

use chassis::follow::table::Row;
use planner::rollout::Met;
use proto::rollout::v1 as messages;

/// A target that others wait for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    namespace: String,
    kind: String,
    name: String,
}

impl Target {
    /// The target of this kind and name in a namespace.
    pub fn new(namespace: &str, kind: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), kind: kind.to_owned(), name: name.to_owned() }
    }

    /// What its rollouts are found by.
    pub(crate) fn group(&self) -> String {
        format!("target {}/{}/{}", self.namespace, self.kind, self.name)
    }
}

impl From<&Target> for messages::TargetName {
    fn from(Target { namespace, kind, name }: &Target) -> Self {
        Self { namespace: namespace.clone(), kind: kind.clone(), name: name.clone() }
    }
}

/// A rollout or a pool, by the name that says when it is gone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Thing {
    key: String,
    group: String,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    Rollout {
        /// Of two rollouts of a target, the one with the higher number counts.
        revision: i64,
        met: Met,
        /// How many pools there must be for the view to be whole; none: the server does not know them.
        pools: Option<usize>,
    },
    Pool {
        name: String,
        met: Met,
    },
}

impl Thing {
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

impl Row for Thing {
    fn name(&self) -> &str {
        &self.key
    }

    fn group(&self) -> Option<&str> {
        Some(&self.group)
    }
}

/// What the pools of a rollout are found by.
pub(crate) fn pools_of(rollout: &str) -> String {
    format!("pools {rollout}")
}

impl From<messages::Rollout> for Thing {
    fn from(rollout: messages::Rollout) -> Self {
        let met = met(rollout.up_to_date());
        let messages::Rollout { namespace, name, target, revision, pools, .. } = rollout;
        let target = target.unwrap_or_default();
        Self {
            key: format!("{namespace}/{name}"),
            group: Target { namespace, kind: target.kind, name: target.name }.group(),
            what: What::Rollout {
                revision: revision.unwrap_or_default().number,
                met,
                pools: pools.and_then(|pools| usize::try_from(pools).ok()),
            },
        }
    }
}

impl From<messages::Pool> for Thing {
    fn from(pool: messages::Pool) -> Self {
        let met = met(pool.up_to_date());
        let messages::Pool { namespace, rollout, name, .. } = pool;
        let rollout = format!("{namespace}/{rollout}");
        Self { key: format!("{rollout}/{name}"), group: pools_of(&rollout), what: What::Pool { name, met } }
    }
}

fn met(up_to_date: messages::UpToDate) -> Met {
    match up_to_date {
        messages::UpToDate::Unspecified => Met::Unknown,
        messages::UpToDate::Yes => Met::Yes,
        messages::UpToDate::No => Met::No,
    }
}
