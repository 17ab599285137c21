//! Looking at a run: its status, and what nodes and pods add to it.

use api::fleet_rollout::{FleetRollout, Phase};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use planner::rollout::{Ending, Plan, WaveState};
use planner::strategy::{Strategy, Timing};

use crate::app_set::{self, AppSet, notices};
use crate::eta::{Eta, Pace};
use crate::progress::Progress;
use crate::reach::Cluster;
use crate::snapshot::{Freshness, Planned, PlannedError, Snapshot, read};
use crate::target::Kind;

/// The run as it is now. What cannot be read is left out, and it says why.
pub async fn look(cluster: &Cluster, run: &FleetRollout, timing: &Timing, how: Freshness) -> Progress {
    let phase = run.status.as_ref().map(|status| status.phase).unwrap_or_default();
    let kind = [Kind::DaemonSet, Kind::YurtAppSet].into_iter().find(|kind| run.spec.target_ref.kind == kind.as_str());
    match (kind, phase) {
        // Over: its pods are those of another run by now.
        (None, _) | (_, Phase::Superseded) | (Some(Kind::DaemonSet), Phase::RolledBack) => {
            Progress::of(run, Err(None), None)
        }
        (Some(Kind::YurtAppSet), _) => of_set(cluster, run, timing, how).await,
        (Some(_), _) => of_daemon_set(cluster, run, timing, how).await,
    }
}

async fn of_daemon_set(cluster: &Cluster, run: &FleetRollout, timing: &Timing, how: Freshness) -> Progress {
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

async fn of_set(cluster: &Cluster, run: &FleetRollout, timing: &Timing, how: Freshness) -> Progress {
    let namespace = run.namespace().unwrap_or_default();
    let mut app_set = match app_set::read(cluster, &namespace, &run.spec.target_ref.name, how).await {
        Ok(app_set) => app_set,
        Err(error) => return Progress::of(run, Err(Some(first_line(&error))), None),
    };
    let newest = app_set.is_newest(run);
    let notices = notices(&app_set.set, newest);
    let unseen = |error: PlannedError| Progress { notices, ..Progress::of(run, Err(Some(first_line(&error))), None) };
    let strategy = match AppSet::rules_of(run) {
        Ok(rules) => rules.strategy,
        Err(error) => return unseen(error),
    };
    app_set.ask_dependencies(cluster, &strategy, timing, how).await;
    let planned = match app_set.plan_run(run, timing) {
        Ok(planned) => planned,
        Err(error) => return unseen(error),
    };
    let soak = || soak(run, &planned.plan, &planned.strategy, app_set.at).try_into().unwrap_or_default();
    let pace = app_set.pace(run, &planned).filter(|_| moves(run, &planned.plan));
    let eta = pace.and_then(|pace| Eta::of(&Pace { soak: soak(), ..pace }, app_set.at));
    Progress::of(run, Ok(&planned.plan.report), eta).with_pools(&app_set, &planned, newest)
}

/// When the run will be done; `None` while it waits for somebody, or its pace is not known yet.
fn eta(run: &FleetRollout, snapshot: &Snapshot, planned: &Planned, timing: &Timing) -> Option<Eta> {
    let Planned { plan, strategy } = planned;
    if !moves(run, plan) {
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
        soak: soak(run, plan, strategy, snapshot.at).try_into().unwrap_or_default(),
    };
    Eta::of(&pace, snapshot.at)
}

/// Whether a run goes on by itself, so that its pace says when it is done.
fn moves(run: &FleetRollout, plan: &Plan) -> bool {
    let waits = plan.report.hold.as_ref().is_some_and(|hold| hold.ending() != Ending::Itself);
    let phase = run.status.as_ref().map(|status| status.phase);
    !waits && matches!(phase, Some(Phase::Pending | Phase::Progressing | Phase::Soaking))
}

/// Soak that is still to come, of all waves.
fn soak(run: &FleetRollout, plan: &Plan, strategy: &Strategy, at: Timestamp) -> SignedDuration {
    let waves = &plan.report.waves;
    let promoted = waves.iter().position(|wave| Some(&*wave.name) == run.spec.promoted_through.as_deref());
    let mut sum = SignedDuration::ZERO;
    if run.spec.rollback_of.is_some() {
        return sum;
    }
    for (nth, wave) in waves.iter().enumerate().filter(|(nth, _)| promoted.is_none_or(|through| *nth > through)) {
        let rules = strategy.waves.at(nth);
        let record = plan.run.waves().iter().find(|known| *known.name == *wave.name);
        let spent = record.and_then(|wave| wave.succeeded).map(|succeeded| at.duration_since(succeeded));
        let left = match (wave.state, spent) {
            (WaveState::Succeeded, Some(spent)) => (rules.soak - spent).max(SignedDuration::ZERO),
            (WaveState::Succeeded, None) => SignedDuration::ZERO,
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
