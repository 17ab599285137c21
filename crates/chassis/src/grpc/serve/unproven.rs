//! The connections that have proved nothing yet.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Seats for a bounded number of them. A new one always finds a seat: whoever opens many connections and proves nothing loses
/// the oldest of them, and others lose none.
pub(super) struct Unproven {
    most: usize,
    seats: Mutex<Seats>,
}

#[derive(Default)]
struct Seats {
    next: u64,
    /// In the order in which they came.
    taken: BTreeMap<u64, (IpAddr, CancellationToken)>,
}

/// A seat, free again when this is dropped.
pub(super) struct Seat {
    number: u64,
    crowded: CancellationToken,
    unproven: Arc<Unproven>,
}

impl Unproven {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, seats: Mutex::default() })
    }

    /// A seat for a connection from `address`.
    pub(super) fn seat(self: Arc<Self>, address: IpAddr) -> Seat {
        let crowded = CancellationToken::new();
        let mut seats = self.lock();
        if seats.taken.len() >= self.most
            && let Some(oldest) = seats.oldest_of_most()
            && let Some((_, crowded)) = seats.taken.remove(&oldest)
        {
            crowded.cancel();
        }
        let number = seats.next;
        seats.next += 1;
        seats.taken.insert(number, (address, crowded.clone()));
        drop(seats);
        Seat { number, crowded, unproven: self }
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    /// The oldest seat of the address that has the most. Looks at all of them: some microseconds, and only when full.
    fn oldest_of_most(&self) -> Option<u64> {
        let mut count: HashMap<IpAddr, (usize, u64)> = HashMap::new();
        for (number, (address, _)) in &self.taken {
            count.entry(*address).or_insert((0, *number)).0 += 1;
        }
        count.into_values().max_by_key(|(count, oldest)| (*count, std::cmp::Reverse(*oldest))).map(|(_, oldest)| oldest)
    }
}

impl Seat {
    /// Is cancelled when the seat was given to somebody else.
    pub(super) fn crowded(&self) -> CancellationToken {
        self.crowded.clone()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.unproven.lock().taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_most_loses_the_oldest() {
        let unproven = Unproven::new(4);
        let seat = |last| Arc::clone(&unproven).seat([10, 0, 0, last].into());
        let honest = seat(1);
        let greedy: Vec<_> = (0..10).map(|_| seat(2)).collect();
        assert!(!honest.crowded().is_cancelled());
        let lost = greedy.iter().filter(|seat| seat.crowded().is_cancelled()).count();
        assert_eq!(lost, 7);
        assert!(greedy[..7].iter().all(|seat| seat.crowded().is_cancelled()), "the oldest");
        let late = seat(3);
        assert!(greedy[7].crowded().is_cancelled() && !late.crowded().is_cancelled());
        drop((honest, late, greedy));
        assert!(unproven.lock().taken.is_empty());
    }
}
