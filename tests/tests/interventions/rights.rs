//! The service runs under exactly its own rights.

use std::collections::BTreeSet;

use anyhow::Result;
use api::fleet_rollout::Phase;
use api::rbac::{DAEMON_UPDATER, NAMESPACE};

use super::{MINUTE, bed};

#[tokio::test]
async fn every_call_is_one_that_its_table_allows() -> Result<()> {
    let scene = bed().await?.scene("rights", 4, 1).await?;
    let agent = scene.deploy("agent", "50%").await?;
    agent.release("v2").await?;
    scene.await_phase("agent", 2, Phase::Completed, MINUTE).await?;
    scene.finish_done().await?;

    let within = DAEMON_UPDATER.within.iter().flat_map(|(_, rules)| *rules);
    let rules = DAEMON_UPDATER.everywhere.iter().chain(within);
    let allowed: BTreeSet<String> =
        rules.flat_map(|rule| rule.verbs.iter().map(|verb| format!("{verb} {}", rule.resource))).collect();
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
    let cluster = &bed().await?.cluster;
    let account = format!("--as=system:serviceaccount:{NAMESPACE}:{}", DAEMON_UPDATER.account);
    for (verb, resource) in [
        ("get", "secrets"),
        ("create", "pods"),
        ("deletecollection", "pods"),
        ("create", "pods/exec"),
        ("patch", "nodes"),
        ("update", "daemonsets.apps"),
        ("update", "leases.coordination.k8s.io"),
        ("update", "fleetrollouts.drover.dev"),
        // It asks; who decides is somebody else.
        ("patch", "approvalrequests.drover.dev"),
        ("approve", "approvalrequests.drover.dev"),
        ("patch", "rolloutstrategies.drover.dev"),
    ] {
        // kubectl ends with 1 when the answer is no.
        let answer = cluster.kubectl(&["auth", "can-i", verb, resource, "--all-namespaces", &account]).await;
        assert!(answer.is_err(), "it may {verb} {resource}");
    }
    let may = cluster.kubectl(&["auth", "can-i", "delete", "pods", "--all-namespaces", &account]).await?;
    assert_eq!(may.trim(), "yes", "the question is asked rightly");
    Ok(())
}
