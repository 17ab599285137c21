//! Writes one Event.

use super::series::{Draft, Written};
use crate::{causes::Causes, client::drain};
use http::{Request, StatusCode, header};
use jiff::Timestamp;
use kube::client::{Body, Client};
use serde_json::{Value, json};

/// Writes Events as one component.
pub(super) struct Store {
    pub(super) client: Client,
    pub(super) component: &'static str,
    pub(super) instance: String,
}

impl Store {
    /// Makes or changes the Event of a draft.
    pub(super) async fn write(&self, draft: &Draft) -> Written {
        let Some(request) = self.request(draft) else { return Written::Refused };
        let response = match self.client.send(request).await {
            Ok(response) => response,
            Err(error) => {
                tracing::debug!(
                    error = %Causes(&error),
                    event = draft.event,
                    "an event was not written"
                );
                return Written::Failed;
            }
        };
        let status = response.status();
        drain(response.into_body()).await;
        match status {
            _ if status.is_success() => Written::Done,
            StatusCode::CONFLICT if draft.create => Written::Exists,
            StatusCode::NOT_FOUND if !draft.create => Written::Gone,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT => Written::Failed,
            _ if status.is_server_error() => Written::Failed,
            _ => {
                tracing::warn!(%status, event = draft.event, reason = draft.reason, "an event was refused");
                Written::Refused
            }
        }
    }

    fn request(&self, draft: &Draft) -> Option<Request<Body>> {
        let namespace = draft.subject.namespace.as_deref().unwrap_or("default");
        let collection = format!("/api/v1/namespaces/{namespace}/events");
        let (request, body) = if draft.create {
            (Request::post(collection).header(header::CONTENT_TYPE, "application/json"), self.whole(draft, namespace))
        } else {
            let change = json!({"count": draft.count, "message": draft.message, "lastTimestamp": seconds(draft.last)});
            let request = Request::patch(format!("{collection}/{}", draft.event));
            (request.header(header::CONTENT_TYPE, "application/merge-patch+json"), change)
        };
        request.body(Body::from(body.to_string().into_bytes())).ok()
    }

    fn whole(&self, draft: &Draft, namespace: &str) -> Value {
        let subject = &draft.subject;
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": draft.event, "namespace": namespace},
            "involvedObject": {
                "apiVersion": subject.api_version,
                "kind": subject.kind,
                "namespace": subject.namespace,
                "name": subject.name,
                "uid": subject.uid,
            },
            "type": draft.severity.as_str(),
            "reason": draft.reason,
            "message": draft.message,
            "count": draft.count,
            "firstTimestamp": seconds(draft.first),
            "lastTimestamp": seconds(draft.last),
            "source": {"component": self.component},
            "reportingComponent": self.component,
            "reportingInstance": self.instance,
        })
    }
}

/// Kubernetes' Time has whole seconds.
fn seconds(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
