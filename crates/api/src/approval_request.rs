//! `ApprovalRequest`: a wave that waits for somebody's decision.

use kube::CustomResource;
use planner::rollout::{Decided, Point};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fixed::Fixed;

/// Which wave waits, and what was decided.
#[expect(clippy::duplicated_attributes, reason = "printer columns share their types")]
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[kube(
    group = "drover.dev",
    version = "v1alpha1",
    kind = "ApprovalRequest",
    plural = "approvalrequests",
    shortname = "ar",
    category = "drover",
    namespaced,
    derive = "PartialEq",
    doc = "An ApprovalRequest asks somebody whether a wave of a FleetRollout may go on. Drover makes it when the wave waits. \
           Who decides needs the RBAC verb approve on approvalrequests besides patch, and sets spec.decision together with \
           his own name in spec.approver: once, and never again.",
    printcolumn(
        name = "Rollout",
        type_ = "string",
        json_path = ".spec.rolloutRef.name",
        description = "The run that asks."
    ),
    printcolumn(name = "Wave", type_ = "string", json_path = ".spec.wave", description = "The wave that waits."),
    printcolumn(
        name = "Point",
        type_ = "string",
        json_path = ".spec.point",
        description = "Whether it waits before or after the wave."
    ),
    printcolumn(name = "Decision", type_ = "string", json_path = ".spec.decision", description = "What was decided."),
    printcolumn(name = "Approver", type_ = "string", json_path = ".spec.approver", description = "Who decided."),
    printcolumn(
        name = "Comment",
        type_ = "string",
        json_path = ".spec.comment",
        description = "What the approver said.",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Since when the wave waits."
    )
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!has(oldSelf.decision) || (has(self.decision) && self.decision == oldSelf.decision)",
        "message": "cannot be changed: a decision is made once; the next revision asks again",
        "fieldPath": ".decision",
    },
    {
        "rule": "!has(oldSelf.decision) || (has(self.approver) == has(oldSelf.approver) && \
                 (!has(self.approver) || self.approver == oldSelf.approver))",
        "message": "cannot be changed: it names who decided",
        "fieldPath": ".approver",
    },
    {
        "rule": "!has(oldSelf.decision) || (has(self.comment) == has(oldSelf.comment) && \
                 (!has(self.comment) || self.comment == oldSelf.comment))",
        "message": "cannot be changed: it belongs to the decision",
        "fieldPath": ".comment",
    },
    {
        "rule": "has(self.decision) == has(self.approver)",
        "message": "must be given together with decision, and only then: it names who decides",
        "fieldPath": ".approver",
    },
    {
        "rule": "has(self.decision) || !has(self.comment)",
        "message": "must be given together with decision only: it is the approver's",
        "fieldPath": ".comment",
    },
]))]
pub struct ApprovalRequestSpec {
    /// The run that asks. Cannot be changed.
    #[schemars(transform = Fixed("a request is about one run"), extend("x-kubernetes-map-type" = "atomic"))]
    pub rollout_ref: RolloutRef,
    /// The wave that waits. Cannot be changed.
    #[schemars(length(min = 1, max = 63), transform = Fixed("a request is about one wave"))]
    pub wave: String,
    /// Where in its life the wave waits: `BeforeWave` (it has not opened) or `AfterWave` (it has succeeded and soaked; the
    /// next one has not opened). Cannot be changed.
    #[schemars(transform = Fixed("a request is about one point in a wave's life"))]
    pub point: ApprovalPoint,
    /// `Approved`: the run goes on. `Rejected`: it stays where it is until the target has a newer revision. Can be set once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "Decision::json_schema")]
    pub decision: Option<Decision>,
    /// Who decided: the name of the user who sets decision, as the API server knows him (`kubectl auth whoami`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub approver: Option<String>,
    /// What the approver has to say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub comment: Option<String>,
}

/// The run that asks.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RolloutRef {
    /// The name of the FleetRollout, in the namespace of the request.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its UID: a decision is for this run only.
    #[schemars(length(min = 1, max = 63))]
    pub uid: String,
}

/// Where in a wave's life it waits.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApprovalPoint {
    /// Before it opens.
    BeforeWave,
    /// After it has succeeded and soaked.
    AfterWave,
}

/// What was decided.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The run goes on.
    Approved,
    /// It stays where it is.
    Rejected,
}

impl ApprovalRequestSpec {
    /// The decision, as the planner takes it; `None` while there is none.
    pub fn decided(&self) -> Option<Decided> {
        let decision = self.decision?;
        Some(Decided {
            wave: self.wave.as_str().into(),
            point: self.point.into(),
            approved: decision == Decision::Approved,
            approver: self.approver.as_deref().unwrap_or_default().into(),
        })
    }
}

impl From<ApprovalPoint> for Point {
    fn from(point: ApprovalPoint) -> Self {
        match point {
            ApprovalPoint::BeforeWave => Self::BeforeWave,
            ApprovalPoint::AfterWave => Self::AfterWave,
        }
    }
}

impl From<Point> for ApprovalPoint {
    fn from(point: Point) -> Self {
        match point {
            Point::BeforeWave => Self::BeforeWave,
            Point::AfterWave => Self::AfterWave,
        }
    }
}
