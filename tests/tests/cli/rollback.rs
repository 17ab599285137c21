//! `drover rollback`.

use anyhow::{Result, ensure};
use api::fleet_rollout::Phase;
use xtask::daemonsets::image_of;

use super::user::says;
use super::{LONG, scene};

#[tokio::test]
async fn a_template_goes_back_to_what_completed_or_what_is_named() -> Result<()> {
    let (scene, admin) = scene("back", 6, 2).await?;
    let agent = scene.deploy("agent", "50%").await?;
    says(&admin.is_refused(&["rollback", "agent"]).await?, &["none that is known to be good"])?;
    agent.release("v2").await?;
    scene.await_phase("agent", 2, Phase::Completed, LONG).await?;

    says(
        &admin.does(&["rollback", "agent"]).await?,
        &["goes back to the template of revision 1", "→ drover status agent"],
    )?;
    scene.await_phase("agent", 3, Phase::Completed, LONG).await?;
    let images = agent.pods().await?;
    ensure!(images.iter().all(|pod| image_of(pod) == Some("registry.local/agent:v1")), "v1 is back on all nodes");

    // Revision 1 has number 3 by now; its run is still named by the old one.
    says(&admin.is_refused(&["rollback", "agent", "--to-revision", "1"]).await?, &["has revision 3 already"])?;
    says(
        &admin.is_refused(&["rollback", "agent", "--to-revision", "77"]).await?,
        &["no revision 77", "older revisions: 2"],
    )?;
    says(&admin.does(&["rollback", "agent", "--to-revision", "2"]).await?, &["revision 2"])?;
    scene.await_phase("agent", 4, Phase::Completed, LONG).await?;
    says(&admin.is_refused(&["rollback", "yas/app"]).await?, &["yas/app has no rollout in namespace back"])?;
    scene.finish_done().await.map(drop)
}
