//! What a token that is bound to a pod says of its caller.

use anyhow::{Context as _, Result};
use chassis::access::{Review, Reviewer as _, Token};
use controller_runtime::token_review::TokenReviews;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tests::fixture::eventually;
use tonic::Code;

use super::{LONG, bed, is_refused};

#[tokio::test]
async fn the_pod_and_its_node_are_the_callers_until_the_pod_is_gone() -> Result<()> {
    let bed = bed().await?;
    let cluster = &bed.bed.cluster;
    let scene = bed.bed.scene("bound", 1, 1).await?;
    let node = scene.nodes.first().context("a scene without nodes")?;
    cluster.service_account("bound", "hub").await?;
    let pods: Api<Pod> = Api::namespaced(scene.client.clone(), "bound");
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "hub-1"},
        "spec": {
            "serviceAccountName": "hub",
            "nodeName": node,
            "containers": [{"name": "hub", "image": "registry.local/hub:v1"}],
            "terminationGracePeriodSeconds": 0,
        },
    }))?;
    let pod = pods.create(&PostParams::default(), &pod).await.context("making a pod")?;
    let text = cluster.pod_token("bound", "hub", "hub-1").await?;
    let token = Token::new(&text).context("no token")?;

    let reviews = TokenReviews::new(scene.client.clone());
    let Review::Good { caller, expires } = reviews.review(token.clone()).await? else {
        anyhow::bail!("a fresh token is not good");
    };
    assert_eq!(caller.account.to_string(), "bound/hub");
    assert!(caller.credential.is_some_and(|id| id.starts_with("JTI=")));
    assert!(expires.is_some_and(|expires| expires > std::time::SystemTime::now()));
    let bound = caller.pod.context("no pod")?;
    assert_eq!((bound.name.as_str(), Some(bound.uid)), ("hub-1", pod.uid()));
    let uid = Api::<Node>::all(scene.client.clone()).get(node).await.context("reading the node")?.uid();
    let bound = caller.node.context("no node")?;
    assert_eq!((&bound.name, Some(bound.uid)), (node, uid));
    is_refused(bed.service(), &text, Code::PermissionDenied, "bound/hub may not call").await?;

    pods.delete("hub-1", &DeleteParams::default().grace_period(0)).await.context("deleting the pod")?;
    eventually("the token to end with its pod", LONG, async || {
        Ok(matches!(reviews.review(token.clone()).await?, Review::Bad(_)).then_some(()))
    })
    .await
}
