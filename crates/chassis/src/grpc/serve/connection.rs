//! One connection: what it proved, and whether a call is in progress.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Dropped;
use super::unproven::Seat;

/// A connection, known to each of its calls.
pub(in crate::grpc) struct Connection {
    peer: SocketAddr,
    opened: Instant,
    /// Until a call was let in.
    seat: Mutex<Option<Seat>>,
    crowded: CancellationToken,
    activity: watch::Sender<Activity>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Activity {
    calls: usize,
    proven: bool,
}

/// A call on a connection, in progress until this is dropped.
pub(in crate::grpc) struct CallInProgress(Arc<Connection>);

/// How long a client may take, from its connection, until a call of it is let in. Channels are often opened ahead.
const PROVEN_WITHIN: Duration = Duration::from_secs(30);

/// How long a connection without a call is kept: a client opens another one when it needs to.
const IDLE_FOR: Duration = Duration::from_mins(5);

impl Connection {
    pub(super) fn new(peer: SocketAddr, seat: Seat) -> Arc<Self> {
        Arc::new(Self {
            peer,
            opened: Instant::now(),
            crowded: seat.crowded(),
            seat: Mutex::new(Some(seat)),
            activity: watch::Sender::default(),
        })
    }

    /// The other end.
    pub(in crate::grpc) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// A call of it was let in.
    pub(in crate::grpc) fn prove(&self) {
        if self.activity.borrow().proven {
            return;
        }
        self.activity.send_modify(|activity| activity.proven = true);
        self.seat.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Counts a call until what this returns is dropped.
    pub(in crate::grpc) fn call(self: Arc<Self>) -> CallInProgress {
        self.activity.send_modify(|activity| activity.calls += 1);
        CallInProgress(self)
    }

    /// Is cancelled when the connection has to make room for another.
    pub(super) fn crowded(&self) -> CancellationToken {
        self.crowded.clone()
    }

    /// Waits until the connection has been kept long enough.
    pub(super) async fn overstayed(&self) -> Dropped {
        let proven = {
            let mut activity = self.activity.subscribe();
            // The sender is this connection's own.
            async move { activity.wait_for(|activity| activity.proven).await.is_ok() }
        };
        tokio::select! {
            true = proven => {}
            () = sleep_until(self.opened + PROVEN_WITHIN) => return Dropped::Unproven,
        }
        self.silent_for(IDLE_FOR).await;
        Dropped::Idle
    }

    /// Waits until there was no call for so long.
    pub(super) async fn silent_for(&self, span: Duration) {
        let mut activity = self.activity.subscribe();
        while activity.wait_for(|activity| activity.calls == 0).await.is_ok() {
            tokio::select! {
                _ = activity.changed() => {}
                () = sleep(span) => return,
            }
        }
    }
}

impl Drop for CallInProgress {
    fn drop(&mut self) {
        self.0.activity.send_modify(|activity| activity.calls -= 1);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::super::unproven::Unproven;
    use super::*;

    fn connection() -> Arc<Connection> {
        let peer: SocketAddr = ([127, 0, 0, 1], 1).into();
        Connection::new(peer, Unproven::new(1).seat(peer.ip()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_proves_nothing_ends_whatever_it_calls() {
        let (connection, began) = (connection(), Instant::now());
        let _call = Arc::clone(&connection).call();
        assert_eq!(connection.overstayed().await, Dropped::Unproven);
        assert_eq!(began.elapsed(), PROVEN_WITHIN);
    }

    #[tokio::test(start_paused = true)]
    async fn a_proven_connection_ends_when_it_had_no_call_for_a_while() {
        let (connection, began) = (connection(), Instant::now());
        connection.prove();
        let call = Arc::clone(&connection).call();
        let ending = tokio::spawn({
            let connection = Arc::clone(&connection);
            async move { connection.overstayed().await }
        });
        sleep(10 * IDLE_FOR).await;
        assert!(!ending.is_finished(), "a call is in progress");
        drop(call);
        sleep(IDLE_FOR / 2).await;
        drop(Arc::clone(&connection).call());
        assert_eq!(ending.await.unwrap(), Dropped::Idle);
        assert_eq!(began.elapsed(), 10 * IDLE_FOR + IDLE_FOR / 2 + IDLE_FOR);
    }

    #[tokio::test]
    async fn a_proven_connection_makes_no_room() {
        let unproven = Unproven::new(1);
        let peer: SocketAddr = ([127, 0, 0, 1], 1).into();
        let first = Connection::new(peer, Arc::clone(&unproven).seat(peer.ip()));
        first.prove();
        let second = Connection::new(peer, Arc::clone(&unproven).seat(peer.ip()));
        let _third = unproven.seat(peer.ip());
        assert!(first.crowded().cancelled().now_or_never().is_none());
        assert!(second.crowded().cancelled().now_or_never().is_some());
    }
}
