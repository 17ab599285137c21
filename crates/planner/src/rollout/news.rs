//! What changed with a plan and is worth an event.

use super::run::Run;
use super::{Hold, Input};
use crate::fleet::Name;

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
    pub(super) fn news(
        &self,
        input: &Input<'_>,
        run: &Run,
        hold: Option<&Hold>,
        rollback: Option<&Name>,
        sentence: &str,
    ) -> Vec<News> {
        let mut news = Vec::new();
        let said = || sentence.to_owned();
        let halted_anew = run.halts > self.halts;
        if self.halted && (run.halt.is_none() || halted_anew) {
            news.push(News::Resumed(said()));
        }
        if halted_anew {
            news.push(News::Halted(said()));
            if let Some(revision) = rollback {
                news.push(News::RollingBack(format!(
                    "the target goes back to revision {revision}, the last completed"
                )));
            }
        }
        // A strategy that names no waves has one, and its life is the run's.
        if !input.strategy.waves.named().is_empty() {
            self.of_waves(run, hold, &mut news);
        }
        if run.completed.is_some() && !self.completed {
            news.push(News::Completed(said()));
        }
        news
    }

    fn of_waves(&self, run: &Run, hold: Option<&Hold>, news: &mut Vec<News>) {
        for (at, wave) in run.waves.iter().enumerate() {
            if at >= self.opened {
                news.push(News::WaveOpened(format!("wave {:?} is open", wave.name)));
            }
            if at >= self.succeeded && wave.succeeded.is_some() {
                let how =
                    if wave.inconclusive { "was passed over: too few of its units are reachable" } else { "succeeded" };
                news.push(News::WaveSucceeded(format!("wave {:?} {how}", wave.name)));
            }
        }
        if let Some(hold @ Hold::Approval { .. }) = hold
            && self.awaits.as_ref() != Some(&hold.about())
        {
            news.push(News::AwaitingApproval(hold.to_string()));
        }
    }
}

/// [`Hold::kind`] of an approval.
const APPROVAL: &str = "Approval";
