//! The service runs under exactly its own rights.

use std::collections::BTreeSet;

use anyhow::Result;
use api::rbac::APPSET_CONTROLLER;
use tests::fixture::{APPSET_USER, allowed, eventually, has_rights};

use super::{MINUTE, bed, estate};

#[tokio::test]
async fn every_call_is_one_that_its_table_allows() -> Result<()> {
    let estate = estate("rights", 2).await?;
    let set = estate.app_set("web");
    estate.deploy(&set, 2).await?;
    estate.deploy(&set.clone().tag("v2"), 2).await?;
    estate.deploy(&set, 2).await?;
    estate.deploy(&estate.app_set("db").stateful(), 2).await?;
    estate.label_pool(&estate.pools[0], &serde_json::json!({tests::fixture::SCENE_LABEL: null})).await?;
    estate.await_settled("web", 1).await?;
    let expected = [
        "watch yurtappsets",
        "watch nodepools",
        "watch deployments",
        "watch statefulsets",
        "watch controllerrevisions",
        "patch yurtappsets/status",
        "patch deployments",
        "patch statefulsets",
        "delete deployments",
        "delete statefulsets",
    ];
    let used = eventually("all that it does", 2 * MINUTE, async || {
        let mine = estate
            .bed
            .calls(|calls| calls.iter().filter(|call| call.user == APPSET_USER).cloned().collect::<Vec<_>>())?;
        // A quota refuses with 403 too; there is one in these scenarios.
        let has_quota = |call: &tests::checker::Call| ["failing", "fixed"].contains(&call.namespace.as_str());
        let refused = mine.iter().filter(|call| [401, 403].contains(&call.code) && !has_quota(call));
        let refused: Vec<_> = refused.collect();
        anyhow::ensure!(refused.is_empty(), "{refused:?}");
        let used: BTreeSet<String> = mine.iter().map(|call| call.kind().replace("dry run: ", "")).collect();
        Ok(expected.iter().all(|kind| used.contains(*kind)).then_some(used))
    })
    .await?;
    let allowed = allowed(&APPSET_CONTROLLER);
    assert!(used.is_subset(&allowed), "{used:?} is more than {allowed:?}");
    Ok(())
}

#[tokio::test]
async fn other_rights_it_has_none() -> Result<()> {
    let own =
        [&["patch", "deployments.apps", "--all-namespaces"][..], &["delete", "statefulsets.apps", "--all-namespaces"]];
    let others = [
        &["get", "secrets", "--all-namespaces"][..],
        &["list", "pods", "--all-namespaces"],
        &["delete", "pods", "--all-namespaces"],
        &["list", "nodes"],
        &["patch", "nodepools.apps.openyurt.io"],
        &["patch", "yurtappsets.apps.openyurt.io", "--all-namespaces"],
        &["delete", "yurtappsets.apps.openyurt.io", "--all-namespaces"],
        &["patch", "daemonsets.apps", "--all-namespaces"],
        &["deletecollection", "deployments.apps", "--all-namespaces"],
        &["approve", "approvalrequests.drover.dev", "--all-namespaces"],
        &["patch", "rolloutstrategies.drover.dev", "--all-namespaces"],
        &["escalate", "clusterroles.rbac.authorization.k8s.io"],
        &["impersonate", "users"],
    ];
    has_rights(&bed().await?.cluster, APPSET_USER, &own, &others).await
}
