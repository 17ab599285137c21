//! `drover resume`.

use api::fleet_rollout::DesiredState;
use clap::Args;
use kube::ResourceExt as _;
use serde_json::json;

use super::Failure;
use super::output::say;
use crate::reach::Reach;
use crate::steer::{Misfit, change, take};
use crate::target::Target;

/// What goes on.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  drover resume agent                  after a pause or an abort\n  drover resume agent --after-halt     in the knowledge of what the run halted for"
)]
pub struct Options {
    /// A DaemonSet, a YurtAppSet (yas/NAME) or a FleetRollout.
    target: Target,
    /// Goes on after a halt: evidence starts anew, and units that failed are taken as they are.
    #[arg(long)]
    after_halt: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let (cluster, run) = take(&options.reach, &options.target).await?;
    let name = run.name_any();
    let halt = run.status.as_ref().and_then(|status| status.halt.clone());
    match (halt, run.spec.desired_state) {
        (Some(halt), _) if !options.after_halt => {
            Err(Misfit::Halted { run: name, reason: halt.reason, evidence: halt.evidence }.into())
        }
        (Some(halt), _) => {
            // The token names the halt that was seen: another one that came meanwhile stands.
            let spec = json!({ "desiredState": DesiredState::Running, "resumeToken": halt.token });
            change(&cluster, &run, &spec).await?;
            say(format_args!("{name} resumed after its halt ({}): {}", halt.reason, halt.evidence));
            Ok(())
        }
        (None, DesiredState::Running) => {
            say(format_args!("{name} is neither paused nor halted"));
            Ok(())
        }
        (None, DesiredState::Paused | DesiredState::Aborted) => {
            change(&cluster, &run, &json!({ "desiredState": DesiredState::Running })).await?;
            say(format_args!("{name} resumed"));
            Ok(())
        }
    }
}
