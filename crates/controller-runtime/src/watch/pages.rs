//! The list of a server without streaming lists, a page at a time.

use super::{
    ResourceVersion, WatchError, WatchTarget,
    frame::{message_of, refusal},
};
use http_body_util::BodyExt;
use kube::Client;
use serde::{Deserialize, de::DeserializeOwned};

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) metadata: PageMetadata,
    #[serde(default = "Vec::new")]
    pub(super) items: Vec<T>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageMetadata {
    /// The version of the whole list, the same on every page.
    pub(super) resource_version: ResourceVersion,
    /// Where the next page begins; empty or absent on the last.
    #[serde(default, rename = "continue")]
    pub(super) token: Option<String>,
}

/// Fetches one page; the first without a token. Bounded by the client's read deadline.
pub(super) async fn fetch<T: DeserializeOwned>(
    client: Client,
    target: WatchTarget,
    token: Option<String>,
) -> Result<Page<T>, WatchError> {
    let request = target.page(token.as_deref()).map_err(WatchError::Unaskable)?;
    let response = client.send(request).await.map_err(|error| WatchError::Unreachable(Box::new(error)))?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| WatchError::Broken(error.to_string()))?.to_bytes();
    if !status.is_success() {
        return Err(refusal(status.as_u16(), message_of(&body)));
    }
    serde_json::from_slice(&body).map_err(WatchError::Page)
}
