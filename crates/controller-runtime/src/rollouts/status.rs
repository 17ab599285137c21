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
    let before = rollout.published.clone().unwrap_or_default();
    let condition = |kind: &str, on: bool, reason: &str| flag(&before, kind, on, reason, &report.sentence, object, now);
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
pub(super) fn says_the_same(a: &FleetRolloutStatus, b: &FleetRolloutStatus) -> bool {
    let records = match (&a.record, &b.record) {
        (Some(a), Some(b)) => a.says_the_same_as(b),
        (a, b) => a.is_none() == b.is_none(),
    };
    let without = |status: &FleetRolloutStatus| FleetRolloutStatus { record: None, ..status.clone() };
    records && without(a) == without(b)
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
