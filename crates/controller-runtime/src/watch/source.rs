//! One connection of a watch: where signals come from at the moment.

use super::{
    ResourceVersion, WatchError, WatchTarget,
    frame::{message_of, refusal},
    pages::{self, Page},
};
use futures::future::BoxFuture;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use kube::{Client, client::Body};
use serde::de::DeserializeOwned;

/// Longest error answer that is read for its message, in bytes.
const MAX_ERROR_BYTES: usize = 16 * 1024;

/// What a watch is doing.
pub(super) enum Source<T> {
    /// Waiting for the timer before the next attempt.
    Waiting,
    /// Asking for a stream; `listing` when it begins with the full state.
    Asking { answer: BoxFuture<'static, Result<Body, Refusal>>, listing: bool },
    /// Fetching a page of the full state; `first` when nothing of it was told yet.
    Paging { page: BoxFuture<'static, Result<Page<T>, WatchError>>, first: bool },
    /// Reading frames; `listing` until the full state is complete.
    Streaming { body: Body, listing: bool },
}

/// Why no stream was opened.
pub(super) enum Refusal {
    /// The server knows no streaming lists, or has them switched off.
    NoStreamingLists,
    /// Anything else.
    Other(WatchError),
}

impl<T: DeserializeOwned + Send + 'static> Source<T> {
    /// Asks for the full state as a stream.
    pub(super) fn list(client: &Client, target: &WatchTarget) -> Self {
        let request = target.streaming_list();
        Self::Asking { answer: Box::pin(open(client.clone(), request, true)), listing: true }
    }

    /// Asks for what changed after a version.
    pub(super) fn changes(client: &Client, target: &WatchTarget, since: ResourceVersion) -> Self {
        let request = target.changes_since(since);
        Self::Asking { answer: Box::pin(open(client.clone(), request, false)), listing: false }
    }

    /// Asks for a page of the full state; the first without a token.
    pub(super) fn page(client: &Client, target: &WatchTarget, token: Option<String>) -> Self {
        let first = token.is_none();
        Self::Paging { page: Box::pin(pages::fetch(client.clone(), target.clone(), token)), first }
    }
}

async fn open(client: Client, request: Result<Request<Body>, http::Error>, listing: bool) -> Result<Body, Refusal> {
    let request = request.map_err(|error| Refusal::Other(WatchError::Unaskable(error)))?;
    let response =
        client.send(request).await.map_err(|error| Refusal::Other(WatchError::Unreachable(Box::new(error))))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response.into_body());
    }
    // Without the WatchList feature the server answers 422 (field forbidden); some proxies and older ones 400.
    if listing && matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) {
        return Err(Refusal::NoStreamingLists);
    }
    let message = match Limited::new(response.into_body(), MAX_ERROR_BYTES).collect().await {
        Ok(body) => message_of(&body.to_bytes()),
        Err(_) => "(no readable message)".to_owned(),
    };
    Err(Refusal::Other(refusal(status.as_u16(), message)))
}
