//! Streams: snapshot, changes, resumption, reset, end.

use std::collections::{BTreeMap, BTreeSet};

use proto::topology::v1::{
    NodeSelector, PoolSelector, Reset, WatchNodesRequest, WatchNodesResponse, WatchPoolsRequest,
};
use tonic::{Code, Streaming};

use super::*;

/// What came up to the next synced message.
#[derive(Debug, Default)]
struct Told {
    changed: BTreeSet<String>,
    /// With repetitions.
    changes: usize,
    removed: BTreeSet<String>,
    messages: usize,
    reset: Option<Reset>,
    token: Vec<u8>,
}

async fn next(stream: &mut Streaming<WatchNodesResponse>) -> Result<Option<WatchNodesResponse>, tonic::Status> {
    tokio::time::timeout(MINUTE, stream.message()).await.expect("the stream is silent")
}

async fn until_synced(stream: &mut Streaming<WatchNodesResponse>) -> Told {
    let mut told = Told::default();
    loop {
        let WatchNodesResponse { changed, removed, mark } = next(stream).await.unwrap().expect("the stream ended");
        let mark = mark.unwrap();
        told.changes += changed.len();
        told.changed.extend(changed.into_iter().map(|node| node.name));
        told.removed.extend(removed);
        told.messages += 1;
        if mark.reset() != Reset::Unspecified {
            told.reset = Some(mark.reset());
        }
        told.token = mark.resume_token;
        if mark.synced {
            return told;
        }
    }
}

/// Up to the message that brings something.
async fn news(stream: &mut Streaming<WatchNodesResponse>) -> Told {
    loop {
        let told = until_synced(stream).await;
        if !told.changed.is_empty() || !told.removed.is_empty() {
            return told;
        }
    }
}

fn request(selector: NodeSelector, resume_token: Vec<u8>) -> WatchNodesRequest {
    WatchNodesRequest { selector: Some(selector), resume_token }
}

fn of(pools: &[&str]) -> NodeSelector {
    NodeSelector { pools: pools.iter().map(|name| (*name).to_owned()).collect(), ..NodeSelector::default() }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// So many nodes, 100 to a pool, and their topology.
fn many(count: usize) -> (Fake, Topology) {
    let fake = Fake::default();
    for number in 0..count {
        fake.node(&format!("node-{number:05}"), &format!("pool-{:03}", number / 100), true);
    }
    let topology = listed(&fake);
    (fake, topology)
}

#[tokio::test]
async fn a_watch_begins_with_everything_and_goes_on_with_changes() {
    let (fake, topology) = many(1_200);
    let served = serve(&topology, settings(), caller("drover-admin", None));
    let mut client = served.client().await;
    let mut stream = client.watch_nodes(request(NodeSelector::default(), vec![])).await.unwrap().into_inner();
    let told = until_synced(&mut stream).await;
    assert_eq!((told.changed.len(), told.changes, told.reset), (1_200, 1_200, None));
    assert!(told.messages > 1 && told.removed.is_empty(), "{} messages", told.messages);
    let mut one_pool = client.watch_nodes(request(of(&["pool-007"]), vec![])).await.unwrap().into_inner();
    assert_eq!(until_synced(&mut one_pool).await.changed.len(), 100);

    fake.node("node-00003", "pool-000", false);
    topology.heed("pool-000", &fake);
    assert_eq!(news(&mut stream).await.changed, set(&["node-00003"]));
    fake.no_node("node-00701");
    fake.node("node-00702", "pool-003", true);
    topology.heed("pool-007", &fake);
    let told = news(&mut one_pool).await;
    assert_eq!((told.changed, told.removed), (set(&[]), set(&["node-00701", "node-00702"])));
    let told = news(&mut stream).await;
    assert_eq!((told.changed, told.removed), (set(&["node-00702"]), set(&["node-00701"])));
    // Nothing changes, and yet something comes.
    let told = until_synced(&mut one_pool).await;
    assert_eq!((told.changes, told.removed.len(), told.messages), (0, 0, 1));
}

#[tokio::test]
async fn labels_of_pools_select_nodes_and_may_change() {
    let fake = Fake::default();
    fake.pool("p", ("tier", "gold"), &[]);
    fake.pool("q", ("tier", "tin"), &[]);
    fake.node("a", "p", true);
    fake.node("b", "q", true);
    let topology = listed(&fake);
    let served = serve(&topology, settings(), caller("drover-admin", None));
    let mut client = served.client().await;
    let gold = NodeSelector { pool_labels: [("tier".to_owned(), "gold".to_owned())].into(), ..of(&[]) };
    let mut stream = client.watch_nodes(request(gold, vec![])).await.unwrap().into_inner();
    assert_eq!(until_synced(&mut stream).await.changed, set(&["a"]));
    fake.pool("q", ("tier", "gold"), &[]);
    topology.heed("q", &fake);
    assert_eq!(news(&mut stream).await.changed, set(&["b"]));
    fake.pool("p", ("tier", "tin"), &[]);
    topology.heed("p", &fake);
    assert_eq!(news(&mut stream).await.removed, set(&["a"]));
    let pools = PoolSelector { labels: [("tier".to_owned(), "gold".to_owned())].into(), names: vec![] };
    let request = WatchPoolsRequest { selector: Some(pools), resume_token: vec![] };
    let mut stream = client.watch_pools(request).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert_eq!(first.changed.iter().map(|pool| pool.name.as_str()).collect::<Vec<_>>(), ["q"]);
}

#[tokio::test]
async fn a_resumed_watch_brings_exactly_what_was_missed() {
    let (fake, topology) = many(10_500);
    let served = serve(&topology, settings(), caller("drover-admin", None));
    let mut client = served.client().await;
    let mut resume = async |token: Vec<u8>| {
        let mut stream = client.watch_nodes(request(NodeSelector::default(), token)).await.unwrap().into_inner();
        until_synced(&mut stream).await
    };
    let token = resume(vec![]).await.token;
    let none = resume(token.clone()).await;
    assert_eq!((none.changes, none.removed.len(), none.reset, none.messages), (0, 0, None, 1));

    fake.node("node-00042", "pool-000", false);
    topology.heed("pool-000", &fake);
    let one = resume(token.clone()).await;
    assert_eq!((one.changes, one.changed, one.reset), (1, set(&["node-00042"]), None));

    // 10,000 of the nodes change, a part of them twice and a part of them for good.
    for number in 0..10_000 {
        let (name, pool) = (format!("node-{number:05}"), format!("pool-{:03}", number / 100));
        fake.node(&name, &pool, false);
        if number % 100 == 99 {
            topology.heed(&pool, &fake);
            fake.node(&name, &pool, true);
            fake.no_node(&format!("node-{:05}", number - 1));
            topology.heed(&pool, &fake);
        }
    }
    let missed = resume(token).await;
    assert_eq!(missed.reset, None);
    assert_eq!((missed.changes, missed.changed.len(), missed.removed.len()), (9_900, 9_900, 100), "each once");
}

#[tokio::test]
async fn who_does_not_read_gets_merged_changes() {
    const NODES: usize = 500;
    const ROUNDS: usize = 100;
    let (fake, topology) = many(NODES);
    let served = serve(&topology, settings(), caller("drover-admin", None));
    let mut client = served.client().await;
    let mut stream = client.watch_nodes(request(NodeSelector::default(), vec![])).await.unwrap().into_inner();
    until_synced(&mut stream).await;
    for round in 0..ROUNDS {
        for pool in 0..NODES / 100 {
            for number in pool * 100..(pool + 1) * 100 {
                fake.node(&format!("node-{number:05}"), &format!("pool-{pool:03}"), round % 2 == 1);
            }
            topology.heed(&format!("pool-{pool:03}"), &fake);
        }
        fake.node("node-00000", "pool-000", round != ROUNDS - 1);
        topology.heed("pool-000", &fake);
    }
    // What fits into the buffers of this connection was sent meanwhile (some 10,000 changes), and then nothing until it is read.
    let (mut changes, mut seen) = (0, BTreeMap::new());
    let last = |seen: &BTreeMap<String, bool>| {
        seen.len() == NODES && seen.iter().all(|(name, ready)| *ready == (name != "node-00000"))
    };
    while !last(&seen) {
        let message = next(&mut stream).await.unwrap().expect("the stream ended");
        changes += message.changed.len();
        seen.extend(message.changed.into_iter().map(|node| (node.name, node.ready)));
    }
    assert!(changes < NODES * ROUNDS / 2, "{changes} of {} changes were told", NODES * ROUNDS);
}

#[tokio::test]
async fn who_missed_too_much_or_comes_from_elsewhere_begins_anew() {
    let fake = Fake::default();
    let small = Topology(Arc::new(Inner { nodes: Feed::new(feed::Settings { gone: 3 }), ..Inner::default() }));
    for name in ["a", "b", "c", "d"] {
        fake.node(name, "p", true);
    }
    small.open(["p"], &fake);
    let served = serve(&small, settings(), caller("drover-admin", None));
    let mut client = served.client().await;
    let mut stream = client.watch_nodes(request(NodeSelector::default(), vec![])).await.unwrap().into_inner();
    let token = until_synced(&mut stream).await.token;
    for name in ["a", "b"] {
        fake.no_node(name);
        small.heed("p", &fake);
    }
    let mut resumed = client.watch_nodes(request(NodeSelector::default(), token.clone())).await.unwrap().into_inner();
    let told = until_synced(&mut resumed).await;
    assert_eq!((told.reset, told.changed, told.removed), (Some(Reset::TooOld), set(&["c", "d"]), set(&[])));
    let mut other = client.watch_nodes(request(of(&["p"]), told.token)).await.unwrap().into_inner();
    assert_eq!(until_synced(&mut other).await.reset, Some(Reset::OtherSelector));

    let another = serve(&listed(&fake), settings(), caller("drover-admin", None));
    let mut client = another.client().await;
    let mut resumed = client.watch_nodes(request(NodeSelector::default(), token)).await.unwrap().into_inner();
    let told = until_synced(&mut resumed).await;
    assert_eq!((told.reset, told.changed), (Some(Reset::OtherEpoch), set(&["c", "d"])));
}

#[tokio::test]
async fn watches_end_when_they_are_old_and_when_the_process_ends() {
    let (_fake, topology) = many(10);
    let young = Settings { watch_age: Period::of_millis::<1_000>(), ..settings() };
    let served = serve(&topology, young, caller("drover-admin", None));
    let mut client = served.client().await;
    let mut stream = client.watch_nodes(request(NodeSelector::default(), vec![])).await.unwrap().into_inner();
    let mut token = vec![];
    while let Some(message) = next(&mut stream).await.unwrap() {
        token = message.mark.unwrap().resume_token;
    }
    let mut stream = client.watch_nodes(request(NodeSelector::default(), token)).await.unwrap().into_inner();
    assert_eq!(until_synced(&mut stream).await.changes, 0);

    let served = serve(&topology, settings(), caller("drover-admin", None));
    let mut client = served.client().await;
    let mut stream = client.watch_nodes(request(NodeSelector::default(), vec![])).await.unwrap().into_inner();
    until_synced(&mut stream).await;
    served.stopping.cancel();
    let end = loop {
        match next(&mut stream).await {
            Ok(message) => assert!(message.is_some(), "the stream ended as if it were old"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::Unavailable, "{end}");
}

#[tokio::test]
async fn a_watch_ends_when_its_callers_node_leaves_the_pool() {
    let fake = Fake::default();
    fake.node("a", "p", true);
    fake.node("b", "p", true);
    let topology = listed(&fake);
    let served = serve(&topology, settings(), caller("hub-ota-service", Some("a")));
    let mut client = served.client().await;
    let mut stream = client.watch_nodes(request(of(&["p"]), vec![])).await.unwrap().into_inner();
    assert_eq!(until_synced(&mut stream).await.changed.len(), 2);
    fake.node("a", "q", true);
    topology.heed("p", &fake);
    let end = loop {
        match next(&mut stream).await {
            Ok(message) => assert!(message.unwrap().removed.is_empty(), "nothing is told of the pool it left"),
            Err(status) => break status,
        }
    };
    assert!(end.code() == Code::PermissionDenied && end.message().contains("which is q"), "{end}");
}
