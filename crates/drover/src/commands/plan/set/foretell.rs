//! Makes of what appset-controller and the planner decide what a user is told.

use std::collections::{BTreeMap, HashMap};

use api::fleet_rollout::strategy::Strategy;
use api::fleet_rollout::{FleetRollout, WaveState};
use appset_controller::plan::{Action, Hold};
use appset_controller::revisions::Record;
use planner::rollout::{self, Plan, UnitKind};

use super::super::words;
use super::change::{Change, What};
use super::model::{DryRuns, Fate, Gone, Pool, Replicas, Revision, RevisionState, SetPlan, Wave, Why};
use super::trials::Tried;
use crate::app_set::{AppSet, PlannedSet};

/// What is known of a change.
pub(super) struct Known<'a> {
    /// The cluster as it would be with the YurtAppSet.
    pub(super) app_set: &'a AppSet,
    /// The change.
    pub(super) change: &'a Change,
    /// What is decided about it.
    pub(super) planned: &'a PlannedSet,
    /// The strategy of the run.
    pub(super) strategy: &'a Strategy,
    /// Whose that is.
    pub(super) rules: String,
    /// The YurtAppSet's newest run.
    pub(super) last: Option<&'a FleetRollout>,
    /// The file of a strategy was named, though the run that goes on keeps its own.
    pub(super) needless: bool,
    /// What the API server said.
    pub(super) tried: &'a Tried,
}

impl Known<'_> {
    /// All of it.
    pub(super) fn foretell(&self) -> SetPlan {
        let plan = &self.planned.plan;
        let (refused, apart) = self.apart();
        let revision = self.revision();
        // Of what is not made there is no run.
        let run = revision.is_some().then_some(plan);
        let pools = self.pools(run);
        let waits = run.into_iter().flat_map(|plan| words::waiting(&plan.report, UnitKind::Pool));
        SetPlan {
            namespace: self.app_set.set.metadata.namespace.clone().unwrap_or_default(),
            name: self.app_set.set.metadata.name.clone().unwrap_or_default(),
            subject: self.subject(),
            rules: self.rules.clone(),
            limits: run.map(|plan| self.limits(plan)).unwrap_or_default(),
            waves: run.map(|plan| self.waves(plan)).unwrap_or_default(),
            deleted: self.deleted(),
            first: run.iter().flat_map(|plan| &plan.steps).map(|step| step.pool.to_string()).collect(),
            hold: run
                .filter(|plan| plan.steps.is_empty() && pools.iter().any(Pool::is_to_be_written))
                .map(|plan| words::nothing_starts(plan.report.hold.as_ref(), UnitKind::Pool)),
            waits: waits
                .map(|waiting| Why {
                    kind: waiting.kind,
                    sentence: waiting.sentence,
                    pools: waiting.units.into_iter().map(str::to_owned).collect(),
                })
                .collect(),
            apart,
            refused,
            dry_runs: DryRuns { answered: self.tried.answered, unanswered: self.tried.unanswered.clone() },
            warnings: self.warnings(run, revision.as_ref()),
            pools,
            revision,
        }
    }

    fn subject(&self) -> &'static str {
        match (self.change.what, &self.change.present) {
            (What::AnyTemplate, _) => "A new pod template",
            (What::Manifest, Some(_)) => "The changed YurtAppSet",
            (What::Manifest, None) => "The new YurtAppSet",
        }
    }

    fn revision(&self) -> Option<Revision> {
        let current = self.planned.writes.current.as_ref()?;
        let known = || self.app_set.history.iter().find(|known| known.name == current.name);
        let (state, number) = match &current.record {
            Record::Kept => (RevisionState::Kept, known().map_or(0, |known| known.number)),
            Record::Raise { to, .. } => (RevisionState::Again, *to),
            Record::Make { number, .. } => (RevisionState::New, *number),
        };
        Some(Revision { name: current.name.clone(), number, state })
    }

    fn pools(&self, run: Option<&Plan>) -> Vec<Pool> {
        let writes = &self.planned.writes;
        let workloads = self.app_set.by_pool();
        let actions: HashMap<&str, &Action> = writes
            .steps
            .iter()
            .filter(|step| !matches!(step.action, Action::Delete { .. }))
            .map(|step| (step.pool.as_str(), &step.action))
            .collect();
        let units: HashMap<&str, &rollout::Hold> =
            run.iter().flat_map(|plan| &plan.report.units).map(|(pool, hold)| (pool.as_ref(), hold)).collect();
        let waves: HashMap<&str, &str> = run
            .iter()
            .flat_map(|plan| &plan.report.pools)
            .filter(|pool| pool.counts.desired > 0)
            .map(|pool| (pool.pool.as_ref(), pool.wave.as_ref()))
            .collect();
        let pool = |name: &&str| {
            let action = actions.get(name).copied();
            let own = writes.holds.get(*name).map(ToString::to_string);
            let held = units.get(name).map(|hold| hold.sentence(UnitKind::Pool));
            Pool {
                name: (*name).to_owned(),
                wave: waves.get(name).map(|wave| (*wave).to_owned()),
                fate: fate(action),
                replicas: action.map(|action| Replicas {
                    now: workloads.get(name).map(|workload| workload.child.replicas()),
                    then: replicas(action),
                }),
                hold: own.or(held),
            }
        };
        let children = self.app_set.children();
        let outlook = self.app_set.outlook(&children);
        let mut names: Vec<&str> =
            outlook.selection.iter().flat_map(|selection| selection.pools.keys().copied()).collect();
        if outlook.selection.is_err() {
            names.extend(writes.holds.keys().map(String::as_str));
        }
        names.iter().map(pool).collect()
    }

    /// Pools that are held whatever their wave: those in which somebody has to do something, and others.
    fn apart(&self) -> (Vec<Why>, Vec<Why>) {
        let mut known: BTreeMap<(bool, &'static str, String), Vec<String>> = BTreeMap::new();
        let mut note = |hold: &Hold, sentence: String, pool: Option<&String>| {
            known.entry((hold.is_error(), hold.kind(), sentence)).or_default().extend(pool.cloned());
        };
        let children = self.app_set.children();
        if let Err(why) = self.app_set.outlook(&children).selection {
            let hold = Hold::Unselectable(why);
            note(&hold, hold.to_string(), None);
        }
        for (pool, hold) in &self.planned.writes.holds {
            note(hold, hold.to_string(), Some(pool));
        }
        for (name, hold) in &self.planned.writes.spared {
            note(hold, format!("workload {name} {hold}"), None);
        }
        let (mut refused, mut apart) = (Vec::new(), Vec::new());
        if self.app_set.set.metadata.deletion_timestamp.is_some() {
            refused.push(Why { kind: "leaving", sentence: "it is being deleted".to_owned(), pools: Vec::new() });
        }
        for ((is_error, kind, sentence), pools) in known {
            let list = if is_error { &mut refused } else { &mut apart };
            list.push(Why { kind, sentence, pools });
        }
        (refused, apart)
    }

    fn deleted(&self) -> Vec<Gone> {
        let steps = self.planned.writes.steps.iter();
        steps
            .filter_map(|step| match &step.action {
                Action::Delete { kind, name, .. } => {
                    Some(Gone { kind: kind.as_str(), name: name.clone(), pool: step.pool.clone() })
                }
                Action::Create { .. } | Action::Apply { .. } => None,
            })
            .collect()
    }

    fn waves(&self, plan: &Plan) -> Vec<Wave> {
        let wave = |(at, wave): (usize, &rollout::WaveReport)| Wave {
            name: wave.name.to_string(),
            state: match wave.state {
                rollout::WaveState::Waiting => WaveState::Waiting,
                rollout::WaveState::Open => WaveState::Open,
                rollout::WaveState::Succeeded => WaveState::Succeeded,
            },
            pools: wave.counts.desired,
            offline: wave.counts.offline,
            conditions: self
                .strategy
                .waves
                .get(at)
                .map(|rules| words::conditions(rules, self.strategy))
                .unwrap_or_default(),
        };
        plan.report.waves.iter().enumerate().map(wave).collect()
    }
}

fn fate(action: Option<&Action>) -> Fate {
    match action {
        Some(Action::Create { .. }) => Fate::Made,
        Some(Action::Apply { restarts: true, .. }) => Fate::Restarted,
        Some(Action::Apply { restarts: false, .. }) => Fate::Changed,
        Some(Action::Delete { .. }) | None => Fate::Left,
    }
}

/// How many pods it asks for, if it says so.
fn replicas(action: &Action) -> Option<i64> {
    match action {
        Action::Create { body } | Action::Apply { body, .. } => body.value()["spec"]["replicas"].as_i64(),
        Action::Delete { .. } => None,
    }
}
