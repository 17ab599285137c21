//! Values over time, and what somebody whose view lags may have believed.

use jiff::{SignedDuration, Timestamp};

/// When a change became public: not before `earliest`, and surely by `latest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Published {
    /// The request that made the change had not arrived before.
    pub earliest: Timestamp,
    /// Somebody had been told of the change.
    pub latest: Timestamp,
    /// Both are known from the request itself. Otherwise `earliest` is a guess from when the watcher was told.
    pub exact: bool,
}

/// The successive values of something.
#[derive(Clone, Debug)]
pub(super) struct Timeline<T> {
    changes: Vec<(Published, T)>,
}

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Self { changes: Vec::new() }
    }
}

impl<T> Timeline<T> {
    /// Adds the next value. It was not public before what came before it, which was public when it was: a guess is lifted
    /// to the change before it, and pulled back by one after it that is known better.
    pub(super) fn push(&mut self, published: Published, value: T) {
        let mut moved = self.changes.len();
        while let Some((before, _)) = moved.checked_sub(1).map(|at| &mut self.changes[at]) {
            let guessed_late = published.exact && !before.exact && published.earliest < before.earliest;
            if !guessed_late && before.latest <= published.latest {
                break;
            }
            before.latest = before.latest.min(published.latest);
            if guessed_late {
                before.earliest = published.earliest;
            }
            moved -= 1;
        }
        self.changes.push((published, value));
        for at in moved.max(1)..self.changes.len() {
            let floor = self.changes[at - 1].0.earliest;
            let lifted = &mut self.changes[at].0.earliest;
            *lifted = (*lifted).max(floor);
        }
    }

    /// The newest value.
    pub(super) fn last(&self) -> Option<&T> {
        self.changes.last().map(|(_, value)| value)
    }

    /// All values with their times, oldest first.
    pub(super) fn changes(&self) -> &[(Published, T)] {
        &self.changes
    }

    /// The value at `at`, known for sure.
    pub(super) fn at(&self, at: Timestamp) -> Option<&T> {
        self.changes.iter().rev().find(|(published, _)| published.latest <= at).map(|(_, value)| value)
    }

    /// The values that somebody may have believed in at `at` who hears of every change within `lag`, oldest first: the one
    /// that was surely public `lag` before, and all that may have become public since. Not what may have become so at `at`
    /// itself: that is what the deletion did which is judged at its own time.
    pub(super) fn believable(&self, at: Timestamp, lag: SignedDuration) -> impl DoubleEndedIterator<Item = &T> {
        let first = self.changes.iter().rposition(|(published, _)| published.latest <= at - lag).unwrap_or(0);
        self.changes[first..].iter().filter(move |(published, _)| published.earliest < at).map(|(_, value)| value)
    }

    /// The first time at or after `from` since when `holds` is true for at least `lasting`, as early as it may have been
    /// believed, plus `lasting`.
    pub(super) fn held_for(
        &self,
        from: Timestamp,
        lasting: SignedDuration,
        until: Timestamp,
        holds: impl Fn(&T) -> bool,
    ) -> Option<Timestamp> {
        spans(self, holds).find_map(|(begin, end)| {
            let done = begin.max(from) + lasting;
            (done <= end.min(until)).then_some(done)
        })
    }
}

/// The spans in which a property holds, as early and as long as it may have been believed.
pub(super) fn spans<T>(
    timeline: &Timeline<T>,
    holds: impl Fn(&T) -> bool,
) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let mut found: Vec<(Timestamp, Timestamp)> = Vec::new();
    let mut begin = None;
    for (published, value) in &timeline.changes {
        match (begin, holds(value)) {
            (None, true) => begin = Some(published.earliest),
            (Some(from), false) => {
                found.push((from, published.latest));
                begin = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }
    found.extend(begin.map(|from| (from, Timestamp::MAX)));
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms)
    }

    fn line(changes: &[(i64, i64, u32)]) -> Timeline<u32> {
        let mut line = Timeline::default();
        for (earliest, latest, value) in changes {
            line.push(Published { earliest: ms(*earliest), latest: ms(*latest), exact: true }, *value);
        }
        line
    }

    #[test]
    fn what_is_believable_is_the_last_old_value_and_everything_newer() {
        let line = line(&[(0, 10, 1), (100, 110, 2), (300, 310, 3), (500, 600, 4)]);
        let lag = SignedDuration::from_millis(200);
        let believed = |at| line.believable(ms(at), lag).copied().collect::<Vec<_>>();
        assert_eq!(believed(50), [1]);
        assert_eq!(believed(309), [1, 2, 3]);
        assert_eq!(believed(310), [2, 3]);
        assert_eq!(believed(550), [3, 4], "4 may be public already");
        assert_eq!(believed(900), [4]);
        assert_eq!(believed(100), [1], "what is done at 100 is seen later");
        assert_eq!(line.at(ms(550)), Some(&3), "but not for sure");
        assert_eq!(line.at(ms(5)), None);
    }

    #[test]
    fn a_guess_is_pulled_back_by_the_next_change_that_is_known_better() {
        // The binding of a pod is heard of at 900, when the pod had been Ready (audited) since 510.
        let mut line = line(&[(0, 10, 1)]);
        line.push(Published { earliest: ms(700), latest: ms(900), exact: false }, 2);
        line.push(Published { earliest: ms(500), latest: ms(510), exact: true }, 3);
        assert_eq!(line.at(ms(520)), Some(&3));
        let ready = line.held_for(ms(0), SignedDuration::from_millis(100), Timestamp::MAX, |value| *value == 3);
        assert_eq!(ready, Some(ms(600)));
        assert_eq!(line.at(ms(499)), Some(&1));
    }

    #[test]
    fn a_guess_does_not_move_what_is_known() {
        // A pod is deleted at 500 (audited), and its end is heard of at 600: the deletion was still not public before 500.
        let mut line = line(&[(0, 10, 1), (500, 510, 2)]);
        line.push(Published { earliest: ms(400), latest: ms(600), exact: false }, 3);
        let lag = SignedDuration::from_millis(200);
        assert_eq!(line.believable(ms(500), lag).collect::<Vec<_>>(), [&1]);
    }

    #[test]
    fn a_property_must_hold_without_a_break() {
        let line = line(&[(0, 0, 1), (100, 100, 2), (150, 150, 1), (900, 900, 2)]);
        let held = |from, lasting| {
            line.held_for(ms(from), SignedDuration::from_millis(lasting), Timestamp::MAX, |value| *value == 1)
        };
        assert_eq!(held(0, 90), Some(ms(90)));
        assert_eq!(held(0, 200), Some(ms(350)));
        assert_eq!(held(50, 60), Some(ms(210)));
        assert_eq!(held(0, 1000), None);
    }
}
