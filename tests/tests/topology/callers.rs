//! Who may ask, with tokens that the cluster's own API server judges.

use anyhow::{Context as _, Result, ensure};
use chassis::peer::Channel;
use proto::topology::v1::topology_service_client::TopologyServiceClient;
use proto::topology::v1::{GetPoolRequest, ListPoolsRequest, NodeSelector, WatchNodesRequest};
use tests::fixture::eventually;
use tonic::{Code, Status};

use super::{LONG, NAMESPACE, READER, bed};

fn refused<T>(answer: Result<T, Status>, code: Code, words: &[&str]) -> Result<()> {
    let status = answer.err().context("it was not refused")?;
    ensure!(status.code() == code, "{status}");
    for word in words {
        ensure!(status.message().contains(word), "{word} is not in {status}");
    }
    Ok(())
}

#[tokio::test]
async fn strangers_are_refused() -> Result<()> {
    let bed = bed().await?;
    let list = async |token: String| {
        let channel = bed.service.channel(&token).await?;
        anyhow::Ok(TopologyServiceClient::new(channel).list_pools(ListPoolsRequest::default()).await)
    };
    let known = list(bed.token(READER).await?).await?;
    known.context("an account of Drover's namespace")?;
    bed.cluster.service_account("default", "stranger").await?;
    let stranger = bed.cluster.caller_token("default", "stranger").await?;
    refused(list(stranger).await?, Code::PermissionDenied, &["default/stranger"])?;
    // A token for the API server itself, not for Drover.
    let other_audience = bed.cluster.service_account_token(NAMESPACE, READER, &[]).await?;
    refused(list(other_audience).await?, Code::Unauthenticated, &[])
}

#[tokio::test]
async fn a_token_of_a_node_shows_that_nodes_pool() -> Result<()> {
    let bed = bed().await?;
    let fleet = bed.fleet("bound", 2, 2).await?;
    let node = fleet.names().into_iter().next().context("a fleet without nodes")?;
    bed.cluster.service_account(NAMESPACE, "hub-ota-service").await?;
    let bound =
        ["--bound-object-kind=Node", "--bound-object-name", &node, "--audience=drover", "--namespace", NAMESPACE];
    let token = bed.cluster.kubectl(&[&["create", "token", "hub-ota-service"], &bound[..]].concat()).await?;
    let mut client = TopologyServiceClient::<Channel>::new(bed.service.channel(token.trim()).await?);
    let mut get = async |pool: &str| client.get_pool(GetPoolRequest { name: pool.to_owned() }).await;
    eventually("the node's pool to be seen", LONG, async || Ok(get("bound-pool-1").await.ok())).await?;
    refused(get("bound-pool-2").await, Code::PermissionDenied, &[&node, "bound-pool-1", "bound-pool-2"])?;
    let mut watch = async |pools: &[&str]| {
        let pools = pools.iter().map(|pool| (*pool).to_owned()).collect();
        let selector = Some(NodeSelector { pools, ..NodeSelector::default() });
        client.watch_nodes(WatchNodesRequest { selector, resume_token: vec![] }).await
    };
    let mut own = watch(&["bound-pool-1"]).await?.into_inner();
    let first = tokio::time::timeout(LONG, own.message()).await.context("no first message")??;
    let names: Vec<_> = first.context("no message")?.changed.into_iter().map(|seen| seen.name).collect();
    assert_eq!(names, std::slice::from_ref(&node));
    refused(watch(&[]).await, Code::PermissionDenied, &["select pool bound-pool-1"])?;
    refused(watch(&["bound-pool-1", "bound-pool-2"]).await, Code::PermissionDenied, &["not bound-pool-2"])
}
