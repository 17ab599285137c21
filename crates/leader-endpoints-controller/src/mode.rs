//! Who elects: Drover, or another controller that Drover follows.

use std::fmt;

use controller_runtime::lease::Neighbour;
use serde::Serialize;

use crate::config::{Mode, YurtManager};

/// Who elects, and why. Displays as a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) enum Decision {
    /// It is not known yet whether yurt-manager lives: nothing is done.
    Undecided,
    /// Drover.
    Elect(Why),
    /// Another controller.
    Follow(Why),
}

/// Why that is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) enum Why {
    /// The configuration says so.
    Configured(Mode),
    /// Nobody holds yurt-manager's Lease.
    NeighbourAbsent {
        /// Namespace and name.
        lease: String,
    },
    /// Somebody does.
    NeighbourLives {
        /// Namespace and name.
        lease: String,
    },
    /// Somebody does, but left this pool's leaders wrong.
    NeighbourIdle {
        /// Namespace and name.
        lease: String,
    },
}

impl Decision {
    /// Decides. While it is not known any more whether yurt-manager lives, what was decided before stands: nothing can be
    /// written then anyway.
    pub(crate) fn of(mode: Mode, yurt: &YurtManager, neighbour: &Neighbour, before: &Self) -> Self {
        let lease = || format!("{}/{}", yurt.namespace, yurt.lease);
        match (mode, neighbour) {
            (Mode::Elect, _) => Self::Elect(Why::Configured(mode)),
            (Mode::Follow, _) => Self::Follow(Why::Configured(mode)),
            (Mode::Auto, Neighbour::Absent) => Self::Elect(Why::NeighbourAbsent { lease: lease() }),
            (Mode::Auto, Neighbour::Live { .. }) => Self::Follow(Why::NeighbourLives { lease: lease() }),
            (Mode::Auto, Neighbour::Unknown) => before.clone(),
        }
    }

    /// Whether Drover may elect for a pool whose leaders stay wrong though another controller is to elect: by configuration it
    /// may not.
    pub(crate) fn overruled(&self) -> Option<Self> {
        match self {
            Self::Follow(Why::NeighbourLives { lease }) => {
                Some(Self::Elect(Why::NeighbourIdle { lease: lease.clone() }))
            }
            Self::Undecided | Self::Elect(_) | Self::Follow(_) => None,
        }
    }

    /// Whether Drover elects.
    pub(crate) fn elects(&self) -> bool {
        matches!(self, Self::Elect(_))
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecided => f.write_str("not known yet who elects"),
            Self::Elect(why) => write!(f, "Drover elects: {why}"),
            Self::Follow(why) => write!(f, "another controller elects: {why}"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured(Mode::Auto) => f.write_str("mode is auto"),
            Self::Configured(Mode::Elect) => f.write_str("mode is elect"),
            Self::Configured(Mode::Follow) => f.write_str("mode is follow"),
            Self::NeighbourAbsent { lease } => write!(f, "no live yurt-manager holds the lease {lease}"),
            Self::NeighbourLives { lease } => write!(f, "a live yurt-manager holds the lease {lease}"),
            Self::NeighbourIdle { lease } => {
                write!(f, "the yurt-manager that holds the lease {lease} leaves wrong leaders in this pool's status")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn auto_follows_who_lives_and_keeps_its_mind_while_nothing_is_known() {
        let yurt = Config::default().yurt_manager;
        let live = Neighbour::Live { holder: "m".to_owned() };
        let auto = |neighbour: &Neighbour, before: &Decision| Decision::of(Mode::Auto, &yurt, neighbour, before);
        let undecided = auto(&Neighbour::Unknown, &Decision::Undecided);
        assert_eq!(undecided, Decision::Undecided);
        let follows = auto(&live, &undecided);
        assert!(!follows.elects() && follows.to_string().contains("kube-system/yurt-manager"), "{follows}");
        assert_eq!(auto(&Neighbour::Unknown, &follows), follows);
        let elects = auto(&Neighbour::Absent, &follows);
        assert!(elects.elects());
        assert_eq!(auto(&Neighbour::Unknown, &elects), elects);
    }

    #[test]
    fn only_auto_overrules() {
        let yurt = Config::default().yurt_manager;
        let live = Neighbour::Live { holder: "m".to_owned() };
        let decide = |mode| Decision::of(mode, &yurt, &live, &Decision::Undecided);
        assert!(decide(Mode::Auto).overruled().is_some_and(|overruled| overruled.elects()));
        assert_eq!(decide(Mode::Follow).overruled(), None);
        assert!(decide(Mode::Elect).elects());
    }
}
