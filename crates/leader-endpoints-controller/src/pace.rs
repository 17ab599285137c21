//! Repairs are paced: whoever else writes an output over and over gets an answer a second, not a hundred.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use crate::outputs::{Output, Wanted};

/// The same content is written again at most this often. Other content is written at once.
const EVERY: Duration = Duration::from_secs(1);

/// What was written last, as hashes, and when.
#[derive(Debug, Default)]
pub(crate) struct Pace(HashMap<Output, (u64, Instant)>);

impl Pace {
    /// Takes those out of `writes` that must wait, and returns them, and for how long, if there are any.
    pub(crate) fn hold(&self, writes: &mut Vec<Wanted>, now: Instant) -> (Vec<Output>, Option<Duration>) {
        let (mut held, mut wait) = (Vec::new(), None);
        writes.retain(|wanted| {
            let same = self.0.get(&wanted.output).filter(|(content, _)| *content == hash(wanted));
            let left = same.map_or(Duration::ZERO, |(_, at)| EVERY.saturating_sub(now.duration_since(*at)));
            if !left.is_zero() {
                held.push(wanted.output);
                wait = wait.max(Some(left));
            }
            left.is_zero()
        });
        (held, wait)
    }

    /// These were written.
    pub(crate) fn note<'a>(&mut self, written: impl Iterator<Item = &'a Wanted>, now: Instant) {
        self.0.extend(written.map(|wanted| (wanted.output, (hash(wanted), now))));
    }
}

fn hash(wanted: &Wanted) -> u64 {
    let mut hasher = DefaultHasher::new();
    wanted.body().to_string().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use planner::election::Leader;
    use serde_json::json;

    use super::*;
    use crate::outputs::Publication;
    use crate::outputs::tests::pool;

    #[test]
    fn the_same_content_waits_and_other_content_does_not() {
        let pool = pool("shop", &json!({}));
        let leader = [Leader { name: "a".to_owned(), address: [10, 0, 0, 1].into() }];
        let wanted = |leaders| Output::ConfigMap.wanted(Publication { pool: &pool, leaders }).unwrap();
        let (mut pace, start) = (Pace::default(), Instant::now());
        let held = |pace: &Pace, wanted: Wanted, millis| {
            let mut writes = vec![wanted];
            let (held, wait) = pace.hold(&mut writes, start + Duration::from_millis(millis));
            assert_eq!(held.len() + writes.len(), 1);
            (writes.len(), wait.map(|wait| wait.as_millis()))
        };
        assert_eq!(held(&pace, wanted(&[]), 0), (1, None));
        pace.note([wanted(&[])].iter(), start);
        assert_eq!(held(&pace, wanted(&[]), 400), (0, Some(600)));
        assert_eq!(held(&pace, wanted(&leader), 400), (1, None));
        assert_eq!(held(&pace, wanted(&[]), 1000), (1, None));
    }
}
