//! Repairs of what somebody else changes again and again: each is put off for longer than the one before, or two controllers would
//! write as fast as they can.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chassis::backoff::Backoff;

use crate::plan::{Action, Cause, Step};

/// The first repair is at once. A `HorizontalPodAutoscaler`, the most likely opponent, looks every 15 s.
const PATIENCE: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_mins(5) };

/// Who was quiet for so long is not fighting any more.
const PEACE: Duration = Duration::from_mins(15);

/// So many repairs are chance.
const CHANCE: u32 = 3;

/// By the workload's UID.
#[derive(Debug, Default)]
pub(crate) struct Fights(HashMap<String, Fight>);

#[derive(Debug)]
struct Fight {
    repairs: u32,
    last: Instant,
    until: Instant,
}

impl Fights {
    /// For how much longer a step is put off, and what there is to say of it, if it has been so before.
    pub(super) fn puts_off(&self, step: &Step, now: Instant) -> Option<(Duration, Option<String>)> {
        let (uid, paths) = repair(step)?;
        let fight = self.0.get(uid).filter(|fight| now < fight.until)?;
        let lasts = fight.repairs >= CHANCE;
        Some((fight.until - now, lasts.then(|| complaint(paths))))
    }

    /// A step was taken.
    pub(super) fn note(&mut self, step: &Step, now: Instant) {
        let Some((uid, _)) = repair(step) else { return };
        self.0.retain(|_, fight| now.duration_since(fight.last) < PEACE);
        let repairs = self.0.get(uid).map_or(0, |fight| fight.repairs).saturating_add(1);
        self.0.insert(uid.to_owned(), Fight { repairs, last: now, until: now + PATIENCE.after(repairs) });
    }
}

/// The workload that a step repairs, and where.
fn repair(step: &Step) -> Option<(&str, &[String])> {
    match &step.action {
        Action::Apply { uid, cause: Cause::Drifted(paths), .. } => Some((uid, paths)),
        Action::Create { .. }
        | Action::Apply { cause: Cause::Adopted | Cause::Changed, .. }
        | Action::Delete { .. } => None,
    }
}

fn complaint(paths: &[String]) -> String {
    const SAID: usize = 3;
    let said: Vec<_> = paths.iter().take(SAID).map(String::as_str).collect();
    let more = if paths.len() > SAID { " and more" } else { "" };
    format!(
        "somebody changes {}{more} again and again, which the YurtAppSet says too; leave it out there (a HorizontalPodAutoscaler needs \
         replicas for itself), or keep the other one from it",
        said.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::Body;

    fn drift(uid: &str) -> Step {
        let cause = Cause::Drifted(vec!["spec.replicas".to_owned()]);
        let (body, uid) = (Body::of(&json!({})), uid.to_owned());
        Step { pool: "a".to_owned(), action: Action::Apply { body, uid, cause, restarts: false, convert: false } }
    }

    #[test]
    fn a_repair_is_at_once_and_a_fight_gets_slower_and_is_told() {
        let (mut fights, mut now) = (Fights::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..4 {
            assert!(fights.puts_off(&drift("u"), now).is_none());
            fights.note(&drift("u"), now);
            let (wait, said) = fights.puts_off(&drift("u"), now).unwrap();
            waits.push((wait >= Duration::from_millis(500), said.is_some()));
            now += wait;
        }
        assert_eq!(waits, [(true, false), (true, false), (true, true), (true, true)]);
        assert!(fights.puts_off(&drift("other"), now).is_none());
        fights.note(&drift("u"), now + PEACE);
        let (wait, said) = fights.puts_off(&drift("u"), now + PEACE).unwrap();
        assert!(wait <= Duration::from_secs(1) && said.is_none(), "there was peace in between");
    }
}
