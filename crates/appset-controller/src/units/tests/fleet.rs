//! Units, planner and plan over a model of a cluster, a second at a time: what a controller does, without one.

mod cluster;

use std::collections::{BTreeMap, BTreeSet};

use api::names::app_set as names;
use jiff::{SignedDuration, Timestamp};
use planner::fleet::Name;
use planner::rollout::{Control, Report, Run, RunPhase, View};
use planner::strategy::Timing;
use serde_json::{Value, json};

use super::super::{Course, Reach, Scene, Sightings, Units};
use crate::budgets::{self, Rules};
use crate::children::Child;
use crate::plan::tests::world::World;
use crate::plan::{Hold, Plan, Read, Released, outlook};
use crate::pools::Pool;
use crate::returning::Returning;

/// So many seconds a workload may take.
const DEADLINE: i64 = 30;

/// A YurtAppSet that is upgraded by runs.
pub(super) struct Fleet {
    pub(super) world: World,
    pub(super) control: Control,
    pub(super) last_completed: Option<String>,
    pub(super) returning: Returning,
    /// Pools went back since the last release.
    pub(super) went_back: bool,
    /// `TopologyService` says nothing.
    pub(super) silent: bool,
    rules: Rules,
    timing: Timing,
    run: Run,
    /// When that began.
    began: Timestamp,
    sightings: Sightings,
    revision: Option<String>,
    report: Option<Report>,
    plan: Plan,
    /// Pools in which what is new fails.
    failing: BTreeSet<String>,
    dark: BTreeSet<String>,
    /// Pools whose writes the API server refuses.
    refusing: BTreeSet<String>,
    /// What it refused, and until when that is not tried again.
    refused: BTreeMap<String, (String, Timestamp)>,
    /// Workloads that are being rolled out, since when, by pool.
    changing: BTreeMap<String, Timestamp>,
    /// How often pods of each workload had been replaced when the last release came.
    restarts: BTreeMap<String, u32>,
    /// A process ended that had made the run at this time, and had told nothing of it.
    untold: Option<Timestamp>,
}

impl Fleet {
    pub(super) fn new(pools: &[&str], strategy: Option<Value>) -> Self {
        let second = SignedDuration::from_secs;
        let timing = Timing {
            reachable_after: second(0),
            node_monitor_grace: second(0),
            settle_margin: second(0),
            brake: second(10),
            failed_after: second(2),
            ..Timing::default()
        };
        let mut fleet = Self {
            world: World::new(pools),
            control: Control::default(),
            last_completed: None,
            returning: Returning::default(),
            went_back: false,
            silent: false,
            rules: budgets::rules(&budgets::implied()).unwrap(),
            timing,
            run: Run::begin(None),
            began: Timestamp::UNIX_EPOCH,
            sightings: Sightings::default(),
            revision: None,
            report: None,
            plan: Plan::default(),
            failing: BTreeSet::new(),
            dark: BTreeSet::new(),
            refusing: BTreeSet::new(),
            refused: BTreeMap::new(),
            changing: BTreeMap::new(),
            restarts: BTreeMap::new(),
            untold: None,
        };
        if let Some(strategy) = strategy {
            fleet.follow(strategy);
        }
        fleet
    }

    /// A fleet whose first revision is everywhere.
    pub(super) fn completed(pools: &[&str], strategy: Option<Value>) -> Self {
        let mut fleet = Self::new(pools, strategy);
        fleet.until(Self::is_completed);
        fleet
    }

    /// Goes on by another strategy.
    pub(super) fn follow(&mut self, mut strategy: Value) {
        strategy["unit"]["progressDeadlineSeconds"] = DEADLINE.into();
        self.rules = budgets::rules(&serde_json::from_value(strategy).unwrap()).unwrap();
    }

    /// The user changes the image.
    pub(super) fn release(&mut self, image: &str) {
        let names: Vec<_> = self.world.pools.iter().map(|pool| pool.name.clone()).collect();
        let tweak = json!({"containerImages": [{"name": "web", "targetImage": image}]});
        self.world.tweak(json!([{"pools": names, "tweaks": tweak}]));
        self.restarts.clone_from(&self.world.restarts);
        self.refused.clear();
        self.went_back = false;
    }

    /// What is new fails in these pools from now on, and in no others; there it is well after a while.
    pub(super) fn fail(&mut self, pools: &[&str]) {
        self.failing = pools.iter().map(|pool| (*pool).to_owned()).collect();
        for pool in self.under_change() {
            self.changing.insert(pool, self.world.now);
        }
    }

    /// No pod of a pool's workload is available any more.
    pub(super) fn break_down(&mut self, pool: &str) {
        self.world.workload(pool)["status"]["availableReplicas"] = 0.into();
    }

    /// These pools, and no others, have no Ready node.
    pub(super) fn dark(&mut self, pools: &[&str]) {
        self.dark = pools.iter().map(|pool| (*pool).to_owned()).collect();
        for pool in &mut self.world.pools {
            let ready = i64::from(!self.dark.contains(&pool.name));
            *pool = pool.clone().seen(pool.uid, Some(ready));
        }
    }

    /// Somebody deletes the workloads of these pools.
    pub(super) fn delete(&mut self, pools: &[&str]) {
        for pool in pools {
            self.changing.remove(*pool);
            self.world.remove(pool);
        }
    }

    /// These pools get these labels, and no others.
    pub(super) fn relabel<const N: usize>(&mut self, pools: &[&str], labels: [(&str, &str); N]) {
        for pool in self.world.pools.iter_mut().filter(|pool| pools.contains(&&*pool.name)) {
            *pool = Pool::new(&pool.name, labels).seen(pool.uid, Some(i64::from(pool.reachable)));
        }
    }

    pub(super) fn add(&mut self, pool: &str) {
        self.world.pools.push(Pool::new(pool, []));
        self.world.set.spec.pools.push(pool.to_owned());
    }

    /// The API server refuses to write the workloads of these pools, and of no others.
    pub(super) fn refuse(&mut self, pools: &[&str]) {
        self.refusing = pools.iter().map(|pool| (*pool).to_owned()).collect();
    }

    /// The YurtAppSet is to be in these pools, and in no others.
    pub(super) fn choose(&mut self, pools: &[&str]) {
        self.world.choose(pools);
        self.world.set.metadata.generation = self.world.set.metadata.generation.map(|generation| generation + 1);
    }

    pub(super) fn pin(&mut self, pins: &Value) {
        self.world.set.metadata.annotations = Some([(names::PINNED.to_owned(), pins.to_string())].into());
    }

    /// The process ends and another one begins.
    pub(super) fn restart(&mut self) {
        self.run = Run::restore(&self.run.record(self.world.now));
        self.sightings = Sightings::default();
        self.world.known = crate::plan::Known::default();
        self.world.last_seen = crate::plan::LastSeen::default();
    }

    /// The process ends before the first status of the run that it made at this time.
    pub(super) fn restart_untold(&mut self, made: Timestamp) {
        self.run = Run::begin(None);
        self.sightings = Sightings::default();
        self.untold = Some(made);
    }

    /// A second passes, and everything is looked at once.
    pub(super) fn tick(&mut self) {
        self.world.now += SignedDuration::from_secs(1);
        self.kubernetes();
        self.world.max_unavailable = self.rules.max_unavailable;
        (self.world.released, self.world.returns) = (Released::Unbound, BTreeMap::new());
        let unbound = self.look();
        let Some(current) = unbound.current.clone() else {
            self.plan = unbound;
            return;
        };
        if self.revision.as_ref() != Some(&current.name) {
            self.run = Run::begin(self.revision.is_some().then_some(&self.run));
            self.began = self.world.now;
            self.control.resume_token.clear();
            self.revision = Some(current.name.clone());
        }
        let units = self.units(&unbound, &current.name);
        if let Some(made) = self.untold.take() {
            units.begun_since(made).for_each(|(step, at)| self.run.activate(&step, at));
        }
        let completed = self.last_completed.as_deref().map(Name::from);
        let course = Course {
            strategy: &self.rules.strategy,
            timing: &self.timing,
            control: self.control.clone(),
            view: View { since: self.world.now - SignedDuration::from_hours(1), heard: self.world.now },
            held: None,
            approvals: &[],
            dependencies: &[],
            last_completed: completed.as_ref(),
        };
        let planned = units.plan(&course, std::mem::take(&mut self.run));
        self.run = planned.run.clone();
        self.returning = Returning::of(&units, &planned, &self.run, &self.rules.strategy, self.began);
        self.went_back |= !self.returning.pools.is_empty();
        (self.world.released, self.world.returns) = (units.released(&planned), self.returning.pools.clone());
        let plan = self.look();
        self.carry_out(&plan, &planned);
        (self.plan, self.report) = (plan, Some(planned.report));
    }

    pub(super) fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..1_000 {
            self.tick();
            if is_so(self) {
                return;
            }
        }
        panic!("it never is so: {:#?} {:#?}", self.report(), self.plan.holds);
    }

    pub(super) fn is_completed(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report.phase == RunPhase::Completed)
            && self.revision == self.plan.current.as_ref().map(|current| current.name.clone())
    }

    pub(super) fn report(&self) -> &Report {
        self.report.as_ref().unwrap()
    }

    pub(super) fn run(&self) -> &Run {
        &self.run
    }

    pub(super) const fn holds(&self) -> &BTreeMap<String, Hold> {
        &self.plan.holds
    }

    pub(super) fn hold(&self, pool: &str) -> Option<String> {
        self.holds().get(pool).map(ToString::to_string)
    }

    pub(super) fn newest(&self) -> String {
        self.revision.clone().unwrap()
    }

    pub(super) const fn writes(&self) -> u32 {
        self.world.writes
    }

    pub(super) fn specs(&self) -> BTreeMap<String, Value> {
        self.world.specs()
    }

    /// Pools whose workload has the newest revision, by name.
    pub(super) fn of_newest(&self) -> Vec<&str> {
        let newest = self.revision.as_deref();
        let labels = self.world.workloads.values().map(|object| &object["metadata"]["labels"]);
        let mut of: Vec<_> = labels
            .filter(|labels| labels[names::REVISION].as_str() == newest)
            .filter_map(|labels| labels[names::POOL_NAME].as_str())
            .collect();
        of.sort_unstable();
        of
    }

    /// Pools whose workload is not rolled out.
    pub(super) fn under_change(&self) -> Vec<String> {
        let of = |child: &Child| (!child.is_complete()).then(|| child.pool().unwrap_or_default().to_owned());
        self.world.children().iter().filter_map(of).collect()
    }

    /// Whether a pool is under change for so short that nobody can know yet how it ends.
    pub(super) fn is_changing(&self, pool: &str) -> bool {
        let since = self.changing.get(pool).map(|since| self.world.now.duration_since(*since));
        self.is_lit(pool) && since.is_some_and(|since| since < SignedDuration::from_secs(cluster::ROLLOUT))
    }

    pub(super) fn is_lit(&self, pool: &str) -> bool {
        !self.dark.contains(pool)
    }

    /// The revision of each pool's workload.
    pub(super) fn revisions(&self) -> BTreeMap<String, String> {
        let of = |child: &Child| Some((child.pool()?.to_owned(), child.revision.as_deref()?.to_owned()));
        self.world.children().iter().filter_map(of).collect()
    }

    /// How often pods of a pool were replaced since the last release.
    pub(super) fn restarts_since_release(&self) -> BTreeMap<String, u32> {
        let count = |counts: &BTreeMap<String, u32>, child: &Child| counts.get(&child.name).copied().unwrap_or(0);
        let since = |child: &Child| {
            let since = count(&self.world.restarts, child) - count(&self.restarts, child);
            (since > 0).then(|| (child.pool().unwrap_or_default().to_owned(), since))
        };
        self.world.children().iter().filter_map(since).collect()
    }

    fn look(&mut self) -> Plan {
        let plan = self.world.plan(Read::Quorum);
        self.world.note(&plan);
        plan
    }

    fn units(&mut self, unbound: &Plan, revision: &str) -> Units {
        let reach = if self.silent { Reach::Unknown("nobody says".to_owned()) } else { Reach::Status };
        let children = self.world.children();
        let outlook = outlook(&self.world.set, &self.world.pools, &children.iter().collect::<Vec<_>>());
        let (failing, now) = (&self.refused, self.world.now);
        let scene = Scene { outlook: &outlook, unbound, revision, reach: &reach, failing, now };
        Units::of(&scene, &mut self.sightings)
    }
}
