//! Invariants that are judged by what is true at the API server, whatever the updater knows or believes.

use jiff::SignedDuration;
use planner::rollout::{DesiredState, Plan, Restart};

use super::World;
use crate::cluster::{PodId, Rollout, SetId};
use crate::happening::Stream;
use crate::witness::Scene;

/// A watch lags and a request is under way for a while: a decision is judged by what was so this long before.
const LAG: SignedDuration = SignedDuration::from_secs(5);

impl World {
    /// Judges a plan's starts.
    pub(super) fn judge(&mut self, set: SetId, plan: &Plan) {
        let now = self.now;
        let (Some(updater), Some(witness)) = (&self.updater, &mut self.witness) else { return };
        let known = &updater.sets[set];
        let Some((current, strategy)) = known.current.as_ref().zip(known.lawful()) else { return };
        let revision = current.revision.clone();
        let of = &self.cluster.sets[set];
        let object = of.rollouts.iter().find(|run| run.number == current.number);
        let dependencies: Vec<_> = strategy.depends_on.iter().map(|depends| updater.progress(depends)).collect();
        let verdict = witness.judge(&Scene {
            now,
            set,
            revision: &revision,
            number: current.number,
            first: current.revisions.len() == 1,
            strategy: &strategy,
            steps: &plan.steps,
            run: &current.run,
            is_rollback: current.is_rollback,
            promoted_through: &current.control.promoted_through,
            decided: &object.map(Rollout::decided).unwrap_or_default(),
            labels: &updater.pools,
            dependencies: &dependencies,
        });
        let mut broken = verdict.err();
        let moves = !plan.steps.is_empty();
        if moves && self.template_is_known() && of.templates[of.current].revision != revision {
            broken = Some(format!("units are moved to {revision}, which is superseded"));
        }
        if let Some(object) = object.filter(|_| moves) {
            let halt = object.record.as_ref().and_then(|record| record.halt.as_ref());
            if halt.is_some_and(|halt| halt.token != object.control.resume_token && halt.at + LAG < now) {
                broken = Some("units start although the run is halted".to_owned());
            }
            let seen = current.control.desired != DesiredState::Running;
            if seen && object.control.desired != DesiredState::Running {
                broken = Some(format!("units start although the run is {:?}", object.control.desired));
            }
        }
        if let Some(rule) = broken {
            self.breaks(format!("{}: {rule}", of_name(self, set)));
        }
    }

    /// Judges a delete that the API server is about to carry out.
    pub(super) fn judge_delete(&mut self, id: PodId, step: &Restart) {
        let Some(pod) = self.cluster.pods.get(&id) else { return };
        let (set, node) = (&self.cluster.sets[pod.set], &self.cluster.nodes[pod.node]);
        let mut broken = None;
        if node.name != step.node || node.uid != step.node_uid {
            broken = Some(format!("{} was decided on for {}, and is on {}", step.pod, step.node, node.name));
        }
        let known = self.template_is_known();
        if known && self.cluster.revision(pod) == &set.templates[set.observed].revision {
            broken = Some(format!("{} is at the newest revision, and is restarted", step.node));
        }
        if let Some(rule) = broken {
            self.breaks(rule);
        }
    }

    /// The last change of a template is long ago, for whoever watches.
    fn template_is_known(&self) -> bool {
        self.template_changed.is_none_or(|changed| changed + LAG < self.now) && !self.is_stalled(Stream::Objects)
    }

    fn is_stalled(&self, stream: Stream) -> bool {
        self.streams.get(&stream).is_none_or(|flow| flow.stalled_until + LAG > self.now)
    }
}

fn of_name(world: &World, set: SetId) -> String {
    world.cluster.sets[set].name.to_string()
}
