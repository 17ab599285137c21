//! The service runs under exactly its own rights.

use std::collections::BTreeSet;

use anyhow::Result;
use api::fleet_rollout::Phase;
use api::rbac::{DAEMON_UPDATER, NAMESPACE};
use tests::fixture::{allowed, has_rights};

use super::{LONG, bed};

#[tokio::test]
async fn every_call_is_one_that_its_table_allows() -> Result<()> {
    let scene = bed().await?.scene("rights", 4, 1).await?;
    let agent = scene.deploy("agent", "50%").await?;
    agent.release("v2").await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    scene.finish_done().await?;

    let allowed = allowed(&DAEMON_UPDATER);
    let identity = &scene.rules.updater;
    let (mut used, mut refused, mut others) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    scene.bed.calls(|calls| {
        for call in calls.iter().filter(|call| call.agent.starts_with(&identity.agent) || call.user == identity.user) {
            if call.code == 401 || call.code == 403 {
                refused.push(call.clone());
            }
            if call.user != identity.user {
                others.insert(call.user.clone());
            }
            used.insert(call.kind());
        }
    })?;
    assert!(refused.is_empty(), "{refused:?}");
    assert!(others.is_empty(), "the updater is also known as {others:?}");
    assert!(used.is_subset(&allowed), "{used:?} is more than {allowed:?}");
    for kind in ["delete pods", "watch pods", "watch nodes", "watch daemonsets", "list controllerrevisions"] {
        assert!(used.contains(kind), "{kind} is not among {used:?}");
    }
    Ok(())
}

#[tokio::test]
async fn other_rights_it_has_none() -> Result<()> {
    let account = format!("system:serviceaccount:{NAMESPACE}:{}", DAEMON_UPDATER.account);
    let own = [&["delete", "pods", "--all-namespaces"][..]];
    let others = [
        &["get", "secrets", "--all-namespaces"][..],
        &["create", "pods", "--all-namespaces"],
        &["deletecollection", "pods", "--all-namespaces"],
        &["create", "pods/exec", "--all-namespaces"],
        &["patch", "nodes"],
        &["update", "daemonsets.apps", "--all-namespaces"],
        &["update", "leases.coordination.k8s.io", "--all-namespaces"],
        &["update", "fleetrollouts.drover.dev", "--all-namespaces"],
        // It asks; who decides is somebody else.
        &["patch", "approvalrequests.drover.dev", "--all-namespaces"],
        &["approve", "approvalrequests.drover.dev", "--all-namespaces"],
        &["patch", "rolloutstrategies.drover.dev", "--all-namespaces"],
    ];
    has_rights(&bed().await?.cluster, &account, &own, &others).await
}
