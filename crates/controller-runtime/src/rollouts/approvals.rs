//! ApprovalRequests: made when a wave waits for a human, and read for what was decided.

use api::approval_request::{ApprovalRequest, ApprovalRequestSpec, RolloutRef};
use api::fleet_rollout::FleetRollout;
use api::names;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, ResourceExt};
use planner::fleet::{Name, Uid};
use planner::rollout::{Decided, Hold, Point};

use super::{Desk, Error, Rollout, Target};
use crate::mirror::{Mirror, Mirrored};
use crate::watch::{ResourceVersion, Versioned};

/// Why a request could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The API server did not make it.
    #[error("creating ApprovalRequest {name:?}")]
    Create {
        /// Its name.
        name: String,
        /// What the API server said.
        source: kube::Error,
    },
    /// A request of another run has its name. That run is gone, so Kubernetes will remove it.
    #[error("ApprovalRequest {name:?} is one of another run, which is gone: it waits until Kubernetes removes it")]
    Taken {
        /// Its name.
        name: String,
    },
}

impl Versioned for ApprovalRequest {
    fn resource_version(&self) -> ResourceVersion {
        super::objects::version(&self.metadata)
    }
}

impl Mirrored for ApprovalRequest {
    /// The UID of the run that asks.
    type Owner = Uid;

    fn uid(&self) -> Uid {
        super::objects::uid(&self.metadata)
    }

    fn belongs_to(&self) -> Option<Uid> {
        self.spec.rollout_ref.uid.parse().ok()
    }

    fn is_like(&self, older: &Self) -> bool {
        self.spec == older.spec
    }
}

impl Desk {
    /// Asks about the wave that waits for a human, if one does and nobody was asked. A request that somebody deleted is made
    /// again.
    ///
    /// # Errors
    /// When it was not made.
    pub async fn ask(&self, target: Target<'_>, rollout: &Rollout) -> Result<(), Error> {
        let hold = rollout.report.as_ref().and_then(|report| report.hold.as_ref());
        let Some(Hold::Approval { wave, point }) = hold else { return Ok(()) };
        if is_asked(&self.approvals, &rollout.object, wave, *point) {
            return Ok(());
        }
        let _permit = self.leadership.permit()?;
        let request = ask(&self.client, &rollout.object, wave, *point).await.map_err(Error::Ask)?;
        tracing::info!(request = request.metadata.name, "a wave waits for approval");
        // It may have been decided on already, if it was made before a crash.
        let is_decided = request.spec.decision.is_some();
        self.approvals.note(request);
        if is_decided {
            self.queue.add(target.uid);
        }
        Ok(())
    }
}

/// What was decided on the waves of this run, in no order. Requests of another run, though of the same name, say nothing.
pub(super) fn decided(mirror: &Mirror<ApprovalRequest>, run: &FleetRollout) -> Vec<Decided> {
    mirror.of(&super::objects::uid(&run.metadata)).iter().filter_map(|request| request.spec.decided()).collect()
}

/// Whether somebody has been asked about a wave of this run.
fn is_asked(mirror: &Mirror<ApprovalRequest>, run: &FleetRollout, wave: &str, point: Point) -> bool {
    let about = |request: &ApprovalRequestSpec| request.wave == wave && Point::from(request.point) == point;
    mirror.of(&super::objects::uid(&run.metadata)).iter().any(|request| about(&request.spec))
}

/// Asks whether a wave of a run may go on. When that was asked already (before a crash), that request is the one.
async fn ask(client: &Client, run: &FleetRollout, wave: &Name, point: Point) -> Result<ApprovalRequest, AskError> {
    let (run_name, run_uid) = (run.name_any(), run.metadata.uid.clone().unwrap_or_default());
    let name = names::approval_request(&run_name, wave, point.into());
    let owner = OwnerReference {
        api_version: "drover.dev/v1alpha1".to_owned(),
        kind: "FleetRollout".to_owned(),
        name: run_name.clone(),
        uid: run_uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    };
    let request = ApprovalRequest {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: run.namespace(),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: ApprovalRequestSpec {
            rollout_ref: RolloutRef { name: run_name, uid: run_uid.clone() },
            wave: wave.to_string(),
            point: point.into(),
            decision: None,
            approver: None,
            comment: None,
        },
    };
    let api: Api<ApprovalRequest> = Api::namespaced(client.clone(), &run.namespace().unwrap_or_default());
    let made = match api.create(&PostParams::default(), &request).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => api.get(&name).await,
        other => other,
    };
    match made {
        Ok(made) if made.spec.rollout_ref.uid == run_uid => Ok(made),
        Ok(_) => Err(AskError::Taken { name }),
        Err(source) => Err(AskError::Create { name, source }),
    }
}
