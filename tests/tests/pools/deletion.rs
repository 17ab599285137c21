//! A pool is deleted when it has no nodes.

use anyhow::Result;
use serde_json::json;

use super::{apply, cluster, pool, read, refusal, says, set_status};

#[tokio::test]
async fn a_pool_that_counts_nodes_is_not_deleted() -> Result<()> {
    let cluster = cluster().await?;
    let delete = async |name| cluster.kubectl(&["delete", "nodepool", name]).await;
    apply(cluster, &pool("full", &json!({}))).await?;
    for (ready, unready) in [(2, 0), (0, 1), (3, 4)] {
        set_status(cluster, "full", &json!({"readyNodeNum": ready, "unreadyNodeNum": unready})).await?;
        let said = refusal(delete("full").await)?;
        let counts = [format!("readyNodeNum is {ready}"), format!("unreadyNodeNum is {unready}")];
        let command = "kubectl label nodes -l apps.openyurt.io/nodepool=full apps.openyurt.io/nodepool-";
        says(&said, &["NodePool full has nodes", &counts[0], &counts[1], command, "Forbidden"]);
    }
    let all = ["delete", "nodepools", "--field-selector=metadata.name=full"];
    says(&refusal(cluster.kubectl(&all).await)?, &["NodePool full has nodes"]);
    read(cluster, "full").await?;
    set_status(cluster, "full", &json!({"readyNodeNum": 0, "unreadyNodeNum": 0})).await?;
    delete("full").await?;
    // Nobody has counted yet, or nobody ever will.
    apply(cluster, &pool("uncounted", &json!({}))).await?;
    delete("uncounted").await?;
    apply(cluster, &pool("half-counted", &json!({}))).await?;
    set_status(cluster, "half-counted", &json!({"leaderNum": 0})).await?;
    delete("half-counted").await?;
    Ok(())
}
