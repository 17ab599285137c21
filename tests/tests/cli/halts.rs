//! What a user does about a run that halted.

use anyhow::{Context as _, Result, ensure};
use api::fleet_rollout::Phase;
use api::names::reason;

use super::user::says;
use super::{LONG, scene};

#[tokio::test]
async fn a_halt_is_shown_with_its_evidence_and_ends_only_knowingly() -> Result<()> {
    let (scene, admin) = scene("halts", 10, 2).await?;
    let agent = scene.deploy("agent", "30%").await?;
    agent.release("broken").await?;
    let halt = scene.await_phase("agent", 2, Phase::Halted, LONG).await?.halt.context("no halt")?;

    let tree = admin.asks(&["status", "agent"]).await?;
    says(&tree, &["✖ Halted", "→ drover rollback agent -n halts", "--after-halt"])?;
    let followed = admin.types(&["status", "agent", "--watch"]).await?;
    ensure!(followed.code == Some(1), "{followed:?}");
    says(&followed.out, &["halts/agent r2 Halted"])?;
    says(&admin.is_refused(&["resume", "agent"]).await?, &["is halted", halt.evidence.as_str(), "--after-halt"])?;

    // Judged until here: which units count as down after a resume depends on verdicts, whose exact moment pods do not show.
    scene.finish_open()?;
    says(&admin.does(&["resume", "agent", "--after-halt"]).await?, &["resumed after its halt", &halt.reason])?;
    scene.await_event("agent", reason::RESUMED, LONG).await?;
    let token = scene.runs("agent").await?.pop().and_then(|run| run.spec.resume_token);
    ensure!(token.as_deref() == Some(halt.token.as_str()), "{token:?}");

    says(&admin.does(&["rollback", "agent"]).await?, &["revision 1"])?;
    scene.await_phase("agent", 3, Phase::Completed, LONG).await?;
    scene.quiet().await
}
