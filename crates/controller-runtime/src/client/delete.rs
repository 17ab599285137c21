//! The one disruptive write of the DaemonSet path, as slim as it can be.

use super::deadline::TimedOut;
use crate::causes::Causes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use kube::client::{Body, Client};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest error answer that is read for its message, in bytes. A `Status` is under 1 KB; more tells a user nothing.
const MAX_ERROR_BYTES: usize = 16 * 1024;

/// How a delete ended when its outcome is known and nothing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The API server accepted it: the pod is gone or terminating.
    Accepted,
    /// There was no such pod any more (404).
    Gone,
    /// A pod of that name exists under another UID (409): not ours to touch.
    Moved,
}

/// How a delete ended otherwise.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The API server said no; nothing changed.
    #[error("the API server refused with {status}: {message}")]
    Refused {
        /// HTTP status, a 4xx.
        status: u16,
        /// The server's words.
        message: String,
        /// How long the server asks to wait (429).
        retry_after: Option<Duration>,
    },
    /// Nobody can tell: time-out, connection lost, or a 5xx that may have come after the commit.
    /// It counts as accepted until a quorum read says otherwise (rollouts.md, Activated).
    #[error("outcome unknown: {reason}")]
    Unknown {
        /// What happened instead of an answer.
        reason: String,
        /// Whether the write deadline ended the wait.
        timed_out: bool,
    },
    /// Namespace, name or UID make no valid request; nothing was sent.
    #[error("cannot ask for the deletion of pod {name:?}")]
    Unaskable {
        /// The pod's name as given.
        name: String,
        /// Why it makes no request.
        source: http::Error,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeleteOptions<'a> {
    preconditions: Preconditions<'a>,
}

#[derive(Serialize)]
struct Preconditions<'a> {
    uid: &'a str,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
}

impl WriteError {
    /// A bounded word for metrics: `refused`, `unknown` or `unaskable`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Unknown { .. } => "unknown",
            Self::Unaskable { .. } => "unaskable",
        }
    }
}

/// Deletes a pod if it still has that UID. The answer (the whole pod, 3.5 KB) is drained unread:
/// the watch will tell, and decoding it costs 20 % of an upgrade (measured in issue 3).
pub async fn delete_pod(client: &Client, namespace: &str, name: &str, uid: &str) -> Result<Deleted, WriteError> {
    let request = delete_request(namespace, name, uid)?;
    let response = client.send(request).await.map_err(|error| unknown(&error))?;
    let status = response.status();
    let retry_after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    match status {
        StatusCode::NOT_FOUND => drained(response.into_body(), Deleted::Gone).await,
        StatusCode::CONFLICT => drained(response.into_body(), Deleted::Moved).await,
        _ if status.is_success() => drained(response.into_body(), Deleted::Accepted).await,
        _ if status.is_client_error() => {
            let message = message_of(response.into_body()).await;
            Err(WriteError::Refused { status: status.as_u16(), message, retry_after })
        }
        _ => {
            let message = message_of(response.into_body()).await;
            Err(WriteError::Unknown { reason: format!("{status}: {message}"), timed_out: false })
        }
    }
}

fn delete_request(namespace: &str, name: &str, uid: &str) -> Result<Request<Body>, WriteError> {
    let body = serde_json::to_vec(&DeleteOptions { preconditions: Preconditions { uid } }).unwrap_or_default();
    Request::delete(format!("/api/v1/namespaces/{namespace}/pods/{name}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .map_err(|source| WriteError::Unaskable { name: name.to_owned(), source })
}

fn unknown(error: &kube::Error) -> WriteError {
    let timed_out = match error {
        kube::Error::Service(source) => source.is::<TimedOut>(),
        _ => false,
    };
    WriteError::Unknown { reason: Causes(error).to_string(), timed_out }
}

async fn drained(body: Body, deleted: Deleted) -> Result<Deleted, WriteError> {
    drain(body).await;
    Ok(deleted)
}

/// Reads a body to its end so that the connection can be used again. What it says, or that it breaks off, changes nothing.
pub(crate) async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

async fn message_of(body: Body) -> String {
    let Ok(collected) = Limited::new(body, MAX_ERROR_BYTES).collect().await else {
        return "(no readable message)".to_owned();
    };
    let bytes = collected.to_bytes();
    serde_json::from_slice::<Status>(&bytes)
        .map_or_else(|_| String::from_utf8_lossy(&bytes).trim().to_owned(), |status| status.message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Response;
    use tower::{BoxError, service_fn};

    async fn deleted(status: u16, body: &'static str) -> Result<Deleted, WriteError> {
        let service = service_fn(move |request: Request<Body>| async move {
            assert_eq!(request.uri().path(), "/api/v1/namespaces/ns/pods/a");
            let sent = request.into_body().collect_bytes().await?;
            assert_eq!(sent, r#"{"preconditions":{"uid":"u-1"}}"#);
            Ok::<_, BoxError>(
                Response::builder()
                    .status(status)
                    .header("retry-after", "3")
                    .body(Body::from(body.as_bytes().to_vec()))?,
            )
        });
        delete_pod(&Client::new(service, "default"), "ns", "a", "u-1").await
    }

    #[tokio::test]
    async fn answers_become_outcomes() {
        assert_eq!(deleted(200, "{\"kind\":\"Pod\"}").await.unwrap(), Deleted::Accepted);
        assert_eq!(deleted(202, "").await.unwrap(), Deleted::Accepted);
        assert_eq!(deleted(404, "{}").await.unwrap(), Deleted::Gone);
        assert_eq!(deleted(409, "{}").await.unwrap(), Deleted::Moved);
        let refused = deleted(429, r#"{"kind":"Status","message":"slow down"}"#).await.unwrap_err();
        assert!(
            matches!(&refused, WriteError::Refused { status: 429, message, retry_after: Some(wait) } if message == "slow down" && wait.as_secs() == 3),
            "{refused}"
        );
        let unknown = deleted(504, "etcd is slow").await.unwrap_err();
        assert!(
            matches!(&unknown, WriteError::Unknown { reason, timed_out: false } if reason.contains("etcd is slow")),
            "{unknown}"
        );
    }

    #[tokio::test]
    async fn a_lost_connection_is_an_unknown_outcome() {
        let service =
            service_fn(|_: Request<Body>| async { Err::<Response<Body>, _>(BoxError::from("connection reset")) });
        let error = delete_pod(&Client::new(service, "default"), "ns", "a", "u").await.unwrap_err();
        assert!(matches!(&error, WriteError::Unknown { reason, .. } if reason.contains("connection reset")), "{error}");
    }

    #[tokio::test]
    async fn a_name_that_makes_no_path_is_not_sent() {
        let service =
            service_fn(|_: Request<Body>| async { Err::<Response<Body>, _>(BoxError::from("must not be called")) });
        let error = delete_pod(&Client::new(service, "default"), "ns", "a b\n", "u").await.unwrap_err();
        assert_eq!(error.kind(), "unaskable");
    }
}
