//! The API server's audit log: who asked for what, when, and what came of it.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::Deserialize;

use super::tail::Tail;
use super::timeline::Published;

/// The key under which the API server tells two tokens of one account apart.
const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";

/// One request to the API server and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When the request arrived.
    pub received: Timestamp,
    /// When its answer was complete (of a watch: when it began).
    pub completed: Timestamp,
    /// RBAC verb.
    pub verb: String,
    /// Plural name of the resource, empty for other paths.
    pub resource: String,
    /// Empty for none.
    pub subresource: String,
    /// Empty for cluster-wide.
    pub namespace: String,
    /// Empty for collections.
    pub name: String,
    /// HTTP status of the answer.
    pub code: u16,
    /// Asked for with `dryRun=All`: whatever its answer, nothing is changed.
    pub dry_run: bool,
    /// Who asked.
    pub user: String,
    /// The program that asked.
    pub agent: String,
    /// The token by which it proved who it is: tells processes of one account apart.
    pub credential: String,
    /// `preconditions.uid` of a DELETE.
    pub precondition: Option<String>,
    /// `propagationPolicy` of a DELETE: what becomes of what the object owns.
    pub propagation: Option<String>,
    /// `metadata.uid` of the object in the answer.
    pub uid: Option<String>,
    /// `metadata.resourceVersion` of the object in the answer.
    pub version: Option<String>,
    /// `spec.holderIdentity` of a Lease in the answer; empty when nobody holds it.
    pub holder: String,
}

/// Follows the log's file: reads what was appended since.
#[derive(Debug)]
pub struct AuditLog(Tail<Call>);

impl Call {
    /// Whether the API server did as it was asked.
    pub fn is_accepted(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Whether it changes something when it is accepted.
    pub fn is_write(&self) -> bool {
        // A TokenReview is a question, whatever its verb.
        let asks = matches!(self.verb.as_str(), "get" | "list" | "watch") || self.resource == "tokenreviews";
        !asks && !self.dry_run
    }

    /// Verb, resource and subresource, such as `patch fleetrollouts/status`; of a dry run with these words before it.
    pub fn kind(&self) -> String {
        let Self { verb, resource, subresource, dry_run, .. } = self;
        let trial = if *dry_run { "dry run: " } else { "" };
        let slash = if subresource.is_empty() { "" } else { "/" };
        format!("{trial}{verb} {resource}{slash}{subresource}")
    }

    /// Reads one line of the log. `None` for what tells nothing: the end of a watch.
    pub fn parse(line: &str) -> Result<Option<Self>> {
        let event: Event = serde_json::from_str(line).context("reading an audit event")?;
        let begins = event.stage == "ResponseStarted";
        if (event.verb == "watch") != begins {
            return Ok(None);
        }
        let Event { verb, user, agent, uri, target, request, answer, status, received, completed, .. } = event;
        let request = request.unwrap_or_default();
        let answer = answer.unwrap_or_default();
        Ok(Some(Self {
            received,
            completed,
            verb,
            resource: target.resource,
            subresource: target.subresource,
            namespace: target.namespace,
            name: target.name,
            code: status.code,
            dry_run: is_dry_run(&uri),
            user: user.username,
            agent,
            credential: user.extra.get(CREDENTIAL).and_then(|ids| ids.first()).cloned().unwrap_or_default(),
            precondition: request.preconditions.uid,
            propagation: request.propagation,
            uid: answer.metadata.uid,
            version: answer.metadata.version,
            holder: answer.spec.and_then(|spec| spec.holder).unwrap_or_default(),
        }))
    }
}

impl AuditLog {
    /// The log at `path`, which may not exist yet.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self(Tail::new(path.as_ref()))
    }

    /// Every call until now, in the order of their answers.
    pub fn read(&mut self) -> Result<&[Call]> {
        self.0.read(Call::parse)
    }
}

/// When each version of an object became public, as far as writes tell: several answers may show one version, when a write
/// changes nothing.
pub(super) fn publications(calls: &[Call]) -> HashMap<&str, Published> {
    let mut found: HashMap<&str, Published> = HashMap::new();
    for call in calls.iter().filter(|call| call.is_write() && call.is_accepted()) {
        let Some(version) = &call.version else { continue };
        let told = Published { earliest: call.received, latest: call.completed, exact: true };
        let known = found.entry(version).or_insert(told);
        known.earliest = known.earliest.min(told.earliest);
        known.latest = known.latest.min(told.latest);
    }
    found
}

/// Whether the query says so.
fn is_dry_run(uri: &str) -> bool {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    query.split('&').any(|part| part.starts_with("dryRun="))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    verb: String,
    user: User,
    #[serde(default, rename = "userAgent")]
    agent: String,
    #[serde(default, rename = "requestURI")]
    uri: String,
    #[serde(default, rename = "objectRef")]
    target: Target,
    #[serde(rename = "requestObject")]
    request: Option<Request>,
    #[serde(rename = "responseObject")]
    answer: Option<Answer>,
    #[serde(default, rename = "responseStatus")]
    status: Status,
    #[serde(rename = "requestReceivedTimestamp")]
    received: Timestamp,
    #[serde(rename = "stageTimestamp")]
    completed: Timestamp,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
    #[serde(default)]
    extra: HashMap<String, Vec<String>>,
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
struct Request {
    preconditions: Preconditions,
    #[serde(rename = "propagationPolicy")]
    propagation: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Preconditions {
    uid: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    metadata: Metadata,
    spec: Option<Spec>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    uid: Option<String>,
    #[serde(rename = "resourceVersion")]
    version: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    #[serde(rename = "holderIdentity")]
    holder: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
}
