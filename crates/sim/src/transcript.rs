//! A run in words: what happened, what the updater did, and why it did not do the rest.

mod names;
mod time;

pub use names::list;
pub(crate) use names::split;
pub(crate) use time::clock;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use planner::fleet::{Name, Uid};
use planner::rollout::{Hold, News, Outcome, Plan, Run, RunPhase};

use crate::happening::Happening;
use crate::mirror::NodeSeen;

/// Lines, one for each thing that changed. Nothing is written while it is off.
#[derive(Debug)]
pub struct Transcript {
    start: Timestamp,
    on: bool,
    begun: bool,
    many: bool,
    lines: Vec<String>,
    sets: BTreeMap<Name, Told>,
    away: BTreeMap<Name, bool>,
    /// Nodes whose condition changed since the last line, and to what.
    seen: Vec<(Timestamp, bool, Name)>,
}

/// What was said of a DaemonSet's run.
#[derive(Debug, Default)]
struct Told {
    number: i64,
    phase: Option<RunPhase>,
    hold: Option<&'static str>,
    holds: BTreeMap<Name, &'static str>,
    flights: BTreeMap<Name, (Uid, Outcome)>,
    uncontrolled: u32,
}

impl Transcript {
    pub(crate) const fn new(start: Timestamp, on: bool, many: bool) -> Self {
        Self {
            start,
            on,
            begun: false,
            many,
            lines: Vec::new(),
            sets: BTreeMap::new(),
            away: BTreeMap::new(),
            seen: Vec::new(),
        }
    }

    /// What was so before is not told.
    pub(crate) fn begin(&mut self) {
        self.begun = true;
        self.lines.clear();
    }

    /// All lines.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    pub(crate) fn say(&mut self, now: Timestamp, who: &str, what: &str) {
        if self.on {
            self.tell_seen();
            self.line(now, who, what);
        }
    }

    fn line(&mut self, now: Timestamp, who: &str, what: &str) {
        let (time, what) = (clock(self.start, now), time::of_day(self.start, what));
        self.lines.push(format!("{time}  {who:<9} {what}"));
    }

    /// Nodes that changed together are told together.
    fn tell_seen(&mut self) {
        let seen = std::mem::take(&mut self.seen);
        for group in seen.chunk_by(|a, b| (a.0.as_second(), a.1) == (b.0.as_second(), b.1)) {
            let names: Vec<Name> = group.iter().map(|(_, _, name)| name.clone()).collect();
            let state = if group[0].1 { "Ready" } else { "NotReady" };
            self.line(group[0].0, "node", &format!("{state}: {}", list(&names)));
        }
    }

    pub(crate) fn happens(&mut self, now: Timestamp, happening: &Happening) {
        if self.on {
            self.say(now, "*", &happening.to_string());
        }
    }

    /// A node's Ready condition, as the updater learns of it.
    pub(crate) fn sees_node(&mut self, node: &NodeSeen, now: Timestamp) {
        if !self.on {
            return;
        }
        let before = self.away.insert(node.name.clone(), !node.ready).unwrap_or(false);
        if before == node.ready {
            self.seen.push((now, node.ready, node.name.clone()));
        }
    }

    /// A plan, as far as it says anything new.
    pub(crate) fn planned(&mut self, set: &Name, plan: &Plan, run: &Run, number: i64, now: Timestamp) {
        if !self.on {
            return;
        }
        let mut told = self.sets.remove(set).unwrap_or_default();
        let mut lines = Vec::new();
        if told.number != number {
            told = Told { number, ..Told::default() };
            lines.push(("run", format!("{number} begins")));
        }
        outcomes(&mut told, plan, run, now, &mut lines);
        events(plan, &mut lines);
        phase(&mut told, plan, &mut lines);
        restarts(plan, &mut lines);
        holds(&mut told, plan, &mut lines);
        self.sets.insert(set.clone(), told);
        for (who, mut what) in lines {
            if self.many {
                what = format!("[{set}] {what}");
            }
            self.say(now, who, &what);
        }
    }
}

type Lines = Vec<(&'static str, String)>;

/// Verdicts since the last plan.
fn outcomes(told: &mut Told, plan: &Plan, run: &Run, now: Timestamp, lines: &mut Lines) {
    let flights = run.record(now).flights;
    let fresh: BTreeMap<Name, (Uid, Outcome)> =
        flights.iter().map(|flight| (Name::from(&*flight.node), (flight.node_uid, flight.outcome))).collect();
    let mut said: BTreeMap<&'static str, Vec<Name>> = BTreeMap::new();
    for flight in &flights {
        let name = Name::from(&*flight.node);
        let before = told.flights.get(&name).map(|(_, outcome)| *outcome);
        let word = match flight.outcome {
            outcome if before == Some(outcome) => continue,
            Outcome::Open if flight.inherited => "taken over, under way to a superseded revision",
            Outcome::Open => "under way again",
            Outcome::Settled => "settled",
            Outcome::Failed => "failed",
            Outcome::Lost => "lost: its node is away for longer than the brake",
            Outcome::ReplacementMissing => "not replaced by Kubernetes",
            Outcome::PreExisting => "down before, and still is: no failure of this revision",
        };
        said.entry(word).or_default().push(name);
    }
    for (name, (uid, before)) in &told.flights {
        if !fresh.contains_key(name) {
            match run.track(*uid).map(|track| track.outcome) {
                Some(Outcome::Settled) => said.entry("settled").or_default().push(name.clone()),
                None if *before == Outcome::Open => said.entry("no longer under way").or_default().push(name.clone()),
                _ => {}
            }
        }
    }
    for (word, names) in said {
        lines.push(("verdict", format!("{}: {word}", list(&names))));
    }
    told.flights = fresh;
    let uncontrolled = plan.report.counts.uncontrolled;
    if uncontrolled > told.uncontrolled {
        lines.push(("verdict", format!("{uncontrolled} units so far took the revision without us")));
    }
    told.uncontrolled = uncontrolled;
    // What starts now is told as a restart.
    for step in &plan.steps {
        told.flights.insert(step.node.clone(), (step.node_uid, Outcome::Open));
    }
}

fn restarts(plan: &Plan, lines: &mut Lines) {
    if plan.steps.is_empty() {
        return;
    }
    let names: Vec<Name> = plan.steps.iter().map(|step| step.node.clone()).collect();
    let down: Vec<Name> = plan.steps.iter().filter(|step| step.was_down).map(|step| step.node.clone()).collect();
    let mut line = list(&names);
    if !down.is_empty() {
        let _ =
            write!(line, " ({} down already)", if down.len() == names.len() { "all".to_owned() } else { list(&down) });
    }
    lines.push(("RESTART", format!("{line}: {}", plan.report.sentence)));
}

/// Units whose kind of hold is another than at the last plan, by what holds them.
fn holds(told: &mut Told, plan: &Plan, lines: &mut Lines) {
    let mut said: Vec<(String, Vec<Name>)> = Vec::new();
    for (name, hold) in &plan.report.units {
        if told.holds.get(name) != Some(&hold.kind()) {
            let sentence = hold.to_string();
            match said.iter_mut().find(|(known, _)| *known == sentence) {
                Some((_, names)) => names.push(name.clone()),
                None => said.push((sentence, vec![name.clone()])),
            }
        }
    }
    for (sentence, names) in said {
        lines.push(("hold", format!("{}: {sentence}", list(&names))));
    }
    told.holds = plan.report.units.iter().map(|(name, hold)| (name.clone(), hold.kind())).collect();
}

fn phase(told: &mut Told, plan: &Plan, lines: &mut Lines) {
    let report = &plan.report;
    // A template that is about to be observed is not worth a line.
    let hold = report.hold.as_ref().filter(|hold| **hold != Hold::NotObserved).map(Hold::kind);
    if told.phase != Some(report.phase) || told.hold != hold {
        let sentence = if plan.steps.is_empty() { &report.sentence } else { "units are restarted" };
        lines.push(("phase", format!("{:?}: {sentence}", report.phase)));
    }
    (told.phase, told.hold) = (Some(report.phase), hold);
}

fn events(plan: &Plan, lines: &mut Lines) {
    for news in &plan.report.news {
        match news {
            News::Resumed(sentence) => lines.push(("event", format!("resumed: {sentence}"))),
            // The phase says it.
            News::Halted(_) | News::Completed(_) | News::AwaitingApproval(_) => {}
            News::StillHeld(sentence)
            | News::WaveOpened(sentence)
            | News::WaveEmpty(sentence)
            | News::WaveSucceeded(sentence)
            | News::RollingBack(sentence) => lines.push(("event", sentence.clone())),
        }
    }
}
