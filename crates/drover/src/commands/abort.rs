//! `drover abort`.

use api::fleet_rollout::DesiredState;
use clap::Args;
use kube::ResourceExt as _;
use serde_json::json;

use super::Failure;
use super::output::say;
use crate::reach::Reach;
use crate::steer::{change, take};
use crate::target::Target;

/// What is ended.
#[derive(Args, Debug)]
#[command(
    after_help = "Pods that have the revision keep it, and pods that are replaced for another reason get it: only \
                        changing the template back takes it away (drover rollback).\n\nExamples:\n  drover abort agent"
)]
pub struct Options {
    /// A DaemonSet, a YurtAppSet (yas/NAME) or a FleetRollout.
    target: Target,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let (cluster, run) = take(&options.reach, &options.target).await?;
    let name = run.name_any();
    if run.spec.desired_state == DesiredState::Aborted {
        say(format_args!("{name} is aborted already"));
        return Ok(());
    }
    change(&cluster, &run, &json!({ "desiredState": DesiredState::Aborted })).await?;
    say(format_args!("{name} aborted: nothing is started any more; units that were moved stay as they are"));
    say(format_args!("→ drover rollback {} -n {} goes back to an earlier revision", options.target, cluster.namespace));
    Ok(())
}
