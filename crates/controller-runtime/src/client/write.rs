//! Fenced writes of small objects: none without a permit of the lease, and each answer decoded into what its mirror holds.

use kube::Client;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, Request};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::lease::Permit;

/// What a write is about.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The path of the collection, as `/api/v1/namespaces/a/configmaps`.
    pub collection: &'a str,
    /// The object's name.
    pub name: &'a str,
}

/// Writes as one field manager.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    manager: &'static str,
}

impl Writer {
    /// Writes through this client.
    pub fn new(client: Client, manager: &'static str) -> Self {
        Self { client, manager }
    }

    /// Makes the object say what `body` says, and no longer what we said before (server-side apply, by force).
    pub async fn apply<T: DeserializeOwned>(
        &self,
        _fence: &Permit,
        place: Place<'_>,
        body: &Value,
    ) -> Result<T, kube::Error> {
        self.apply_with(PatchParams::apply(self.manager).force(), place, body).await
    }

    /// As [`Writer::apply`], but not by force: what others say of one of the fields stays so, and is a conflict.
    pub async fn claim<T: DeserializeOwned>(
        &self,
        _fence: &Permit,
        place: Place<'_>,
        body: &Value,
    ) -> Result<T, kube::Error> {
        self.apply_with(PatchParams::apply(self.manager), place, body).await
    }

    /// Asks what [`Writer::apply`] would be answered with (a dry run). It changes nothing, so that it needs no permit.
    pub async fn try_apply<T: DeserializeOwned>(&self, place: Place<'_>, body: &Value) -> Result<T, kube::Error> {
        self.apply_with(PatchParams::apply(self.manager).force().dry_run(), place, body).await
    }

    /// Makes an object that must not be there yet; a conflict if it is.
    pub async fn create<T: DeserializeOwned>(
        &self,
        _fence: &Permit,
        collection: &str,
        body: &Value,
    ) -> Result<T, kube::Error> {
        let params = PostParams { field_manager: Some(self.manager.to_owned()), ..PostParams::default() };
        let body = serde_json::to_vec(body).map_err(kube::Error::SerdeError)?;
        let request = Request::new(collection).create(&params, body);
        self.client.request(request.map_err(kube::Error::BuildRequest)?).await
    }

    /// Changes the fields that `body` names (JSON merge patch); `metadata.uid` and `metadata.resourceVersion` in it are
    /// preconditions.
    pub async fn merge<T: DeserializeOwned>(
        &self,
        _fence: &Permit,
        place: Place<'_>,
        body: &Value,
    ) -> Result<T, kube::Error> {
        let request = Request::new(place.collection).patch(place.name, &self.plain(), &Patch::Merge(body));
        self.client.request(request.map_err(kube::Error::BuildRequest)?).await
    }

    /// As [`Writer::merge`], of the object's status.
    pub async fn merge_status<T: DeserializeOwned>(
        &self,
        _fence: &Permit,
        place: Place<'_>,
        body: &Value,
    ) -> Result<T, kube::Error> {
        let request = Request::new(place.collection);
        let request = request.patch_subresource("status", place.name, &self.plain(), &Patch::Merge(body));
        self.client.request(request.map_err(kube::Error::BuildRequest)?).await
    }

    /// Deletes the object if it still has that UID. One that is gone, or has another, is left as it is.
    pub async fn delete(&self, fence: &Permit, place: Place<'_>, uid: &str) -> Result<(), kube::Error> {
        self.delete_with(fence, DeleteParams::default(), place, uid).await
    }

    /// As [`Writer::delete`]; what the object owns is deleted after it, in the background, whatever its kind.
    pub async fn delete_in_background(&self, fence: &Permit, place: Place<'_>, uid: &str) -> Result<(), kube::Error> {
        self.delete_with(fence, DeleteParams::background(), place, uid).await
    }

    async fn delete_with(
        &self,
        _fence: &Permit,
        params: DeleteParams,
        place: Place<'_>,
        uid: &str,
    ) -> Result<(), kube::Error> {
        let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..params };
        let request = Request::new(place.collection).delete(place.name, &params);
        match self.client.request_text(request.map_err(kube::Error::BuildRequest)?).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn apply_with<T: DeserializeOwned>(
        &self,
        params: PatchParams,
        place: Place<'_>,
        body: &Value,
    ) -> Result<T, kube::Error> {
        let request = Request::new(place.collection).patch(place.name, &params, &Patch::Apply(body));
        self.client.request(request.map_err(kube::Error::BuildRequest)?).await
    }

    fn plain(&self) -> PatchParams {
        PatchParams { field_manager: Some(self.manager.to_owned()), ..PatchParams::default() }
    }
}
