//! The audit log of a YurtAppSet in three pools.

use api::names::app_set as names;

use super::*;

pub(super) const US: &str = "system:serviceaccount:drover-system:appset-controller";
pub(super) const POOLS: [&str; 3] = ["a", "b", "c"];

/// The audit log of a story, a second a step.
pub(super) struct Story {
    pub(super) second: i64,
    pub(super) version: u32,
    pub(super) deeds: Vec<Deed>,
}

impl Story {
    /// Three pools, a YurtAppSet of revision `web-1` with its run, and no workload yet.
    pub(super) fn begin(strategy: &Value) -> Self {
        let mut story = Self { second: 1_800_000_000, version: 0, deeds: Vec::new() };
        for pool in POOLS {
            story.told("admin", "create", "nodepools", pool, json!({"metadata": {"uid": pool, "labels": {}}}));
        }
        story.ask(1);
        story.run(1, strategy);
        story
    }

    /// The user asks for this revision.
    pub(super) fn ask(&mut self, revision: u32) {
        let spec = json!({"pools": POOLS, "workload": workload(revision, 1)});
        let (set, name) = (json!({"metadata": {"uid": "set"}, "spec": spec}), format!("web-{revision}"));
        self.told("admin", "update", "yurtappsets", "web", set);
        let record = json!({"metadata": {"uid": name}, "data": {"spec": {"workload": workload(revision, 1)}}});
        self.told(US, "create", "controllerrevisions", &name, record);
    }

    pub(super) fn run(&mut self, revision: u32, strategy: &Value) {
        let run = json!({"metadata": {"uid": format!("run-{revision}")}, "spec": {
            "targetRef": {"kind": "YurtAppSet", "name": "web", "uid": "set"}, "strategyName": "waves", "strategy": strategy,
            "revision": {"name": format!("web-{revision}"), "number": revision},
        }});
        self.told(US, "create", "fleetrollouts", &format!("run-{revision}"), run);
    }

    /// The controller gives a revision to a pool.
    pub(super) fn start(&mut self, pool: &str, revision: u32) {
        let name = format!("web-{pool}");
        self.told(US, "patch", "deployments", &name, child(&name, pool, revision, revision, 0));
    }

    /// All its pods are new and ready.
    pub(super) fn done(&mut self, pool: &str, revision: u32) {
        let name = format!("web-{pool}");
        self.told("deployment-controller", "update", "deployments", &name, child(&name, pool, revision, revision, 2));
    }

    /// What is there since the last write at a name, with this put in at a pointer.
    pub(super) fn changed(&self, resource: &str, name: &str, pointer: &str, value: Value) -> Value {
        let mut of_it = self.deeds.iter().rev().filter(|deed| (&*deed.resource, &*deed.name) == (resource, name));
        let mut object = of_it.next().unwrap().answer.clone();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[field] = value;
        object
    }

    /// The user steers the first run.
    pub(super) fn steer(&mut self, field: &str, value: Value) {
        let run = self.changed("fleetrollouts", "run-1", &format!("/spec/{field}"), value);
        self.told("admin", "patch", "fleetrollouts", "run-1", run);
    }

    /// The controller says how a run is.
    pub(super) fn say(&mut self, run: &str, status: Value) {
        let object = self.changed("fleetrollouts", run, "/status", status);
        self.told(US, "patch", "fleetrollouts/status", run, object);
    }

    /// A write, as the audit log has it. The resource is one with its subresource, if it is of that.
    pub(super) fn told(&mut self, user: &str, verb: &str, resource: &str, name: &str, mut answer: Value) {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        self.second += 1;
        self.version += 1;
        answer["metadata"]["name"] = json!(name);
        answer["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let at = Timestamp::from_second(self.second).unwrap();
        let uid = answer["metadata"]["uid"].clone();
        let line = json!({
            "verb": verb, "requestURI": "/", "user": {"username": user},
            "objectRef": {
                "resource": resource, "subresource": subresource, "name": name,
                "namespace": if resource == "nodepools" { "" } else { "edge" },
            },
            "requestObject": {"metadata": {"uid": uid}, "preconditions": {"uid": uid}}, "responseObject": answer,
            "responseStatus": {"code": 200}, "requestReceivedTimestamp": at, "stageTimestamp": at,
        });
        self.deeds.extend(Deed::parse(&line.to_string()).unwrap());
    }

    pub(super) fn breaches(&self) -> Vec<SetRule> {
        let judge = Judge::default();
        let deeds: Vec<&Deed> = self.deeds.iter().collect();
        judge.verdict(&World::new(&deeds, &judge.user)).broken().into_iter().collect()
    }
}

pub(super) fn workload(revision: u32, replicas: u32) -> Value {
    let tweak = json!({"pools": ["a"], "tweaks": {"replicas": replicas}});
    json!({
        "workloadTemplate": {"deploymentTemplate": {"spec": {"template": {"image": revision}}}}, "workloadTweaks": [tweak],
    })
}

/// A Deployment whose controller has seen so many changes of it.
pub(super) fn child(name: &str, pool: &str, revision: u32, template: u32, observed: u32) -> Value {
    let labels = json!({names::POOL_NAME: pool, names::REVISION: format!("web-{revision}")});
    let owner = json!([{"kind": "YurtAppSet", "name": "web", "uid": "set"}]);
    json!({
        "metadata": {"uid": format!("uid-{name}"), "generation": 1, "labels": labels, "ownerReferences": owner},
        "spec": {"replicas": 1, "template": {"image": template}},
        "status": {"observedGeneration": observed, "updatedReplicas": 1, "availableReplicas": 1},
    })
}

/// Pool a, then the rest.
pub(super) fn canary() -> Value {
    json!({"waves": [{"name": "canary", "pools": ["a"], "soakSeconds": 5}]})
}

/// The canary has the first revision, and has soaked.
pub(super) fn soaked() -> Story {
    let mut story = Story::begin(&canary());
    story.start("a", 1);
    story.done("a", 1);
    story.second += 10;
    story
}
