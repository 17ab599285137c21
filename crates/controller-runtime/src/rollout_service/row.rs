//! What the feed holds: rollouts and pools, as messages.

use std::sync::Arc;

use api::fleet_rollout::{FleetRollout, Phase, WaveState};
use api::names::condition;
use chassis::feed::Entry;
use planner::rollout::{Met, Progress, Report, Run};
use proto::rollout::{shortened, v1};

/// A rollout or one of its pools, in the group of its target.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Row {
    Rollout(Arc<str>, Arc<v1::Rollout>),
    Pool(Arc<str>, Arc<v1::Pool>),
}

impl Entry for Row {
    fn group(&self) -> Option<&str> {
        match self {
            Self::Rollout(group, _) | Self::Pool(group, _) => Some(group),
        }
    }

    /// Conditions look at what a key stands for, never at how it is.
    fn matches_like(&self, _older: &Self) -> bool {
        true
    }
}

/// NAMESPACE/NAME of a rollout.
pub(super) fn key(object: &FleetRollout) -> String {
    let (namespace, name) = name(object);
    format!("{namespace}/{name}")
}

/// The group of a target's rollouts and pools.
pub(super) fn group(namespace: &str, kind: &str, name: &str) -> String {
    format!("{namespace}/{kind}/{name}")
}

/// A run as its plan has it: the rollout, then its pools, by their keys.
pub(super) fn of_plan(
    object: &FleetRollout,
    shown: Phase,
    report: &Report,
    run: &Run,
    progress: &Progress,
) -> Vec<(String, Option<Row>)> {
    let (namespace, name) = name(object);
    let group: Arc<str> = group_of(object).into();
    let rollout = v1::Rollout {
        phase: phase(shown).into(),
        sentence: shortened(&report.sentence),
        up_to_date: told(progress.everywhere).into(),
        wave: report.wave.to_string(),
        waves: report.waves.iter().map(Into::into).collect(),
        units: Some(report.counts.into()),
        halt: run.halt().map(Into::into),
        hold: report.hold.as_ref().map(Into::into),
        pools: Some(u32::try_from(report.pools.len()).unwrap_or(u32::MAX)),
        ..identity(object)
    };
    let pools = report.pools.iter().map(|pool| {
        let known = progress.pools.binary_search_by(|(known, _)| known.cmp(&pool.pool));
        let met = known.map_or(progress.elsewhere, |at| progress.pools[at].1);
        let message = v1::Pool::new(namespace, name, pool, told(met));
        (format!("{namespace}/{name}/{}", pool.pool), Some(Row::Pool(group.clone(), Arc::new(message))))
    });
    let rollout = (format!("{namespace}/{name}"), Some(Row::Rollout(group.clone(), Arc::new(rollout))));
    std::iter::once(rollout).chain(pools).collect()
}

/// A run as its object has it.
pub(super) fn of_object(object: &FleetRollout) -> Row {
    let status = object.status.clone().unwrap_or_default();
    let held = status.conditions.iter().find(|held| held.type_ == condition::HELD && held.status == "True");
    let units = status.units;
    let rollout = v1::Rollout {
        phase: phase(status.phase).into(),
        sentence: shortened(status.conditions.first().map_or("", |condition| &condition.message)),
        wave: status.wave.unwrap_or_default(),
        waves: status.waves.iter().map(wave).collect(),
        units: Some(v1::Units {
            desired: units.desired,
            updated: units.updated,
            settled: units.settled,
            offline: units.offline,
            failed: units.failed,
            pre_existing: units.pre_existing,
            uncontrolled: units.uncontrolled,
            ..v1::Units::default()
        }),
        halt: status.halt.map(|halt| v1::Halt {
            reason: halt.reason,
            token: halt.token,
            evidence: shortened(&halt.evidence),
        }),
        hold: held.map(|held| v1::Hold { kind: held.reason.clone(), units: 0, sentence: shortened(&held.message) }),
        ..identity(object)
    };
    Row::Rollout(group_of(object).into(), Arc::new(rollout))
}

fn identity(object: &FleetRollout) -> v1::Rollout {
    let (namespace, name) = name(object);
    let (target, revision) = (&object.spec.target_ref, &object.spec.revision);
    v1::Rollout {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        target: Some(v1::Target {
            api_version: target.api_version.clone(),
            kind: target.kind.clone(),
            name: target.name.clone(),
            uid: target.uid.clone(),
        }),
        revision: Some(v1::Revision { name: revision.name.clone(), number: revision.number }),
        ..v1::Rollout::default()
    }
}

fn name(object: &FleetRollout) -> (&str, &str) {
    let metadata = &object.metadata;
    (metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}

fn group_of(object: &FleetRollout) -> String {
    let target = &object.spec.target_ref;
    group(name(object).0, &target.kind, &target.name)
}

fn told(met: Met) -> v1::UpToDate {
    match met {
        Met::Yes => v1::UpToDate::Yes,
        Met::No => v1::UpToDate::No,
        Met::Unknown => v1::UpToDate::Unspecified,
    }
}

fn wave(wave: &api::fleet_rollout::WaveStatus) -> v1::Wave {
    let state = match wave.state {
        WaveState::Waiting => v1::WaveState::Waiting,
        WaveState::Open => v1::WaveState::Open,
        WaveState::Succeeded => v1::WaveState::Succeeded,
    };
    let units = v1::Units { updated: wave.updated, failed: wave.failed, ..v1::Units::default() };
    v1::Wave { name: wave.name.clone(), state: state.into(), pools: 0, units: Some(units) }
}

fn phase(phase: Phase) -> v1::Phase {
    match phase {
        Phase::Pending => v1::Phase::Pending,
        Phase::Progressing => v1::Phase::Progressing,
        Phase::Soaking => v1::Phase::Soaking,
        Phase::AwaitingApproval => v1::Phase::AwaitingApproval,
        Phase::Held => v1::Phase::Held,
        Phase::Paused => v1::Phase::Paused,
        Phase::Halted => v1::Phase::Halted,
        Phase::RolledBack => v1::Phase::RolledBack,
        Phase::Superseded => v1::Phase::Superseded,
        Phase::Completed => v1::Phase::Completed,
        Phase::Aborted => v1::Phase::Aborted,
    }
}
