//! `drover promote` and `drover approve`.

use anyhow::{Result, ensure};
use api::approval_request::{ApprovalRequest, Decision};
use api::fleet_rollout::Phase;
use api::names;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;
use tests::fixture::eventually;

use super::user::{User, says};
use super::{LONG, scene};

/// What everybody needs who names a target.
fn reading() -> serde_json::Value {
    json!({"apiGroups": ["drover.dev"], "resources": ["fleetrollouts", "approvalrequests"], "verbs": ["get", "list", "patch"]})
}

#[tokio::test]
async fn a_wave_is_promoted_and_approved_by_who_may() -> Result<()> {
    let (scene, admin) = scene("approved", 6, 3).await?;
    let strategy = json!({
        "apiVersion": "drover.dev/v1alpha1", "kind": "RolloutStrategy",
        "metadata": {"name": "careful", "namespace": scene.namespace},
        "spec": {
            "maxUnavailable": "50%",
            "waves": [
                {"name": "canary", "pools": [format!("{}-pool-1", scene.namespace)], "soakSeconds": 86400},
                {"name": "early", "pools": [format!("{}-pool-2", scene.namespace)], "approval": "BeforeWave"},
            ],
        },
    });
    scene.bed.cluster.apply(&strategy.to_string()).await?;
    let agent = scene.launch(&scene.daemon_set("agent", "1").annotation(names::STRATEGY, "careful")).await?;
    scene.await_phase("agent", 1, Phase::Completed, LONG).await?;
    agent.release("v2").await?;
    scene.await_phase("agent", 2, Phase::Soaking, LONG).await?;
    says(
        &admin.asks(&["status", "agent"]).await?,
        &["◔ Soaking", "├─ ✔ canary", "├─ ○ early", "└─ ○ rest", "--through canary"],
    )?;
    says(
        &admin.is_refused(&["promote", "agent", "--through", "nine"]).await?,
        &["no wave \"nine\", only canary, early, rest"],
    )?;
    says(&admin.is_refused(&["approve", "agent"]).await?, &["no wave of", "waits for approval", "Soaking"])?;

    says(&admin.does(&["promote", "agent"]).await?, &["promoted through wave \"canary\": it goes on now"])?;
    scene.await_phase("agent", 2, Phase::AwaitingApproval, LONG).await?;
    says(&admin.asks(&["status", "agent"]).await?, &["? AwaitingApproval", "→ drover approve agent -n approved"])?;
    let requests: Api<ApprovalRequest> = Api::namespaced(scene.client.clone(), &scene.namespace);
    eventually("the request for approval", LONG, async || {
        Ok((!requests.list(&ListParams::default()).await?.items.is_empty()).then_some(()))
    })
    .await?;

    // The policy is enforced some time after it was applied: until then the server would let the editor through.
    super::await_policy(&scene).await?;
    let editor = User::with_rules(&scene, "editor", &json!([reading()])).await?;
    let refused = editor.is_refused(&["approve", "agent", "early"]).await?;
    says(&refused, &["cannot patch approvalrequests", "approve"])?;
    let approving = json!({"apiGroups": ["drover.dev"], "resources": ["approvalrequests"], "verbs": ["approve"]});
    let approver = User::with_rules(&scene, "approver", &json!([reading(), approving])).await?;
    let said = approver.does(&["approve", "agent", "--comment", "canary looks good"]).await?;
    says(&said, &["wave \"early\"", "approved by system:serviceaccount:approved:approver"])?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;
    let decided = requests.list(&ListParams::default()).await?.items.pop().map(|request| request.spec);
    ensure!(
        decided
            .as_ref()
            .is_some_and(|spec| spec.decision == Some(Decision::Approved)
                && spec.comment.as_deref() == Some("canary looks good")),
        "{decided:?}"
    );
    scene.finish_done().await.map(drop)
}
