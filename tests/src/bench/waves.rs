//! `cargo xtask bench waves`: what rollouts.md's rules are worth, by simulation.
//!
//! Each [case](cases::Case) is tried on a fleet of pools with as many seeds as are asked for, on every core; the planner is the
//! one that is deployed, unmodified. No cluster is started, and no service is built. Beside the durations of good releases
//! stands what a client would need that knows everything at once, and the time of one plan is measured.

mod cases;
mod figures;
mod ideal;
mod planning;

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use jiff::SignedDuration;
use planner::strategy::{Amount, Strategy, Timing};
use sim::trial::{self, Outcome, Trial};

use cases::{Case, POOLS};
use figures::{Figures, Tally};

use super::say;

/// Sizes of fleets of which a plan is timed, and how often.
const PLANS: [(u32, u32); 2] = [(1_000, 501), (100_000, 15)];

/// What to try.
#[derive(Clone, Debug)]
pub struct WavesBench {
    /// How many nodes each fleet has.
    pub nodes: u32,
    /// How many seeds each case is tried with.
    pub seeds: u32,
    /// Where to write the figures as JSON.
    pub json: Option<PathBuf>,
}

impl WavesBench {
    /// Tries and prints. An error when something did not work; a missed target is printed and is none.
    pub fn run(&self) -> Result<()> {
        ensure!(self.nodes >= POOLS, "{} nodes: the fleet has {POOLS} pools, each needs one", self.nodes);
        let mut figures = Figures {
            nodes: self.nodes,
            seeds: self.seeds,
            plan: PLANS.map(|(units, times)| planning::median(units, times)),
            ideal: self.ideal(),
            cases: Vec::new(),
        };
        for case in Case::ALL {
            let started = Instant::now();
            let trials = (0..self.seeds).map(|seed| case.trial(self.nodes, u64::from(seed)));
            let outcomes = try_all(&trials.collect::<Result<Vec<_>>>()?)?;
            say(&format!("{}: {} trials in {:.0} s\n", case.name(), self.seeds, started.elapsed().as_secs_f32()))?;
            figures.cases.push(Tally(outcomes));
        }
        say(&figures.render())?;
        if let Some(path) = &self.json {
            let json = serde_json::to_string_pretty(&figures.line()).context("writing figures as JSON")?;
            std::fs::write(path, format!("{json}\n")).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }

    /// The median over seeds of what an ideal client needs, with and without waiting for units to settle.
    fn ideal(&self) -> [SignedDuration; 2] {
        let budget = Amount::Percent(10);
        let settle = Timing::default().settle(SignedDuration::ZERO, &Strategy::implied(budget));
        [settle, SignedDuration::ZERO].map(|settle| {
            let slots = budget.allowed(self.nodes);
            let one = |seed| ideal::duration(self.nodes, slots, settle, u64::from(seed));
            let mut took: Vec<_> = (0..self.seeds).map(one).collect();
            took.sort_unstable();
            took.get(took.len() / 2).copied().unwrap_or_default()
        })
    }
}

/// Runs the trials on all cores; the outcomes are in the order of the trials.
fn try_all(trials: &[Trial]) -> Result<Vec<Outcome>> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicU32::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed) as usize;
            let Some(trial) = trials.get(at) else { return done };
            done.push((at, trial::run(trial)));
        }
    };
    let mut done = Vec::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            done.extend(worker.join().map_err(|_| anyhow!("a trial panicked"))?);
        }
        Ok::<_, anyhow::Error>(())
    })?;
    done.sort_unstable_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, outcome)| outcome).collect())
}
