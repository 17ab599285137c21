use serde_json::{Value, json};

use super::*;
use crate::config::{Config, Mode};
use crate::outputs::tests::pool as pool_of;
use controller_runtime::lease::Neighbour;

fn decision(mode: Mode) -> Decision {
    Decision::of(mode, &Config::default().yurt_manager, &Neighbour::Unknown, &Decision::Undecided)
}

/// Nodes by name, address and readiness.
fn nodes(of: &[(&str, &str, bool)]) -> Vec<Arc<Node>> {
    let node = |(name, address, ready): &(&str, &str, bool)| {
        let mut node = crate::nodes::tests::node(name, "shop", address);
        node["status"]["conditions"][0]["status"] = if *ready { "True" } else { "Unknown" }.into();
        Arc::new(serde_json::from_value(node).unwrap())
    };
    of.iter().map(node).collect()
}

/// A pool that elects two leaders, with these in its status.
fn pool(leaders: &Value) -> Arc<Pool> {
    let mut pool = pool_of("shop", &json!({"enableLeaderElection": true, "leaderReplicas": 2}));
    pool.status = serde_json::from_value(json!({"leaderEndpoints": leaders})).unwrap();
    Arc::new(pool)
}

fn observed(pool: Arc<Pool>, nodes: Vec<Arc<Node>>) -> Observed {
    Observed { pool, nodes, seen: Vec::new() }
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.leaders.iter().map(|leader| leader.name.as_str()).collect()
}

#[test]
fn a_leader_that_is_lost_is_replaced_in_outputs_and_status_of_one_plan() {
    let leaders = json!([{"nodeName": "b", "address": "10.0.0.2"}, {"nodeName": "a", "address": "10.0.0.1"}]);
    let nodes = nodes(&[("a", "10.0.0.1", false), ("b", "10.0.0.2", true), ("c", "10.0.0.3", true)]);
    let observed = observed(pool(&leaders), nodes);
    assert!(is_wrong(&observed));
    let elect = decision(Mode::Elect);
    let plan = plan(&observed, &elect, &Config::default().outputs);
    assert_eq!(names(&plan), ["b", "c"]);
    let writes: Vec<_> = plan.writes.iter().map(|wanted| wanted.output).collect();
    assert_eq!(writes, [Output::Endpoints, Output::ConfigMap]);
    let now: Timestamp = "2026-11-21T10:00:00.7Z".parse().unwrap();
    let status = plan.status(&observed, &elect, &plan.condition(&elect), now);
    assert_eq!((status.leader_num, status.ready_node_num, status.unready_node_num), (2, 2, 1));
    assert_eq!(status.nodes, ["a", "b", "c"]);
    assert_eq!(json!(status.leader_last_elected_time), "2026-11-21T10:00:00Z");
    assert_eq!((status.conditions[0].status.as_str(), status.conditions[0].reason.as_str()), ("True", "Elected"));
}

#[test]
fn the_same_leaders_in_another_order_are_no_change() {
    let leaders = json!([{"nodeName": "b", "address": "10.0.0.2"}, {"nodeName": "a", "address": "10.0.0.1"}]);
    let observed = observed(pool(&leaders), nodes(&[("a", "10.0.0.1", true), ("b", "10.0.0.2", true)]));
    let elect = decision(Mode::Elect);
    let plan = plan(&observed, &elect, &Config::default().outputs);
    assert!(plan.changes.is_empty() && !is_wrong(&observed));
    let status = plan.status(&observed, &elect, &plan.condition(&elect), Timestamp::now());
    assert_eq!(status.leader_endpoints, observed.pool.status.leader_endpoints);
    assert_eq!(status.leader_last_elected_time, None);
}

#[test]
fn followed_leaders_that_nobody_should_dial_are_left_out_and_named() {
    let leaders = json!([
        {"nodeName": "a", "address": "10.0.0.1"}, {"nodeName": "b", "address": "10.0.0.2"},
        {"nodeName": "c", "address": "10.0.0.9"}, {"nodeName": "gone", "address": "10.0.0.4"},
    ]);
    let nodes =
        nodes(&[("a", "10.0.0.1", true), ("b", "10.0.0.2", false), ("c", "10.0.0.3", true), ("d", "10.0.0.5", true)]);
    let observed = observed(pool(&leaders), nodes);
    let follow = decision(Mode::Follow);
    let plan = plan(&observed, &follow, &Config::default().outputs);
    assert_eq!(names(&plan), ["a"], "d was not elected by whom we follow");
    let condition = plan.condition(&follow);
    for word in
        ["b (10.0.0.2)", "not Ready", "c (10.0.0.9)", "10.0.0.3", "gone (10.0.0.4)", "another controller elects"]
    {
        assert!(condition.message.contains(word), "{} names {word}", condition.message);
    }
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("True", "Followed"));
    let status = plan.status(&observed, &follow, &condition, Timestamp::now());
    assert_eq!(status.leader_endpoints, observed.pool.status.leader_endpoints, "it is the other's");
    assert_eq!(status.ready_node_num, 0, "so are the counts");
}

#[test]
fn nobody_is_published_and_said() {
    let observed =
        observed(pool(&json!([{"nodeName": "a", "address": "10.0.0.1"}])), nodes(&[("a", "10.0.0.1", false)]));
    for mode in [Mode::Elect, Mode::Follow] {
        let decision = decision(mode);
        let plan = plan(&observed, &decision, &Config::default().outputs);
        assert!(plan.leaders.is_empty());
        assert_eq!(plan.writes.len(), 2, "empty is written");
        let condition = plan.condition(&decision);
        assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("False", "NoCandidate"), "{condition:?}");
    }
}

#[test]
fn outputs_that_are_switched_off_are_removed_where_they_are_ours() {
    let elect = decision(Mode::Elect);
    let mut observed = observed(pool(&json!([])), nodes(&[("a", "10.0.0.1", true)]));
    let all = Outputs { endpoints: true, config_map: true, endpoint_slice: true };
    let none = Outputs { endpoints: false, config_map: false, endpoint_slice: false };
    let written = |wanted: &Wanted, manager: &str| {
        let mut object = wanted.body();
        object["metadata"]["uid"] = "99999999-2222-3333-4444-555555555555".into();
        object["metadata"]["resourceVersion"] = "12".into();
        object["metadata"]["managedFields"] = json!([{"manager": manager}]);
        (wanted.output, Arc::new(serde_json::from_value(object).unwrap()))
    };
    let made = plan(&observed, &elect, &all);
    observed.seen = made.writes.iter().map(|wanted| written(wanted, crate::FIELD_MANAGER)).collect();
    assert!(plan(&observed, &elect, &all).writes.is_empty(), "written once");
    assert_eq!(plan(&observed, &elect, &none).removes.len(), 4);
    let kept: Vec<_> = plan(&observed, &decision(Mode::Follow), &none).removes;
    assert!(kept.iter().all(|(output, _)| *output != Output::ConfigMap), "another controller lives by it");
    observed.seen = made.writes.iter().map(|wanted| written(wanted, "yurt-manager")).collect();
    assert!(plan(&observed, &elect, &none).removes.is_empty());
}

#[test]
fn a_condition_keeps_its_time_until_its_status_changes() {
    let mut conditions = Vec::new();
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let condition = |status: &str, message: &str| NodePoolCondition {
        kind: LEADER_READY.to_owned(),
        status: status.to_owned(),
        message: message.to_owned(),
        ..NodePoolCondition::default()
    };
    set(&mut conditions, &condition("True", "x"), at("2026-01-01T00:00:00Z"));
    set(&mut conditions, &condition("True", "y"), at("2026-01-01T00:01:00Z"));
    assert_eq!(
        (json!(conditions[0].last_transition_time), conditions[0].message.as_str()),
        (json!("2026-01-01T00:00:00Z"), "y")
    );
    set(&mut conditions, &condition("False", "y"), at("2026-01-01T00:02:00Z"));
    assert_eq!(json!(conditions[0].last_transition_time), "2026-01-01T00:02:00Z");
    assert_eq!(conditions.len(), 1);
}
