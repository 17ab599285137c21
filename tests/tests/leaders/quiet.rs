//! A world that does not change is left alone.

use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::Timestamp;
use serde_json::json;

use super::bed;
use super::site::Site;

/// Longer than any of the service's waits but those between retries, of which there must be none.
const A_WHILE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn nothing_is_written_while_nothing_changes() -> Result<()> {
    let bed = bed().await?;
    let spec = json!({"enableLeaderElection": true, "leaderReplicas": 2, "labels": {"site": "north"}});
    let site = Site::open(&bed.stage, "quiet", spec).await?;
    for (node, address) in [("a", "10.14.0.1"), ("b", "10.14.0.2"), ("c", "fd00::14")] {
        site.add(node, address, &json!({})).await?;
    }
    site.await_count(2).await?;
    tests::fixture::eventually("labels and counts", super::LONG, async || {
        let counted = site.read().await?.status.unwrap_or_default().ready_node_num == 3;
        let mut labelled = true;
        for node in ["a", "b", "c"] {
            labelled &= kube::ResourceExt::labels(&site.read_node(node).await?).contains_key("site");
        }
        Ok((counted && labelled).then_some(()))
    })
    .await?;
    let (mut before, mut since) = (usize::MAX, Instant::now());
    tests::fixture::eventually("a while without a write", super::LONG, async || {
        let writes = bed.stage.writes("quiet")?.len();
        if writes != before {
            (before, since) = (writes, Instant::now());
        }
        // A heartbeat, and an annotation that is nobody's business here.
        let beat = json!({"metadata": {"annotations": {"beat": Timestamp::now().to_string()}}});
        site.change_node("a", &beat).await?;
        Ok((since.elapsed() >= A_WHILE).then_some(()))
    })
    .await
}
