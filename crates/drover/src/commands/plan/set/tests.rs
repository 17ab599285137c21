//! What is told of changes, to the letter: `tests/*.txt`. `UPDATE=1 cargo test -p drover --lib plan` writes them anew.

use std::path::Path;

use api::names::app_set::PINNED;
use api::yurt_app_set::YurtAppSet;
use appset_controller::plan::Action;
use appset_controller::pools::Pool;
use appset_controller::render::Owner;
use appset_controller::revisions::{self, Revision};
use jiff::Timestamp;
use planner::fleet::Uid;
use serde_json::{Value, json};

use super::model::{Fate, RevisionState};
use super::*;
use crate::app_set::{PlannedSet, Workload};
use crate::text::Line;

/// A YurtAppSet in these pools, with this tag of its image and these tweaks.
fn set(pools: &[&str], tag: &str, tweaks: Value) -> YurtAppSet {
    let labels = json!({"app": "web"});
    let pods = json!({
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": format!("web:{tag}")}]},
    });
    let template = json!({"spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": pods}});
    let mut workload = json!({"workloadTemplate": {"deploymentTemplate": template}});
    workload["workloadTweaks"] = tweaks;
    let metadata = json!({"name": "web", "namespace": "edge", "uid": "1b7a9f50-0000-4000-8000-000000000001"});
    let spec = json!({"pools": pools, "workload": workload});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

/// A cluster, and the YurtAppSet's runs in it.
struct World {
    present: Option<YurtAppSet>,
    pools: Vec<Pool>,
    workloads: Vec<Workload>,
    history: Vec<Revision>,
    runs: Vec<FleetRollout>,
}

impl World {
    fn new(pools: &[&str]) -> Self {
        let mut pools: Vec<Pool> = pools.iter().map(|name| Pool::new(name, [])).collect();
        pools.sort_by(|one, other| one.name.cmp(&other.name));
        Self { present: None, pools, workloads: Vec::new(), history: Vec::new(), runs: Vec::new() }
    }

    fn app_set(&self, set: &YurtAppSet) -> AppSet {
        AppSet {
            at: Timestamp::from_second(1_800_000_000).unwrap(),
            set: set.clone(),
            pools: self.pools.clone(),
            workloads: self.workloads.clone(),
            history: self.history.clone(),
            approvals: Vec::new(),
            dependencies: Vec::new(),
        }
    }

    /// What is decided about a change.
    fn decide(&self, set: &YurtAppSet, strategy: &Strategy, tried: &Tried) -> (AppSet, PlannedSet) {
        let app_set = self.app_set(set);
        let (parsed, timing) = (budgets::rules(strategy).unwrap(), Timing::default());
        let course =
            app_set::Change { runs: &self.runs, rules: &parsed, paused: strategy.start_paused, timing: &timing };
        let planned = app_set.plan_change(course, app_set.plan_writes_of(course, &tried.refused));
        (app_set, planned)
    }

    /// Somebody applies it, and everything is done.
    fn apply(&mut self, set: YurtAppSet, phase: &str) {
        let (_, planned) = self.decide(&set, &budgets::implied(), &Tried::default());
        let current = planned.writes.current.unwrap();
        let mut revision =
            revisions::body(&Owner::of(&set), &serde_json::Map::new(), &set.spec.workload.0, &current).unwrap();
        revision["metadata"]["uid"] = json!(current.name);
        let revision = Revision::read(&revision);
        let body = |action: &Action| match action {
            Action::Create { body } | Action::Apply { body, .. } => Some(body.value()),
            Action::Delete { .. } => None,
        };
        for mut object in planned.writes.steps.iter().filter_map(|step| body(&step.action)) {
            let replicas = object["spec"]["replicas"].clone();
            object["metadata"]["uid"] = object["metadata"]["name"].clone();
            object["metadata"]["generation"] = json!(1);
            object["status"] = json!({
                "observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas,
                "availableReplicas": replicas,
            });
            self.workloads.retain(|known| Some(known.child.name.as_str()) != object["metadata"]["name"].as_str());
            self.workloads.push(Workload::read(api::names::app_set::WorkloadKind::Deployment, &object));
        }
        self.runs.push(run(&revision, phase));
        self.history.push(revision);
        self.present = Some(set);
    }

    fn plan(&self, set: &YurtAppSet, strategy: &Strategy, what: What, tried: &Tried) -> SetPlan {
        let (app_set, planned) = self.decide(set, strategy, tried);
        let change = Change { set: set.clone(), present: self.present.clone(), what, unasked: None };
        let stays = app_set.run_that_stays(&self.runs).is_some();
        let rules = if stays { "the rules of its run" } else { "strategy careful" }.to_owned();
        let last = self.runs.last();
        let (app_set, change, planned) = (&app_set, &change, &planned);
        Known { app_set, change, planned, strategy, rules, last, needless: false, tried }.foretell()
    }
}

fn run(revision: &Revision, phase: &str) -> FleetRollout {
    serde_json::from_value(json!({
        "apiVersion": "drover.dev/v1alpha1", "kind": "FleetRollout", "metadata": {"name": "web-r"},
        "spec": {
            "targetRef": {
                "apiVersion": "apps.openyurt.io/v1beta1", "kind": "YurtAppSet", "name": "web",
                "uid": "1b7a9f50-0000-4000-8000-000000000001",
            },
            "revision": {"name": revision.name, "number": revision.number},
        },
        "status": {"phase": phase},
    }))
    .unwrap()
}

fn careful() -> Strategy {
    serde_json::from_value(json!({
        "waves": [
            {"name": "canary", "pools": ["lab"], "soakSeconds": 600},
            {"name": "shops", "pools": ["berlin", "hamburg"], "approval": "BeforeWave", "maxConcurrentPools": 1},
            {"name": "none", "pools": ["atlantis"]},
        ],
        "unit": {"maxUnavailablePerPool": 1},
        "failurePolicy": {"maxFailures": 0},
    }))
    .unwrap()
}

fn tweak(pool: &str, tweaks: &Value) -> Value {
    json!({"pools": [pool], "tweaks": tweaks})
}

fn image(tag: &str) -> Value {
    json!({"containerImages": [{"name": "main", "targetImage": format!("web:{tag}")}]})
}

const POOLS: [&str; 5] = ["lab", "berlin", "hamburg", "munich", "rome"];

/// The first revision in five pools, in which it is done.
fn done() -> World {
    let mut world = World::new(&["lab", "berlin", "hamburg", "munich", "rome", "oslo"]);
    world.apply(set(&POOLS, "v1", json!([])), "Completed");
    world
}

fn golden(name: &str, plan: &SetPlan) {
    let shown = plan.lines(100).iter().map(Line::plain).collect::<Vec<_>>().join("\n") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands/plan/set/tests").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &shown).unwrap();
    }
    assert_eq!(shown, std::fs::read_to_string(&path).unwrap_or_default(), "{name}");
}

fn fates(plan: &SetPlan) -> Vec<(&str, Fate)> {
    plan.pools.iter().map(|pool| (pool.name.as_str(), pool.fate)).collect()
}

#[test]
fn a_change_is_told_wave_by_wave_and_pool_by_pool() {
    let mut world = done();
    let oslo = world.pools.iter_mut().find(|pool| pool.name == "oslo").unwrap();
    *oslo = oslo.clone().seen(Uid::from_u128(7), Some(0));
    let tweaks = [tweak("lab", &image("v2")), tweak("hamburg", &image("v2")), tweak("berlin", &json!({"replicas": 3}))];
    let mut changed = set(&["lab", "berlin", "hamburg", "rome", "oslo", "atlantis"], "v1", json!(tweaks));
    let pinned = json!({"rome": world.history[0].name}).to_string();
    changed.metadata.annotations = Some([(PINNED.to_owned(), pinned)].into());
    let tried = Tried { answered: 3, ..Tried::default() };
    let plan = world.plan(&changed, &careful(), What::Manifest, &tried);
    golden("waves.txt", &plan);
    let wave = |pool: &str| plan.pools.iter().find(|known| known.name == pool).unwrap().wave.as_deref();
    assert_eq!(["lab", "berlin", "oslo", "rome"].map(wave), [Some("canary"), Some("shops"), Some("rest"), None]);
    let told = json!(plan);
    assert_eq!((&told["revision"]["state"], &told["revision"]["number"]), (&json!("New"), &json!(2)));
    assert_eq!(told["deleted"][0]["pool"], "munich");
    assert!(verdict(&plan).is_ok());
}

#[test]
fn what_is_refused_is_told_with_its_path_and_holds_the_others() {
    let world = done();
    let bad = json!({"patches": [{"operation": "replace", "path": "/spec/paused/x", "value": true}]});
    let changed = set(&POOLS, "v2", json!([tweak("hamburg", &bad)]));
    let plan = world.plan(&changed, &careful(), What::Manifest, &Tried { answered: 1, ..Tried::default() });
    golden("refused.txt", &plan);
    assert!(plan.revision.is_none() && plan.waves.is_empty() && plan.first.is_empty());
    assert!(plan.pools.iter().all(|pool| pool.fate == Fate::Left), "{plan:?}");
    assert_eq!(verdict(&plan).unwrap_err().0, "5 pools");
}

#[test]
fn what_the_api_server_would_not_take_is_told_in_its_words() {
    let world = done();
    let why = "Deployment.apps \"web-lab\" is invalid: spec.selector: field is immutable";
    let tried = Tried { answered: 1, refused: [("lab".to_owned(), why.to_owned())].into(), unanswered: None };
    let plan = world.plan(&set(&POOLS, "v2", json!([])), &careful(), What::Manifest, &tried);
    let refused = plan.refused.iter().find(|refused| refused.kind == "refused").unwrap();
    assert_eq!((refused.sentence.as_str(), refused.pools.as_slice()), (why, ["lab".to_owned()].as_slice()));
    assert_eq!(plan.refusals(), 5);
}

#[test]
fn other_pools_of_the_same_workload_leave_its_run_and_restart_nothing() {
    let world = done();
    let plan = world.plan(
        &set(&["lab", "berlin", "hamburg", "munich", "oslo"], "v1", json!([])),
        &budgets::implied(),
        What::Manifest,
        &Tried::default(),
    );
    assert_eq!(plan.revision.as_ref().map(|revision| revision.state), Some(RevisionState::Kept));
    let left = ["berlin", "hamburg", "lab", "munich"].map(|pool| (pool, Fate::Left));
    assert_eq!(fates(&plan), [left.as_slice(), &[("oslo", Fate::Made)]].concat());
    assert_eq!(plan.deleted.iter().map(|gone| gone.pool.as_str()).collect::<Vec<_>>(), ["rome"]);
}

#[test]
fn any_template_restarts_every_pool_and_no_dry_run_is_told() {
    let world = done();
    let Change { set, .. } = Change::any_template(world.present.clone().unwrap());
    let plan = world.plan(&set, &careful(), What::AnyTemplate, &Tried::default());
    assert_eq!(plan.count(Fate::Restarted), 5);
    let said = plan.lines(100).iter().map(Line::plain).collect::<Vec<_>>().join(" ");
    assert!(said.contains("A new pod template would be revision 2") && !said.contains("dry run"), "{said}");
}

#[test]
fn a_workload_that_failed_before_and_one_that_begins_paused_start_nothing() {
    let mut world = done();
    world.apply(set(&POOLS, "v2", json!([])), "Halted");
    let halt = json!({"reason": "Failures", "token": "halt-1", "evidence": "1 of 1 failed"});
    world.runs[1].status.as_mut().unwrap().halt = serde_json::from_value(halt).unwrap();
    world.apply(set(&POOLS, "v3", json!([])), "Completed");
    let again = world.plan(&set(&POOLS, "v2", json!([])), &careful(), What::Manifest, &Tried::default());
    assert_eq!(again.revision.map(|revision| (revision.state, revision.number)), Some((RevisionState::Again, 4)));
    assert!(
        again.first.is_empty() && again.hold.as_ref().is_some_and(|hold| hold.contains("halted")),
        "{:?}",
        again.hold
    );
    let paused = Strategy { start_paused: true, ..careful() };
    let plan = world.plan(&set(&POOLS, "v4", json!([])), &paused, What::Manifest, &Tried::default());
    assert!(plan.first.is_empty() && plan.hold.as_ref().is_some_and(|hold| hold.contains("paused")), "{:?}", plan.hold);
}

#[test]
fn a_new_set_is_made_wave_by_wave_and_replicas_that_are_left_out_are_told() {
    let world = World::new(&POOLS);
    let mut new = set(&POOLS, "v1", json!([]));
    new.spec.workload.0["workloadTemplate"]["deploymentTemplate"]["spec"].as_object_mut().unwrap().remove("replicas");
    let unanswered = Some("you may not patch deployments.apps in namespace edge".to_owned());
    let tried = Tried { unanswered, ..Tried::default() };
    let plan = world.plan(&new, &careful(), What::Manifest, &tried);
    assert_eq!((plan.count(Fate::Made), plan.first.as_slice()), (5, ["lab".to_owned()].as_slice()));
    golden("new.txt", &plan);
}
