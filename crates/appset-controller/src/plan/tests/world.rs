//! A model of a cluster as far as plans see it: an API server with server-side apply by one manager beside others, and controllers that
//! roll out at once whatever they are given.

use std::collections::HashMap;

use api::names::app_set::WorkloadKind;

use super::*;
use crate::render::tests::{deployment, workload};
use crate::revisions::Revision;
use crate::status::{Failures, status};

/// A cluster.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) set: YurtAppSet,
    pub(crate) pools: Vec<Pool>,
    /// By name.
    pub(crate) workloads: BTreeMap<String, Value>,
    pub(crate) history: Vec<Revision>,
    pub(crate) floor: i64,
    pub(crate) standing: Standing,
    pub(crate) released: Released,
    pub(crate) returns: BTreeMap<String, String>,
    /// Names that are known to be taken.
    pub(crate) occupied: BTreeSet<String>,
    /// What the last plan found, as far as anybody notes it.
    pub(crate) known: Known,
    pub(crate) last_seen: LastSeen,
    /// What was tried with a dry run.
    pub(crate) taken: BTreeSet<Vec<usize>>,
    pub(crate) max_unavailable: Option<planner::strategy::Amount>,
    pub(crate) on_refusal: OnRefusal,
    pub(crate) stubborn: HashMap<String, BTreeSet<crate::drift::Difference>>,
    pub(crate) deleted: Vec<Timestamp>,
    /// Workloads that somebody does not let be deleted, and whose deletion was tried.
    pub(crate) undeleted: Vec<String>,
    pub(crate) percent: u32,
    pub(crate) now: Timestamp,
    /// How many times pods of a workload were replaced, by its name.
    pub(crate) restarts: BTreeMap<String, u32>,
    pub(crate) writes: u32,
    made: u32,
}

impl World {
    /// A YurtAppSet in these pools, without tweaks.
    pub(crate) fn new(pools: &[&str]) -> Self {
        let mut world = Self {
            set: YurtAppSet::new("edge", "web", serde_json::from_value(json!({"pools": pools})).unwrap()),
            pools: pools.iter().map(|name| Pool::new(name, [])).collect(),
            workloads: BTreeMap::new(),
            history: Vec::new(),
            floor: 0,
            standing: Standing::Acting,
            released: Released::All,
            returns: BTreeMap::new(),
            occupied: BTreeSet::new(),
            known: Known::default(),
            last_seen: LastSeen::default(),
            taken: BTreeSet::new(),
            max_unavailable: None,
            on_refusal: OnRefusal::HoldAll,
            stubborn: HashMap::new(),
            deleted: Vec::new(),
            undeleted: Vec::new(),
            percent: 10,
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            restarts: BTreeMap::new(),
            writes: 0,
            made: 0,
        };
        world.set.metadata.uid = Some(crate::render::tests::owner().uid);
        world.set.metadata.generation = Some(0);
        world.tweak(json!([]));
        world
    }

    /// The user writes other tweaks.
    pub(crate) fn tweak(&mut self, tweaks: Value) {
        self.ask(workload(deployment(), tweaks));
    }

    /// The user writes another workload.
    pub(crate) fn ask(&mut self, workload: Value) {
        self.set.spec.workload.0 = workload;
        self.set.metadata.generation = self.set.metadata.generation.map(|generation| generation + 1);
    }

    /// The user chooses other pools.
    pub(crate) fn choose(&mut self, pools: &[&str]) {
        self.set.spec.pools = pools.iter().map(|pool| (*pool).to_owned()).collect();
    }

    pub(crate) fn children(&self) -> Vec<Child> {
        self.workloads.values().map(|object| Child::read(WorkloadKind::Deployment, object)).collect()
    }

    /// A plan of what is there, or of what a mirror shows.
    pub(crate) fn plan(&self, read: Read) -> Plan {
        self.plan_of(&self.pools, &self.children(), read)
    }

    pub(crate) fn plan_of(&self, pools: &[Pool], children: &[Child], read: Read) -> Plan {
        let children: Vec<_> = children.iter().collect();
        plan(&Input {
            set: &self.set,
            pools,
            read,
            children: &children,
            history: &self.history,
            floor: self.floor,
            standing: self.standing.clone(),
            released: self.released.clone(),
            returns: &self.returns,
            last_completed: None,
            max_unavailable: self.max_unavailable,
            taken: &self.taken,
            occupied: &self.occupied,
            known: &self.known,
            last_seen: &self.last_seen,
            refused: &BTreeMap::new(),
            on_refusal: self.on_refusal,
            stubborn: &self.stubborn,
            pace: Pace { percent: self.percent, recent: &self.deleted, failed: &self.undeleted },
            now: self.now,
        })
    }

    /// Carries out a plan, or the first writes of it.
    pub(crate) fn carry_out(&mut self, plan: &Plan, at_most: usize) {
        self.write(plan, at_most);
        let children = self.children();
        self.last_seen.look(&outlook(&self.set, &self.pools, &children.iter().collect::<Vec<_>>()));
    }

    fn write(&mut self, plan: &Plan, at_most: usize) {
        let mut left = at_most;
        let mut next = || {
            let goes = left > 0;
            left = left.saturating_sub(1);
            goes
        };
        if let Some(current) = plan.current.as_ref().filter(|current| current.record != Record::Kept) {
            if !next() {
                return;
            }
            self.record(current);
        }
        for step in &plan.steps {
            if !next() {
                return;
            }
            self.step(&step.action);
        }
        for uid in &plan.retired {
            if !next() {
                return;
            }
            self.writes += 1;
            self.history.retain(|revision| revision.uid != *uid);
        }
    }

    /// Plans and carries out until nothing is left to do, a minute for each round.
    pub(crate) fn settle(&mut self) -> Plan {
        for _ in 0..100 {
            let mut plan = self.plan(Read::Mirror);
            if plan.confirm {
                plan = self.plan(Read::Quorum);
            }
            self.note(&plan);
            self.carry_out(&plan, usize::MAX);
            let said = self.say(&plan, &Failures::default());
            self.one_each();
            if !plan.writes() && !said && plan.revisit.is_none() {
                return plan;
            }
            self.now += jiff::SignedDuration::from_secs(61);
        }
        panic!("it never comes to rest: {:#?}", self.plan(Read::Quorum));
    }

    /// Remembers what a plan found, for the next one.
    pub(crate) fn note(&mut self, plan: &Plan) {
        self.known = plan.known.clone();
        self.taken.extend(plan.trials.keys().cloned());
    }

    /// Writes the status; whether it had to be written.
    pub(crate) fn say(&mut self, plan: &Plan, failures: &Failures) -> bool {
        let children = self.children();
        let outlook = outlook(&self.set, &self.pools, &children.iter().collect::<Vec<_>>());
        let said = Some(status(&self.set, &outlook, plan, failures, self.now));
        let changed = said != self.set.status;
        self.set.status = said;
        changed
    }

    /// The workloads by pool: name and spec.
    pub(crate) fn specs(&self) -> BTreeMap<String, Value> {
        let pool = |object: &Value| object["metadata"]["labels"][names::POOL_NAME].as_str().unwrap().to_owned();
        self.workloads.values().map(|object| (pool(object), object["spec"].clone())).collect()
    }

    pub(crate) fn workload(&mut self, pool: &str) -> &mut Value {
        let of = |object: &&mut Value| object["metadata"]["labels"][names::POOL_NAME] == pool;
        self.workloads.values_mut().find(of).unwrap()
    }

    /// Somebody deletes the workload of a pool.
    pub(crate) fn remove(&mut self, pool: &str) {
        self.workloads.retain(|_, object| object["metadata"]["labels"][names::POOL_NAME] != pool);
    }

    /// Puts in a workload as somebody else made it.
    pub(crate) fn put(&mut self, mut object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        roll_out(&mut object);
        self.workloads.insert(name, object);
    }

    /// One workload per pool, at every moment.
    fn one_each(&self) {
        let children = self.children();
        let own = children.iter().filter(|child| child.controller.is_some());
        let pools: Vec<_> = own.filter_map(Child::pool).collect();
        assert_eq!(pools.iter().collect::<BTreeSet<_>>().len(), pools.len(), "{pools:?}");
    }

    fn record(&mut self, current: &Current) {
        self.writes += 1;
        self.made += 1;
        if let Record::Raise { uid, to } = &current.record {
            self.history.iter_mut().filter(|revision| revision.uid == *uid).for_each(|revision| revision.number = *to);
        }
        let workload = &self.set.spec.workload.0;
        let body = revisions::body(&Owner::of(&self.set), &serde_json::Map::new(), workload, current);
        if let Some(mut object) = body {
            object["metadata"]["uid"] = format!("revision-{}", self.made).into();
            self.history.push(Revision::read(&object));
        }
    }

    fn step(&mut self, action: &Action) {
        self.writes += 1;
        match action {
            Action::Create { body } => self.apply(&body.value(), None),
            Action::Apply { body, uid, restarts, .. } => {
                let before = self.restarts.values().sum::<u32>();
                self.apply(&body.value(), Some(uid));
                let restarted = self.restarts.values().sum::<u32>() > before;
                assert!(*restarts || !restarted, "pods restart though the step says that they do not: {action:#?}");
            }
            Action::Delete { kind: _, name, uid } => {
                if self.workloads.get(name).is_some_and(|object| object["metadata"]["uid"] == uid.as_str()) {
                    self.workloads.remove(name);
                    self.deleted.push(self.now);
                }
            }
        }
    }

    fn apply(&mut self, body: &Value, uid: Option<&str>) {
        self.made += 1;
        let name = body["metadata"]["name"].as_str().unwrap().to_owned();
        let there = self.workloads.get(&name);
        assert!(uid.is_none_or(|uid| there.is_some_and(|there| there["metadata"]["uid"] == uid)), "fenced by its UID");
        let mut object = body.clone();
        object["metadata"]["uid"] = format!("workload-{}", self.made).into();
        object["metadata"]["creationTimestamp"] = self.now.to_string().into();
        object["metadata"]["generation"] = 1.into();
        if let Some(there) = there {
            for field in ["uid", "creationTimestamp", "generation"] {
                object["metadata"][field] = there["metadata"][field].clone();
            }
            for (key, value) in there["metadata"]["labels"].as_object().unwrap() {
                if key.starts_with("others/") {
                    object["metadata"]["labels"][key] = value.clone();
                }
            }
            if body["spec"].get("replicas").is_none() {
                object["spec"]["replicas"] = there["spec"]["replicas"].clone();
            }
        }
        object["spec"]["template"]["spec"]["restartPolicy"] = "Always".into();
        if object["spec"]["replicas"].is_null() {
            object["spec"]["replicas"] = 1.into();
        }
        if let Some(there) = there.filter(|there| there["spec"] != object["spec"]) {
            if there["spec"]["template"] != object["spec"]["template"] {
                *self.restarts.entry(name.clone()).or_default() += 1;
            }
            object["metadata"]["generation"] = (there["metadata"]["generation"].as_i64().unwrap() + 1).into();
        }
        roll_out(&mut object);
        self.workloads.insert(name, object);
    }
}

/// What the Deployment controller and kubelets make of it.
pub(crate) fn roll_out(object: &mut Value) {
    let replicas = object["spec"]["replicas"].as_i64().unwrap_or(1);
    object["status"] = json!({
        "observedGeneration": object["metadata"]["generation"], "replicas": replicas, "updatedReplicas": replicas,
        "readyReplicas": replicas, "availableReplicas": replicas,
    });
}
