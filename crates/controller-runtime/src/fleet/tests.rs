//! The mirror, fed with frames as the API server writes them.

use jiff::{SignedDuration, Timestamp};
use planner::fleet::{Link, Uid};
use serde_json::json;

use super::node_frame::NodeFrame;
use super::pod_frame::PodFrame;
use super::{State, Touched};
use crate::watch::{ResourceVersion, WatchSignal};

const OWNER: &str = "00000000-0000-0000-0000-0000000000aa";

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

fn uid(n: u32) -> String {
    Uid::from_u128(n.into()).to_string()
}

fn node(name: &str, n: u32, ready: &str, stamp: i64) -> NodeFrame {
    serde_json::from_value(json!({
        "metadata": {"name": name, "uid": uid(n), "resourceVersion": "1", "labels": {"apps.openyurt.io/nodepool": "p1"}},
        "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]},
        "status": {"conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": at(stamp)}], "images": [{"names": ["x"]}]},
    }))
    .unwrap()
}

fn pod(n: u32, node: &str, ready: &str) -> serde_json::Value {
    json!({
        "metadata": {
            "name": format!("agent-{n}"), "uid": uid(n), "resourceVersion": "1", "creationTimestamp": at(0),
            "labels": {"controller-revision-hash": "h1", "pod-template-generation": "1"},
            "ownerReferences": [{"kind": "DaemonSet", "uid": OWNER, "controller": true, "name": "agent"}],
        },
        "spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]}}}},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
    })
}

fn frame(pod: serde_json::Value) -> PodFrame {
    serde_json::from_value(pod).unwrap()
}

struct World {
    state: State,
    touched: Touched,
}

impl World {
    fn new() -> Self {
        Self { state: State::default(), touched: Touched::default() }
    }

    fn nodes(&mut self, second: i64, signal: WatchSignal<NodeFrame>) -> Touched {
        self.state.nodes.take(signal, at(second), &mut self.touched);
        std::mem::take(&mut self.touched)
    }

    fn pods(&mut self, second: i64, signal: WatchSignal<PodFrame>) -> Touched {
        self.state.pods.take(signal, at(second), &mut self.touched);
        std::mem::take(&mut self.touched)
    }

    fn link(&self, name: &str) -> Link {
        self.state.nodes().find(|node| &*node.name == name).unwrap().link
    }

    fn only_pod(&self) -> &planner::fleet::Pod {
        let owner: Uid = OWNER.parse().unwrap();
        &self.state.pods_of(owner).next().unwrap().1[0]
    }
}

fn done<T>() -> WatchSignal<T> {
    WatchSignal::InitDone(ResourceVersion(1))
}

#[test]
fn readiness_is_sighted_and_losses_are_noted() {
    let mut world = World::new();
    world.nodes(0, WatchSignal::Restarted);
    world.nodes(1, WatchSignal::Applied(node("a", 1, "True", -99)));
    world.nodes(2, WatchSignal::Applied(node("b", 2, "Unknown", -99)));
    assert!(world.nodes(3, done()).listed);
    assert_eq!(world.link("a"), Link::Ready(at(1)), "the sighting counts, not the stamp");
    assert_eq!(world.link("b"), Link::Down(at(2)));
    let heartbeat = world.nodes(10, WatchSignal::Applied(node("a", 1, "True", -99)));
    assert_eq!(heartbeat, Touched::default(), "a heartbeat touches nobody");
    assert_eq!(world.link("a"), Link::Ready(at(1)));
    assert!(world.nodes(20, WatchSignal::Applied(node("a", 1, "Unknown", 20))).nodes);
    let (losses, newest) = world.state.losses_after(0);
    assert_eq!((losses.len(), newest, losses[0].at), (1, 1, at(20)));
    assert_eq!(losses[0].node.link, Link::Ready(at(1)), "as it was just before");
    world.nodes(30, WatchSignal::Applied(node("a", 1, "True", 30)));
    assert_eq!(world.link("a"), Link::Ready(at(30)));
    assert!(world.state.losses_after(newest).0.is_empty());
}

#[test]
fn a_node_that_is_deleted_or_replaced_while_ready_is_lost() {
    let mut world = World::new();
    world.nodes(0, WatchSignal::Restarted);
    world.nodes(0, WatchSignal::Applied(node("a", 1, "True", 0)));
    world.nodes(0, WatchSignal::Applied(node("b", 2, "True", 0)));
    world.nodes(0, done());
    world.nodes(5, WatchSignal::Deleted(node("a", 1, "True", 0)));
    assert_eq!(world.state.node_count(), 1);
    world.nodes(6, WatchSignal::Applied(node("b", 3, "True", 6)));
    let (losses, _) = world.state.losses_after(0);
    assert_eq!(losses.iter().map(|l| &*l.node.name).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(world.link("b"), Link::Ready(at(6)), "another node under the same name");
    world.nodes(7, WatchSignal::Deleted(node("b", 2, "True", 0)));
    assert_eq!(world.state.node_count(), 1, "a late event of the old one removes nothing");
}

#[test]
fn a_full_list_forgets_what_it_does_not_name_and_hides_no_break() {
    let mut world = World::new();
    world.nodes(0, WatchSignal::Restarted);
    for (name, n) in [("a", 1), ("b", 2), ("c", 3)] {
        world.nodes(0, WatchSignal::Applied(node(name, n, "True", 0)));
    }
    world.nodes(1, done());
    assert!(world.state.nodes.sight.listed.is_some());
    world.nodes(50, WatchSignal::Restarted);
    assert_eq!(world.state.node_count(), 3, "nothing is forgotten before the list is complete");
    world.nodes(51, WatchSignal::Applied(node("a", 1, "True", 0)));
    world.nodes(51, WatchSignal::Applied(node("b", 2, "True", 40)));
    world.nodes(52, done());
    assert_eq!(world.link("a"), Link::Ready(at(0)));
    assert_eq!(world.link("b"), Link::Ready(at(51)), "its condition changed twice while nobody watched");
    assert_eq!(world.state.node_count(), 2);
    assert_eq!(world.state.losses_after(0).0.len(), 1, "c is gone, and was Ready");
}

#[test]
fn pods_are_found_by_owner_and_node_before_they_are_bound() {
    let mut world = World::new();
    world.pods(0, WatchSignal::Restarted);
    let mut stranger = pod(9, "a", "True");
    stranger["metadata"]["ownerReferences"][0]["kind"] = "ReplicaSet".into();
    world.pods(0, WatchSignal::Applied(frame(stranger)));
    world.pods(0, WatchSignal::Applied(frame(pod(1, "a", "True"))));
    world.pods(0, done());
    assert_eq!(world.state.pod_count(), 1, "only DaemonSets' pods");
    let ready = world.only_pod().ready.unwrap();
    assert!(ready.at_first_sight && ready.since == at(0));
    assert!(world.state.pod_bytes() > 0);
}

#[test]
fn an_accepted_delete_is_seen_before_the_watch_shows_it() {
    let mut world = World::new();
    let owner: Uid = OWNER.parse().unwrap();
    world.pods(0, WatchSignal::Restarted);
    world.pods(0, WatchSignal::Applied(frame(pod(1, "a", "True"))));
    world.pods(0, done());
    world.state.pods.overlay(owner, &"a".into(), Uid::from_u128(1));
    assert!(world.only_pod().deleting);
    let mut stale = pod(1, "a", "True");
    stale["metadata"]["labels"]["x"] = "y".into();
    world.pods(1, WatchSignal::Applied(frame(stale)));
    assert!(world.only_pod().deleting, "an event from before the delete does not undo it");
    world.state.pods.lift(owner, &"a".into(), Uid::from_u128(1));
    assert!(!world.only_pod().deleting);
}

#[test]
fn a_new_leaders_list_shows_what_became_of_the_deletes_of_an_earlier_term() {
    let mut world = World::new();
    let owner: Uid = OWNER.parse().unwrap();
    world.pods(0, WatchSignal::Restarted);
    world.pods(0, WatchSignal::Applied(frame(pod(1, "a", "True"))));
    world.pods(0, done());
    world.state.pods.overlay(owner, &"a".into(), Uid::from_u128(1));
    world.state.pods.forget_overlays();
    world.pods(5, WatchSignal::Restarted);
    world.pods(5, WatchSignal::Applied(frame(pod(1, "a", "True"))));
    world.pods(5, done());
    assert!(!world.only_pod().deleting, "that delete was never sent");
}

#[test]
fn becoming_ready_is_urgent_and_ends_trouble() {
    let mut world = World::new();
    let owner: Uid = OWNER.parse().unwrap();
    world.pods(0, WatchSignal::Restarted);
    world.pods(0, done());
    let mut crashing = pod(1, "a", "False");
    crashing["status"]["containerStatuses"] = json!([{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]);
    let touched = world.pods(5, WatchSignal::Applied(frame(crashing)));
    assert_eq!(touched.later, [owner]);
    assert_eq!(world.only_pod().trouble, Some(at(5)));
    world.pods(9, WatchSignal::Applied(frame(pod(1, "a", "False"))));
    assert_eq!(world.only_pod().trouble, Some(at(5)), "running for a moment between two crashes ends nothing");
    let touched = world.pods(12, WatchSignal::Applied(frame(pod(1, "a", "True"))));
    assert_eq!(touched.urgent, [owner]);
    let ready = world.only_pod().ready.unwrap();
    assert!(world.only_pod().trouble.is_none() && !ready.at_first_sight && ready.since == at(12));
}

#[test]
fn a_silent_watch_makes_the_view_old() {
    let mut world = World::new();
    world.nodes(0, WatchSignal::Restarted);
    world.nodes(1, done());
    assert!(world.state.view().is_none() && !world.state.is_listed());
    world.pods(0, WatchSignal::Restarted);
    world.pods(2, done());
    assert!(world.state.is_listed());
    world.nodes(60, WatchSignal::Bookmark(ResourceVersion(2)));
    let view = world.state.view().unwrap();
    assert_eq!((view.since, view.heard), (at(2), at(2)), "the pods' watch is the older one");
}
