//! Writes that were accepted, with the whole answer, as the audit log has them.

use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::checker::tail::Tail;

/// The kinds whose history is told by their writes, whoever wrote.
const TOLD: [&str; 7] = [
    "approvalrequests",
    "controllerrevisions",
    "deployments",
    "fleetrollouts",
    "nodepools",
    "statefulsets",
    "yurtappsets",
];

/// A write that was accepted and carried out: no dry run.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    /// When the request came.
    pub(super) received: Timestamp,
    /// When its answer was complete.
    pub(super) completed: Timestamp,
    pub(super) user: String,
    pub(super) verb: String,
    pub(super) resource: String,
    pub(super) subresource: String,
    /// Empty for cluster-wide.
    pub(super) namespace: String,
    pub(super) name: String,
    /// 201 for what was made by it.
    pub(super) code: u16,
    pub(super) request: Value,
    pub(super) answer: Value,
}

/// Follows the log's file: reads what was appended since.
#[derive(Debug)]
pub struct Deeds(Tail<Deed>);

impl Deed {
    /// Reads one line of the log. `None` for what changed nothing and for what is about other things.
    pub(super) fn parse(line: &str) -> Result<Option<Self>> {
        // Most lines are none of these; to read them all in full would take as long as the tests.
        let concerns = |resource: &&str| line.contains(&format!("\"resource\":\"{resource}\""));
        if !TOLD.iter().any(concerns) && !line.contains("appset-controller") {
            return Ok(None);
        }
        let event: Event = serde_json::from_str(line).context("reading an audit event")?;
        let Event { verb, uri, user, target, request, answer, status, received, completed, .. } = event;
        let is_read = matches!(verb.as_str(), "get" | "list" | "watch");
        let is_question = matches!(target.resource.as_str(), "tokenreviews" | "subjectaccessreviews" | "leases");
        if is_read || is_question || !(200..300).contains(&status.code) || uri.contains("dryRun=") {
            return Ok(None);
        }
        Ok(Some(Self {
            received,
            completed,
            user: user.username,
            verb,
            resource: target.resource,
            subresource: target.subresource,
            namespace: target.namespace,
            // An object that is made has its name in the answer alone.
            name: if target.name.is_empty() { text(&answer, "/metadata/name").to_owned() } else { target.name },
            code: status.code,
            request,
            answer,
        }))
    }

    /// Whether it may concern YurtAppSets of this namespace: pools are of all.
    pub(super) fn is_about(&self, namespace: &str) -> bool {
        self.namespace == namespace || self.resource == "nodepools"
    }

    /// Verb, resource and subresource, such as `patch fleetrollouts/status`.
    pub(super) fn kind(&self) -> String {
        let Self { verb, resource, subresource, .. } = self;
        if subresource.is_empty() { format!("{verb} {resource}") } else { format!("{verb} {resource}/{subresource}") }
    }

    /// What it was done to, for people.
    pub(super) fn object(&self) -> String {
        format!("{} {}", self.kind(), self.name)
    }

    /// The object as it is since; `None` when it is gone.
    pub(super) fn outcome(&self) -> Option<&Value> {
        let is_object = self.answer["metadata"]["uid"].is_string();
        let leaves = self.verb == "delete" || self.answer["metadata"]["deletionTimestamp"].is_string();
        let is_kept = self.answer["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty());
        (is_object && (!leaves || is_kept)).then_some(&self.answer)
    }
}

impl Deeds {
    /// Of the log at `path`, which may not exist yet.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self(Tail::new(path.as_ref()))
    }

    /// Every deed until now, in the order of the answers.
    pub(super) fn read(&mut self) -> Result<&[Deed]> {
        self.0.read(Deed::parse)
    }
}

/// The text at a place of an object; empty when there is none.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    verb: String,
    #[serde(default, rename = "requestURI")]
    uri: String,
    user: User,
    #[serde(default, rename = "objectRef")]
    target: Target,
    #[serde(default, rename = "requestObject")]
    request: Value,
    #[serde(default, rename = "responseObject")]
    answer: Value,
    #[serde(default, rename = "responseStatus")]
    status: Status,
    #[serde(rename = "requestReceivedTimestamp")]
    received: Timestamp,
    #[serde(rename = "stageTimestamp")]
    completed: Timestamp,
}

#[derive(Default, Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Target {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
}
