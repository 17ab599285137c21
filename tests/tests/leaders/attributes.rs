//! What a pool gives to its nodes.

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;
use tests::fixture::eventually;
use xtask::nodes::POOL_LABEL;

use super::site::Site;
use super::{LONG, bed};

const GIVEN: &str = "nodepool.openyurt.io/previous-attributes";

fn has_taint(node: &Node, key: &str) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    taints.is_some_and(|taints| taints.iter().any(|taint| taint.key == key))
}

async fn await_node(site: &Site, node: &str, what: &str, wanted: impl Fn(&Node) -> bool) -> Result<Node> {
    let what = format!("{what} on {}", site.node(node));
    let found = eventually(&what, LONG, async || Ok(Some(site.read_node(node).await?).filter(&wanted))).await;
    match found {
        Ok(node) => Ok(node),
        Err(error) => Err(error.context(format!("{}", json!(site.read_node(node).await?.metadata)))),
    }
}

#[tokio::test]
async fn nodes_get_what_their_pool_gives_and_lose_it_when_they_leave() -> Result<()> {
    let bed = bed().await?;
    let spec = json!({
        "labels": {"site": "north", "rack": "7"}, "annotations": {"contact": "ann"},
        "taints": [{"key": "edge", "value": "yes", "effect": "NoSchedule"}],
    });
    let site = Site::open(&bed.stage, "giving", spec).await?;
    site.add("a", "10.15.0.1", &json!({"own": "1"})).await?;
    site.add("b", "10.15.0.2", &json!({})).await?;
    let given = |node: &Node| {
        node.labels().get("site").is_some_and(|site| site == "north")
            && node.annotations().get("contact").is_some_and(|contact| contact == "ann")
            && has_taint(node, "edge")
    };
    await_node(&site, "a", "attributes", given).await?;
    let record = await_node(&site, "b", "attributes", given).await?.annotations()[GIVEN].clone();
    let record: serde_json::Value = serde_json::from_str(&record)?;
    assert_eq!(record["labels"], json!({"site": "north", "rack": "7"}));

    site.change(&json!({"labels": {"rack": "8"}, "annotations": {"contact": null}})).await?;
    for node in ["a", "b"] {
        await_node(&site, node, "changed attributes", |node| {
            node.labels().get("rack").is_some_and(|rack| rack == "8") && !node.annotations().contains_key("contact")
        })
        .await?;
    }
    // Somebody else's from now on.
    site.change_node("a", &json!({"metadata": {"labels": {POOL_LABEL: null, "rack": "own"}}})).await?;
    let left = await_node(&site, "a", "no attributes", |node| {
        !node.labels().contains_key("site") && !has_taint(node, "edge") && !node.annotations().contains_key(GIVEN)
    })
    .await?;
    assert_eq!((left.labels()["own"].as_str(), left.labels()["rack"].as_str()), ("1", "own"));
    ensure!(given_still(&site.read_node("b").await?), "who stays keeps what he has");
    // Nobody's node any more, though its label says otherwise.
    site.pools().delete("giving", &DeleteParams::default()).await?;
    await_node(&site, "b", "no attributes", |node| !given_still(node) && !node.labels().contains_key("site")).await?;
    assert_eq!(site.read_node("b").await?.labels()[POOL_LABEL], "giving");
    Ok(())
}

fn given_still(node: &Node) -> bool {
    node.labels().contains_key("rack") && has_taint(node, "edge")
}

#[tokio::test]
async fn one_unreadable_record_is_told_and_stops_no_other_node() -> Result<()> {
    let bed = bed().await?;
    let site = Site::open(&bed.stage, "unread", json!({"labels": {"site": "north"}})).await?;
    site.add("a", "10.16.0.1", &json!({})).await?;
    await_node(&site, "a", "the label", |node| node.labels().contains_key("site")).await?;
    site.change_node("a", &json!({"metadata": {"annotations": {GIVEN: "{not json"}}})).await?;
    // Pools and nodes are two streams: until the node's is seen, the pool's new label would replace what was written on it.
    let event = site.await_event("unread-a", "InvalidPreviousAttributes").await?;
    site.change(&json!({"labels": {"site": "south"}})).await?;
    site.add("b", "10.16.0.2", &json!({})).await?;
    await_node(&site, "b", "the label", |node| node.labels().get("site").is_some_and(|site| site == "south")).await?;
    let message = event.message.unwrap_or_default();
    ensure!(message.contains(GIVEN) && message.contains("{not json"), "{message}");
    assert_eq!(site.read_node("a").await?.labels()["site"], "north");
    site.change_node("a", &json!({"metadata": {"annotations": {GIVEN: null}}})).await?;
    await_node(&site, "a", "the new label", |node| node.labels()["site"] == "south").await?;
    Ok(())
}
