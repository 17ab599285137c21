//! `drover pause`.

use api::fleet_rollout::{DesiredState, Phase};
use clap::Args;
use kube::ResourceExt as _;
use serde_json::json;

use super::Failure;
use super::output::say;
use crate::reach::Reach;
use crate::steer::{change, phase, take};
use crate::target::Target;

/// What is paused.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  drover pause agent\n  drover pause ds/agent -n edge")]
pub struct Options {
    /// A DaemonSet, a YurtAppSet (yas/NAME) or a FleetRollout.
    target: Target,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let (cluster, run) = take(&options.reach, &options.target).await?;
    let name = run.name_any();
    if run.spec.desired_state == DesiredState::Paused {
        say(format_args!("{name} is paused already"));
        return Ok(());
    }
    change(&cluster, &run, &json!({ "desiredState": DesiredState::Paused })).await?;
    let what = if phase(&run) == Phase::Completed {
        "units that come back wait"
    } else {
        "what is under way is watched to its end"
    };
    say(format_args!("{name} paused: nothing is started any more, {what}"));
    say(format_args!("→ drover resume {} -n {} goes on", options.target, cluster.namespace));
    Ok(())
}
