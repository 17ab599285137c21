//! The requests for one Lease: make it, take it, renew it, give it back, look at it.

use super::{record::LeaseRecord, settings::LeaseSettings};
use crate::watch::ResourceVersion;
use http::{Request, header};
use jiff::Timestamp;
use kube::Client;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// The collection of Leases in a namespace.
pub(super) fn collection(namespace: &str) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases")
}

/// Writes one Lease as one holder.
pub(super) struct Store {
    pub(super) client: Client,
    pub(super) settings: LeaseSettings,
    pub(super) identity: String,
}

#[derive(Deserialize)]
struct LeaseList {
    items: Vec<LeaseRecord>,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// It changed, came into being or went away since it was seen.
    #[error("the lease has changed")]
    Changed,
    /// No answer, or another error. A write may have happened.
    #[error("asking for the lease")]
    Failed(#[source] kube::Error),
    /// No answer within the time that leaves room for another try. A write may have happened.
    #[error("asking for the lease: no answer in time")]
    Slow,
    /// Namespace or name make no request.
    #[error("the lease cannot be asked for")]
    Unaskable(#[source] http::Error),
}

impl Store {
    /// Makes the Lease, held.
    pub(super) async fn create(&self) -> Result<LeaseRecord, StoreError> {
        let now = micro_time();
        let body = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.settings.name, "namespace": self.settings.namespace},
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": self.settings.duration_seconds(),
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": 0,
            },
        });
        let request =
            Request::post(collection(&self.settings.namespace)).header(header::CONTENT_TYPE, "application/json");
        self.send(request, body.to_string().into_bytes()).await
    }

    /// Takes it over as seen.
    pub(super) async fn take(&self, seen: &LeaseRecord) -> Result<LeaseRecord, StoreError> {
        let now = micro_time();
        let spec = json!({
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self.settings.duration_seconds(),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": seen.spec.lease_transitions.unwrap_or(0) + 1,
        });
        self.patch(seen.metadata.resource_version, spec).await
    }

    /// Renews it as last written.
    pub(super) async fn renew(&self, held: ResourceVersion) -> Result<LeaseRecord, StoreError> {
        self.patch(held, json!({"renewTime": micro_time()})).await
    }

    /// Gives it back: without a holder it is free at once.
    pub(super) async fn release(&self, held: ResourceVersion) -> Result<LeaseRecord, StoreError> {
        self.patch(held, json!({"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": micro_time()})).await
    }

    /// Looks at it with quorum; none when there is none. By a list, because that is what the watch has the right for.
    pub(super) async fn look(&self) -> Result<Option<LeaseRecord>, StoreError> {
        let name = &self.settings.name;
        let uri = format!("{}?fieldSelector=metadata.name%3D{name}", collection(&self.settings.namespace));
        let list: LeaseList = self.send(Request::get(uri), Vec::new()).await?;
        Ok(list.items.into_iter().next())
    }

    /// A merge patch leaves alone what others wrote; the version makes it fail if anybody wrote since.
    async fn patch(&self, version: ResourceVersion, spec: Value) -> Result<LeaseRecord, StoreError> {
        let body = json!({"metadata": {"resourceVersion": version.to_string()}, "spec": spec});
        let request = Request::patch(self.path()).header(header::CONTENT_TYPE, "application/merge-patch+json");
        self.send(request, body.to_string().into_bytes()).await
    }

    fn path(&self) -> String {
        format!("{}/{}", collection(&self.settings.namespace), self.settings.name)
    }

    async fn send<T: DeserializeOwned>(&self, request: http::request::Builder, body: Vec<u8>) -> Result<T, StoreError> {
        let request = request.body(body).map_err(StoreError::Unaskable)?;
        self.client.request(request).await.map_err(|error| match &error {
            kube::Error::Api(status) if matches!(status.code, 404 | 409) => StoreError::Changed,
            _ => StoreError::Failed(error),
        })
    }
}

/// Now, with exactly the six fraction digits that Kubernetes' `MicroTime` insists on.
fn micro_time() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn micro_time_has_six_digits() {
        let text = micro_time();
        assert_eq!(text.len(), "2026-01-01T00:00:00.000000Z".len(), "{text}");
        assert_eq!((&text[19..20], &text[26..]), (".", "Z"));
        text.parse::<Timestamp>().unwrap();
    }
}
