//! What is going on, in words: the same text for status, events, log and command line.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::run::Run;
use super::units::{Assessed, Fleet, Stage, Sums};
use super::waves::{Standing, Waves};
use super::{DesiredState, Ending, Hold, Input, News, Refusal, Restart, Revisit, UnitKind, candidates, halt, rollback};
use crate::fleet::Name;

/// A run at one moment, explained.
#[derive(Debug, Clone)]
pub struct Report {
    /// A summary; the conditions say more.
    pub phase: RunPhase,
    /// The run in one sentence.
    pub sentence: String,
    /// Units of the run by state.
    pub counts: Counts,
    /// Each wave, in order.
    pub waves: Vec<WaveReport>,
    /// The wave that is open; the last one when all are over.
    pub wave: Name,
    /// Each pool, by name.
    pub pools: Vec<PoolReport>,
    /// Why the run as a whole does not go on.
    pub hold: Option<Hold>,
    /// Why each unit that is not at the revision is not moved, by node name.
    pub units: Vec<(Name, Hold)>,
    /// What changed with this plan and is worth an event.
    pub news: Vec<News>,
}

/// The phases of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunPhase {
    /// Its revision is not confirmed yet.
    Pending,
    /// Units are moving, or will as soon as budgets allow.
    Progressing,
    /// A wave is done and is watched before the run goes on.
    Soaking,
    /// A wave waits for a human.
    AwaitingApproval,
    /// Something outside the run must change before it goes on.
    Held,
    /// Paused by its user.
    Paused,
    /// Ended by its user.
    Aborted,
    /// The release failed.
    Halted,
    /// All reachable units were done once; those that return are still caught up.
    Completed,
}

/// Units by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Eligible nodes.
    pub desired: u32,
    /// Of them, those whose pod has the newest revision.
    pub updated: u32,
    /// Of them, those that proved well on it.
    pub settled: u32,
    /// Eligible nodes that are not Ready.
    pub offline: u32,
    /// Units that ever failed.
    pub failed: u32,
    /// Units that were down before and are after.
    pub pre_existing: u32,
    /// Units that took the revision without us.
    pub uncontrolled: u32,
    /// Units that budgets are computed from.
    #[serde(skip)]
    pub reachable: u32,
    /// Units that are down now.
    #[serde(skip)]
    pub down: u32,
    /// Reachable units that have not settled and got no other verdict.
    #[serde(skip)]
    pub undone: u32,
    /// Exposed nodes that were lost.
    #[serde(skip)]
    pub lost: u32,
}

/// One wave of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaveReport {
    /// Its name.
    pub name: Name,
    /// How far it is.
    pub state: WaveState,
    /// Its pools that have units.
    pub pools: u32,
    /// Its units.
    pub counts: Counts,
}

/// How far a wave is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaveState {
    /// Not opened yet.
    Waiting,
    /// Its units may be moved.
    Open,
    /// Enough of its units are settled.
    Succeeded,
}

/// One pool of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolReport {
    /// Its name; empty for nodes without one.
    pub pool: Name,
    /// The wave that it belongs to.
    pub wave: Name,
    /// Its units.
    pub counts: Counts,
    /// Why units of it are not moved: kind of hold, how many, and the first one's sentence.
    pub holds: Vec<(&'static str, u32, String)>,
    /// One of the holds ends only by somebody's doing.
    pub needs_attention: bool,
}

/// The run-level hold that is in force, for its deadline (rule 13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// [`Hold::kind`].
    pub kind: String,
    /// [`Hold::about`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Since when.
    pub since: Timestamp,
    /// Its escalation was announced.
    pub escalated: bool,
}

/// What there is to explain.
pub(super) struct Scene<'s, 'a> {
    pub(super) input: &'s Input<'a>,
    pub(super) fleet: &'s Fleet<'a>,
    pub(super) waves: &'s Waves<'a>,
    pub(super) steps: &'s [Restart],
    /// Units that are down, and count against the run, once these have started.
    pub(super) down: u32,
    /// What all that could start waits for.
    pub(super) waits: Option<Hold>,
    /// Where the target goes back to.
    pub(super) rollback: Option<&'s Name>,
}

/// Explains the plan.
pub(super) fn compose(
    scene: &Scene<'_, '_>,
    run: &mut Run,
    holds: Vec<(usize, Hold)>,
    revisit: &mut Revisit,
) -> Report {
    let Scene { input, fleet, waves, .. } = *scene;
    let hold = run_hold(scene, run, &holds, revisit);
    let counts = Counts {
        failed: run.failed,
        uncontrolled: run.uncontrolled,
        lost: run.evidence.lost,
        ..Counts::of(&fleet.all)
    };
    let phase = phase(input, run, hold.as_ref());
    let pools = pools(input.unit_kind, fleet, waves, &holds);
    let units = holds.into_iter().map(|(at, hold)| (fleet.units[at].unit.node.name.clone(), hold)).collect();
    let sentence = sentence(scene, run, phase, &counts, hold.as_ref());
    let wave = waves.current().rules.name.clone();
    let waves = waves.list.iter().enumerate().map(|(at, wave)| WaveReport::of(wave, at < waves.opened)).collect();
    let mut report = Report { phase, sentence, counts, waves, wave, pools, hold, units, news: Vec::new() };
    escalate(input, run, &mut report, revisit);
    report
}

impl WaveReport {
    fn of(wave: &Standing<'_>, is_open: bool) -> Self {
        let state = match (is_open, wave.succeeded) {
            (_, true) => WaveState::Succeeded,
            (true, false) => WaveState::Open,
            (false, false) => WaveState::Waiting,
        };
        Self { name: wave.rules.name.clone(), state, pools: wave.pools, counts: Counts::of(&wave.sums) }
    }
}

impl Counts {
    fn of(sums: &Sums) -> Self {
        Self {
            desired: sums.eligible,
            updated: sums.updated,
            settled: sums.settled,
            offline: sums.offline,
            failed: sums.failed,
            pre_existing: sums.pre_existing,
            uncontrolled: 0,
            reachable: sums.reachable,
            down: sums.down,
            undone: sums.undone,
            lost: 0,
        }
    }
}

/// The reason for which the run as a whole does not go on, if there is one.
fn run_hold(scene: &Scene<'_, '_>, run: &Run, holds: &[(usize, Hold)], revisit: &mut Revisit) -> Option<Hold> {
    let Scene { input, fleet, waves, steps, .. } = *scene;
    if let Some(stop) = candidates::stop(input, run) {
        return Some(stop);
    }
    if let Some(gate) = &waves.gate {
        return Some(gate.clone());
    }
    if let Some(hold) = holds.iter().map(|(_, hold)| hold).find(|hold| matches!(hold, Hold::NoBudget { .. })) {
        return Some(hold.clone());
    }
    let wave = waves.current();
    if wave.succeeded {
        return None;
    }
    let refused = refused(scene);
    if refused.is_some() || !steps.is_empty() {
        return refused;
    }
    if run.wave(&wave.rules.name).is_some_and(|begun| wave.is_left(input, begun)) {
        return Some(Hold::NoPoolLeft { wave: wave.rules.name.clone() });
    }
    let (reachable, needed) = (wave.sums.reachable, halt::needed(input, &wave.sums));
    if reachable < needed {
        let opened = run.waves.last().and_then(|wave| wave.opened);
        let deadline = opened.map(|opened| opened + input.strategy.progress_deadline);
        return deadline.is_some_and(|at| revisit.due(at)).then_some(Hold::Inconclusive { reachable, needed });
    }
    let wanted = wave.wanted().filter(|wanted| wave.sums.settled < *wanted);
    let too_few = wanted.filter(|_| wave.sums.undone == 0 && fleet.all.unsettled == 0);
    let is_proved = input.unit_kind == UnitKind::Node || wave.sums.settled > 0;
    let unproved = (!is_proved && wave.sums.undone == 0 && fleet.all.unsettled == 0).then_some(1);
    let too_few = too_few.or(unproved).map(|wanted| Hold::TooFewSettled { settled: wave.sums.settled, wanted });
    too_few.or_else(|| scene.waits.clone())
}

/// The first pool of the open wave whose start is refused, if nothing else goes on in that: also while it is tried again, or the time for
/// which the run is held would begin anew with each attempt.
fn refused(scene: &Scene<'_, '_>) -> Option<Hold> {
    let Scene { fleet, waves, steps, .. } = *scene;
    let mine = || fleet.units.iter().filter(|unit| waves.is_current(unit.pool));
    let begins = |unit: &Assessed<'_>| steps.iter().any(|step| step.node_uid == unit.unit.node.uid);
    let first = mine().find(|unit| unit.is_refused())?;
    let Refusal { why, retry } = first.unit.refused?;
    let goes_on = mine().any(|unit| unit.under_way || (!unit.is_refused() && begins(unit)));
    (!goes_on).then(|| Hold::Refused { why: format!("in pool {}: {why}", first.unit.node.pool), retry })
}

fn phase(input: &Input<'_>, run: &Run, hold: Option<&Hold>) -> RunPhase {
    if run.halt.is_some() {
        return RunPhase::Halted;
    }
    let completed = run.completed.is_some();
    match (input.control.desired, hold) {
        (DesiredState::Aborted, _) => RunPhase::Aborted,
        (DesiredState::Paused, _) => RunPhase::Paused,
        (DesiredState::Running, Some(Hold::NotObserved)) if run.waves.is_empty() => RunPhase::Pending,
        (DesiredState::Running, Some(Hold::Soak { .. })) => RunPhase::Soaking,
        (DesiredState::Running, Some(Hold::Approval { .. })) => RunPhase::AwaitingApproval,
        // A Completed run stays so: what holds now concerns returners only, and passes by itself.
        (DesiredState::Running, Some(hold)) if !completed || hold.ending() == Ending::Somebody => RunPhase::Held,
        (DesiredState::Running, _) if completed => RunPhase::Completed,
        (DesiredState::Running, _) => RunPhase::Progressing,
    }
}

fn sentence(scene: &Scene<'_, '_>, run: &Run, phase: RunPhase, counts: &Counts, hold: Option<&Hold>) -> String {
    let Scene { input, waves, down, .. } = *scene;
    let Counts { desired, updated, settled, offline, reachable, failed, .. } = *counts;
    let units = input.unit_kind.plural();
    let failed = match (input.unit_kind, failed) {
        (UnitKind::Pool, 1..) => format!(", {failed} failed"),
        (UnitKind::Pool, 0) | (UnitKind::Node, _) => String::new(),
    };
    let mut progress = format!("{updated} of {desired} {units} updated, {settled} settled, {offline} offline{failed}");
    if !input.strategy.waves.named().is_empty() && run.completed.is_none() {
        let (name, nth, all) = (&waves.current().rules.name, waves.opened.max(1), waves.list.len());
        progress = format!("wave {name:?} ({nth} of {all}): {progress}");
    }
    match (phase, &run.halt, hold) {
        (_, Some(halt), _) => format!("halted: {}; {progress}; {}", halt.evidence, way_out(scene, halt)),
        (RunPhase::Completed, None, _) if updated == desired => {
            format!("all {desired} {units} run {}", input.target.revision)
        }
        (RunPhase::Completed, None, _) => {
            let revision = &input.target.revision;
            let is_back = |unit: &&Assessed<'_>| unit.reachable && unit.stage != Stage::AtTarget;
            let back = scene.fleet.units.iter().filter(is_back).count();
            match (back, (desired - updated) as usize - back) {
                (0, away) => {
                    format!("all reachable {units} run {revision}; {away} others are caught up when they return")
                }
                (_, away) => {
                    format!(
                        "{back} {units} that came back are caught up with {revision}; {away} others when they return"
                    )
                }
            }
        }
        (_, None, Some(hold)) => format!("held: {}; {progress}", hold.sentence(input.unit_kind)),
        (_, None, None) if input.unit_kind == UnitKind::Pool => {
            format!("{progress}; {} under change", scene.fleet.all.under_way as usize + scene.steps.len())
        }
        (_, None, None) => {
            let allowed = input.strategy.max_unavailable.allowed(reachable);
            format!("{progress}; {down} of {allowed} allowed units are down")
        }
    }
}

/// What ends a halt.
fn way_out(scene: &Scene<'_, '_>, halt: &halt::Halt) -> String {
    let by_hand = format!("fix and change the template, or set spec.resumeToken to {:?} to go on", halt.token);
    match scene.rollback {
        Some(revision) if scene.input.unit_kind == UnitKind::Pool => {
            format!("the pools that got it go back to revision {revision}, the last completed, until the spec changes")
        }
        Some(revision) => format!("the target goes back to revision {revision}, the last completed"),
        None if rollback::may(scene.input, halt.reason) && scene.input.facts.last_completed.is_none() => {
            format!("there is no completed revision to go back to: {by_hand}")
        }
        None => by_hand,
    }
}

/// A pool's holds by kind: how many, and the first.
type Holds<'a> = BTreeMap<&'static str, (u32, &'a Hold)>;

fn pools(kind: UnitKind, fleet: &Fleet<'_>, waves: &Waves<'_>, holds: &[(usize, Hold)]) -> Vec<PoolReport> {
    let mut by_pool: Vec<Holds<'_>> = vec![BTreeMap::new(); fleet.pools.len()];
    for (at, hold) in holds {
        by_pool[fleet.units[*at].pool].entry(hold.kind()).or_insert((0, hold)).0 += 1;
    }
    let report = |((at, (pool, sums)), holds): ((usize, &(Name, Sums)), Holds<'_>)| PoolReport {
        pool: pool.clone(),
        wave: waves.list[waves.of_pool[at]].rules.name.clone(),
        counts: Counts::of(sums),
        needs_attention: holds.values().any(|(_, hold)| hold.ending() == Ending::Somebody),
        holds: holds.into_iter().map(|(word, (count, hold))| (word, count, hold.sentence(kind))).collect(),
    };
    let mut pools: Vec<_> = fleet.pools.iter().enumerate().zip(by_pool).map(report).collect();
    pools.sort_by(|a, b| a.pool.cmp(&b.pool));
    pools
}

/// Rule 13: a hold that does not end soon by itself is announced once it stands for long.
fn escalate(input: &Input<'_>, run: &mut Run, report: &mut Report, revisit: &mut Revisit) {
    let Some(hold) = report.hold.as_ref().filter(|hold| hold.ending() != Ending::Itself) else {
        run.held = None;
        return;
    };
    if run.held.as_ref().is_none_or(|held| held.kind != hold.kind() || held.about != hold.about()) {
        let (kind, about) = (hold.kind().to_owned(), hold.about());
        run.held = Some(Held { kind, about, since: input.now, escalated: false });
    }
    let Some(held) = &mut run.held else { return };
    if !held.escalated && revisit.due(held.since + input.timing.escalate_after) {
        held.escalated = true;
        let since = super::hold::span(input.now.duration_since(held.since));
        report.news.push(News::StillHeld(format!("held for {since}: {}", report.sentence)));
    }
}

impl fmt::Display for PoolReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { desired, updated, .. } = self.counts;
        let pool = if self.pool.is_empty() { "(no pool)" } else { &self.pool };
        write!(f, "{pool}: {updated} of {desired} updated")?;
        for (_, count, sentence) in &self.holds {
            write!(f, "; {count} wait: {sentence}")?;
        }
        Ok(())
    }
}
