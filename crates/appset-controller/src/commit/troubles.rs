//! Writes that failed: each is tried again after a wait of its own, whatever else the YurtAppSet is looked at for.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use chassis::backoff::Backoff;

use crate::plan::{Action, Step};

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
    /// To delete the workload of this UID.
    Delete { uid: String },
}

#[derive(Debug)]
struct Trouble {
    why: String,
    failures: u32,
    until: Instant,
}

impl Troubles {
    /// Why a step is not taken now, and for how much longer.
    pub(super) fn waits(&self, step: &Step, now: Instant) -> Option<(&str, Duration)> {
        let trouble = self.0.get(&Attempt::of(step)).filter(|trouble| now < trouble.until)?;
        Some((&trouble.why, trouble.until - now))
    }

    /// The pools of these steps that wait because they failed.
    pub(crate) fn failing(&self, steps: &[Step]) -> BTreeSet<String> {
        let now = Instant::now();
        let failing = steps.iter().filter(|step| !matches!(step.action, Action::Delete { .. }));
        failing.filter(|step| self.waits(step, now).is_some()).map(|step| step.pool.clone()).collect()
    }

    /// A step failed; returns when it is tried again.
    pub(super) fn begin(&mut self, step: &Step, why: &str, now: Instant) -> Duration {
        let attempt = Attempt::of(step);
        let failures = self.0.get(&attempt).map_or(0, |trouble| trouble.failures).saturating_add(1);
        let wait = RETRY.after(failures);
        self.0.insert(attempt, Trouble { why: why.to_owned(), failures, until: now + wait });
        wait
    }

    /// A step was taken.
    pub(super) fn end(&mut self, step: &Step) {
        self.0.remove(&Attempt::of(step));
    }

    /// Forgets what is not wanted any more.
    pub(super) fn keep(&mut self, steps: &[Step]) {
        if !self.0.is_empty() {
            let wanted: HashSet<_> = steps.iter().map(Attempt::of).collect();
            self.0.retain(|attempt, _| wanted.contains(attempt));
        }
    }
}

impl Attempt {
    fn of(step: &Step) -> Self {
        match &step.action {
            Action::Create { body } | Action::Apply { body, .. } => {
                Self::Write { pool: step.pool.clone(), rendered: body.rendered().to_owned() }
            }
            Action::Delete { uid, .. } => Self::Delete { uid: uid.clone() },
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
        troubles.keep(&[step("2")]);
        assert!(troubles.waits(&step("1"), now).is_none(), "nobody wants it any more");
    }
}
