//! What a plan's report says in a status.

use api::fleet_rollout::{Attention, FleetRollout, FleetRolloutStatus, MAX_ATTENTION, WaveState, WaveStatus};
use api::names::condition;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use planner::rollout::{self, Report, RunPhase, WaveReport};

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

    use api::fleet_rollout::{FleetRolloutSpec, Phase};
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
}
