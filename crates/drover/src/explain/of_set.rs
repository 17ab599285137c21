//! Why a pool of a YurtAppSet has or has not the newest revision.

use api::fleet_rollout::FleetRollout;
use appset_controller::plan::{Action, Cause};
use planner::rollout::{Hold, PoolReport, Track};

use super::{held, say};
use crate::app_set::{AppSet, PlannedSet, notices};
use crate::progress::{Pods, State};
use crate::text::{Line, Tone};

/// What is explained.
pub struct SetScene<'a> {
    /// The cluster.
    pub app_set: &'a AppSet,
    /// The run.
    pub run: &'a FleetRollout,
    /// What the planner says of it.
    pub planned: &'a PlannedSet,
    /// How the user names it.
    pub target: &'a str,
    /// Columns there are.
    pub width: usize,
}

impl SetScene<'_> {
    /// A pool; `None` when it is no business of the YurtAppSet.
    pub fn pool(&self, name: &str) -> Option<Vec<Line>> {
        let plan = &self.planned.plan;
        let report = plan.report.pools.iter().find(|pool| *pool.pool == *name);
        let own = self.planned.writes.holds.get(name);
        let workload = self.app_set.by_pool().get(name).map(|workload| Pods::from(*workload));
        let known = self.app_set.pools.iter().find(|pool| pool.name == name);
        if report.is_none() && own.is_none() && workload.is_none() {
            let text = format!("NodePool {name} is there, and neither spec.pools nor spec.nodepoolSelector chooses it");
            return known.map(|_| self.say(Tone::Plain, &text));
        }
        let mut lines = self.say(Tone::Strong, &title(name, report));
        lines.extend(match &workload {
            Some(pods) => self.workload(pods),
            None => self.say(Tone::Plain, "it has no workload yet"),
        });
        match report {
            Some(report) => {
                let track = known.and_then(|pool| plan.run.track(pool.uid));
                lines.extend(self.unit(name, report, track));
            }
            None if own.is_none() => {
                let text = "it is not chosen any more: its workload is deleted, if nothing holds that";
                lines.extend(self.say(Tone::Call, text));
            }
            None => {}
        }
        if let Some(own) = own {
            let tone = if own.is_error() { Tone::Bad } else { Tone::Busy };
            lines.extend(self.say(tone, &format!("its workload is not what the spec asks for: {own}")));
        }
        lines.extend(self.drift(name));
        let mine = self.held(name);
        let hold = plan.report.hold.as_ref().filter(|hold| !matches!(hold, Hold::Halted) && mine != Some(*hold));
        lines.extend(
            hold.into_iter()
                .flat_map(|hold| held(&format!("the run is held: {}", of_pools(hold)), hold, self.target, self.width)),
        );
        let notices = notices(&self.app_set.set, self.app_set.is_newest(self.run));
        lines.extend(notices.iter().flat_map(|notice| self.say(Tone::Call, &format!("! {notice}"))));
        Some(lines)
    }

    fn unit(&self, name: &str, report: &PoolReport, track: Option<&Track>) -> Vec<Line> {
        let plan = &self.planned.plan;
        if let Some(hold) = self.held(name) {
            return held(&format!("not updated: {}", of_pools(hold)), hold, self.target, self.width);
        }
        if plan.steps.iter().any(|step| *step.pool == *name) {
            return self.say(Tone::Busy, "it is next: it gets the revision at the next look");
        }
        let since = track.map(|track| format!(" since {}", super::second(track.activation.at))).unwrap_or_default();
        match State::of(&report.counts) {
            State::Updated => self.say(Tone::Good, "done: all its pods are of the revision and available"),
            State::InProgress => self.say(Tone::Busy, &format!("in progress{since}: Kubernetes replaces its pods")),
            State::Failed => {
                let text = format!("failed: it has the revision{since}, and its pods did not become available in time");
                self.say(Tone::Bad, &text)
            }
            State::Broken => self.say(Tone::Call, "broken before it had the revision, and still is: not its fault"),
            State::NotReachable => self.say(Tone::Plain, "it has the revision, and none of its nodes is Ready"),
            State::Waiting => self.say(Tone::Plain, "nothing is known of it yet"),
        }
    }

    /// Why the run does not give it the revision.
    fn held(&self, name: &str) -> Option<&Hold> {
        self.planned.plan.report.units.iter().find(|(held, _)| **held == *name).map(|(_, hold)| hold)
    }

    fn workload(&self, pods: &Pods) -> Vec<Line> {
        let newest = if pods.revision == self.run.spec.revision.name { "the run's" } else { "not the run's" };
        let text = format!(
            "{} {}, revision {} ({newest}): {} of {} pods updated, {} available",
            pods.kind, pods.name, pods.revision, pods.updated, pods.desired, pods.available
        );
        let mut lines = self.say(Tone::Plain, &text);
        lines.extend(pods.trouble.iter().flat_map(|why| self.say(Tone::Bad, &format!("Kubernetes says: {why}"))));
        lines
    }

    /// What somebody else changed in its workload.
    fn drift(&self, name: &str) -> Vec<Line> {
        let mut steps = self.planned.writes.steps.iter().filter(|step| step.pool == name);
        let drifted = steps.find_map(|step| match &step.action {
            Action::Apply { cause: Cause::Drifted(fields), .. } => Some(fields.join(", ")),
            Action::Apply { .. } | Action::Create { .. } | Action::Delete { .. } => None,
        });
        let text = |fields| format!("somebody changed {fields} of its workload: it is put back");
        drifted.map_or_else(Vec::new, |fields| self.say(Tone::Call, &text(fields)))
    }

    fn say(&self, tone: Tone, text: &str) -> Vec<Line> {
        say(tone, text, self.width)
    }
}

fn title(name: &str, report: Option<&PoolReport>) -> String {
    match report {
        Some(report) => format!("pool {name} of wave {:?}", report.wave),
        None => format!("pool {name}, which is no part of the run"),
    }
}

fn of_pools(hold: &Hold) -> String {
    hold.sentence(planner::rollout::UnitKind::Pool)
}
