//! Stories of a YurtAppSet in three pools, as the audit log tells them; in each, one thing is wrong.

use api::names::app_set as names;
use serde_json::{Value, json};

use super::*;

const US: &str = "system:serviceaccount:drover-system:appset-controller";
const POOLS: [&str; 3] = ["a", "b", "c"];

/// The audit log of a story, a second a step.
struct Story {
    second: i64,
    version: u32,
    deeds: Vec<Deed>,
}

impl Story {
    /// Three pools, a YurtAppSet of revision `web-1` with its run, and no workload yet.
    fn begin(strategy: &Value) -> Self {
        let mut story = Self { second: 1_800_000_000, version: 0, deeds: Vec::new() };
        for pool in POOLS {
            story.told("admin", "create", "nodepools", pool, json!({"metadata": {"uid": pool, "labels": {}}}));
        }
        story.ask(1);
        story.run(1, strategy);
        story
    }

    /// The user asks for this revision.
    fn ask(&mut self, revision: u32) {
        let spec = json!({"pools": POOLS, "workload": workload(revision, 1)});
        let (set, name) = (json!({"metadata": {"uid": "set"}, "spec": spec}), format!("web-{revision}"));
        self.told("admin", "update", "yurtappsets", "web", set);
        let record = json!({"metadata": {"uid": name}, "data": {"spec": {"workload": workload(revision, 1)}}});
        self.told(US, "create", "controllerrevisions", &name, record);
    }

    fn run(&mut self, revision: u32, strategy: &Value) {
        let run = json!({"metadata": {"uid": format!("run-{revision}")}, "spec": {
            "targetRef": {"kind": "YurtAppSet", "name": "web", "uid": "set"}, "strategyName": "waves", "strategy": strategy,
            "revision": {"name": format!("web-{revision}"), "number": revision},
        }});
        self.told(US, "create", "fleetrollouts", &format!("run-{revision}"), run);
    }

    /// The controller gives a revision to a pool.
    fn start(&mut self, pool: &str, revision: u32) {
        let name = format!("web-{pool}");
        self.told(US, "patch", "deployments", &name, child(&name, pool, revision, revision, 0));
    }

    /// All its pods are new and ready.
    fn done(&mut self, pool: &str, revision: u32) {
        let name = format!("web-{pool}");
        self.told("deployment-controller", "update", "deployments", &name, child(&name, pool, revision, revision, 2));
    }

    fn told(&mut self, user: &str, verb: &str, resource: &str, name: &str, mut answer: Value) {
        self.second += 1;
        self.version += 1;
        answer["metadata"]["name"] = json!(name);
        answer["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let at = Timestamp::from_second(self.second).unwrap();
        let uid = answer["metadata"]["uid"].clone();
        let line = json!({
            "verb": verb, "requestURI": "/", "user": {"username": user},
            "objectRef": {"resource": resource, "namespace": if resource == "nodepools" { "" } else { "edge" }, "name": name},
            "requestObject": {"metadata": {"uid": uid}, "preconditions": {"uid": uid}}, "responseObject": answer,
            "responseStatus": {"code": 200}, "requestReceivedTimestamp": at, "stageTimestamp": at,
        });
        self.deeds.extend(Deed::parse(&line.to_string()).unwrap());
    }

    fn breaches(&self) -> Vec<SetRule> {
        let judge = Judge::default();
        let deeds: Vec<&Deed> = self.deeds.iter().collect();
        judge.verdict(&World::new(&deeds, &judge.user)).broken().into_iter().collect()
    }
}

fn workload(revision: u32, replicas: u32) -> Value {
    let tweak = json!({"pools": ["a"], "tweaks": {"replicas": replicas}});
    json!({
        "workloadTemplate": {"deploymentTemplate": {"spec": {"template": {"image": revision}}}}, "workloadTweaks": [tweak],
    })
}

/// A Deployment whose controller has seen so many changes of it.
fn child(name: &str, pool: &str, revision: u32, template: u32, observed: u32) -> Value {
    let labels = json!({names::POOL_NAME: pool, names::REVISION: format!("web-{revision}")});
    let owner = json!([{"kind": "YurtAppSet", "name": "web", "uid": "set"}]);
    json!({
        "metadata": {"uid": format!("uid-{name}"), "generation": 1, "labels": labels, "ownerReferences": owner},
        "spec": {"replicas": 1, "template": {"image": template}},
        "status": {"observedGeneration": observed, "updatedReplicas": 1, "availableReplicas": 1},
    })
}

/// Pool a, then the rest.
fn canary() -> Value {
    json!({"waves": [{"name": "canary", "pools": ["a"], "soakSeconds": 5}]})
}

/// The canary has the first revision, and has soaked.
fn soaked() -> Story {
    let mut story = Story::begin(&canary());
    story.start("a", 1);
    story.done("a", 1);
    story.second += 10;
    story
}

#[test]
fn waves_in_their_order_break_no_rule() {
    let mut story = soaked();
    for pool in ["b", "c"] {
        story.start(pool, 1);
    }
    assert_eq!(story.breaches(), []);
}

#[test]
fn a_start_before_the_soak_is_over_is_seen() {
    let mut story = Story::begin(&canary());
    story.start("a", 1);
    story.start("b", 1);
    assert_eq!(story.breaches(), [SetRule::WaveOrder], "the canary was not even done");
    let mut story = soaked();
    story.second -= 8;
    story.start("b", 1);
    assert_eq!(story.breaches(), [SetRule::WaveOrder], "two seconds are not five");
}

#[test]
fn a_start_that_nobody_approved_is_seen() {
    let mut story = Story::begin(&json!({"waves": [{"name": "canary", "pools": ["a"], "approval": "BeforeWave"}]}));
    let mut approved = Story { deeds: story.deeds.clone(), ..story };
    story.start("a", 1);
    assert_eq!(story.breaches(), [SetRule::WaveOrder]);
    let request = json!({"metadata": {"uid": "ask"}, "spec": {
        "rolloutRef": {"uid": "run-1"}, "wave": "canary", "point": "BeforeWave", "decision": "Approved",
    }});
    approved.told("admin", "update", "approvalrequests", "ask", request);
    approved.start("a", 1);
    assert_eq!(approved.breaches(), []);
}

#[test]
fn more_pools_under_change_than_may_be_are_seen_and_a_failed_one_frees_its_slot() {
    let wave = json!({"name": "all", "pools": POOLS, "maxConcurrentPools": 1});
    let mut story = Story::begin(&json!({"waves": [wave]}));
    story.start("a", 1);
    story.start("b", 1);
    assert_eq!(story.breaches(), [SetRule::ConcurrentPools]);

    let mut story = Story::begin(&json!({"waves": [wave]}));
    story.start("a", 1);
    let mut failed = child("web-a", "a", 1, 1, 0);
    failed["status"]["conditions"] = json!([{"type": "Progressing", "status": "False"}]);
    story.told("deployment-controller", "update", "deployments", "web-a", failed);
    story.start("b", 1);
    assert_eq!(story.breaches(), []);
}

#[test]
fn a_pool_moved_to_what_is_asked_for_no_more_is_seen() {
    let mut story = soaked();
    story.ask(2);
    story.run(2, &canary());
    story.second += 5;
    story.start("b", 1);
    assert_eq!(story.breaches(), [SetRule::Superseded]);
}

#[test]
fn a_second_workload_in_a_pool_is_seen() {
    let mut story = soaked();
    let other = child("web-other", "a", 1, 1, 2);
    story.told(US, "create", "deployments", "web-other", other);
    assert_eq!(story.breaches(), [SetRule::OneChild]);
}

#[test]
fn a_workload_deleted_though_its_pool_is_chosen_is_seen() {
    let delete = |story: &mut Story| {
        story.second += 5;
        let gone = json!({"kind": "Status", "metadata": {}});
        story.told(US, "delete", "deployments", "web-a", gone);
    };
    let mut story = soaked();
    delete(&mut story);
    assert_eq!(story.breaches(), [SetRule::Deleted, SetRule::NoUid]);
    let mut story = soaked();
    let spec = json!({"pools": ["b", "c"], "workload": workload(1, 1)});
    story.told("admin", "update", "yurtappsets", "web", json!({"metadata": {"uid": "set"}, "spec": spec}));
    delete(&mut story);
    assert_eq!(story.breaches(), [SetRule::NoUid], "it was told without UID");
}

#[test]
fn pods_replaced_for_nothing_are_seen() {
    let mut story = soaked();
    story.ask(2);
    let same = story.deeds.iter_mut().filter(|deed| deed.resource == "controllerrevisions");
    // The second revision says the same about pods as the first.
    same.for_each(|deed| deed.answer["data"]["spec"]["workload"] = workload(1, 1 + u32::from(deed.name == "web-2")));
    let asked = story.deeds.iter_mut().filter(|deed| deed.resource == "yurtappsets");
    asked.last().unwrap().answer["spec"]["workload"] = workload(1, 2);
    let name = "web-a";
    story.told(US, "patch", "deployments", name, child(name, "a", 2, 1, 0));
    assert_eq!(story.breaches(), [], "its label alone changed");
    story.told(US, "patch", "deployments", name, child(name, "a", 2, 77, 0));
    assert_eq!(story.breaches(), [SetRule::NeedlessRestart]);
}
