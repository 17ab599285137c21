//! What changed with a plan and is worth an event.

use super::run::Run;
use super::{Hold, Input, Report, UnitKind};
use crate::fleet::Name;
use crate::strategy::Wave;

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
    /// A wave opened.
    WaveOpened(String),
    /// A wave opened, and no unit belongs to it: who meant a canary has none.
    WaveEmpty(String),
    /// A wave succeeded, or was passed over.
    WaveSucceeded(String),
    /// A wave waits for a human.
    AwaitingApproval(String),
    /// The target goes back to the last revision that completed.
    RollingBack(String),
}

/// What a run was before a plan.
#[derive(Debug)]
pub(super) struct Before {
    halts: u32,
    halted: bool,
    completed: bool,
    opened: usize,
    succeeded: usize,
    /// [`Hold::about`] of the approval that it waits for.
    awaits: Option<String>,
}

impl Before {
    pub(super) fn of(run: &Run) -> Self {
        Self {
            halts: run.halts,
            halted: run.halt.is_some(),
            completed: run.completed.is_some(),
            opened: run.waves.len(),
            succeeded: run.waves.iter().filter(|wave| wave.succeeded.is_some()).count(),
            awaits: run.held.as_ref().filter(|held| held.kind == APPROVAL).map(|held| held.about.clone()),
        }
    }

    /// What is new since.
    pub(super) fn news(&self, input: &Input<'_>, run: &Run, report: &Report, rollback: Option<&Name>) -> Vec<News> {
        let mut news = Vec::new();
        let said = || report.sentence.clone();
        let halted_anew = run.halts > self.halts;
        if self.halted && (run.halt.is_none() || halted_anew) {
            news.push(News::Resumed(said()));
        }
        if halted_anew {
            news.push(News::Halted(said()));
            if let Some(revision) = rollback {
                let who = match input.unit_kind {
                    UnitKind::Node => "the target goes",
                    UnitKind::Pool => "the pools that got the revision go",
                };
                news.push(News::RollingBack(format!("{who} back to revision {revision}, the last completed")));
            }
        }
        // A strategy that names no waves has one, and its life is the run's.
        if !input.strategy.waves.named().is_empty() {
            self.of_waves(input, run, report, &mut news);
        }
        if run.completed.is_some() && !self.completed {
            news.push(News::Completed(said()));
        }
        news
    }

    fn of_waves(&self, input: &Input<'_>, run: &Run, report: &Report, news: &mut Vec<News>) {
        for (at, wave) in run.waves.iter().enumerate() {
            if at >= self.opened {
                let has_refused = input.unit_kind == UnitKind::Pool && !wave.pools.is_empty();
                let is_empty = report.waves.get(at).is_some_and(|wave| wave.counts.desired == 0) && !has_refused;
                news.push(if is_empty {
                    News::WaveEmpty(empty(input.unit_kind, input.strategy.waves.at(at)))
                } else {
                    News::WaveOpened(format!("wave {:?} is open", wave.name))
                });
            }
            if at >= self.succeeded && wave.succeeded.is_some() {
                let units = input.unit_kind.plural();
                let passed_over = format!("was passed over: too few of its {units} are reachable");
                let how = if wave.inconclusive { &passed_over } else { "succeeded" };
                news.push(News::WaveSucceeded(format!("wave {:?} {how}", wave.name)));
            }
        }
        if let Some(hold @ Hold::Approval { .. }) = &report.hold
            && self.awaits.as_ref() != Some(&hold.about())
        {
            news.push(News::AwaitingApproval(hold.to_string()));
        }
    }
}

/// Why a wave has no units, as far as it says which it wants.
fn empty(kind: UnitKind, rules: &Wave) -> String {
    if kind == UnitKind::Pool {
        return format!("wave {:?} is open and has no pools: none that is chosen and not pinned matches", rules.name);
    }
    let named = match &*rules.pools {
        [] => String::new(),
        [pool] => format!(": pool {pool} has no node for the target"),
        [first, .., last] => format!(": none of its pools, {first} to {last}, has a node for the target"),
    };
    let selected = match (&rules.pool_selector, rules.pools.is_empty()) {
        (None, _) => "",
        (Some(_), true) => {
            ": no pool with nodes for the target has the labels of its poolSelector and is in no earlier wave"
        }
        (Some(_), false) => ", nor has any pool the labels of its poolSelector that is in no earlier wave",
    };
    format!("wave {:?} is open and has no units{named}{selected}", rules.name)
}

/// [`Hold::kind`] of an approval.
const APPROVAL: &str = "Approval";
