//! Looking at a run: its status, and what nodes and pods add to it.

use api::fleet_rollout::{FleetRollout, Phase};
use kube::ResourceExt as _;
use planner::rollout::{Ending, WaveState};
use planner::strategy::Timing;

use crate::eta::{Eta, Pace};
use crate::progress::Progress;
use crate::reach::Cluster;
use crate::snapshot::{Freshness, Planned, Snapshot, read};

/// The run as it is now. What cannot be read is left out, and it says why.
pub async fn look(cluster: &Cluster, run: &FleetRollout, timing: &Timing, how: Freshness) -> Progress {
    let phase = run.status.as_ref().map(|status| status.phase).unwrap_or_default();
    // Of another kind, or over: its pods are those of another run by now.
    if run.spec.target_ref.kind != "DaemonSet" || matches!(phase, Phase::Superseded | Phase::RolledBack) {
        return Progress::of(run, Err(None), None);
    }
    let namespace = run.namespace().unwrap_or_default();
    let mut snapshot = match read(cluster, &namespace, &run.spec.target_ref.name, how).await {
        Ok(snapshot) => snapshot,
        Err(error) => return Progress::of(run, Err(Some(first_line(&error))), None),
    };
    if let Ok(strategy) = snapshot.strategy_of(run) {
        snapshot.ask_dependencies(cluster, &strategy, timing, how).await;
    }
    match snapshot.plan_run(run, timing) {
        Ok(planned) => {
            let eta = eta(run, &snapshot, &planned, timing);
            Progress::of(run, Ok(&planned.plan.report), eta)
        }
        Err(error) => Progress::of(run, Err(Some(first_line(&error))), None),
    }
}

/// When the run will be done; `None` while it waits for somebody, or its pace is not known yet.
fn eta(run: &FleetRollout, snapshot: &Snapshot, planned: &Planned, timing: &Timing) -> Option<Eta> {
    let Planned { plan, strategy } = planned;
    let phase = run.status.as_ref()?.phase;
    let waits = plan.report.hold.as_ref().is_some_and(|hold| hold.ending() != Ending::Itself);
    if waits || !matches!(phase, Phase::Pending | Phase::Progressing | Phase::Soaking) {
        return None;
    }
    let counts = &plan.report.counts;
    let unsettled = counts.updated.saturating_sub(counts.settled + counts.failed).min(counts.undone);
    let revision = snapshot.revisions.iter().find(|revision| revision.metadata.name == run.spec.revision.name)?;
    // A unit settles so long after it is Ready, and starting takes about as long as pods here took: unknown, and short.
    let settle = timing.settle(snapshot.daemon_set.min_ready(), strategy);
    let pace = Pace {
        restarts: snapshot.made(revision.hash()?),
        left: (counts.undone - unsettled) as usize,
        unsettled: unsettled as usize,
        settle: settle.try_into().unwrap_or_default(),
        soak: soak(run, planned, snapshot).try_into().unwrap_or_default(),
    };
    Eta::of(&pace, snapshot.at)
}

/// Soak that is still to come, of all waves.
fn soak(run: &FleetRollout, planned: &Planned, snapshot: &Snapshot) -> jiff::SignedDuration {
    let waves = &planned.plan.report.waves;
    let promoted = waves.iter().position(|wave| Some(&*wave.name) == run.spec.promoted_through.as_deref());
    let mut sum = jiff::SignedDuration::ZERO;
    if run.spec.rollback_of.is_some() {
        return sum;
    }
    for (at, wave) in waves.iter().enumerate().filter(|(at, _)| promoted.is_none_or(|through| *at > through)) {
        let rules = planned.strategy.waves.at(at);
        let record = planned.plan.run.waves().iter().find(|known| *known.name == *wave.name);
        let spent = record.and_then(|wave| wave.succeeded).map(|succeeded| snapshot.at.duration_since(succeeded));
        let left = match (wave.state, spent) {
            (WaveState::Succeeded, Some(spent)) => (rules.soak - spent).max(jiff::SignedDuration::ZERO),
            (WaveState::Succeeded, None) => jiff::SignedDuration::ZERO,
            (WaveState::Open | WaveState::Waiting, _) => rules.soak,
        };
        sum += left;
    }
    sum
}

/// An error without the advice that its other lines give.
fn first_line(error: &impl std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
