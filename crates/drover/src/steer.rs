//! What a user asks of a run: a patch of its spec, under the user's own name.

use api::fleet_rollout::{FleetRollout, Phase};
use api::names;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::call::{Call, CallError};
use crate::commands::Failure;
use crate::reach::{Cluster, Reach};
use crate::target::{Target, find};

/// Under which name fields are owned that the command line sets.
pub(crate) const MANAGER: &str = "drover";

/// A verb that does not fit the run.
#[derive(Debug, thiserror::Error)]
pub enum Misfit {
    /// Another run has taken its place.
    #[error(
        "{run} is {phase:?}: its target has a newer revision, or went back to an older one\n→ name the target instead of the run"
    )]
    Over {
        /// The run.
        run: String,
        /// Its phase.
        phase: Phase,
    },
    /// A halt is not ended in passing.
    #[error(
        "{run} is halted ({reason}): {evidence}\n→ fix and change the template, or `drover rollback`; to go on all the same: --after-halt"
    )]
    Halted {
        /// The run.
        run: String,
        /// The halt's reason.
        reason: String,
        /// What was seen.
        evidence: String,
    },
    /// There is no such wave.
    #[error("{run} has no wave {wave:?}, only {}", .known.join(", "))]
    Wave {
        /// The run.
        run: String,
        /// The wave.
        wave: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// No wave waits for approval.
    #[error("no wave of {run} waits for approval{}: it is {phase:?}", wave.as_ref().map(|wave| format!(" at wave {wave:?}")).unwrap_or_default())]
    NothingToApprove {
        /// The run.
        run: String,
        /// The wave that was meant.
        wave: Option<String>,
        /// Its phase.
        phase: Phase,
    },
    /// Several waves wait.
    #[error("{run} waits for approval at {}\n→ name the wave", .waves.join(" and "))]
    WhichWave {
        /// The run.
        run: String,
        /// The waves that wait.
        waves: Vec<String>,
    },
}

/// The run's phase; Pending before a service has looked at it.
pub fn phase(run: &FleetRollout) -> Phase {
    run.status.as_ref().map(|status| status.phase).unwrap_or_default()
}

/// The cluster and the run that a verb is about. A run that another one has taken the place of is refused.
pub(crate) async fn take(reach: &Reach, target: &Target) -> Result<(Cluster, FleetRollout), Failure> {
    let cluster = reach.cluster().await?;
    let run = find(&cluster, target).await?;
    match phase(&run) {
        phase @ (Phase::Superseded | Phase::RolledBack) => Err(Misfit::Over { run: run.name_any(), phase }.into()),
        _ => Ok((cluster, run)),
    }
}

/// Changes a run's spec. It must still be the same object; what others changed in it meanwhile stays.
pub async fn change(cluster: &Cluster, run: &FleetRollout, spec: &Value) -> Result<FleetRollout, CallError> {
    let namespace = run.namespace().unwrap_or_default();
    let patch = json!({ "metadata": { "uid": run.uid() }, "spec": spec });
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let runs: Api<FleetRollout> = Api::namespaced(cluster.client.clone(), &namespace);
    let changed = runs.patch(&run.name_any(), &params, &Patch::Merge(&patch)).await;
    let call = Call::of("patch", names::GROUP, "fleetrollouts", Some(&namespace));
    changed.map_err(|error| call.failed(error))
}
