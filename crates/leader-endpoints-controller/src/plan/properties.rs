//! What holds of every plan, whatever a pool, its nodes and its status are.

use std::sync::Arc;

use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use proptest::strategy::Strategy as Generator;
use serde_json::{Value, json};

use super::*;
use crate::config::{Config, Mode};
use crate::outputs::tests::pool as pool_of;

const NODES: u8 = 5;

/// A node that may be there or not, Ready or not, at one of three addresses or none.
fn node(index: u8, state: (bool, bool, u8)) -> Option<Arc<Node>> {
    let (there, ready, address) = state;
    let address = match address {
        0 => String::new(),
        1 => format!("fd00::{index}"),
        _ => format!("10.0.{address}.{index}"),
    };
    let mut node = crate::nodes::tests::node(&format!("n{index}"), "shop", &address);
    node["status"]["conditions"][0]["status"] = if ready { "True" } else { "False" }.into();
    node["metadata"]["labels"]["hub"] = (index % 2).to_string().into();
    there.then(|| Arc::new(serde_json::from_value(node).unwrap()))
}

fn observed() -> impl Generator<Value = Observed> {
    let nodes = prop::collection::vec((any::<bool>(), any::<bool>(), 0..4_u8), usize::from(NODES));
    let leaders = prop::collection::vec((0..NODES + 1, 1..4_u8), 0..4);
    (nodes, leaders, any::<bool>(), any::<bool>(), -1..5_i32).prop_map(|(nodes, leaders, enabled, marked, replicas)| {
        let mut pool = pool_of(
            "shop",
            &json!({
                "enableLeaderElection": enabled, "leaderReplicas": replicas,
                "leaderElectionStrategy": if marked { "mark" } else { "random" },
                "leaderNodeLabelSelector": {"hub": "1"},
            }),
        );
        let leader = |(index, address): (u8, u8)| json!({"nodeName": format!("n{index}"), "address": format!("10.0.{address}.{index}")});
        let leaders: Vec<Value> = leaders.into_iter().map(leader).collect();
        pool.status = serde_json::from_value(json!({"leaderEndpoints": leaders})).unwrap();
        let nodes = (0..).zip(nodes).filter_map(|(index, state)| node(index, state)).collect();
        Observed { pool: Arc::new(pool), nodes, seen: Vec::new() }
    })
}

/// The world after a plan was carried out.
fn after(observed: &Observed, plan: &Plan, decision: &Decision) -> Observed {
    let stored = |wanted: &Wanted| {
        let mut object = wanted.body();
        object["metadata"]["uid"] = "99999999-2222-3333-4444-555555555555".into();
        object["metadata"]["resourceVersion"] = "12".into();
        (wanted.output, Arc::new(serde_json::from_value(object).unwrap()))
    };
    let mut pool = (*observed.pool).clone();
    pool.status = plan.status(observed, decision, &plan.condition(decision), Timestamp::UNIX_EPOCH);
    Observed { pool: Arc::new(pool), nodes: observed.nodes.clone(), seen: plan.writes.iter().map(stored).collect() }
}

proptest! {
    #[test]
    fn leaders_are_ready_current_and_in_the_pool_and_the_second_look_writes_nothing(
        observed in observed(),
        mode in prop::sample::select(vec![Mode::Elect, Mode::Follow]),
    ) {
        let outputs = Outputs { endpoints: true, config_map: true, endpoint_slice: true };
        let config = Config::default();
        let decision = Decision::of(mode, &config.yurt_manager, &controller_runtime::lease::Neighbour::Unknown, &Decision::Undecided);
        let first = plan(&observed, &decision, &outputs);
        prop_assert_eq!(first.writes.len(), Output::ALL.len(), "empty is written too");
        for leader in &first.leaders {
            let node = observed.nodes.iter().find(|node| *node.name == *leader.name);
            prop_assert!(node.is_some_and(|node| node.ready && node.address == Some(leader.address)), "{leader:?}");
        }
        let spec = &observed.pool.spec;
        let most = if spec.enable_leader_election { usize::try_from(spec.leader_replicas).unwrap_or(0) } else { 0 };
        prop_assert!(mode == Mode::Follow || first.leaders.len() <= most);

        let world = after(&observed, &first, &decision);
        let second = plan(&world, &decision, &outputs);
        prop_assert_eq!(&second.leaders, &first.leaders);
        prop_assert!(second.writes.is_empty(), "{:?}", second.writes);
        let now = Timestamp::from_second(1_000).unwrap();
        let status = second.status(&world, &decision, &second.condition(&decision), now);
        prop_assert_eq!(&status, &world.pool.status);
        prop_assert!(mode == Mode::Follow || (second.changes.is_empty() && !is_wrong(&world)));
    }
}
