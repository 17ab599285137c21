//! A bounded number of connections.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Seats for them. A new connection always finds a seat: when there are too many, the oldest of the address with the
/// most loses its own. Whoever opens many connections loses them again, and others lose none.
pub(super) struct Seats {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    /// In the order in which they came.
    by_number: BTreeMap<u64, (IpAddr, CancellationToken)>,
}

/// A seat, free again when this is dropped.
pub(super) struct Seat {
    number: u64,
    crowded: CancellationToken,
    seats: Arc<Seats>,
}

impl Seats {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    /// A seat for a connection from `address`.
    pub(super) fn seat(self: Arc<Self>, address: IpAddr) -> Seat {
        let crowded = CancellationToken::new();
        let mut taken = self.lock();
        if taken.by_number.len() >= self.most
            && let Some(oldest) = taken.oldest_of_most()
            && let Some((_, crowded)) = taken.by_number.remove(&oldest)
        {
            crowded.cancel();
        }
        let number = taken.next;
        taken.next += 1;
        taken.by_number.insert(number, (address, crowded.clone()));
        drop(taken);
        Seat { number, crowded, seats: self }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// The oldest seat of the address that has the most. Looks at all of them: some microseconds, and only when full.
    fn oldest_of_most(&self) -> Option<u64> {
        let mut count: HashMap<IpAddr, (usize, u64)> = HashMap::new();
        for (number, (address, _)) in &self.by_number {
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
        self.seats.lock().by_number.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_most_loses_the_oldest() {
        let seats = Seats::new(4);
        let seat = |last| Arc::clone(&seats).seat([10, 0, 0, last].into());
        let honest = seat(1);
        let greedy: Vec<_> = (0..10).map(|_| seat(2)).collect();
        assert!(!honest.crowded().is_cancelled());
        let lost = greedy.iter().filter(|seat| seat.crowded().is_cancelled()).count();
        assert_eq!(lost, 7);
        assert!(greedy[..7].iter().all(|seat| seat.crowded().is_cancelled()), "the oldest");
        let late = seat(3);
        assert!(greedy[7].crowded().is_cancelled() && !late.crowded().is_cancelled());
        drop((honest, late, greedy));
        assert!(seats.lock().by_number.is_empty());
    }
}
