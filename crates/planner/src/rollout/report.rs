//! What is going on, in words: the same text for status, events, log and command line.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::candidates::Choice;
use super::run::Run;
use super::units::{Fleet, Stage, Sums};
use super::{DesiredState, Ending, Hold, Input, Revisit, candidates, halt};
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
    /// Exposed nodes that were lost.
    #[serde(skip)]
    pub lost: u32,
}

/// One pool of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolReport {
    /// Its name; empty for nodes without one.
    pub pool: Name,
    /// Its units.
    pub counts: Counts,
    /// Why units of it are not moved: kind of hold, how many, and the first one's sentence.
    pub holds: Vec<(&'static str, u32, String)>,
    /// One of the holds ends only by somebody's doing.
    pub needs_attention: bool,
}

/// A change worth an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The run halted; the report's sentence says why.
    Halted(String),
    /// A user let it go on.
    Resumed(String),
    /// All reachable units are done.
    Completed(String),
    /// A hold stands for longer than `escalate_after`.
    StillHeld(String),
}

/// The run-level hold that is in force, for its deadline (rule 13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// [`Hold::kind`].
    pub kind: String,
    /// Since when.
    pub since: Timestamp,
    /// Its escalation was announced.
    pub escalated: bool,
}

/// Explains the plan.
pub(super) fn compose(
    input: &Input<'_>,
    fleet: &Fleet<'_>,
    run: &mut Run,
    choice: &mut Choice,
    revisit: &mut Revisit,
) -> Report {
    let hold = run_hold(input, fleet, run, choice, revisit);
    let counts = Counts {
        failed: run.failed,
        uncontrolled: run.uncontrolled,
        lost: run.evidence.lost,
        ..Counts::of(&fleet.all)
    };
    let phase = phase(input, run, hold.as_ref());
    let pools = pools(fleet, &choice.holds);
    let units = std::mem::take(&mut choice.holds)
        .into_iter()
        .map(|(at, hold)| (fleet.units[at].unit.node.name.clone(), hold))
        .collect();
    let sentence = sentence(input, run, phase, &counts, hold.as_ref(), fleet, choice.down);
    let mut report = Report { phase, sentence, counts, pools, hold, units, news: Vec::new() };
    escalate(input, run, &mut report, revisit);
    report
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
            lost: 0,
        }
    }
}

/// The reason for which the run as a whole does not go on, if there is one.
fn run_hold(input: &Input<'_>, fleet: &Fleet<'_>, run: &Run, choice: &Choice, revisit: &mut Revisit) -> Option<Hold> {
    if let Some(stop) = candidates::stop(input, run) {
        return Some(stop);
    }
    if let Some(hold) = choice.holds.iter().map(|(_, hold)| hold).find(|hold| matches!(hold, Hold::NoBudget { .. })) {
        return Some(hold.clone());
    }
    let (reachable, needed) = (fleet.all.reachable, halt::needed(input, fleet));
    let open = run.wave.succeeded.is_none() && choice.steps.is_empty() && reachable < needed;
    let deadline = run.wave.opened.map(|opened| opened + input.strategy.progress_deadline);
    (open && deadline.is_some_and(|at| revisit.due(at))).then_some(Hold::Inconclusive { reachable, needed })
}

fn phase(input: &Input<'_>, run: &Run, hold: Option<&Hold>) -> RunPhase {
    if run.halt.is_some() {
        return RunPhase::Halted;
    }
    match (input.control.desired, hold) {
        (DesiredState::Aborted, _) => RunPhase::Aborted,
        (DesiredState::Paused, _) => RunPhase::Paused,
        (DesiredState::Running, Some(Hold::NotObserved)) if run.wave.opened.is_none() => RunPhase::Pending,
        // A Completed run stays so: what holds now concerns returners only, and passes by itself.
        (DesiredState::Running, Some(hold)) if run.wave.succeeded.is_none() || hold.ending() == Ending::Somebody => {
            RunPhase::Held
        }
        (DesiredState::Running, _) if run.wave.succeeded.is_some() => RunPhase::Completed,
        (DesiredState::Running, _) => RunPhase::Progressing,
    }
}

fn sentence(
    input: &Input<'_>,
    run: &Run,
    phase: RunPhase,
    counts: &Counts,
    hold: Option<&Hold>,
    fleet: &Fleet<'_>,
    down: u32,
) -> String {
    let Counts { desired, updated, settled, offline, reachable, .. } = *counts;
    let progress = format!("{updated} of {desired} units updated, {settled} settled, {offline} offline");
    match (phase, &run.halt, hold) {
        (_, Some(halt), _) => format!(
            "halted: {}; {progress}; fix and change the template, or set spec.resumeToken to {:?} to go on",
            halt.evidence, halt.token
        ),
        (RunPhase::Completed, None, _) if updated == desired => {
            format!("all {desired} units run {}", input.target.revision)
        }
        (RunPhase::Completed, None, _) => {
            let revision = &input.target.revision;
            let back = fleet.units.iter().filter(|unit| unit.reachable && unit.stage != Stage::AtTarget).count();
            match (back, (desired - updated) as usize - back) {
                (0, away) => {
                    format!("all reachable units run {revision}; {away} others are caught up when they return")
                }
                (_, away) => {
                    format!("{back} units that came back are caught up with {revision}; {away} others when they return")
                }
            }
        }
        (_, None, Some(hold)) => format!("held: {hold}; {progress}"),
        (_, None, None) => {
            let allowed = input.strategy.max_unavailable.allowed(reachable);
            format!("{progress}; {down} of {allowed} allowed units are down")
        }
    }
}

/// A pool's holds by kind: how many, and the first.
type Holds<'a> = BTreeMap<&'static str, (u32, &'a Hold)>;

fn pools(fleet: &Fleet<'_>, holds: &[(usize, Hold)]) -> Vec<PoolReport> {
    let mut by_pool: Vec<Holds<'_>> = vec![BTreeMap::new(); fleet.pools.len()];
    for (at, hold) in holds {
        by_pool[fleet.units[*at].pool].entry(hold.kind()).or_insert((0, hold)).0 += 1;
    }
    let report = |((pool, sums), holds): (&(Name, Sums), Holds<'_>)| PoolReport {
        pool: pool.clone(),
        counts: Counts::of(sums),
        needs_attention: holds.values().any(|(_, hold)| hold.ending() == Ending::Somebody),
        holds: holds.into_iter().map(|(kind, (count, hold))| (kind, count, hold.to_string())).collect(),
    };
    let mut pools: Vec<_> = fleet.pools.iter().zip(by_pool).map(report).collect();
    pools.sort_by(|a, b| a.pool.cmp(&b.pool));
    pools
}

/// Rule 13: a hold that only somebody can end is announced once it stands for long.
fn escalate(input: &Input<'_>, run: &mut Run, report: &mut Report, revisit: &mut Revisit) {
    let Some(hold) = report.hold.as_ref().filter(|hold| hold.ending() == Ending::Somebody) else {
        run.held = None;
        return;
    };
    if run.held.as_ref().is_none_or(|held| held.kind != hold.kind()) {
        run.held = Some(Held { kind: hold.kind().to_owned(), since: input.now, escalated: false });
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
