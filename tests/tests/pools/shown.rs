//! What kubectl shows of a NodePool.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{apply, cluster, pool, set_status};

#[tokio::test]
async fn kubectl_get_shows_nodes_and_leaders() -> Result<()> {
    let cluster = cluster().await?;
    apply(cluster, &pool("shown", &json!({"type": "Cloud"}))).await?;
    let status = json!({
        "readyNodeNum": 4,
        "unreadyNodeNum": 0,
        "leaderNum": 2,
        "leaderLastElectedTime": "2020-01-01T00:00:00Z",
        "conditions": [{
            "type": "LeaderReady",
            "status": "True",
            "reason": "Elected",
            "message": "2 nodes lead",
            "lastTransitionTime": "2020-01-01T00:00:00Z",
        }],
    });
    set_status(cluster, "shown", &status).await?;
    let table = cluster.kubectl(&["get", "np", "shown", "--output=wide"]).await?;
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let columns = "NAME TYPE READYNODES NOTREADYNODES LEADERNODES LEADERELECTIONAGE LEADERREASON AGE";
    assert_eq!(lines.next().context("no header")?, columns.split(' ').collect::<Vec<_>>(), "{table}");
    let row = lines.next().context("no row")?;
    assert_eq!(row[..5], ["shown", "Cloud", "4", "0", "2"], "{table}");
    assert!(row[5].ends_with('y') || row[5].ends_with('d'), "{table}");
    assert_eq!(row[6..9], ["2", "nodes", "lead"], "{table}");
    let category = cluster.kubectl(&["get", "yurt", "--output=name"]).await?;
    assert!(category.contains("nodepool.apps.openyurt.io/shown"), "{category}");
    Ok(())
}

#[tokio::test]
async fn kubectl_explain_tells_meaning_allowed_values_and_default() -> Result<()> {
    let cluster = cluster().await?;
    for (field, words) in [
        ("nodepools", ["group of nodes", "leaders"]),
        ("nodepools.spec.leaderElectionStrategy", ["`random`", "Default: `random`"]),
        ("nodepools.spec.leaderReplicas", ["at least 1", "Default: 1"]),
        ("nodepools.spec.poolScopeMetadata", ["replaces the default", "/v1/services"]),
        ("nodepools.spec.taints.effect", ["NoSchedule", "tolerate"]),
        ("nodepools.status.leaderEndpoints", ["address", "nodeName"]),
    ] {
        let text = cluster.kubectl(&["explain", field]).await?;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(text.contains(word), "{word:?} is not in what explains {field}: {text}");
        }
        assert!(!text.contains("<no description>") && !text.contains("kubebuilder"), "{field}: {text}");
    }
    Ok(())
}
