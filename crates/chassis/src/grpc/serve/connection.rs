//! One connection: what it proved, and whether a call is in progress.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Dropped;
use super::seats::Seat;

/// A connection, known to each of its calls.
pub(in crate::grpc) struct Connection {
    peer: SocketAddr,
    opened: Instant,
    any: Seat,
    /// Until a call was let in.
    unproven: Mutex<Option<Seat>>,
    crowded: CancellationToken,
    /// Calls refused since one was let in.
    refused: AtomicU32,
    refused_too_often: CancellationToken,
    activity: watch::Sender<Activity>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Activity {
    calls: usize,
    proven: bool,
}

/// A call on a connection, in progress until this is dropped.
pub(in crate::grpc) struct CallInProgress(Arc<Connection>);

/// So many calls that are refused one after the other end a connection: each costs little, but strangers could send
/// very many.
const REFUSED_AT_MOST: u32 = 100;

/// How long a client may take, from its connection, until a call of it is let in. Channels are often opened ahead.
const PROVEN_WITHIN: Duration = Duration::from_secs(30);

/// How long a connection without a call is kept: a client opens another one when it needs to.
const IDLE_FOR: Duration = Duration::from_mins(5);

impl Connection {
    /// With a seat among all, and one among those that have proved nothing.
    pub(super) fn new(peer: SocketAddr, any: Seat, unproven: Seat) -> Arc<Self> {
        Arc::new(Self {
            peer,
            opened: Instant::now(),
            any,
            crowded: unproven.crowded(),
            unproven: Mutex::new(Some(unproven)),
            refused: AtomicU32::new(0),
            refused_too_often: CancellationToken::new(),
            activity: watch::Sender::default(),
        })
    }

    /// The other end.
    pub(in crate::grpc) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// A call of it was let in.
    pub(in crate::grpc) fn prove(&self) {
        self.refused.store(0, Ordering::Relaxed);
        if self.activity.borrow().proven {
            return;
        }
        self.activity.send_modify(|activity| activity.proven = true);
        self.unproven.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// A call of it was refused.
    pub(in crate::grpc) fn refuse(&self) {
        if self.refused.fetch_add(1, Ordering::Relaxed) >= REFUSED_AT_MOST {
            self.refused_too_often.cancel();
        }
    }

    /// Counts a call until what this returns is dropped.
    pub(in crate::grpc) fn call(self: Arc<Self>) -> CallInProgress {
        self.activity.send_modify(|activity| activity.calls += 1);
        CallInProgress(self)
    }

    /// Waits until the connection has to go at once.
    pub(super) async fn ousted(&self) -> Dropped {
        tokio::select! {
            () = self.crowded.cancelled() => Dropped::Crowded,
            () = self.any.crowded().cancelled_owned() => Dropped::Full,
            () = self.refused_too_often.cancelled() => Dropped::Refused,
        }
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

    use super::super::seats::Seats;
    use super::*;

    fn connection() -> Arc<Connection> {
        among(&Seats::new(10), &Seats::new(10))
    }

    fn among(all: &Arc<Seats>, unproven: &Arc<Seats>) -> Arc<Connection> {
        let peer: SocketAddr = ([127, 0, 0, 1], 1).into();
        let seat = |seats: &Arc<Seats>| Arc::clone(seats).seat(peer.ip());
        Connection::new(peer, seat(all), seat(unproven))
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
    async fn a_proven_connection_makes_room_only_when_all_are_too_many() {
        let (all, unproven) = (Seats::new(3), Seats::new(1));
        let first = among(&all, &unproven);
        first.prove();
        let second = among(&all, &unproven);
        let third = among(&all, &unproven);
        assert_eq!(first.ousted().now_or_never(), None);
        assert_eq!(second.ousted().now_or_never(), Some(Dropped::Crowded));
        let _fourth = among(&all, &unproven);
        assert_eq!(first.ousted().now_or_never(), Some(Dropped::Full));
        assert_eq!(third.ousted().now_or_never(), Some(Dropped::Crowded));
    }

    #[tokio::test]
    async fn refusals_in_a_row_end_a_connection() {
        let connection = connection();
        for _ in 0..REFUSED_AT_MOST {
            connection.refuse();
        }
        connection.prove();
        (0..REFUSED_AT_MOST).for_each(|_| connection.refuse());
        assert_eq!(connection.ousted().now_or_never(), None);
        connection.refuse();
        assert_eq!(connection.ousted().now_or_never(), Some(Dropped::Refused));
    }
}
