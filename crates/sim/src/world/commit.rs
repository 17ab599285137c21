//! Deletes on their way, fenced by the UID that was decided on, and what becomes of them.

use jiff::SignedDuration;
use planner::rollout::{Plan, Restart};

use super::{Event, World};
use crate::cluster::SetId;

/// How a delete ended, as far as the updater learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Accepted,
    /// Nobody knows: it counts as accepted until a quorum read tells.
    Doubtful,
    /// The pod was gone, or another had its name.
    Moved,
    Refused,
}

/// So long a request is waited for.
const TIMEOUT: SignedDuration = SignedDuration::from_secs(10);

/// How long starts wait after a refusal that names no time of its own.
const AFTER_REFUSAL: SignedDuration = SignedDuration::from_secs(5);

impl World {
    /// Each delete counts as accepted from the moment it is started.
    pub(super) fn commit(&mut self, set: SetId, plan: &Plan) {
        let (now, life) = (self.now, self.life);
        for step in &plan.steps {
            let Some(updater) = &mut self.updater else { return };
            updater.mirror.overlay(set, &step.node, step.pod_uid);
            if let Some(current) = &mut updater.sets[set].current {
                current.run.activate(step, now);
            }
            let delay = self.pace.request.draw(&mut self.rng);
            self.after(delay, Event::Arrives(set, life, step.clone()));
        }
    }

    /// A delete reaches the API server, whatever became of its sender.
    pub(super) fn arrive(&mut self, set: SetId, life: u32, step: Restart) {
        let delay = self.pace.request.draw(&mut self.rng);
        if self.now < self.refusing_until {
            self.after(delay, Event::Answered(set, life, step, Fate::Refused));
            return;
        }
        let lost = self.now < self.losing_until;
        let pod = self.cluster.pod_of(step.pod_uid).filter(|pod| pod.name == step.pod);
        let found = pod.map(|pod| pod.id);
        let fate = match found {
            _ if lost => Fate::Doubtful,
            Some(_) => Fate::Accepted,
            None => Fate::Moved,
        };
        if let Some(id) = found
            && !(lost && self.rng.percent(50))
        {
            self.judge_delete(id, &step);
            if let Some(pod) = self.cluster.pods.get(&id).filter(|pod| pod.ready) {
                self.down_by_us.insert((set, pod.node));
            }
            let most = u32::try_from(self.down_by_us.len()).unwrap_or(u32::MAX);
            self.summary.most_down = self.summary.most_down.max(most);
            self.summary.restarts += 1;
            self.delete_pod(id);
        }
        self.after(if lost { TIMEOUT } else { delay }, Event::Answered(set, life, step, fate));
    }

    /// The API server marks a pod as terminating.
    pub(super) fn delete_pod(&mut self, id: u64) {
        if let Some(pod) = self.cluster.pods.get_mut(&id).filter(|pod| !pod.deleting) {
            pod.deleting = true;
            self.publish_pod(id);
            self.nudge(id);
        }
    }

    pub(super) fn answered(&mut self, set: SetId, life: u32, step: Restart, fate: Fate) {
        let now = self.now;
        let Some(updater) = self.updater.as_mut().filter(|_| life == self.life) else { return };
        let Some(current) = &mut updater.sets[set].current else { return };
        match fate {
            Fate::Accepted => return,
            Fate::Doubtful => current.doubts.push(step),
            Fate::Moved | Fate::Refused => {
                updater.mirror.lift(set, &step.node, step.pod_uid);
                // A newer run may have inherited it.
                current.run.retract(step.node_uid);
                if let Some(witness) = &mut self.witness {
                    witness.retract(set, step.node_uid);
                }
                if fate == Fate::Refused {
                    let why = "429 Too Many Requests: slow down".to_owned();
                    current.refused = Some((why, now + AFTER_REFUSAL));
                }
            }
        }
        self.want_look(now);
    }

    /// Finds out by quorum reads what became of deletes without an answer.
    pub(super) fn resolve(&mut self, set: SetId) {
        let Some(updater) = &mut self.updater else { return };
        let Some(current) = &mut updater.sets[set].current else { return };
        for step in std::mem::take(&mut current.doubts) {
            let pod = self.cluster.pod_of(step.pod_uid);
            if pod.is_some_and(|pod| !pod.deleting) {
                updater.mirror.lift(set, &step.node, step.pod_uid);
                current.run.retract(step.node_uid);
                if let Some(witness) = &mut self.witness {
                    witness.retract(set, step.node_uid);
                }
                self.transcript.say(self.now, "updater", &format!("the delete on {} did not happen", step.node));
            }
        }
    }
}
