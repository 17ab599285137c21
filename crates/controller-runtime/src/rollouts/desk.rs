//! From where a controller conducts its runs.

use std::sync::Arc;
use std::time::Duration;

use api::approval_request::ApprovalRequest;
use api::fleet_rollout::{FleetRollout, TargetRef};
use api::rollout_strategy::RolloutStrategy;
use chassis::Process;
use kube::Client;
use planner::fleet::Uid;
use planner::rollout::Decided;
use tokio::sync::Notify;

use super::{Metrics, Rollout, Standings, approvals};
use crate::events::{EventRecorder, Subject};
use crate::lease::{Gate, Leadership};
use crate::mirror::Mirror;
use crate::queue::Queue;
use crate::rollout_service::Served;
use crate::watch::{WatchMetrics, WatchTarget};

/// Changes that are our own writing most often are looked at together, this long after the first.
const LATER: Duration = Duration::from_millis(200);

/// How often readiness is looked at until it is there.
const READINESS_EVERY: Duration = Duration::from_millis(100);

/// How often what the FleetRollout objects say is taken in for `RolloutService`, where no plan tells more.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What a controller's targets are, and as whom it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The `apiVersion` of its targets.
    pub api_version: &'static str,
    /// Their `kind`.
    pub kind: &'static str,
    /// The controller's field manager.
    pub manager: &'static str,
}

/// A target, as far as its runs are about it.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Its namespace, in which its runs are too.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its UID, which is its key in the queue.
    pub uid: Uid,
    /// The RolloutStrategy that it names.
    pub strategy: Option<&'a str>,
    /// How many old runs are kept: `revisionHistoryLimit`.
    pub history: usize,
}

/// From where a controller conducts the runs of its targets.
pub struct Desk {
    /// What its targets are.
    pub kind: Kind,
    /// The API server.
    pub client: Client,
    /// Every write needs a permit of it.
    pub leadership: Leadership,
    /// Where news is told.
    pub events: EventRecorder,
    /// Targets to be looked at, by UID.
    pub queue: Queue<Uid>,
    /// Rung when a mirror has completed a full list.
    pub listed: Arc<Notify>,
    /// The runs, those of other kinds among them.
    pub rollouts: Mirror<FleetRollout>,
    /// By which rules runs may go.
    pub strategies: Mirror<RolloutStrategy>,
    /// What humans decided.
    pub approvals: Mirror<ApprovalRequest>,
    /// How far its targets are, and where is asked for others.
    pub standings: Standings,
    /// What `RolloutService` serves.
    pub served: Served,
    /// What it counts.
    pub metrics: Metrics,
}

impl Kind {
    /// What daemon-updater upgrades.
    pub const DAEMON_SET: Self =
        Self { api_version: "apps/v1", kind: "DaemonSet", manager: api::names::DAEMON_UPDATER };

    /// What appset-controller makes and upgrades.
    pub const YURT_APP_SET: Self = Self {
        api_version: "apps.openyurt.io/v1beta1",
        kind: "YurtAppSet",
        manager: api::names::app_set::FIELD_MANAGER,
    };

    /// Whether this is the kind, in any version of its API group.
    pub fn is(&self, api_version: &str, kind: &str) -> bool {
        kind == self.kind && group(api_version) == group(self.api_version)
    }

    pub(super) fn is_of(&self, run: &FleetRollout) -> bool {
        let TargetRef { api_version, kind, .. } = &run.spec.target_ref;
        self.is(api_version, kind)
    }
}

impl Desk {
    /// Keeps runs, strategies and decisions up to date, and wakes the targets that their changes concern.
    pub fn follow(self: &Arc<Self>, process: &Process, watches: &WatchMetrics) {
        let client = || self.client.clone();
        let (of, target) = (self.clone(), WatchTarget::of::<FleetRollout>(None));
        let rollouts = self.rollouts.clone().follow(client(), target, watches.clone(), move |uid| of.on_run(uid));
        process.until_stopped("fleetrollouts", rollouts);
        let (of, target) = (self.clone(), WatchTarget::of::<RolloutStrategy>(None));
        let strategies = self.strategies.clone();
        let strategies =
            strategies.follow(client(), target, watches.clone(), move |key| of.on_strategy(key.as_deref()));
        process.until_stopped("rolloutstrategies", strategies);
        let (of, target) = (self.clone(), WatchTarget::of::<ApprovalRequest>(None));
        let approvals = self.approvals.clone();
        let approvals = approvals.follow(client(), target, watches.clone(), move |run| of.on_approval(run));
        process.until_stopped("approvalrequests", approvals);
    }

    /// Makes the process ready once all of the controller's mirrors are complete, and takes in from then on what the objects say of
    /// runs of which no plan of this process tells.
    pub fn attend(self: &Arc<Self>, process: &Process, gate: Gate, is_listed: impl Fn() -> bool + Send + 'static) {
        let (of, listed) = (self.clone(), process.readiness().register("mirrors"));
        process.until_stopped("readiness", async move {
            while !is_listed() {
                tokio::time::sleep(READINESS_EVERY).await;
            }
            // Before anybody is sent here: whoever asks is answered.
            of.sweep(gate.term().is_some());
            listed.ready();
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                of.sweep(gate.term().is_some());
            }
        });
    }

    /// Whether every mirror is complete.
    pub fn is_listed(&self) -> bool {
        self.rollouts.is_listed() && self.strategies.is_listed() && self.approvals.is_listed()
    }

    /// Starts every mirror over with a consistent full list.
    pub fn relist(&self) {
        self.rollouts.relist();
        self.strategies.relist();
        self.approvals.relist();
    }

    /// The target has no run here any more.
    pub fn release(&self, target: Uid) {
        self.standings.forget(target);
        self.served.forget(target);
    }

    /// Nothing is known of any target: it is another term.
    pub fn forget(&self) {
        self.standings.clear();
    }

    /// Takes in what the objects say of the runs of which no plan of this process tells: see [`Served::sweep`].
    fn sweep(&self, leading: bool) {
        let mut own = self.rollouts.all();
        own.retain(|run| self.kind.is_of(run));
        self.served.sweep(&own, leading);
    }

    /// A run's object as it is by now.
    pub fn refresh(&self, rollout: &mut Rollout) {
        if let Some(newer) = self.rollouts.get(super::rollout::uid(&rollout.object)) {
            rollout.object = newer;
        }
    }

    /// What was decided on the waves of a run.
    pub fn approvals(&self, rollout: &Rollout) -> Vec<Decided> {
        approvals::decided(&self.approvals, &rollout.object)
    }

    /// A target, as events name it.
    pub fn subject(&self, namespace: &str, name: &str, uid: Uid) -> Subject {
        Subject {
            api_version: self.kind.api_version.to_owned(),
            kind: self.kind.kind.to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
            uid: uid.to_string(),
        }
    }

    pub(super) fn about(&self, target: Target<'_>) -> Subject {
        self.subject(target.namespace, target.name, target.uid)
    }

    pub(super) fn target_ref(&self, target: Target<'_>) -> TargetRef {
        TargetRef {
            api_version: self.kind.api_version.to_owned(),
            kind: self.kind.kind.to_owned(),
            name: target.name.to_owned(),
            uid: target.uid.to_string(),
        }
    }

    /// A run changed: by a user, or by our own writing, which is no hurry.
    fn on_run(&self, target: Option<Uid>) {
        let Some(target) = target else { return self.listed.notify_one() };
        if self.rollouts.of(&target).iter().all(|run| self.kind.is_of(run)) {
            self.queue.add_after(target, LATER);
        }
    }

    /// A RolloutStrategy came, changed or went: runs that wait for one look again.
    fn on_strategy(&self, named: Option<&str>) {
        let Some((namespace, _)) = named.and_then(|key| key.split_once('/')) else { return self.listed.notify_one() };
        for run in self.rollouts.all() {
            let waits = run.spec.strategy.is_none() && run.metadata.namespace.as_deref() == Some(namespace);
            if waits && self.kind.is_of(&run) {
                super::rollout::target(&run).into_iter().for_each(|target| self.queue.add_after(target, LATER));
            }
        }
    }

    /// Somebody decided on a wave of this run.
    fn on_approval(&self, run: Option<Uid>) {
        let Some(run) = run else { return self.listed.notify_one() };
        let own = self.rollouts.get(run).filter(|run| self.kind.is_of(run));
        own.and_then(|run| super::rollout::target(&run)).into_iter().for_each(|target| self.queue.add(target));
    }
}

/// The group of an `apiVersion`; the core group has no name.
fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_its_group_in_any_version() {
        for (api_version, kind, is) in [
            ("apps.openyurt.io/v1beta1", "YurtAppSet", true),
            ("apps.openyurt.io/v1alpha1", "YurtAppSet", true),
            ("apps/v1", "YurtAppSet", false),
            ("v1", "YurtAppSet", false),
            ("apps.openyurt.io/v1beta1", "NodePool", false),
        ] {
            assert_eq!(Kind::YURT_APP_SET.is(api_version, kind), is, "{api_version} {kind}");
        }
    }
}
