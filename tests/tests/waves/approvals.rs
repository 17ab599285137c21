//! Waves that wait for a human: who may decide, and what a decision does.

use anyhow::{Context as _, Result};
use api::approval_request::{ApprovalPoint, ApprovalRequest};
use api::fleet_rollout::Phase;
use api::names::reason;
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tests::fixture::{Scene, eventually};

use super::{
    A_WHILE, LONG, await_hold, await_requests, await_status, decide, decide_as, deploy, kubectl, nodes_with, pools,
    run, scene, set, states,
};

#[tokio::test]
async fn who_may_approve_need_not_edit_and_who_may_edit_may_not_approve() -> Result<()> {
    let scene = scene("approved", 6, 3).await?;
    let waves = json!([
        {"name": "canary", "pools": pools(&scene, [1]), "approval": "AfterWave"},
        {"name": "second", "pools": pools(&scene, [2]), "approval": "BeforeWave"},
    ]);
    // The first revision asks nobody.
    let agent = deploy(&scene, "50%", &json!({"maxUnavailable": "50%", "waves": waves})).await?;
    users(&scene).await?;
    agent.release("v2").await?;
    let status = scene.await_phase("agent", 2, Phase::AwaitingApproval, LONG).await?;
    assert_eq!(states(&status)[0], ("canary".to_owned(), "Succeeded".to_owned()));
    let request = await_requests(&scene, 2, 1).await?.remove(0);
    assert_eq!(request, format!("{}-canary-after", run(&scene, 2).await?.name_any()));
    scene.await_event("agent", reason::AWAITING_APPROVAL, LONG).await?;
    scene.no_more_deletes(A_WHILE).await?;
    assert_eq!(nodes_with(&agent, "v2").await?, set(&scene.nodes[..2]));

    // A policy is enforced some time after it was applied.
    eventually("the policy to be enforced", LONG, async || {
        let forged = decide_as(&scene, &request, "Approved", "nobody", &["--dry-run=server"]).await;
        Ok(forged.is_err_and(|error| format!("{error:#}").contains("denied request")).then_some(()))
    })
    .await?;
    // An editor may do much, and not this.
    let (editor, approver) = (user(&scene, "editor"), user(&scene, "approver"));
    let refused = decide_as(&scene, &request, "Approved", &editor, &[&format!("--as={editor}")]).await;
    let error = format!("{:#}", refused.err().context("an editor approved")?);
    assert!(error.contains("approve") && error.contains(&editor), "{error}");
    // Nor may an approver edit a run, or sign with another's name.
    let as_approver = format!("--as={approver}");
    let name = run(&scene, 2).await?.name_any();
    let promote =
        ["patch", "fleetrollout", &name, "--type=merge", "--patch", r#"{"spec":{"promotedThrough":"canary"}}"#];
    assert!(kubectl(&scene, &[&promote[..], &[&as_approver]].concat()).await.is_err(), "an approver edited a run");
    assert!(decide_as(&scene, &request, "Approved", &editor, &[&as_approver]).await.is_err(), "a false signature");
    decide_as(&scene, &request, "Approved", &approver, &[&as_approver]).await?;

    let requests = await_requests(&scene, 2, 2).await?;
    let second = requests.iter().find(|name| **name != request).context("a second request")?;
    assert!(second.ends_with("-second-before"), "{second}");
    scene.no_more_deletes(A_WHILE).await?;
    decide_as(&scene, second, "Approved", &approver, &[&as_approver]).await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    // One request each, and no more.
    await_requests(&scene, 2, 2).await?;
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.calls_of("create approvalrequests"), 2, "{verdict}");
    Ok(())
}

#[tokio::test]
async fn a_rejected_wave_stays_closed_until_the_next_revision_asks_again() -> Result<()> {
    let scene = scene("rejected", 6, 3).await?;
    let waves = json!([
        {"name": "canary", "pools": pools(&scene, [1])},
        {"name": "second", "pools": pools(&scene, [2]), "approval": "BeforeWave"},
    ]);
    let agent = deploy(&scene, "50%", &json!({"maxUnavailable": "50%", "waves": waves})).await?;
    agent.release("v2").await?;
    let request = await_requests(&scene, 2, 1).await?.remove(0);
    decide(&scene, &request, "Rejected").await?;
    let sentence = await_hold(&scene, 2, "Rejected").await?;
    assert!(sentence.contains(super::ADMINISTRATOR) && sentence.contains("second"), "{sentence}");
    scene.no_more_deletes(A_WHILE).await?;
    assert_eq!(nodes_with(&agent, "v2").await?, set(&scene.nodes[..2]));

    agent.release("v3").await?;
    let again = await_requests(&scene, 3, 1).await?.remove(0);
    assert_ne!(again, request, "another run asks another question");
    scene.await_phase("agent", 3, Phase::AwaitingApproval, LONG).await?;
    decide(&scene, &again, "Approved").await?;
    scene.await_phase("agent", 3, Phase::Completed, LONG).await?;
    let verdict = scene.finish_done().await?;
    assert_eq!(verdict.deletes, 2 + 6, "{verdict}");
    Ok(())
}

#[tokio::test]
async fn a_request_that_somebody_deletes_is_made_again() -> Result<()> {
    let scene = scene("asked-again", 4, 2).await?;
    let waves = json!([{"name": "canary", "pools": pools(&scene, [1]), "approval": "BeforeWave"}]);
    let agent = deploy(&scene, "50%", &json!({"maxUnavailable": "50%", "waves": waves})).await?;
    agent.release("v2").await?;
    let name = await_requests(&scene, 2, 1).await?.remove(0);
    let api: Api<ApprovalRequest> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let first = api.get(&name).await?;
    assert_eq!((first.spec.point, first.spec.decision), (ApprovalPoint::BeforeWave, None));
    let owner = &first.owner_references()[0];
    assert_eq!((owner.kind.as_str(), &owner.uid), ("FleetRollout", &first.spec.rollout_ref.uid));
    kubectl(&scene, &["delete", "approvalrequest", &name]).await?;
    eventually("another request of the same name", LONG, async || {
        Ok(api.get_opt(&name).await?.filter(|again| again.uid() != first.uid()))
    })
    .await?;
    decide(&scene, &name, "Approved").await?;
    await_status(&scene, 2, "the end", |status| status.phase == Phase::Completed).await?;
    scene.finish_done().await.map(drop)
}

/// The name of a user of this scene, as the API server knows him.
fn user(scene: &Scene<'_>, role: &str) -> String {
    format!("{role}@{}", scene.namespace)
}

/// A user who may edit nearly everything of Drover's here, and one who may approve and nothing else.
async fn users(scene: &Scene<'_>) -> Result<()> {
    let role = |name: &str, rules: serde_json::Value| {
        let metadata = json!({"name": name, "namespace": scene.namespace});
        let subject = json!({"kind": "User", "name": user(scene, name), "apiGroup": "rbac.authorization.k8s.io"});
        let reference = json!({"kind": "Role", "name": name, "apiGroup": "rbac.authorization.k8s.io"});
        let (api, binding) = ("rbac.authorization.k8s.io/v1", "RoleBinding");
        let role = json!({"apiVersion": api, "kind": "Role", "metadata": metadata, "rules": rules});
        let bound = json!({"apiVersion": api, "kind": binding, "metadata": metadata, "subjects": [subject], "roleRef": reference});
        format!("{role}\n---\n{bound}")
    };
    let on = |resources: &[&str], verbs: &[&str]| json!({"apiGroups": ["drover.dev"], "resources": resources, "verbs": verbs});
    let all = ["approvalrequests", "fleetrollouts", "rolloutstrategies"];
    let edit = ["get", "list", "watch", "create", "update", "patch", "delete"];
    let editor = role("editor", json!([on(&all, &edit)]));
    let approver = role("approver", json!([on(&["approvalrequests"], &["get", "list", "patch", "approve"])]));
    scene.bed.cluster.apply(&format!("{editor}\n---\n{approver}")).await
}
