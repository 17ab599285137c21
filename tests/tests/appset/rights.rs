//! The service runs under exactly its own rights.

use std::collections::BTreeSet;

use anyhow::Result;
use api::rbac::APPSET_CONTROLLER;
use tests::fixture::{APPSET_USER, eventually};

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
    let rules = APPSET_CONTROLLER.within.iter().flat_map(|(_, rules)| *rules);
    let rules = APPSET_CONTROLLER.everywhere.iter().chain(rules);
    let allowed: BTreeSet<String> =
        rules.flat_map(|rule| rule.verbs.iter().map(|verb| format!("{verb} {}", rule.resource))).collect();
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
    let used = eventually("all that it does", MINUTE, async || {
        let mine = estate
            .bed
            .calls(|calls| calls.iter().filter(|call| call.user == APPSET_USER).cloned().collect::<Vec<_>>())?;
        // A quota refuses with 403 too; that is the scenario `failing`.
        let refused = mine.iter().filter(|call| [401, 403].contains(&call.code) && call.namespace != "failing");
        let refused: Vec<_> = refused.collect();
        anyhow::ensure!(refused.is_empty(), "{refused:?}");
        let used: BTreeSet<String> = mine.iter().map(|call| call.kind().replace("dry run: ", "")).collect();
        Ok(expected.iter().all(|kind| used.contains(*kind)).then_some(used))
    })
    .await?;
    assert!(used.is_subset(&allowed), "{used:?} is more than {allowed:?}");
    Ok(())
}

#[tokio::test]
async fn other_rights_it_has_none() -> Result<()> {
    let cluster = &bed().await?.cluster;
    let account = format!("--as={APPSET_USER}");
    let can = async |question: &[&str]| {
        let args = [&["auth", "can-i"], question, &[account.as_str()]].concat();
        // kubectl ends with 1 when the answer is no.
        cluster.kubectl(&args).await.is_ok_and(|answer| answer.trim() == "yes")
    };
    for question in [
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
    ] {
        assert!(!can(question).await, "it may {question:?}");
    }
    for question in
        [&["patch", "deployments.apps", "--all-namespaces"][..], &["delete", "statefulsets.apps", "--all-namespaces"]]
    {
        assert!(can(question).await, "the question is asked rightly: {question:?}");
    }
    Ok(())
}
