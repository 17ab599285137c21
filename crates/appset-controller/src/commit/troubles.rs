//! Writes that failed: each is tried again after a wait of its own, whatever else the YurtAppSet is looked at for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use chassis::backoff::Backoff;
use jiff::Timestamp;

use crate::plan::{Action, Hold, Plan, Step};

/// As the queue waits after reconciles that fail.
const RETRY: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_mins(1) };

/// By what was tried: another one is tried at once.
#[derive(Debug, Default)]
pub(crate) struct Troubles(HashMap<Attempt, Trouble>);

/// What was tried.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Attempt {
    /// To say this in this pool: the hash of all of it.
    Write { pool: String, rendered: String },
    /// To delete this workload.
    Delete { name: String, uid: String },
}

#[derive(Debug)]
struct Trouble {
    why: String,
    failures: u32,
    tried: Instant,
    until: Instant,
}

impl Troubles {
    /// Why a step is not taken now, and for how much longer.
    pub(super) fn waits(&self, step: &Step, now: Instant) -> Option<(&str, Duration)> {
        let trouble = self.0.get(&Attempt::of(step)).filter(|trouble| now < trouble.until)?;
        Some((&trouble.why, trouble.until - now))
    }

    /// The pools whose write failed, each with why, and when it is tried again: also while it is, but not of what was due long ago and
    /// waits for something else. `steps` are all that there would be without waves; a pool of which they say nothing was looked at
    /// before, and nothing changed.
    pub(crate) fn failing(&self, steps: &[Step], at: Timestamp) -> BTreeMap<String, (String, Timestamp)> {
        if self.0.is_empty() {
            return BTreeMap::new();
        }
        let now = Instant::now();
        let writes = steps.iter().filter(|step| !matches!(step.action, Action::Delete { .. }));
        let wanted: HashMap<&str, Attempt> = writes.map(|step| (step.pool.as_str(), Attempt::of(step))).collect();
        let failing = self.writes().filter(|(pool, attempt, trouble)| {
            now < trouble.until + RETRY.longest && wanted.get(pool).is_none_or(|wanted| wanted == *attempt)
        });
        let retry = |trouble: &Trouble| at + trouble.until.saturating_duration_since(now);
        failing.map(|(pool, _, trouble)| (pool.to_owned(), (trouble.why.clone(), retry(trouble)))).collect()
    }

    /// The pools that are held meanwhile, each with why its write failed, and for how much longer it waits.
    pub(super) fn held(
        &self,
        holds: &BTreeMap<String, Hold>,
        now: Instant,
    ) -> impl Iterator<Item = (&str, &str, Duration)> {
        let waits = self.writes().filter(move |(pool, _, trouble)| holds.contains_key(*pool) && now < trouble.until);
        waits.map(move |(pool, _, trouble)| (pool, trouble.why.as_str(), trouble.until - now))
    }

    /// A step failed; returns when it is tried again.
    pub(super) fn begin(&mut self, step: &Step, why: &str, now: Instant) -> Duration {
        let attempt = Attempt::of(step);
        let failures = self.0.get(&attempt).map_or(0, |trouble| trouble.failures).saturating_add(1);
        let wait = RETRY.after(failures);
        self.0.insert(attempt, Trouble { why: why.to_owned(), failures, tried: now, until: now + wait });
        wait
    }

    /// A step was taken.
    pub(super) fn end(&mut self, step: &Step) {
        self.0.remove(&Attempt::of(step));
    }

    /// The workloads whose deletion failed, each with why, in the order in which it was tried last.
    pub(crate) fn undeleted(&self) -> Vec<(&str, &str)> {
        let deletions = self.0.iter().filter_map(|(attempt, trouble)| Some((attempt.workload()?, trouble)));
        let mut deletions: Vec<_> = deletions.collect();
        deletions.sort_unstable_by_key(|(name, trouble)| (trouble.tried, *name));
        deletions.into_iter().map(|(name, trouble)| (name, trouble.why.as_str())).collect()
    }

    /// Forgets what is not wanted any more. What failed is held until it is tried again: that is no other wish.
    pub(super) fn keep(&mut self, plan: &Plan) {
        if !self.0.is_empty() {
            let wanted: HashSet<_> = plan.steps.iter().map(Attempt::of).collect();
            let is_held = |attempt: &Attempt| {
                attempt.pool().is_some_and(|pool| plan.holds.contains_key(pool))
                    || attempt.workload().is_some_and(|name| plan.spared.contains_key(name))
            };
            self.0.retain(|attempt, _| wanted.contains(attempt) || is_held(attempt));
        }
    }

    fn writes(&self) -> impl Iterator<Item = (&str, &Attempt, &Trouble)> {
        self.0.iter().filter_map(|(attempt, trouble)| Some((attempt.pool()?, attempt, trouble)))
    }
}

impl Attempt {
    fn of(step: &Step) -> Self {
        match &step.action {
            Action::Create { body } | Action::Apply { body, .. } => {
                Self::Write { pool: step.pool.clone(), rendered: body.rendered().to_owned() }
            }
            Action::Delete { name, uid, .. } => Self::Delete { name: name.clone(), uid: uid.clone() },
        }
    }

    /// The pool that is written.
    fn pool(&self) -> Option<&str> {
        match self {
            Self::Write { pool, .. } => Some(pool),
            Self::Delete { .. } => None,
        }
    }

    /// The workload that is deleted.
    fn workload(&self) -> Option<&str> {
        match self {
            Self::Write { .. } => None,
            Self::Delete { name, .. } => Some(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use api::names::app_set as names;
    use serde_json::json;

    use super::*;
    use crate::plan::Body;

    fn step(rendered: &str) -> Step {
        let body = Body::of(&json!({"metadata": {"annotations": {names::RENDERED: rendered}}}));
        Step { pool: "a".to_owned(), action: Action::Create { body } }
    }

    #[test]
    fn what_failed_waits_longer_each_time_and_another_attempt_does_not() {
        let (mut troubles, now) = (Troubles::default(), Instant::now());
        assert!(troubles.waits(&step("1"), now).is_none());
        let first = troubles.begin(&step("1"), "no", now);
        assert_eq!(troubles.waits(&step("1"), now), Some(("no", first)));
        assert!(troubles.waits(&step("1"), now + first).is_none() && troubles.waits(&step("2"), now).is_none());
        assert!(troubles.begin(&step("1"), "no", now) >= Duration::from_millis(500), "doubled, less what is scattered");
        troubles.keep(&Plan { steps: vec![step("2")], ..Plan::default() });
        assert!(troubles.waits(&step("1"), now).is_none(), "nobody wants it any more");
    }

    #[test]
    fn a_pool_that_is_held_because_it_failed_is_remembered_and_tried_again_later_each_time() {
        let (mut troubles, mut now) = (Troubles::default(), Instant::now());
        let holds = BTreeMap::from([("a".to_owned(), Hold::Wave("its last write failed".to_owned()))]);
        let mut waits = Vec::new();
        for _ in 0..3 {
            waits.push(troubles.begin(&step("1"), "quota", now));
            // The run holds it, so that there is no step; or there would be one.
            let failing = |steps: &[Step]| troubles.failing(steps, Timestamp::UNIX_EPOCH);
            assert_eq!(failing(&[step("1")])["a"].0, "quota");
            assert!(failing(&[])["a"].1 > Timestamp::UNIX_EPOCH);
            assert_eq!(failing(&[step("2")]).len(), 0, "something else is tried at once");
            troubles.keep(&Plan { holds: holds.clone(), ..Plan::default() });
            let held: Vec<_> = troubles.held(&holds, now).collect();
            assert_eq!(held, [("a", "quota", waits[waits.len() - 1])]);
            now += waits[waits.len() - 1];
            assert_eq!(troubles.held(&holds, now).count(), 0, "it is time to try again");
        }
        assert!(waits[0] < waits[1] && waits[1] < waits[2], "{waits:?}");
        troubles.keep(&Plan::default());
        assert_eq!(troubles.failing(&[], Timestamp::UNIX_EPOCH).len(), 0, "it is done, or nobody wants it any more");
    }

    #[test]
    fn a_deletion_that_failed_is_remembered_while_others_go_first_and_who_was_tried_longest_ago_is_next() {
        let (mut troubles, now) = (Troubles::default(), Instant::now());
        let delete = |name: &str| {
            let (kind, name, uid) = (names::WorkloadKind::Deployment, name.to_owned(), format!("uid of {name}"));
            Step { pool: "a".to_owned(), action: Action::Delete { kind, name, uid } }
        };
        troubles.begin(&step("1"), "no", now);
        for (name, after) in [("web-a", 0), ("web-b", 1), ("web-a", 2)] {
            troubles.begin(&delete(name), "denied", now + Duration::from_secs(after));
        }
        assert_eq!(troubles.undeleted(), [("web-b", "denied"), ("web-a", "denied")]);
        let spared = BTreeMap::from([("web-b".to_owned(), Hold::Unconfirmed)]);
        troubles.keep(&Plan { steps: vec![delete("web-c")], spared, ..Plan::default() });
        assert_eq!(troubles.undeleted(), [("web-b", "denied")]);
        troubles.end(&delete("web-b"));
        assert_eq!(troubles.undeleted(), []);
    }
}
