//! What callers may ask, and what they are told when they may not.

use proto::topology::v1::{
    GetPoolRequest, ListPoolsRequest, NodeSelector, PoolSelector, WatchNodesRequest, WatchPoolsRequest,
};
use tonic::{Code, Status};

use super::*;

fn fleet() -> Topology {
    let fake = Fake::default();
    fake.pool("north", ("tier", "gold"), &["n1"]);
    fake.pool("south", ("tier", "tin"), &[]);
    fake.node("n1", "north", true);
    fake.node("s1", "south", false);
    fake.node("free", "", true);
    listed(&fake)
}

fn pools(names: &[&str]) -> PoolSelector {
    PoolSelector { names: names.iter().map(|name| (*name).to_owned()).collect(), ..PoolSelector::default() }
}

fn nodes(pools: &[&str], names: &[&str]) -> NodeSelector {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NodeSelector { pools: owned(pools), names: owned(names), ..NodeSelector::default() }
}

#[track_caller]
fn refused<T>(answer: Result<T, Status>, code: Code, words: &[&str]) {
    let Err(status) = answer else { panic!("not refused") };
    assert_eq!(status.code(), code, "{status}");
    for word in words {
        assert!(status.message().contains(word), "{word} is not in {status}");
    }
}

#[tokio::test]
async fn pools_are_listed_and_got() {
    let served = serve(&fleet(), settings(), caller("drover-admin", None));
    let mut client = served.client().await;
    let all = client.list_pools(ListPoolsRequest::default()).await.unwrap().into_inner().pools;
    assert_eq!(all.iter().map(|pool| pool.name.as_str()).collect::<Vec<_>>(), ["north", "south"]);
    let gold = PoolSelector { labels: [("tier".to_owned(), "gold".to_owned())].into(), ..pools(&[]) };
    let gold = client.list_pools(ListPoolsRequest { selector: Some(gold) }).await.unwrap().into_inner().pools;
    assert_eq!(gold, all[..1]);
    let north = client.get_pool(GetPoolRequest { name: "north".to_owned() }).await.unwrap().into_inner().pool;
    assert_eq!(north.as_ref(), all.first());
    assert_eq!(north.unwrap().leaders[0].address, "10.0.0.1");
    let missing = client.get_pool(GetPoolRequest { name: "east".to_owned() }).await;
    refused(missing, Code::NotFound, &["NodePool east"]);
    refused(client.get_pool(GetPoolRequest::default()).await, Code::InvalidArgument, &["name"]);
}

#[tokio::test]
async fn what_is_out_of_bounds_is_named() {
    let served = serve(&fleet(), settings(), caller("drover-admin", None));
    let mut client = served.client().await;
    let blank = client.list_pools(ListPoolsRequest { selector: Some(pools(&["a", ""])) }).await;
    refused(blank, Code::InvalidArgument, &["selector.names", "empty"]);
    let many: Vec<_> = (0..1_001).map(|number| format!("p{number}")).collect();
    let many = NodeSelector { pools: many, ..NodeSelector::default() };
    let many = client.watch_nodes(WatchNodesRequest { selector: Some(many), ..Default::default() }).await;
    refused(many, Code::InvalidArgument, &["selector.pools", "1001", "1000"]);
    let labels = (0..17).map(|number| (format!("l{number}"), String::new())).collect();
    let labelled = PoolSelector { labels, ..PoolSelector::default() };
    let labelled = client.watch_pools(WatchPoolsRequest { selector: Some(labelled), ..Default::default() }).await;
    refused(labelled, Code::InvalidArgument, &["selector.labels", "17", "16"]);
    let made_up = WatchNodesRequest { resume_token: b"made up".to_vec(), ..Default::default() };
    refused(client.watch_nodes(made_up).await, Code::InvalidArgument, &["resume_token"]);
}

#[tokio::test]
async fn nobody_is_answered_before_everything_is_listed() {
    let topology = Topology::default();
    let served = serve(&topology, settings(), caller("drover-admin", None));
    let mut client = served.client().await;
    refused(client.list_pools(ListPoolsRequest::default()).await, Code::Unavailable, &["not seen all"]);
    refused(client.watch_nodes(WatchNodesRequest::default()).await, Code::Unavailable, &["not seen all"]);
    topology.open([], &Fake::default());
    assert!(client.list_pools(ListPoolsRequest::default()).await.unwrap().into_inner().pools.is_empty());
}

#[tokio::test]
async fn a_caller_on_a_node_sees_that_nodes_pool_only() {
    let topology = fleet();
    let served = serve(&topology, settings(), caller("hub-ota-service", Some("n1")));
    let mut client = served.client().await;
    client.get_pool(GetPoolRequest { name: "north".to_owned() }).await.unwrap();
    client.list_pools(ListPoolsRequest { selector: Some(pools(&["north"])) }).await.unwrap();
    for missing in ["south", "east"] {
        let answer = client.get_pool(GetPoolRequest { name: missing.to_owned() }).await;
        refused(answer, Code::PermissionDenied, &["node n1", "north", missing]);
    }
    let denied = Code::PermissionDenied;
    refused(client.list_pools(ListPoolsRequest::default()).await, denied, &["select pool north"]);
    let both = WatchPoolsRequest { selector: Some(pools(&["north", "south"])), ..Default::default() };
    refused(client.watch_pools(both).await, denied, &["not south"]);
    let mut watch = async |selector: NodeSelector| {
        client.watch_nodes(WatchNodesRequest { selector: Some(selector), ..Default::default() }).await.map(drop)
    };
    watch(nodes(&["north"], &[])).await.unwrap();
    watch(nodes(&["north"], &["n1"])).await.unwrap();
    watch(nodes(&[], &["n1"])).await.unwrap();
    refused(watch(nodes(&[], &[])).await, denied, &["select pool north"]);
    refused(watch(nodes(&["south"], &[])).await, denied, &["not south"]);
    refused(watch(nodes(&[], &["n1", "s1"])).await, denied, &["select pool north"]);

    let served = serve(&topology, settings(), caller("hub-ota-service", Some("free")));
    let answer = served.client().await.get_pool(GetPoolRequest { name: "north".to_owned() }).await;
    refused(answer, denied, &["node free", "in none"]);
    // An account that is configured to see the fleet does so from wherever it runs.
    let served = serve(&topology, settings(), caller("appset-controller", Some("free")));
    served.client().await.list_pools(ListPoolsRequest::default()).await.unwrap();
}
