//! A node leaves one pool before it joins another.

use anyhow::Result;
use serde_json::json;

use super::{apply, cluster, label, node, refusal, says};

#[tokio::test]
async fn a_node_changes_its_pool_in_two_steps() -> Result<()> {
    let cluster = cluster().await?;
    apply(cluster, &node("mover", &json!({}))).await?;
    let set = async |value| label(cluster, "mover", value, &[]).await;
    set("apps.openyurt.io/nodepool=one").await?;
    set("apps.openyurt.io/nodepool=one").await?;
    set("other=label").await?;
    let said = refusal(set("apps.openyurt.io/nodepool=two").await)?;
    says(
        &said,
        &["metadata.labels[apps.openyurt.io/nodepool]", "node mover", "from one to two", "remove it, then add it"],
    );
    set("apps.openyurt.io/nodepool-").await?;
    set("apps.openyurt.io/nodepool=two").await?;
    // An empty value is no pool.
    set("apps.openyurt.io/nodepool=").await?;
    set("apps.openyurt.io/nodepool=one").await?;
    Ok(())
}

#[tokio::test]
async fn a_node_keeps_its_network() -> Result<()> {
    let cluster = cluster().await?;
    apply(cluster, &node("wired", &json!({"apps.openyurt.io/nodepool": "one"}))).await?;
    let set = async |value| label(cluster, "wired", value, &[]).await;
    set("nodepool.openyurt.io/hostnetwork=true").await?;
    set("apps.openyurt.io/nodepool-").await?;
    let words = ["metadata.labels[nodepool.openyurt.io/hostnetwork]", "node wired", "from true to"];
    says(&refusal(set("nodepool.openyurt.io/hostnetwork=false").await)?, &words);
    says(
        &refusal(set("nodepool.openyurt.io/hostnetwork-").await)?,
        &[&words[..], &["to nothing", "Delete the Node"]].concat(),
    );
    set("nodepool.openyurt.io/hostnetwork=true").await?;
    Ok(())
}
