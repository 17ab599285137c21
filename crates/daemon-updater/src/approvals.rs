//! Asking humans: an ApprovalRequest for the wave that waits for one.

use controller_runtime::rollouts::approvals;
use planner::rollout::Hold;

use crate::admit::Target;
use crate::context::{Context, Current};
use crate::reconcile::Error;

/// Asks about the wave that waits, if one does and nobody was asked. A request that somebody deleted is made again.
pub(crate) async fn ask(context: &Context, target: &Target, current: &Current) -> Result<(), Error> {
    let hold = current.report.as_ref().and_then(|report| report.hold.as_ref());
    let Some(Hold::Approval { wave, point }) = hold else { return Ok(()) };
    if approvals::is_asked(&context.approvals, &current.object, wave, *point) {
        return Ok(());
    }
    let _permit = context.leadership.permit()?;
    let request = approvals::ask(&context.client, &current.object, wave, *point).await.map_err(Error::Ask)?;
    tracing::info!(request = request.metadata.name, "a wave waits for approval");
    // It may have been decided on already, if it was made before a crash.
    let is_decided = request.spec.decision.is_some();
    context.approvals.note(request);
    if is_decided {
        context.queue.add(target.uid);
    }
    Ok(())
}
