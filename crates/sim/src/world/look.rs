//! What daemon-updater does each time it looks: learn, find the run, plan, commit, publish.

use jiff::{SignedDuration, Timestamp};
use planner::rollout::{News, Plan, Record, Run, RunPhase, WaveState};

use super::publish::Item;
use super::{Event, Latest, World};
use crate::cluster::SetId;
use crate::happening::Stream;

/// How soon revisions are asked for again when a pod has one that is not known.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(5);

impl World {
    pub(super) fn deliver(&mut self, life: u32, stream: Stream, item: &Item) {
        if life != self.life {
            return;
        }
        let Some(updater) = &mut self.updater else { return };
        let (now, mirror) = (self.now, &mut updater.mirror);
        let was_stale = mirror.view().heard + self.timing.watch_stale <= now;
        mirror.heard(stream, now);
        if let Some(witness) = &mut self.witness {
            witness.see(item, now);
        }
        match item {
            Item::Node(node) => {
                self.transcript.sees_node(node, now);
                mirror.node(node, now);
            }
            Item::NodeGone(name, uid) => mirror.node_gone(name, *uid, now),
            Item::Pod(pod) => mirror.pod(pod, now),
            Item::PodGone { set, node, uid } => mirror.pod_gone(*set, node, *uid),
            Item::Set { set, generation, observed, budget, named } => {
                let known = &mut updater.sets[*set];
                (known.generation, known.observed) = (*generation, *observed);
                (known.budget, known.named) = (*budget, *named);
            }
            Item::Run { set, number, control, approvals } => {
                if let Some(current) = updater.sets[*set].current.as_mut().filter(|run| run.number == *number) {
                    (current.control, current.approvals) = (control.clone(), approvals.clone());
                }
            }
            Item::Strategy(strategy) => updater.strategy.clone_from(strategy),
            Item::Pools(pools) => updater.pools.clone_from(pools),
            Item::Other(name, progress) => {
                updater.others.insert(name.clone(), progress.clone());
            }
            // It says no more than that the watch lives.
            Item::Bookmark if !was_stale => return,
            Item::Bookmark => {}
        }
        self.want_look(now + self.gather);
    }

    /// Look again then, or earlier.
    pub(super) fn want_look(&mut self, at: Timestamp) {
        if self.next_look.is_none_or(|next| at < next) {
            self.next_look = Some(at);
            self.agenda.add(at, Event::Looks(self.life));
        }
    }

    pub(super) fn look(&mut self, life: u32) {
        let stale = life != self.life || self.next_look.is_some_and(|at| at != self.now);
        if stale || self.updater.is_none() {
            return;
        }
        self.next_look = None;
        // Whose turn is first is chance.
        let count = self.cluster.sets.len();
        let first = self.rng.index(count);
        for set in (0..count).map(|nth| (first + nth) % count) {
            self.look_at(set);
        }
    }

    fn look_at(&mut self, set: SetId) {
        self.find_run(set);
        self.resolve(set);
        self.settle_rules(set);
        let Some(updater) = &mut self.updater else { return };
        let stood = updater.sets[set].standing.clone();
        let Some(plan) = updater.plan(set, self.now, &self.timing) else { return };
        let now = self.now;
        let is_news = updater.sets.len() > 1 && updater.sets[set].standing != stood;
        let Some(current) = &updater.sets[set].current else { return };
        self.summary.plans += 1;
        self.transcript.planned(&self.cluster.sets[set].name, &plan, &current.run, current.number, now);
        if current.puzzled {
            self.want_look(now + ASK_AGAIN);
        }
        if let Some(at) = plan.revisit {
            self.want_look(at);
        }
        if is_news {
            // Others may wait for it.
            self.want_look(now);
        }
        self.note(set, &plan);
        self.judge(set, &plan);
        self.commit(set, &plan);
        self.ask_for_more(set, &plan);
        self.publish_status(set);
    }

    fn note(&mut self, set: SetId, plan: &Plan) {
        // That it may resume is judged by the token, see `judge`.
        if plan.report.news.iter().any(|news| matches!(news, News::Resumed(_)))
            && let Some(witness) = &mut self.witness
        {
            witness.resumed(set);
        }
        let of = &self.cluster.sets[set];
        let number = self.updater.as_ref().and_then(|updater| updater.sets[set].current.as_ref()).map(|run| run.number);
        if of.observed_generation != of.generation || of.newest().map(|(_, number)| number) != number {
            // It speaks of a run that is over.
            return;
        }
        self.phases[set] = Some(plan.report.phase);
        let opened = plan.report.waves.iter().filter(|wave| wave.state != WaveState::Waiting).count();
        self.latest[set] = Latest { counts: plan.report.counts, opened, hold: plan.report.hold.clone() };
        for news in &plan.report.news {
            let halt = self.run(set).and_then(Run::halt).map(|halt| halt.reason);
            match news {
                News::Halted(_) => self.summary.halts.extend(halt),
                News::Resumed(_)
                | News::StillHeld(_)
                | News::Completed(_)
                | News::WaveOpened(_)
                | News::WaveEmpty(_)
                | News::WaveSucceeded(_)
                | News::AwaitingApproval(_)
                | News::RollingBack(_) => {}
            }
        }
        if plan.report.phase == RunPhase::Completed {
            let after = self.template_changed.map(|changed| self.now.duration_since(changed));
            self.summary.completed_after = self.summary.completed_after.or(after);
        }
    }

    pub(super) fn run(&self, set: SetId) -> Option<&Run> {
        self.updater.as_ref()?.sets[set].current.as_ref().map(|current| &current.run)
    }

    fn publish_status(&mut self, set: SetId) {
        let now = self.now;
        let Some(updater) = &mut self.updater else { return };
        let Some(current) = &mut updater.sets[set].current else { return };
        let record = current.run.record(now);
        let same = |published: &Record| record.says_the_same_as(published);
        if !current.publishing && !current.published.as_ref().is_some_and(same) {
            current.publishing = true;
            let number = current.number;
            let delay = self.pace.status.draw(&mut self.rng);
            self.after(delay, Event::Publishes(set, self.life, number));
        }
    }

    pub(super) fn write_status(&mut self, set: SetId, life: u32, number: i64) {
        let now = self.now;
        let Some(updater) = self.updater.as_mut().filter(|_| life == self.life) else { return };
        let Some(current) = updater.sets[set].current.as_mut().filter(|current| current.number == number) else {
            return;
        };
        let record = current.run.record(now);
        current.publishing = false;
        current.published = Some(record.clone());
        self.summary.status_writes += 1;
        if record.halt.is_some() {
            self.want_look(now);
        }
        if let Some(object) = self.cluster.sets[set].rollouts.iter_mut().find(|run| run.number == number) {
            object.record = Some(record);
        }
    }
}
