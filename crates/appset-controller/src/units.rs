//! Pools as the planner of rollouts sees them, and what it says of them.
//!
//! A pool is a unit: a node of its name that is Ready while one of the pool's own is, with one pod that stands for its workload. The
//! revision is the one that the workload's label names; a pool without a workload has a pod of the revision [`NONE`], which is
//! Ready, so that making a workload is a start like any other, and its failure a failure.
//!
//! Pools that cannot get the revision whatever the waves say (pinned, refused, their workload's name taken) are no units: they hold
//! nobody, and their own hold says why. Only a wave that has none but refused ones, or loses its last before one has settled, proves
//! nothing, and holds the later ones.

mod reach;
mod sightings;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use planner::fleet::{LossHistory, Name, Node, Phase, Pod, Readiness, Uid};
use planner::rollout::{self, Control, Decided, Facts, Progress, Refusal, Restart, Run, Target, Unit, UnitKind, View};
use planner::strategy::{PoolLabels, Strategy, Timing};

use crate::children::{Child, Member};
use crate::plan::{Hold, Outlook, Plan, Released};
use crate::pools::Pool;
pub use reach::Reach;
pub use sightings::Sightings;

/// The revision of a pool without a workload.
pub const NONE: &str = "none";

/// That of a workload that bears the newest one's name, but whose pods would restart if it were made what that is by now: somebody
/// changed the labels of its pool, and with them the tweaks about it. It waits for its turn as any other.
const OUTDATED: &str = "outdated";

/// What units are made from.
#[derive(Debug)]
pub struct Scene<'a> {
    /// Who is there.
    pub outlook: &'a Outlook<'a>,
    /// What would be done if every wave were open: a plan of the same snapshot with [`Released::Unbound`].
    pub unbound: &'a Plan,
    /// The newest revision.
    pub revision: &'a str,
    /// Who is reachable.
    pub reach: &'a Reach,
    /// Pools whose last write failed, with why, and when it is tried again.
    pub failing: &'a BTreeMap<String, (String, Timestamp)>,
    /// The time.
    pub now: Timestamp,
}

/// The pools of a YurtAppSet as units of a run.
#[derive(Debug)]
pub struct Units {
    revision: Name,
    pools: Vec<PoolUnit>,
    labels: Vec<PoolLabels>,
    /// A reason to start nothing, and when it came up.
    held: Option<rollout::Hold>,
    now: Timestamp,
}

/// One pool.
#[derive(Debug)]
pub(crate) struct PoolUnit {
    node: Node,
    pod: [Pod; 1],
    /// The revision that its workload's label names.
    label: Name,
    /// It can get the revision.
    eligible: bool,
    failing: Option<(String, Timestamp)>,
    /// Its workload is rolled out and available.
    complete: bool,
    /// When Drover last changed its workload.
    applied: Option<Timestamp>,
}

/// How a run is to go on, and what is known around it.
#[derive(Debug)]
pub struct Course<'a> {
    /// Its rules, as [`crate::budgets::rules`] reads them.
    pub strategy: &'a Strategy,
    /// The cluster's durations.
    pub timing: &'a Timing,
    /// What its user asks.
    pub control: Control,
    /// Since when the mirrors are complete, and when the one that was silent longest last showed something.
    pub view: View,
    /// A reason to start nothing.
    pub held: Option<rollout::Hold>,
    /// The decisions on its approval requests.
    pub approvals: &'a [Decided],
    /// How far its dependencies are, in the strategy's order.
    pub dependencies: &'a [Progress],
    /// The revision of the last Completed run of another revision.
    pub last_completed: Option<&'a Name>,
}

impl Units {
    /// The pools that are chosen, as they are now.
    pub fn of(scene: &Scene<'_>, sightings: &mut Sightings) -> Self {
        let Scene { outlook, unbound, revision, reach, failing, now } = scene;
        let chosen: Vec<&Pool> =
            outlook.selection.iter().flat_map(|selection| selection.pools.values().copied()).collect();
        let members = &outlook.family.members;
        let seen = chosen.iter().map(|pool| (*pool, members.get(pool.name.as_str()).map(|member| member.child)));
        sightings.look(*now, seen, revision, reach);
        let outdated = unbound.steps.iter().filter(|step| step.action.upgrades()).map(|step| step.pool.as_str());
        let outdated: BTreeSet<&str> = outdated.collect();
        let ruled_out =
            |pool: &Pool| unbound.holds.get(&pool.name).filter(|hold| unbound.current.is_some() && rules_out(hold));
        let unit = |pool: &&Pool| PoolUnit {
            eligible: ruled_out(pool).is_none(),
            failing: ruled_out(pool).map_or_else(|| failing.get(&pool.name).cloned(), refused),
            ..PoolUnit::of(pool, members.get(pool.name.as_str()), sightings, *now)
                .outdated(|unit| &*unit.label == *revision && outdated.contains(unit.name()))
        };
        Self {
            revision: Name::from(*revision),
            pools: chosen.iter().map(unit).collect(),
            labels: chosen.iter().map(|pool| labels(pool)).collect(),
            held: held(unbound, reach),
            now: *now,
        }
    }

    /// Plans the run. After each of its steps whose write was accepted, `run.activate` is due.
    pub fn plan(&self, course: &Course<'_>, run: Run) -> rollout::Plan {
        let Course { strategy, timing, control, view, held, approvals, dependencies, last_completed } = course;
        let units: Vec<Unit<'_>> = self.pools.iter().map(PoolUnit::as_unit).collect();
        let known: BTreeSet<&Name> = self.pools.iter().map(|unit| &unit.pod[0].revision).collect();
        let unknown_reach = matches!(self.held, Some(rollout::Hold::ReachUnknown { .. }));
        // Nobody succeeds or fails while it is not known who is there.
        let heard = if unknown_reach { view.heard.min(self.now - timing.watch_stale) } else { view.heard };
        rollout::plan(
            &rollout::Input {
                now: self.now,
                unit_kind: UnitKind::Pool,
                target: Target {
                    revision: self.revision.clone(),
                    observed: true,
                    // The newest revision is what the spec says, so that every other one is older.
                    known: known.into_iter().cloned().collect(),
                    // The first revision goes through waves like any other.
                    first: false,
                    // Kubernetes counts a pod as available after the workload's own minReadySeconds.
                    min_ready: SignedDuration::ZERO,
                },
                strategy,
                timing,
                control: control.clone(),
                units: &units,
                losses: &[],
                history: &LossHistory::default(),
                view: View { heard, ..*view },
                held: held.clone().or_else(|| self.held.clone()),
                facts: Facts {
                    pools: &self.labels,
                    approvals,
                    dependencies,
                    is_rollback: false,
                    last_completed: *last_completed,
                },
            },
            run,
        )
    }

    /// Which pools may get the newest revision: those whose workload has it, and those that the plan starts. Of all others it says
    /// why not.
    pub fn released(&self, plan: &rollout::Plan) -> Released {
        let started = plan.steps.iter().map(|step| step.pool.to_string());
        let current = self.pools.iter().filter(|unit| unit.is_current(&self.revision)).map(PoolUnit::name);
        let pools: BTreeSet<String> = started.chain(current.map(str::to_owned)).collect();
        let waits = plan.report.pools.iter().filter(|pool| !pools.contains(&*pool.pool));
        let waits = waits.filter_map(|pool| Some((pool.pool.to_string(), pool.holds.first()?.2.clone())));
        Released::These { waits: waits.collect(), pools }
    }

    /// The pools that got the revision since then, with when.
    pub(crate) fn begun_since(&self, at: Timestamp) -> impl Iterator<Item = (Restart, Timestamp)> + '_ {
        let begun = self.pools.iter().filter(|unit| unit.is_current(&self.revision));
        begun.filter_map(move |unit| Some((unit.as_step(), unit.applied.filter(|applied| *applied >= at)?)))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &PoolUnit> {
        self.pools.iter()
    }

    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) const fn revision(&self) -> &Name {
        &self.revision
    }
}

impl PoolUnit {
    fn of(pool: &Pool, member: Option<&Member<'_>>, sightings: &Sightings, now: Timestamp) -> Self {
        let name = Name::from(pool.name.as_str());
        let node = Node {
            name: name.clone(),
            uid: pool.uid,
            pool: name.clone(),
            labels: pool.labels().clone(),
            taints: [].into(),
            cordoned: false,
            link: sightings.link(pool, now),
        };
        let (pod, complete) = match member.map(|member| member.child) {
            None => (none(name, pool.uid, now), true),
            Some(child) => (workload(child, sightings, now), child.is_complete()),
        };
        let applied = member.and_then(|member| member.child.applied);
        let label = pod.revision.clone();
        Self { node, pod: [pod], label, eligible: true, failing: None, complete, applied }
    }

    /// The same, not of its revision if it is outdated.
    fn outdated(mut self, is_outdated: impl Fn(&Self) -> bool) -> Self {
        if is_outdated(&self) {
            self.pod[0].revision = OUTDATED.into();
        }
        self
    }

    fn as_unit(&self) -> Unit<'_> {
        let refused = self.failing.as_ref().map(|(why, retry)| Refusal { why, retry: *retry });
        Unit { node: &self.node, pods: &self.pod, eligible: self.eligible, claimed: false, refused }
    }

    fn as_step(&self) -> Restart {
        Restart {
            node: self.node.name.clone(),
            node_uid: self.node.uid,
            pool: self.node.pool.clone(),
            pod: self.pod[0].name.clone(),
            pod_uid: self.pod[0].uid,
            was_down: false,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.node.name
    }

    pub(crate) const fn uid(&self) -> Uid {
        self.node.uid
    }

    /// The revision that it was given last.
    pub(crate) const fn revision(&self) -> &Name {
        &self.label
    }

    fn is_current(&self, revision: &Name) -> bool {
        self.pod[0].revision == *revision
    }

    pub(crate) const fn is_reachable(&self) -> bool {
        self.node.link.ready_since().is_some()
    }

    pub(crate) const fn is_complete(&self) -> bool {
        self.complete
    }

    pub(crate) const fn applied(&self) -> Option<Timestamp> {
        self.applied
    }
}

/// A workload that there is none of: it is missed by nobody.
fn none(name: Name, uid: Uid, now: Timestamp) -> Pod {
    let ready = Some(Readiness { since: now, at_first_sight: true });
    Pod { name, uid, revision: NONE.into(), created: now, deleting: false, phase: Phase::Running, ready, trouble: None }
}

fn workload(child: &Child, sightings: &Sightings, now: Timestamp) -> Pod {
    let revision = sightings::revision(child);
    let sight = sightings.of(child);
    let created = child.applied.or_else(|| child.created.parse().ok()).unwrap_or(now);
    Pod {
        name: child.name.as_str().into(),
        uid: child.id,
        revision,
        // Since then it may be of its revision: what was so before the run's record, and is Ready, had settled.
        created,
        deleting: child.leaving,
        phase: if child.is_rolled_out() { Phase::Running } else { Phase::Pending },
        ready: sight.ready,
        trouble: sight.trouble,
    }
}

/// Whether a pool is out of the run whatever the waves say. A hold that ends by itself, or that a quorum read ends, is not one.
const fn rules_out(hold: &Hold) -> bool {
    match hold {
        Hold::Refused(_) | Hold::Pinned(_) | Hold::NameTaken(_) => true,
        Hold::OthersRefused { .. }
        | Hold::Unselectable(_)
        | Hold::Standing(_)
        | Hold::Returned(_)
        | Hold::Wave(_)
        | Hold::Leaving(_)
        | Hold::Unconfirmed
        | Hold::Deletions { .. }
        | Hold::Surplus { .. } => false,
    }
}

/// Why a pool that is out of the run cannot have the revision, unless that is its user's will; nobody knows until when.
fn refused(hold: &Hold) -> Option<(String, Timestamp)> {
    matches!(hold, Hold::Refused(_) | Hold::NameTaken(_)).then(|| (hold.to_string(), Timestamp::MAX))
}

/// Why nothing starts, whatever the run says.
fn held(unbound: &Plan, reach: &Reach) -> Option<rollout::Hold> {
    if unbound.current.is_none() {
        let refused = unbound.holds.iter().find(|(_, hold)| matches!(hold, Hold::Refused(_)));
        let first = refused.or_else(|| unbound.holds.iter().next());
        return first.map(|(pool, hold)| rollout::Hold::RevisionRefused { why: format!("in pool {pool}: {hold}") });
    }
    match reach {
        Reach::Status | Reach::Told(_) => None,
        Reach::Unknown(why) => Some(rollout::Hold::ReachUnknown { why: why.clone() }),
    }
}

fn labels(pool: &Pool) -> PoolLabels {
    PoolLabels { pool: pool.name.as_str().into(), labels: pool.labels().to_vec() }
}

#[cfg(test)]
mod tests;
