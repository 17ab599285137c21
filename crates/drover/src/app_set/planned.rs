//! The planner, run on a YurtAppSet's snapshot: what appset-controller would decide of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use api::fleet_rollout::FleetRollout;
use api::names::app_set::REVISION;
use api::names::condition;
use appset_controller::budgets::{self, Rules};
use appset_controller::plan::{self as writes, Input, Known, LastSeen, OnRefusal, Pace, Read, Released, Standing};
use appset_controller::render::Owner;
use appset_controller::revisions::{self, Record};
use appset_controller::units::{Course, Reach, Scene, Sightings, Units};
use jiff::SignedDuration;
use planner::rollout::{Control, Decided, Hold, Plan, Run, View};
use planner::strategy::{Amount, Strategy, Timing};

use super::{AppSet, Workload};
use crate::eta;
use crate::reach::Cluster;
use crate::snapshot::{Freshness, PlannedError, ask, decisions};

/// What a YurtAppSet's run is planned to be.
#[derive(Debug)]
pub struct PlannedSet {
    /// What the planner says.
    pub plan: Plan,
    /// By these rules.
    pub strategy: Strategy,
    /// What would be written if every wave were open, and what holds pools besides the run.
    pub writes: writes::Plan,
}

impl AppSet {
    /// Whether a run is that of the newest spec.
    pub fn is_newest(&self, run: &FleetRollout) -> bool {
        let owner = Owner::of(&self.set);
        let collisions = self.set.status.as_ref().and_then(|status| status.collision_count).unwrap_or(0);
        let number = run.spec.revision.number;
        let current = revisions::current(&owner, &self.set.spec.workload.0, collisions, &self.history, number);
        current.record == Record::Kept && current.name == run.spec.revision.name
    }

    /// Asks about everything that this strategy waits for.
    pub async fn ask_dependencies(&mut self, cluster: &Cluster, rules: &Strategy, timing: &Timing, how: Freshness) {
        self.dependencies = Box::pin(ask(cluster, &self.namespace(), rules, timing, how)).await;
    }

    /// The rules of a run: its own snapshot.
    pub fn rules_of(run: &FleetRollout) -> Result<Rules, PlannedError> {
        let name = run.spec.strategy_name.clone();
        let given = run.spec.strategy.as_ref().ok_or(PlannedError::NoStrategy { name })?;
        Ok(budgets::rules(given)?)
    }

    /// What the service would do next in a run: its memory is that of the run's status.
    pub fn plan_run(&self, run: &FleetRollout, timing: &Timing) -> Result<PlannedSet, PlannedError> {
        let Rules { strategy, max_unavailable } = Self::rules_of(run)?;
        // Whether one pool's refusal holds all is the service's configuration: that there is a run says that it does not.
        let holds = run.status.iter().flat_map(|status| &status.conditions).any(|known| {
            known.type_ == condition::HELD && known.reason == Hold::RevisionRefused { why: String::new() }.kind()
        });
        let on_refusal = if holds { OnRefusal::HoldAll } else { OnRefusal::HoldPools };
        // Of an older run's revision nobody asks any more whether it can be made.
        let writes = if self.is_newest(run) {
            // What a dry run said only the service knows; the statuses say it.
            self.plan_writes(on_refusal, self.bound(max_unavailable), &BTreeMap::new(), 0)
        } else {
            writes::Plan::default()
        };
        Ok(self.plan_next(run, strategy, writes, timing))
    }

    /// The same with what would be written.
    pub(super) fn plan_next(
        &self,
        run: &FleetRollout,
        strategy: Strategy,
        writes: writes::Plan,
        timing: &Timing,
    ) -> PlannedSet {
        let record = run.status.as_ref().and_then(|status| status.record.as_ref());
        let memory = record.map_or_else(|| Run::begin(None), Run::restore);
        let (timing, decided) = (unsighted(timing), decisions(&self.approvals, run));
        let course = self.course(&strategy, &timing, run.spec.control(), &decided);
        let plan = self.conduct(&run.spec.revision.name, &writes, &course, memory);
        PlannedSet { plan, strategy, writes }
    }

    /// How a run goes on, as far as objects tell.
    pub(super) fn course<'a>(
        &'a self,
        strategy: &'a Strategy,
        timing: &'a Timing,
        control: Control,
        approvals: &'a [Decided],
    ) -> Course<'a> {
        Course {
            strategy,
            timing,
            control,
            view: self.view(),
            held: None,
            approvals,
            dependencies: &self.dependencies,
            last_completed: None,
        }
    }

    /// What would be written if every wave were open. The number of the newest revision is above `floor`.
    pub(super) fn plan_writes(
        &self,
        on_refusal: OnRefusal,
        max_unavailable: Option<Amount>,
        refused: &BTreeMap<String, String>,
        floor: i64,
    ) -> writes::Plan {
        writes::plan(&Input {
            set: &self.set,
            pools: &self.pools,
            read: Read::Quorum,
            children: &self.children(),
            history: &self.history,
            floor,
            standing: Standing::Acting,
            released: Released::Unbound,
            returns: &BTreeMap::new(),
            last_completed: None,
            max_unavailable,
            refused,
            on_refusal,
            taken: &BTreeSet::new(),
            occupied: &BTreeSet::new(),
            known: &Known::default(),
            last_seen: &LastSeen::default(),
            stubborn: &HashMap::new(),
            pace: Pace { percent: 100, recent: &[], failed: &[] },
            now: self.at,
        })
    }

    /// A bound of rolling updates, where it is kept: of a StatefulSet the API server may forget it.
    pub(super) fn bound(&self, given: Option<Amount>) -> Option<Amount> {
        let is_stateful = self.set.spec.workload.0.pointer("/workloadTemplate/statefulSetTemplate").is_some();
        let keeps = |spec: serde_json::Value| spec.pointer("/updateStrategy/rollingUpdate/maxUnavailable").is_some();
        given.filter(|_| !is_stateful || self.workloads.iter().any(|known| keeps(known.child.spec.value())))
    }

    /// Plans a run of this revision.
    pub(super) fn conduct(&self, revision: &str, writes: &writes::Plan, course: &Course<'_>, memory: Run) -> Plan {
        let children = self.children();
        let scene = Scene {
            outlook: &self.outlook(&children),
            unbound: writes,
            revision,
            // What appset-controller may have heard from TopologyService only it knows.
            reach: &Reach::Status,
            failing: &BTreeMap::new(),
            now: self.at,
        };
        Units::of(&scene, &mut Sightings::default()).plan(course, memory)
    }

    /// How fast the run goes from pool to pool; `None` without pools that are to be updated.
    pub(crate) fn pace(&self, run: &FleetRollout, planned: &PlannedSet) -> Option<eta::Pace> {
        let counts = &planned.plan.report.counts;
        let of_run = |known: &&Workload| known.child.labels.get(REVISION) == Some(&run.spec.revision.name);
        let mine = || self.workloads.iter().filter(of_run);
        let mut took: Vec<Duration> = mine().filter_map(Workload::took).collect();
        took.sort_unstable();
        let settle = took.get(took.len() / 2).copied()?;
        let unsettled = counts.updated.saturating_sub(counts.settled + counts.failed).min(counts.undone);
        Some(eta::Pace {
            restarts: mine().filter_map(|known| known.child.applied).collect(),
            left: (counts.undone - unsettled) as usize,
            unsettled: unsettled as usize,
            settle,
            soak: Duration::ZERO,
        })
    }

    /// Who is reachable is told by the objects: the view is as old as it needs to be.
    fn view(&self) -> View {
        View { since: self.at - SignedDuration::from_hours(24), heard: self.at }
    }
}

/// Who looks only once waits for no sighting to stand: a pool is reachable when it is, and has settled when it is complete, unless
/// the run's record says that it is under way.
pub(super) fn unsighted(timing: &Timing) -> Timing {
    let zero = SignedDuration::ZERO;
    Timing { reachable_after: zero, node_monitor_grace: zero, settle_margin: zero, ..timing.clone() }
}
