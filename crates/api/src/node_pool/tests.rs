use planner::election::{Settings, Strategy};
use serde_json::{Value, json};

use super::*;

fn read(object: Value) -> NodePool {
    serde_json::from_value(object).unwrap()
}

/// OpenYurt's own definition is nearly open, and its manager leaves out what is empty.
#[test]
fn whatever_openyurt_lets_pass_is_read() {
    let bare = read(json!({"metadata": {"name": "p"}}));
    // A default that was taken out by an update is left out by OpenYurt's manager: it is no default any more.
    let without = NodePoolSpec { pool_scope_metadata: Vec::new(), ..NodePoolSpec::default() };
    assert_eq!(read(json!({"metadata": {"name": "p"}, "spec": {}})).spec, without);
    assert_eq!((bare.spec, bare.status), (NodePoolSpec::default(), None));
    let nulls = read(json!({
        "metadata": {"name": "p"},
        "spec": {
            "type": null, "hostNetwork": null, "labels": null, "annotations": null, "taints": null,
            "interConnectivity": null, "enableLeaderElection": null, "leaderElectionStrategy": null,
            "leaderNodeLabelSelector": null, "leaderReplicas": null, "poolScopeMetadata": null,
        },
        "status": {
            "readyNodeNum": null, "nodes": null, "leaderEndpoints": null, "leaderLastElectedTime": null, "conditions": null,
        },
    }));
    assert_eq!((nulls.spec, nulls.status), (without, Some(NodePoolStatus::default())));
    let odd = read(json!({"spec": {"type": "Moon", "leaderElectionStrategy": "", "leaderReplicas": -7}}));
    assert_eq!(odd.spec.pool_type, "Moon");
}

#[test]
fn what_is_asked_of_an_election_is_parsed_once() {
    let ask = |spec: Value| read(json!({"spec": spec})).spec.election();
    assert_eq!(ask(json!({"leaderElectionStrategy": "nonsense"})), Settings::Disabled);
    assert_eq!(
        ask(json!({"enableLeaderElection": true})),
        Settings::Enabled { strategy: Strategy::Random, replicas: 1 }
    );
    let mark = Strategy::Mark([("a".to_owned(), "b".to_owned())].into());
    let marked = json!({
        "enableLeaderElection": true, "leaderElectionStrategy": "mark", "leaderNodeLabelSelector": {"a": "b"},
        "leaderReplicas": -1,
    });
    assert_eq!(ask(marked), Settings::Enabled { strategy: mark, replicas: 0 });
    let Settings::Invalid(why) = ask(json!({"enableLeaderElection": true, "leaderElectionStrategy": "Mark"})) else {
        panic!("it is followed")
    };
    assert_eq!(why, "spec.leaderElectionStrategy: \"Mark\" is not random or mark");
}

#[test]
fn pool_scoped_metadata_is_sorted_text_each_once() {
    let resource = |group: &str, resource: &str| json!({"group": group, "version": "v1", "resource": resource});
    let list = [
        resource("discovery.k8s.io", "endpointslices"),
        resource("", "services"),
        resource("apps", "deployments"),
        resource("", "services"),
    ];
    let spec = read(json!({"spec": {"poolScopeMetadata": list}})).spec;
    assert_eq!(spec.pool_scoped(), ["/v1/services", "apps/v1/deployments", "discovery.k8s.io/v1/endpointslices"]);
}

#[test]
fn a_status_is_written_with_what_was_read() {
    let status = json!({
        "readyNodeNum": 1, "unreadyNodeNum": 0, "leaderNum": 1, "nodes": ["a", "b"],
        "leaderEndpoints": [{"nodeName": "a", "address": "10.0.0.1"}, {"nodeName": "b", "address": "not an address"}],
        "leaderLastElectedTime": "2026-01-02T03:04:05Z",
        "conditions": [{
            "type": "LeaderReady", "status": "True", "reason": "Elected", "message": "1 node leads",
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }],
        "fieldOfTheFuture": {"kept": true},
    });
    let pool = read(json!({"metadata": {"name": "p"}, "status": status}));
    let written = serde_json::to_value(&pool).unwrap();
    assert_eq!(
        (&written["status"], &written["kind"], &written["apiVersion"]),
        (&status, &json!("NodePool"), &json!("apps.openyurt.io/v1beta2"))
    );
    let leaders = pool.status.unwrap().leaders();
    let [leader] = leaders.as_slice() else { panic!("{leaders:?}") };
    assert_eq!(Leader::from(leader), Leader { node_name: "a".to_owned(), address: "10.0.0.1".to_owned() });
}
