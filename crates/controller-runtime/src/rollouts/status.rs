//! What a plan's report says in a status.

use api::fleet_rollout::{Attention, FleetRollout, FleetRolloutStatus, MAX_ATTENTION, Phase, WaveState, WaveStatus};
use api::names::condition;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use planner::rollout::{self, Hold, Report, RunPhase, WaveReport};

use super::Rollout;

/// The longest sentence in a status, in characters: more is for `RolloutService` to tell.
const SENTENCE: usize = 500;

/// The status that a report makes. The one that was written last gives the conditions' transition times: the object of a watch that
/// is behind has an older one, and two that give way to each other would be written in turns for ever.
pub(super) fn status(rollout: &Rollout, report: &Report, now: Timestamp) -> FleetRolloutStatus {
    let (object, run) = (&*rollout.object, &rollout.run);
    let none = FleetRolloutStatus::default();
    let before = rollout.published.as_ref().unwrap_or(&none);
    let condition = |kind: &str, on: bool, reason: &str| flag(before, kind, on, reason, &report.sentence, object, now);
    let phase = rollout.phase(report.phase);
    let hold = report.hold.as_ref().map_or("None", |hold| hold.kind());
    let progressing = report.phase == RunPhase::Progressing;
    let completed = run.completed_at().is_some();
    FleetRolloutStatus {
        observed_generation: object.metadata.generation.unwrap_or_default(),
        phase,
        // Without a strategy nobody knows the waves.
        wave: object.spec.strategy.as_ref().map(|_| report.wave.to_string()),
        waves: if object.spec.strategy.is_some() { report.waves.iter().map(wave).collect() } else { Vec::new() },
        units: report.counts.into(),
        halt: run.halt().map(Into::into),
        attention: attention(report),
        conditions: vec![
            condition(condition::PROGRESSING, progressing, &format!("{phase:?}")),
            condition(condition::HELD, report.phase == RunPhase::Held, hold),
            condition(condition::HALTED, run.halt().is_some(), run.halt().map_or("None", |halt| halt.reason.as_str())),
            condition(condition::COMPLETED, completed, if completed { "AllReachableUnitsDone" } else { "UnitsToDo" }),
        ],
        record: Some(run.record(now)),
    }
}

/// The status of a run of whose units nobody can say anything: what was told last stays told, but for why it does not go on. Who
/// paused or ended it, or halted, knows why already.
pub(super) fn held(rollout: &Rollout, hold: &Hold, now: Timestamp) -> FleetRolloutStatus {
    let before = rollout.published.clone().unwrap_or_default();
    let is_open = match before.phase {
        Phase::Pending
        | Phase::Progressing
        | Phase::Soaking
        | Phase::AwaitingApproval
        | Phase::Held
        | Phase::Completed => true,
        Phase::Paused | Phase::Aborted | Phase::Halted | Phase::RolledBack | Phase::Superseded => false,
    };
    if !is_open {
        return before;
    }
    let (object, sentence) = (&*rollout.object, format!("held: {hold}"));
    let condition = |kind: &str, on: bool, reason: &str| flag(&before, kind, on, reason, &sentence, object, now);
    // The first one says how the run is.
    let mut conditions =
        vec![condition(condition::PROGRESSING, false, "Held"), condition(condition::HELD, true, hold.kind())];
    let is_other = |known: &&Condition| ![condition::PROGRESSING, condition::HELD].contains(&&*known.type_);
    conditions.extend(before.conditions.iter().filter(is_other).cloned());
    let observed_generation = object.metadata.generation.unwrap_or_default();
    let record = Some(rollout.run.record(now));
    FleetRolloutStatus { observed_generation, phase: Phase::Held, conditions, record, ..before }
}

/// Whether two statuses say the same; when the record was written is no difference.
pub(super) fn says_the_same(before: &FleetRolloutStatus, status: &FleetRolloutStatus) -> bool {
    let mut now = status.clone();
    if let (Some(record), Some(known)) = (&mut now.record, &before.record) {
        record.recorded_at = known.recorded_at;
    }
    now == *before
}

fn wave(wave: &WaveReport) -> WaveStatus {
    WaveStatus {
        name: wave.name.to_string(),
        state: match wave.state {
            rollout::WaveState::Waiting => WaveState::Waiting,
            rollout::WaveState::Open => WaveState::Open,
            rollout::WaveState::Succeeded => WaveState::Succeeded,
        },
        updated: wave.counts.updated,
        failed: wave.counts.failed,
    }
}

fn attention(report: &Report) -> Vec<Attention> {
    let pools = report.pools.iter().filter(|pool| pool.needs_attention);
    let entry = |pool: &planner::rollout::PoolReport| Attention {
        pool: pool.pool.to_string(),
        hold: shortened(&pool.to_string()),
    };
    pools.take(MAX_ATTENTION).map(entry).collect()
}

/// A condition, whose transition time moves only with its status.
pub(super) fn flag(
    before: &FleetRolloutStatus,
    kind: &str,
    on: bool,
    reason: &str,
    message: &str,
    object: &FleetRollout,
    now: Timestamp,
) -> Condition {
    let status = if on { "True" } else { "False" };
    let known = before.conditions.iter().find(|condition| condition.type_ == kind);
    let since =
        known.filter(|condition| condition.status == status).map(|condition| condition.last_transition_time.clone());
    Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: shortened(message),
        observed_generation: object.metadata.generation,
        // In whole seconds, as the API server keeps it: what is read back must say the same.
        last_transition_time: since.unwrap_or_else(|| Time(whole_seconds(now))),
    }
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn shortened(sentence: &str) -> String {
    match sentence.char_indices().nth(SENTENCE) {
        Some((end, _)) => format!("{}…", &sentence[..end]),
        None => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use api::fleet_rollout::FleetRolloutSpec;
    use planner::rollout::{Counts, Run};
    use serde_json::json;

    use super::*;
    use crate::rollouts::{Letters, Rules};

    fn rollout(published: Option<FleetRolloutStatus>) -> Rollout {
        let spec = json!({
            "targetRef": {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "u"},
            "revision": {"name": "agent-a", "number": 1},
        });
        let spec: FleetRolloutSpec = serde_json::from_value(spec).unwrap();
        let object = FleetRollout::new("a-run", spec);
        Rollout {
            rules: Rules::of(&object),
            object: Arc::new(object),
            began: Timestamp::UNIX_EPOCH,
            run: Run::default(),
            last_completed: None,
            report: None,
            rolled_back: false,
            published,
            publishing: false,
            looked_at: None,
            written: Letters::default(),
        }
    }

    fn report(phase: RunPhase) -> Report {
        Report {
            phase,
            sentence: "it goes on".to_owned(),
            counts: Counts::default(),
            waves: Vec::new(),
            wave: "all".into(),
            pools: Vec::new(),
            hold: None,
            units: Vec::new(),
            news: Vec::new(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn what_was_written_last_says_since_when_whatever_a_watch_that_is_behind_shows() {
        let first = status(&rollout(None), &report(RunPhase::Progressing), at(0));
        let mut behind = rollout(Some(first.clone()));
        // The watch shows the object as it was made, without any status.
        assert_eq!(behind.object.status, None);
        let later = status(&behind, &report(RunPhase::Progressing), at(5));
        assert!(says_the_same(&first, &later), "{first:?} and {later:?}");
        behind.published = Some(later);
        let held = status(&behind, &report(RunPhase::Held), at(9));
        let since = |status: &FleetRolloutStatus, kind: &str| {
            let found = status.conditions.iter().find(|condition| condition.type_ == kind);
            found.map(|condition| condition.last_transition_time.0)
        };
        assert_eq!(since(&held, condition::PROGRESSING), Some(at(9)));
        assert_eq!(since(&held, condition::HALTED), Some(at(0)), "it is as it was");
    }

    #[test]
    fn a_run_whose_target_stays_as_it_is_may_be_rolled_back_all_the_same() {
        let mut halted = rollout(None);
        assert_eq!(status(&halted, &report(RunPhase::Halted), at(0)).phase, Phase::Halted);
        halted.rolled_back = true;
        assert_eq!(status(&halted, &report(RunPhase::Halted), at(0)).phase, Phase::RolledBack);
    }

    #[test]
    fn what_went_back_is_back_while_its_halt_is_in_force_whether_a_look_can_tell_or_not() {
        let run = Run::default().returned("3 of 3 failed".to_owned(), at(0));
        let mut halted = Rollout { run: run.clone(), ..rollout(None) };
        assert!(!halted.note_rollback(false), "pools are on their way");
        assert_eq!((halted.note_rollback(true), halted.rolled_back), (true, true));
        let told = status(&halted, &report(RunPhase::Halted), at(1));
        // A look while the run is paused, or while nobody knows who is reachable, finds nothing to go back.
        assert_eq!((halted.note_rollback(false), halted.phase(RunPhase::Halted)), (false, Phase::RolledBack));
        let mut other_process = Rollout { run: run.clone(), ..rollout(Some(told.clone())) };
        assert_eq!((other_process.note_rollback(false), other_process.rolled_back), (false, true));
        assert!(!other_process.note_rollback(true), "told once");
        let mut again = Rollout { run: run.returned("once more".to_owned(), at(2)), ..rollout(Some(told.clone())) };
        assert_eq!((again.note_rollback(false), again.rolled_back), (false, false), "another halt");
        let mut resumed = Rollout { rolled_back: true, ..rollout(Some(told)) };
        assert_eq!((resumed.note_rollback(false), resumed.rolled_back), (false, false));
    }

    #[test]
    fn a_run_of_whose_units_nobody_can_say_anything_is_held_and_stays_what_it_was_besides() {
        let hold = Hold::RevisionRefused { why: "the selector cannot be read".to_owned() };
        let goes_on = status(&rollout(None), &report(RunPhase::Progressing), at(0));
        let now = held(&rollout(Some(goes_on.clone())), &hold, at(5));
        let said = |status: &FleetRolloutStatus, kind: &str| {
            let found = status.conditions.iter().find(|known| known.type_ == kind);
            found.map(|known| (known.status.clone(), known.message.clone(), known.last_transition_time.0))
        };
        let sentence = "held: the revision is refused: the selector cannot be read".to_owned();
        assert_eq!(now.phase, Phase::Held);
        assert_eq!(said(&now, condition::HELD), Some(("True".to_owned(), sentence.clone(), at(5))));
        assert_eq!(now.conditions[0].message, sentence);
        assert_eq!(said(&now, condition::COMPLETED), said(&goes_on, condition::COMPLETED));
        assert_eq!((&now.units, now.conditions.len()), (&goes_on.units, goes_on.conditions.len()));
        assert!(says_the_same(&now, &held(&rollout(Some(now.clone())), &hold, at(9))), "it is said once");
        let paused = status(&rollout(None), &report(RunPhase::Paused), at(0));
        assert_eq!(held(&rollout(Some(paused.clone())), &hold, at(5)), paused);
    }
}
