//! The connection to the service, and the next one.

use std::sync::{Mutex, PoisonError};

use crate::peer::{Channel, Peer, PeerError};

/// The channel that streams are asked for on. A stream that ended has its successor on a fresh connection: behind one address
/// there may be several replicas, and a connection stays with one.
#[derive(Debug)]
pub struct Line {
    peer: Peer,
    current: Mutex<(u64, Channel)>,
}

impl Line {
    /// A line to a service. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the peer's address or name cannot be used.
    pub fn to(peer: &Peer) -> Result<Self, PeerError> {
        Ok(Self { peer: peer.clone(), current: Mutex::new((0, Channel::lazy(peer)?)) })
    }

    /// The channel now, and its number.
    pub(super) fn channel(&self) -> (u64, Channel) {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The channel of this number is not to be used for new streams any more. Those on it go on.
    ///
    /// # Errors
    /// When there can be no other; the old one then stays.
    pub(super) fn hang_up(&self, number: u64) -> Result<(), PeerError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 == number {
            *current = (number + 1, Channel::lazy(&self.peer)?);
        }
        Ok(())
    }
}
