//! One run: a target brought to one revision, node by node or pool by pool, as rollouts.md's rules say.
//!
//! [`plan`] reads a snapshot ([`Input`]) and the run's memory ([`Run`]) and answers what to restart now, what the run's
//! memory is next, why every other unit is not moved ([`Report`]), and when to look again. It does so in five passes:
//!
//! 1. `units`: what is each unit's state now? Activations begin, settle, or get a verdict.
//! 2. `evidence`: which nodes were lost, and does that speak against the release?
//! 3. `waves` (which wave has each pool?), then `halt`: does anything stop the run?
//! 4. `waves` again: which have succeeded, and does the next one open?
//! 5. `candidates`, `gates` (windows, dependencies), `starts` (budgets): which units may start, and why not the others?

mod candidates;
mod evidence;
mod facts;
mod gates;
mod halt;
mod hold;
mod input;
pub mod invariants;
mod news;
mod progress;
mod record;
mod report;
mod rollback;
mod run;
mod starts;
mod units;
mod waves;

pub use evidence::{Away, Evidence, PoolWindow};
pub use facts::{Decided, Facts, Met, Point, Progress};
pub use halt::{Halt, HaltReason};
pub use hold::{Ending, Hold};
pub use input::{Control, DesiredState, Input, LossSeen, Refusal, Target, Unit, UnitKind, View};
pub use news::News;
pub use record::{Flight, Mark, Record, Wave};
pub use report::{Counts, Held, PoolReport, Report, RunPhase, WaveReport, WaveState};
pub use run::{Activation, Outcome, Run, Track};

use jiff::Timestamp;

use crate::fleet::{Name, Uid};

/// What to do now, what to remember, what to tell, and when to look again.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Pods to delete, in this order.
    pub steps: Vec<Restart>,
    /// The run's memory after this snapshot. Steps enter it only by [`Run::activate`], once their DELETE was accepted.
    pub run: Run,
    /// Bring the target's template back to this revision: the run failed, and its strategy asks for it.
    pub rollback: Option<Name>,
    /// What is going on, and why every unit not moved is not.
    pub report: Report,
    /// When something may change without an event; `None`: only events matter.
    pub revisit: Option<Timestamp>,
}

/// Delete one pod, so that the DaemonSet controller makes one of the newest revision. Fenced by the pod's UID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    /// The node.
    pub node: Name,
    /// Its UID.
    pub node_uid: Uid,
    /// Its pool.
    pub pool: Name,
    /// The pod to delete.
    pub pod: Name,
    /// Only if it has this UID.
    pub pod_uid: Uid,
    /// The unit was down already: the restart adds no disruption.
    pub was_down: bool,
}

/// Decides. Total and deterministic: the same input and run give the same plan.
pub fn plan(input: &Input<'_>, mut run: Run) -> Plan {
    let mut revisit = Revisit { now: input.now, next: None };
    let before = news::Before::of(&run);
    run.resume(&input.control);
    let units = units::assess(input, &mut run, &mut revisit);
    evidence::weigh(input, &units, &mut run, &mut revisit);
    let mut waves = waves::Waves::assign(input, &units, &mut run);
    halt::judge(input, &units, &waves, &mut run, &mut revisit);
    waves.advance(input, &units, &mut run, &mut revisit);
    let choice = candidates::choose(input, &units, &waves, &run, &mut revisit);
    let candidates::Choice { steps, holds, down, waits } = choice;
    let rollback = rollback::to(input, &run);
    let scene =
        report::Scene { input, fleet: &units, waves: &waves, steps: &steps, down, waits, rollback: rollback.as_ref() };
    let mut report = report::compose(&scene, &mut run, holds, &mut revisit);
    let news = before.news(input, &run, &report, rollback.as_ref());
    report.news.extend(news);
    let plan = Plan { steps, run, rollback, report, revisit: revisit.next };
    debug_assert_eq!(invariants::check(input, &plan), Ok(()), "a plan breaks a rule");
    plan
}

/// Collects the earliest time at which a plan of the same world could differ.
#[derive(Debug)]
struct Revisit {
    now: Timestamp,
    next: Option<Timestamp>,
}

impl Revisit {
    /// Look again at `at`, if that is still to come. Returns whether it has come.
    fn due(&mut self, at: Timestamp) -> bool {
        if at <= self.now {
            return true;
        }
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
        false
    }
}
