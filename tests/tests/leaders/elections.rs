//! Everything that changes who leads does so at once.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use xtask::nodes::POOL_LABEL;

use super::bed;
use super::site::{Leaders, Site};

const ZONE: &str = "topology.kubernetes.io/zone";

#[tokio::test]
async fn two_nodes_that_swap_readiness_swap_the_lead() -> Result<()> {
    let bed = bed().await?;
    let site = Site::electing(&bed.stage, "swap", 1, &[("a", "10.1.0.1"), ("b", "10.1.0.2")]).await?;
    site.ready("b", false).await?;
    site.await_led_by(&["a"]).await?;
    // The counts of Ready and not Ready nodes stay the same, which is all that OpenYurt looks at.
    tokio::try_join!(site.ready("a", false), site.ready("b", true))?;
    site.await_led_by(&["b"]).await?;
    let status = site.read().await?.status.context("no status")?;
    assert_eq!((status.ready_node_num, status.unready_node_num, status.leader_num), (1, 1, 1));
    assert_eq!(status.nodes, ["swap-a", "swap-b"]);
    assert!(status.leader_last_elected_time.is_some());
    site.await_event("swap", "LeadersChanged").await?;
    Ok(())
}

#[tokio::test]
async fn a_leader_is_followed_to_its_new_address() -> Result<()> {
    let bed = bed().await?;
    let site = Site::electing(&bed.stage, "renumbered", 1, &[("a", "10.2.0.1")]).await?;
    site.await_led_by(&["a"]).await?;
    site.address("a", "10.2.0.99").await?;
    let moved = |leaders: &Leaders| leaders.iter().any(|(_, address)| address == "10.2.0.99");
    site.await_leaders("the new address", moved).await?;
    site.address("a", "fd00::a").await?;
    let moved = |leaders: &Leaders| leaders.iter().any(|(_, address)| address == "fd00::a");
    site.await_leaders("an IPv6 address", moved).await?;
    Ok(())
}

#[tokio::test]
async fn only_marked_nodes_lead_and_the_mark_can_move() -> Result<()> {
    let bed = bed().await?;
    let spec = json!({
        "enableLeaderElection": true, "leaderElectionStrategy": "mark", "leaderNodeLabelSelector": {"hub": "yes"},
    });
    let site = Site::open(&bed.stage, "marked", spec).await?;
    site.add("a", "10.3.0.1", &json!({"hub": "yes"})).await?;
    site.add("b", "10.3.0.2", &json!({})).await?;
    site.await_led_by(&["a"]).await?;
    let mark = |value: Value| json!({"metadata": {"labels": {"hub": value}}});
    let (off, on) = (mark(Value::Null), mark("yes".into()));
    tokio::try_join!(site.change_node("a", &off), site.change_node("b", &on))?;
    site.await_led_by(&["b"]).await?;
    site.change(&json!({"leaderNodeLabelSelector": {"hub": null, "gateway": "yes"}})).await?;
    site.await_led_by(&[]).await?;
    let condition = site.await_condition("LeaderReady", |condition| condition.status == "False").await?;
    assert_eq!(condition.reason, "NoCandidate");
    assert!(condition.message.contains("2 unmarked"), "{}", condition.message);
    site.await_event("marked", "NoLeader").await?;
    Ok(())
}

#[tokio::test]
async fn a_node_that_leaves_no_longer_leads() -> Result<()> {
    let bed = bed().await?;
    let site =
        Site::electing(&bed.stage, "left", 3, &[("a", "10.4.0.1"), ("b", "10.4.0.2"), ("c", "10.4.0.3")]).await?;
    site.await_led_by(&["a", "b", "c"]).await?;
    site.change_node("a", &json!({"metadata": {"labels": {POOL_LABEL: null}}})).await?;
    site.delete_node("b").await?;
    site.await_led_by(&["c"]).await?;
    let condition = site.await_condition("LeaderReady", |condition| condition.reason == "FewerThanAsked").await?;
    assert_eq!(condition.status, "True");
    Ok(())
}

#[tokio::test]
async fn a_node_that_changes_its_pool_leads_there() -> Result<()> {
    let bed = bed().await?;
    let from = Site::electing(&bed.stage, "from", 1, &[("a", "10.5.0.1")]).await?;
    let into = Site::electing(&bed.stage, "into", 1, &[]).await?;
    from.await_led_by(&["a"]).await?;
    into.await_led_by(&[]).await?;
    from.change_node("a", &json!({"metadata": {"labels": {POOL_LABEL: "into"}}})).await?;
    from.await_led_by(&[]).await?;
    into.await_leaders("from-a to lead", |leaders| leaders.iter().map(|(node, _)| node.as_str()).eq(["from-a"]))
        .await?;
    Ok(())
}

#[tokio::test]
async fn replicas_go_up_and_down_and_who_leads_stays() -> Result<()> {
    let bed = bed().await?;
    let nodes = [("a", "10.6.0.1"), ("b", "10.6.0.2"), ("c", "10.6.0.3"), ("d", "10.6.0.4")];
    let site = Site::electing(&bed.stage, "scaled", 1, &nodes).await?;
    let one: BTreeSet<_> = site.await_count(1).await?.into_iter().collect();
    site.change(&json!({"leaderReplicas": 3})).await?;
    let three: BTreeSet<_> = site.await_count(3).await?.into_iter().collect();
    assert!(one.is_subset(&three), "{one:?} {three:?}");
    site.change(&json!({"leaderReplicas": 2})).await?;
    let two: BTreeSet<_> = site.await_count(2).await?.into_iter().collect();
    assert!(two.is_subset(&three), "{two:?} {three:?}");
    Ok(())
}

#[tokio::test]
async fn a_pool_without_election_has_no_leaders_and_says_so_everywhere() -> Result<()> {
    let bed = bed().await?;
    let site = Site::electing(&bed.stage, "disabled", 1, &[("a", "10.7.0.1")]).await?;
    site.await_led_by(&["a"]).await?;
    site.change(&json!({"enableLeaderElection": false})).await?;
    site.await_led_by(&[]).await?;
    let data = site.data().await?;
    assert_eq!((&data["leaders"], &data["enable-leader-election"]), (&json!(""), &json!("false")));
    let endpoints = site.endpoints().get("leader-hub-disabled").await?;
    let flag =
        endpoints.metadata.annotations.context("no annotations")?["apps.openyurt.io/enable-leader-election"].clone();
    assert_eq!(flag, "false");
    assert_eq!(site.await_condition("LeaderReady", |_| true).await?.reason, "Disabled");
    site.change(&json!({"enableLeaderElection": true})).await?;
    site.await_led_by(&["a"]).await?;
    Ok(())
}

#[tokio::test]
async fn leaders_are_in_different_zones_where_there_are_several() -> Result<()> {
    let bed = bed().await?;
    let site = Site::electing(&bed.stage, "zoned", 2, &[]).await?;
    // One zone first, so that its nodes lead; then the others' turn comes with the first loss.
    for (node, zone) in [("a", "north"), ("b", "north"), ("c", "south")] {
        site.add(node, &format!("10.8.0.{}", node.as_bytes()[0]), &json!({ZONE: zone})).await?;
    }
    let leaders = site.await_count(2).await?;
    let north = leaders.iter().find(|node| *node != "c").context("no leader in the north")?.clone();
    site.ready(&north, false).await?;
    let other = if north == "a" { "b" } else { "a" };
    let spread = site.await_leaders("a leader in each zone", |leaders| {
        let names: Vec<_> = leaders.iter().map(|(node, _)| node.as_str()).collect();
        names == [site.node(other), site.node("c")]
    });
    ensure!(spread.await?.len() == 2);
    Ok(())
}
