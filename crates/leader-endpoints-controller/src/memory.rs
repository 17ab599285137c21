//! What is remembered of a pool between two looks: nothing that safety depends on.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::node_pool::Leader;
use planner::fleet::{Name, Uid};
use serde::Serialize;

use crate::mode::Decision;
use crate::pace::Pace;

/// What is remembered of all pools.
#[derive(Debug, Default)]
pub(crate) struct Memories(Mutex<HashMap<Name, Memory>>);

/// What is remembered of one pool.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The pool that this is about: another of its name begins anew.
    pub(crate) uid: Uid,
    /// Another controller was to elect.
    rival: Rival,
    /// What was told last, by topic: an event tells only what is new.
    told: HashMap<&'static str, String>,
    /// What was written last, and when.
    pub(crate) pace: Pace,
    /// What was found last, for `AdminService.Dump`.
    pub(crate) report: Option<Report>,
}

/// How another controller does that is to elect.
#[derive(Debug, Default)]
enum Rival {
    /// The status is as an election would confirm it, as far as is known.
    #[default]
    Right,
    /// It is not, since then.
    Wrong(Instant),
    /// So Drover elects. These are the leaders that it wrote: when the status has others, the other controller elects again.
    Overruled(Vec<Leader>),
}

/// A pool, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    pub(crate) leaders: Vec<String>,
    pub(crate) standing: String,
    pub(crate) by: String,
}

impl Memories {
    /// Takes a pool's memory; it is given back with [`Memories::put`].
    pub(crate) fn take(&self, pool: &Name, uid: Uid) -> Memory {
        let known = self.lock().remove(pool).filter(|memory| memory.uid == uid);
        known.unwrap_or_else(|| Memory { uid, ..Memory::default() })
    }

    pub(crate) fn put(&self, pool: &Name, memory: Memory) {
        self.lock().insert(pool.clone(), memory);
    }

    pub(crate) fn forget(&self, pool: &Name) {
        self.lock().remove(pool);
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// The last report of each pool, by name.
    pub(crate) fn reports(&self) -> Vec<(String, Report)> {
        let reported = |(name, memory): (&Name, &Memory)| Some((name.to_string(), memory.report.clone()?));
        let mut reports: Vec<_> = self.lock().iter().filter_map(reported).collect();
        reports.sort_by(|(a, _), (b, _)| a.cmp(b));
        reports
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Who elects for this pool, if `decision` is what holds for all: Drover, where another controller is to elect and has
    /// left the pool's leaders (`published`) wrong for longer than `patience`. And when to look again.
    pub(crate) fn decide(
        &mut self,
        decision: &Decision,
        published: &[Leader],
        wrong: impl Fn() -> bool,
        patience: Duration,
        now: Instant,
    ) -> (Decision, Option<Duration>) {
        let Some(overruled) = decision.overruled() else {
            self.rival = Rival::Right;
            return (decision.clone(), None);
        };
        match &self.rival {
            Rival::Overruled(ours) if ours == published => return (overruled, None),
            Rival::Right | Rival::Wrong(_) if !wrong() => self.rival = Rival::Right,
            Rival::Right | Rival::Overruled(_) => self.rival = Rival::Wrong(now),
            Rival::Wrong(since) if now.duration_since(*since) >= patience => {
                self.rival = Rival::Overruled(published.to_vec());
                return (overruled, None);
            }
            Rival::Wrong(_) => {}
        }
        match &self.rival {
            Rival::Wrong(since) => (decision.clone(), Some(patience.saturating_sub(now.duration_since(*since)))),
            Rival::Right | Rival::Overruled(_) => (decision.clone(), None),
        }
    }

    /// These leaders were written, by us.
    pub(crate) fn wrote(&mut self, leaders: &[Leader]) {
        if let Rival::Overruled(ours) = &mut self.rival {
            *ours = leaders.to_vec();
        }
    }

    /// Whether this is news on the topic.
    pub(crate) fn is_news(&mut self, topic: &'static str, text: &str) -> bool {
        self.told.insert(topic, text.to_owned()).as_deref() != Some(text)
    }

    /// There is nothing to tell on the topic any more.
    pub(crate) fn is_over(&mut self, topic: &'static str) {
        self.told.remove(topic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Mode};
    use controller_runtime::lease::Neighbour;

    fn leader(name: &str) -> Vec<Leader> {
        vec![Leader { node_name: name.to_owned(), address: "10.0.0.1".to_owned() }]
    }

    #[test]
    fn another_controller_is_overruled_after_patience_and_until_it_elects_again() {
        let yurt = Config::default().yurt_manager;
        let live = Neighbour::Live { holder: "m".to_owned() };
        let follow = Decision::of(Mode::Auto, &yurt, &live, &Decision::Undecided);
        let (mut memory, start, patience) = (Memory::default(), Instant::now(), Duration::from_secs(30));
        let decide = |memory: &mut Memory, published: &str, wrong, seconds| {
            let now = start + Duration::from_secs(seconds);
            let (decision, again) = memory.decide(&follow, &leader(published), || wrong, patience, now);
            (decision.elects(), again.map(|again| again.as_secs()))
        };
        assert_eq!(decide(&mut memory, "a", false, 0), (false, None));
        assert_eq!(decide(&mut memory, "a", true, 10), (false, Some(30)));
        assert_eq!(decide(&mut memory, "a", true, 30), (false, Some(10)));
        assert_eq!(decide(&mut memory, "a", false, 35), (false, None), "it has seen to it");
        assert_eq!(decide(&mut memory, "a", true, 40), (false, Some(30)));
        assert_eq!(decide(&mut memory, "a", true, 70), (true, None));
        memory.wrote(&leader("b"));
        assert_eq!(decide(&mut memory, "b", true, 200), (true, None), "without patience now");
        memory.wrote(&leader("c"));
        assert_eq!(decide(&mut memory, "c", false, 300), (true, None));
        assert_eq!(decide(&mut memory, "d", false, 301), (false, Some(30)), "its status moves again");
        assert_eq!(decide(&mut memory, "d", false, 302), (false, None));
    }

    #[test]
    fn who_elects_by_himself_overrules_nobody() {
        let mut memory = Memory::default();
        let config = Config::default();
        let elect = Decision::of(Mode::Elect, &config.yurt_manager, &Neighbour::Unknown, &Decision::Undecided);
        let decided = memory.decide(&elect, &leader("a"), || true, Duration::ZERO, Instant::now());
        assert_eq!(decided, (elect, None));
    }

    #[test]
    fn only_news_is_told() {
        let mut memory = Memory::default();
        assert_eq!(["x", "x", "y"].map(|text| memory.is_news("topic", text)), [true, false, true]);
        memory.is_over("topic");
        assert!(memory.is_news("topic", "y"));
    }
}
