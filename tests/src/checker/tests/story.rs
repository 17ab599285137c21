//! Synthetic runs: what a watcher and an audit log would tell of them, through the same readers as the real ones.

mod waves;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use planner::strategy::Timing;
use serde_json::{Value, json};

pub(super) use self::waves::RUN;
use super::super::{Call, Ending, Evidence, Kind, Note, Rules, Verdict, judge};

/// A fleet, its DaemonSets and what happens to them. Times are milliseconds from the story's start.
pub(super) struct Story {
    notes: Vec<(i64, Note)>,
    calls: Vec<Call>,
    version: u64,
    made: u32,
    nodes: BTreeMap<String, Value>,
    /// DaemonSet objects by name, and their newest revision.
    sets: BTreeMap<String, (Value, String)>,
    /// The newest pod of each DaemonSet and node.
    pods: BTreeMap<(String, String), Value>,
    /// The FleetRollout of the newest revision.
    run: Value,
    /// What the updater proves itself by.
    pub(super) credential: String,
}

/// How a DELETE is fenced.
#[derive(Clone, Copy)]
pub(super) enum Fence {
    Uid,
    None,
    WrongUid,
}

pub(super) fn ms(ms: i64) -> Timestamp {
    "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_millis(ms)
}

/// Short durations; a unit settles 1 s after being Ready.
pub(super) fn rules() -> Rules {
    let secs = SignedDuration::from_secs;
    Rules::of(Timing {
        reachable_after: secs(1),
        node_monitor_grace: secs(0),
        settle_margin: secs(1),
        brake: secs(5),
        failed_after: secs(3),
        replacement_after: secs(4),
        ..Timing::default()
    })
}

impl Story {
    /// `nodes` Ready nodes n1, n2, … and the DaemonSet `agent` with this budget, whose pods of revision `a` run on them. A
    /// new revision `b` is published at 0.
    pub(super) fn released(nodes: u32, max_unavailable: &str) -> Self {
        let mut story = Self::begun(nodes, max_unavailable);
        story.revision(0, "agent", "b", 2);
        story
    }

    pub(super) fn begun(nodes: u32, max_unavailable: &str) -> Self {
        let mut story = Self {
            notes: Vec::new(),
            calls: Vec::new(),
            version: 1,
            made: 0,
            nodes: BTreeMap::new(),
            sets: BTreeMap::new(),
            pods: BTreeMap::new(),
            run: Value::Null,
            credential: "one".to_owned(),
        };
        for n in 1..=nodes {
            story.add_node(-60_000, &format!("n{n}"));
        }
        story.add_set(-50_000, "agent", max_unavailable);
        story
    }

    pub(super) fn add_node(&mut self, at: i64, name: &str) {
        let uid = self.uid();
        let node = json!({
            "metadata": {"name": name, "uid": uid},
            "spec": {},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        });
        self.nodes.insert(name.to_owned(), node);
        self.publish_node(at, name, false);
    }

    pub(super) fn add_set(&mut self, at: i64, name: &str, max_unavailable: &str) {
        let uid = self.uid();
        let annotations =
            json!({"apps.openyurt.io/update-strategy": "auto", "apps.openyurt.io/max-unavailable": max_unavailable});
        let metadata =
            json!({"namespace": "edge", "name": name, "uid": uid, "generation": 1, "annotations": annotations});
        let set = json!({
            "metadata": metadata,
            "spec": {"updateStrategy": {"type": "OnDelete"}, "template": {"spec": {}}},
            "status": {"observedGeneration": 1},
        });
        self.sets.insert(name.to_owned(), (set, String::new()));
        self.change_set(at, name, |_| {});
        self.revision(at, name, "a", 1);
        for node in self.nodes.keys().cloned().collect::<Vec<_>>() {
            self.add_pod(at, name, &node);
            self.set_ready(at + 1, name, &node, true);
        }
    }

    pub(super) fn change_set(&mut self, at: i64, name: &str, change: impl FnOnce(&mut Value)) {
        let (set, _) = self.sets.get_mut(name).unwrap();
        change(set);
        let set = set.clone();
        self.publish(at, Kind::DaemonSet, set, false);
    }

    pub(super) fn revision(&mut self, at: i64, name: &str, hash: &str, number: i64) {
        let (set, newest) = self.sets.get_mut(name).unwrap();
        hash.clone_into(newest);
        let owner = json!([{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": name, "uid": set["metadata"]["uid"], "controller": true}]);
        let metadata = json!({
            "namespace": "edge", "name": format!("{name}-{hash}"), "uid": format!("{name}-{hash}"),
            "labels": {"controller-revision-hash": hash}, "ownerReferences": owner,
        });
        self.publish(at, Kind::Revision, json!({"metadata": metadata, "revision": number}), false);
    }

    /// The DaemonSet controller makes a pod of the newest revision.
    pub(super) fn add_pod(&mut self, at: i64, set: &str, node: &str) {
        let uid = self.uid();
        let (object, newest) = &self.sets[set];
        let owner = json!([{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": set, "uid": object["metadata"]["uid"], "controller": true}]);
        let metadata = json!({
            "namespace": "edge", "name": format!("{set}-{}", self.made), "uid": uid,
            "labels": {"controller-revision-hash": newest}, "ownerReferences": owner,
        });
        let pod = json!({
            "metadata": metadata,
            "spec": {"nodeName": node, "containers": [{"name": "c"}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]},
        });
        self.pods.insert((set.to_owned(), node.to_owned()), pod.clone());
        self.publish(at, Kind::Pod, pod, false);
    }

    pub(super) fn set_ready(&mut self, at: i64, set: &str, node: &str, ready: bool) {
        self.change_pod(at, set, node, |pod| {
            pod["status"]["conditions"][0]["status"] = json!(if ready { "True" } else { "False" });
        });
    }

    pub(super) fn change_pod(&mut self, at: i64, set: &str, node: &str, change: impl FnOnce(&mut Value)) {
        let pod = self.pods.get_mut(&(set.to_owned(), node.to_owned())).unwrap();
        change(pod);
        let pod = pod.clone();
        self.publish(at, Kind::Pod, pod, false);
    }

    /// The pod is gone, however.
    pub(super) fn vanish(&mut self, at: i64, set: &str, node: &str) {
        let pod = self.pods[&(set.to_owned(), node.to_owned())].clone();
        self.publish(at, Kind::Pod, pod, true);
    }

    pub(super) fn node_ready(&mut self, at: i64, name: &str, ready: bool) {
        let status = if ready { "True" } else { "Unknown" };
        self.nodes.get_mut(name).unwrap()["status"]["conditions"][0]["status"] = json!(status);
        self.publish_node(at, name, false);
    }

    pub(super) fn cordon(&mut self, at: i64, name: &str) {
        self.nodes.get_mut(name).unwrap()["spec"]["unschedulable"] = json!(true);
        self.publish_node(at, name, false);
    }

    /// The updater deletes a unit's pod; nothing replaces it.
    pub(super) fn delete_only(&mut self, at: i64, set: &str, node: &str, fence: Fence) {
        self.ask(at, set, node, fence, 200);
        self.change_pod(at + 1, set, node, |pod| pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"));
        self.vanish(at + 10, set, node);
    }

    /// The updater asks for the deletion of a unit's pod, and gets this status.
    pub(super) fn ask(&mut self, at: i64, set: &str, node: &str, fence: Fence, code: u16) {
        let pod = self.pods[&(set.to_owned(), node.to_owned())].clone();
        let (name, uid) = (pod["metadata"]["name"].as_str().unwrap(), pod["metadata"]["uid"].clone());
        let options = match fence {
            Fence::Uid => json!({"preconditions": {"uid": uid}}),
            Fence::None => json!({}),
            Fence::WrongUid => json!({"preconditions": {"uid": "another"}}),
        };
        let target = json!({"resource": "pods", "namespace": "edge", "name": name});
        // As the real one, the answer shows the terminating pod: public from the moment at which the request came.
        let version = (self.version + 1).to_string();
        let answer = json!({"metadata": {"uid": uid, "resourceVersion": version}});
        let answer = if code < 300 { answer } else { json!({}) };
        self.call(at, "delete", &target, code, &options, &answer);
    }

    /// The updater deletes a unit's pod; the new one is there 20 ms and Ready 50 ms later.
    pub(super) fn restart(&mut self, at: i64, set: &str, node: &str) {
        self.delete_only(at, set, node, Fence::Uid);
        self.add_pod(at + 20, set, node);
        self.set_ready(at + 50, set, node, true);
    }

    /// A request of the updater.
    pub(super) fn call(&mut self, at: i64, verb: &str, target: &Value, code: u16, request: &Value, response: &Value) {
        let event = json!({
            "kind": "Event", "stage": "ResponseComplete", "verb": verb, "objectRef": target,
            "user": {
                "username": "system:serviceaccount:drover-system:daemon-updater",
                "extra": {"authentication.kubernetes.io/credential-id": [self.credential]},
            },
            "userAgent": "drover-daemon-updater/0.1.0", "requestObject": request, "responseObject": response,
            "responseStatus": {"code": code},
            "requestReceivedTimestamp": ms(at).to_string(), "stageTimestamp": ms(at + 1).to_string(),
        });
        self.calls.extend(Call::parse(&event.to_string()).unwrap());
    }

    /// The updater writes its Lease.
    pub(super) fn lease(&mut self, at: i64, holder: &str) {
        let target = json!({"resource": "leases", "namespace": "drover-system", "name": "drover-daemon-updater"});
        self.call(at, "update", &target, 200, &json!({}), &json!({"spec": {"holderIdentity": holder}}));
    }

    /// The watcher hears of everything so much later.
    pub(super) fn hear_late(&mut self, by: i64) {
        let late = self.notes.iter_mut().filter(|(_, note)| !note.at_first);
        late.for_each(|(_, note)| note.received += SignedDuration::from_millis(by));
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.judged(Ending::Open, &rules())
    }

    pub(super) fn judged(&self, ending: Ending, rules: &Rules) -> Verdict {
        let mut notes = self.notes.clone();
        notes.sort_by_key(|(at, _)| *at);
        let notes: Vec<Note> = notes.into_iter().map(|(_, note)| note).collect();
        judge(Evidence { notes: &notes, calls: &self.calls, namespace: Some("edge") }, rules, ending)
    }

    fn publish_node(&mut self, at: i64, name: &str, gone: bool) {
        let node = self.nodes[name].clone();
        self.publish(at, Kind::Node, node, gone);
    }

    /// Another one's write: in the audit log at `at`, and with the watcher 30 ms later.
    fn publish(&mut self, at: i64, kind: Kind, mut object: Value, gone: bool) {
        self.version += 1;
        let version = self.version.to_string();
        object["metadata"]["resourceVersion"] = json!(version);
        let event = json!({
            "kind": "Event", "stage": "ResponseComplete", "verb": "patch",
            "objectRef": {"resource": "any", "name": "any"}, "user": {"username": "drover:kwok"}, "userAgent": "kwok",
            "responseObject": object, "responseStatus": {"code": 200},
            "requestReceivedTimestamp": ms(at).to_string(), "stageTimestamp": ms(at).to_string(),
        });
        self.calls.extend(Call::parse(&event.to_string()).unwrap());
        let seen = kind.read(object).unwrap().unwrap();
        let at_first = at < -1_000;
        self.notes.push((at, Note { received: ms(at + 30), at_first, version, gone, seen }));
    }

    fn uid(&mut self) -> String {
        self.made += 1;
        format!("00000000-0000-0000-0000-{:012x}", self.made)
    }
}
