//! `drover promote`.

use api::fleet_rollout::Phase;
use clap::Args;
use kube::ResourceExt as _;
use serde_json::json;

use super::Failure;
use super::output::say;
use crate::reach::Reach;
use crate::steer::{Misfit, change, phase, take};
use crate::target::Target;

/// What is promoted.
#[derive(Args, Debug)]
#[command(
    after_help = "Neither budgets nor approvals nor windows are skipped.\n\nExamples:\n  drover promote agent                   the wave that is watched now\n  drover promote agent --through early   all waves up to early"
)]
pub struct Options {
    /// A DaemonSet, a YurtAppSet (yas/NAME) or a FleetRollout.
    target: Target,
    /// The last wave whose soak is skipped; without it the wave that is open.
    #[arg(long, value_name = "WAVE")]
    through: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let (cluster, run) = take(&options.reach, &options.target).await?;
    let name = run.name_any();
    let status = run.status.clone().unwrap_or_default();
    let known: Vec<String> = status.waves.iter().map(|wave| wave.name.clone()).collect();
    let wave = options.through.or(status.wave).unwrap_or_default();
    if !known.contains(&wave) {
        return Err(Misfit::Wave { run: name, wave, known }.into());
    }
    if run.spec.promoted_through.as_ref() == Some(&wave) {
        say(format_args!("{name} is promoted through wave {wave:?} already"));
        return Ok(());
    }
    change(&cluster, &run, &json!({ "promotedThrough": wave })).await?;
    let now = if phase(&run) == Phase::Soaking { "goes on now" } else { "will not soak there" };
    say(format_args!("{name} promoted through wave {wave:?}: it {now}"));
    Ok(())
}
