//! The objects of runs: who begins them, under which rules, whom they ask, and where they go back to.

use jiff::Timestamp;
use planner::fleet::Name;
use planner::rollout::{Control, Decided, Hold, Met, Plan, Point, Progress, Run};
use planner::strategy::{FailureAction, Strategy, Waves};

use super::publish::Item;
use super::{Event, World};
use crate::cluster::{Request, Rollout, Rules, Set, SetId};
use crate::happening::{Happening, Stream};
use crate::updater::{Current, Known, Updater, unknown};

/// Who approves when the world is told to.
const SOMEBODY: &str = "ada";

impl World {
    /// The run of the newest revision, asked of the API server once per generation: continued, restored or begun.
    pub(super) fn find_run(&mut self, set: SetId) {
        let Some(updater) = &mut self.updater else { return };
        let known: &mut Known = &mut updater.sets[set];
        let of = &mut self.cluster.sets[set];
        match &known.current {
            Some(current) if current.generation == known.generation && !current.puzzled => return,
            _ if !known.observed => return,
            _ => {}
        }
        let Some((revision, number)) = of.newest().map(|(revision, number)| (revision.clone(), number)) else { return };
        let revisions: Vec<_> = of.revisions.keys().cloned().collect();
        if let Some(current) = known.current.as_mut().filter(|current| current.number == number) {
            (current.generation, current.revisions, current.puzzled) = (known.generation, revisions, false);
            return;
        }
        let before = known.current.as_ref();
        retire(of, before, self.now);
        let last_completed = last_completed(of, before, &revision, number);
        let at = of.rollouts.iter().position(|run| run.number == number).unwrap_or_else(|| {
            let rules = rules(known.named, &self.cluster.strategy, &self.strategy);
            of.rollouts.push(begin(of, &revision, number, rules));
            of.rollouts.len() - 1
        });
        let object = &of.rollouts[at];
        let older = of.rollouts.iter().filter(|run| run.number < number).max_by_key(|run| run.number);
        let last = older.and_then(|run| run.record.as_ref()).map(Run::restore);
        let begun = || {
            let run = Run::begin(before.map(|before| &before.run).or(last.as_ref()));
            match failed_before(of, before, &revision, number) {
                Some(evidence) => run.returned(evidence, self.now),
                None => run,
            }
        };
        let run = object.record.as_ref().map_or_else(begun, Run::restore);
        known.standing = unknown();
        known.current = Some(Current {
            generation: known.generation,
            revision,
            number,
            revisions,
            control: object.control.clone(),
            rules: object.rules.clone(),
            approvals: object.decided(),
            asked: Vec::new(),
            is_rollback: object.rollback_of.is_some(),
            last_completed,
            goes_back: false,
            run,
            losses_seen: updater.mirror.newest_loss(),
            doubts: Vec::new(),
            refused: None,
            published: object.record.clone(),
            publishing: false,
            puzzled: false,
        });
    }

    /// A run that waits for its strategy gets it once that is there and valid. Removing the annotation loosens nothing.
    pub(super) fn settle_rules(&mut self, set: SetId) {
        let Some(Updater { sets, strategy, .. }) = &mut self.updater else { return };
        let Known { current: Some(current), .. } = &mut sets[set] else { return };
        // The watch only wakes it: what the strategy says is asked of the API server.
        if current.rules == Rules::Missing && strategy.is_ok() {
            current.rules = rules(true, &self.cluster.strategy, &self.strategy);
            let object = self.cluster.sets[set].rollouts.iter_mut().find(|run| run.number == current.number);
            if let Some(object) = object {
                object.rules = current.rules.clone();
            }
        }
    }

    /// What a plan wants beyond restarts: a human's decision, or the template as it was.
    pub(super) fn ask_for_more(&mut self, set: SetId, plan: &Plan) {
        let life = self.life;
        let Some(updater) = &mut self.updater else { return };
        let Some(current) = &mut updater.sets[set].current else { return };
        let (number, generation) = (current.number, current.generation);
        let mut events = Vec::new();
        if let Some(Hold::Approval { wave, point }) = &plan.report.hold
            && !current.asked.contains(&(wave.clone(), *point))
        {
            current.asked.push((wave.clone(), *point));
            events.push(Event::Asks(set, life, number, wave.clone(), *point));
        }
        // The run's status tells why before anything is done.
        let told = current.published.as_ref().and_then(|record| record.halt.as_ref()).map(|halt| &halt.token);
        let is_told = told == current.run.halt().map(|halt| &halt.token);
        if let Some(to) = plan.rollback.as_ref().filter(|_| is_told && !current.goes_back) {
            current.goes_back = true;
            events.push(Event::RollsBack(set, life, generation, to.clone()));
        }
        for event in events {
            let delay = self.pace.request.draw(&mut self.rng);
            self.after(delay, event);
        }
    }

    /// An approval request is made, unless there is one of its name.
    pub(super) fn ask(&mut self, set: SetId, life: u32, number: i64, wave: Name, point: Point) {
        let of = &mut self.cluster.sets[set];
        let Some(run) = of.rollouts.iter_mut().find(|run| run.number == number).filter(|_| life == self.life) else {
            return;
        };
        if run.requests.iter().any(|request| (&request.wave, request.point) == (&wave, point)) {
            return;
        }
        run.requests.push(Request { wave: wave.clone(), point, decided: None });
        let daemon_set = of.name.clone();
        if let Some(later) = self.approves {
            let decide = Happening::Decide { daemon_set, wave, approved: true, approver: SOMEBODY.into() };
            self.after(later, Event::Happens(decide));
        }
    }

    /// A human decides on the newest run's open request for a wave; without one there is nothing to decide.
    pub(super) fn decide(&mut self, daemon_set: &Name, wave: &Name, approved: bool, approver: Name) {
        let Some(set) = self.cluster.set(daemon_set) else { return };
        let Some(run) = self.cluster.sets[set].rollouts.iter_mut().max_by_key(|run| run.number) else { return };
        let open = |request: &&mut Request| request.wave == *wave && request.decided.is_none();
        let Some(request) = run.requests.iter_mut().find(open) else {
            self.transcript.say(self.now, "*", "nothing waits for that: there is no such request");
            return;
        };
        request.decided = Some(Decided { wave: wave.clone(), point: request.point, approved, approver });
        let number = run.number;
        self.publish_run(set, number);
    }

    /// The template goes back, as `kubectl rollout undo` does it: unless somebody has changed it since.
    pub(super) fn roll_back(&mut self, set: SetId, life: u32, generation: u64, to: Name) {
        let of = &mut self.cluster.sets[set];
        if life != self.life || of.generation != generation {
            return;
        }
        let Some(release) = of.templates.iter().rev().find(|template| template.revision == to) else { return };
        let release = release.release.clone();
        if let Some(run) = of.rollouts.iter_mut().max_by_key(|run| run.number) {
            run.went_back_to = Some(to.clone());
        }
        self.transcript.say(self.now, "updater", &format!("brings the template of {} back to {to}", of.name));
        self.change_template(set, to, release);
    }

    /// News of a target that is not of this world.
    pub(super) fn depend(&mut self, name: Name, pools: Vec<Name>, met: Met) {
        let progress = self.cluster.others.entry(name.clone()).or_insert_with(unknown);
        if pools.is_empty() {
            *progress = Progress { everywhere: met, pools: Vec::new(), elsewhere: met };
        } else {
            progress.pools.retain(|(pool, _)| !pools.contains(pool));
            progress.pools.extend(pools.into_iter().map(|pool| (pool, met)));
            progress.pools.sort_by(|a, b| a.0.cmp(&b.0));
            let is_met = progress.elsewhere == Met::Yes && progress.pools.iter().all(|(_, met)| *met == Met::Yes);
            progress.everywhere = if is_met { Met::Yes } else { Met::No };
        }
        let item = Item::Other(name, progress.clone());
        self.publish(Stream::Objects, item);
    }
}

/// The rules of a run of a DaemonSet that names the strategy, as it is at the API server, or names none.
fn rules(named: bool, strategy: &Result<Strategy, String>, implied: &Strategy) -> Rules {
    match strategy {
        _ if !named => Rules::Implied(Strategy {
            waves: Waves::one(),
            windows: Vec::new(),
            depends_on: Vec::new(),
            action: FailureAction::Pause,
            ..implied.clone()
        }),
        Ok(strategy) => Rules::Named(strategy.clone()),
        Err(_) => Rules::Missing,
    }
}

/// What the last run came to is written down, if it came to an end: it may not have been yet.
fn retire(of: &mut Set, before: Option<&Current>, now: Timestamp) {
    let Some(before) = before.filter(|before| before.run.completed_at().is_some()) else { return };
    if let Some(object) = of.rollouts.iter_mut().find(|run| run.number == before.number) {
        object.record = Some(before.run.record(now));
    }
}

/// The object of a new run. It is a rollback if the run before it failed and the template went back to this revision.
fn begin(of: &Set, revision: &Name, number: i64, rules: Rules) -> Rollout {
    let failed = of.rollouts.iter().max_by_key(|run| run.number);
    let failed = failed.filter(|run| run.went_back_to.as_ref() == Some(revision));
    // Whoever took the strategy away does not keep a bad release from being taken back.
    let rules = match (failed, rules) {
        (Some(failed), Rules::Missing) => failed.rules.clone(),
        (_, rules) => rules,
    };
    Rollout {
        number,
        revision: revision.clone(),
        record: None,
        control: Control::default(),
        rules,
        requests: Vec::new(),
        rollback_of: failed.map(|run| run.revision.clone()),
        went_back_to: None,
    }
}

/// Rule 6: halted is sticky across returns of a revision. What was seen when the last run of this one halted, if it did.
fn failed_before(of: &Set, before: Option<&Current>, revision: &Name, number: i64) -> Option<String> {
    let same = of.rollouts.iter().filter(|run| run.number < number && run.revision == *revision);
    let last = same.max_by_key(|run| run.number)?;
    // What the last run came to may be known here and not be written yet.
    let known = before.filter(|before| before.number == last.number).map(|before| before.run.halt());
    let halt = known.unwrap_or_else(|| last.record.as_ref().and_then(|record| record.halt.as_ref()))?;
    Some(format!("this revision failed in run {}: {}", last.number, halt.evidence))
}

/// The revision of the newest run that completed, of those of other revisions. What the last run came to may be known here
/// and not be written yet.
fn last_completed(of: &Set, before: Option<&Current>, revision: &Name, number: i64) -> Option<Name> {
    let knows_better = before.filter(|before| before.number < number);
    let is_completed = |run: &&Rollout| match knows_better {
        Some(before) if before.number == run.number => {
            before.run.completed_at().is_some() && before.run.halt().is_none()
        }
        _ => run.is_completed(),
    };
    let older = of.rollouts.iter().filter(|run| run.number < number && run.revision != *revision);
    older.filter(is_completed).max_by_key(|run| run.number).map(|run| run.revision.clone())
}
