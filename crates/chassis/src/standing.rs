//! The part a replica plays among its peers.

/// Whether a process acts or only watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The service elects no leader: every process acts.
    Alone,
    /// This process leads, under the identity given.
    Leading(String),
    /// Another process leads, named if known; this one only watches.
    StandBy(Option<String>),
}

impl Standing {
    /// Who leads, as far as the process knows.
    pub fn leader(&self) -> Option<&str> {
        match self {
            Self::Alone => None,
            Self::Leading(leader) => Some(leader),
            Self::StandBy(leader) => leader.as_deref(),
        }
    }
}
