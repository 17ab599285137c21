//! What every call to another service has.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use tonic::body::Body;
use tonic::transport::Endpoint;
use tonic::{Code, Status, TimeoutExpired};
use tower::Service;
use tracing::Span;

use super::connector::{Connector, Target};
use super::token_file::TokenFile;
use super::{Peer, PeerError};
use crate::grpc::{deadline, trace_context};
use crate::process::causes;

/// A channel to another service, for the generated clients. It connects when it is first used and again when a
/// connection was lost; calls meanwhile fail as UNAVAILABLE. Cheap to clone; clones share the connection.
#[derive(Clone, Debug)]
pub struct Channel {
    inner: tonic::transport::Channel,
    token: Arc<TokenFile>,
    deadline: Duration,
}

/// How long a connection may take, its handshake included.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How often a silent connection is asked whether its other end is still there, and how long that may take: so late a
/// stream notices at most that it is dead.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const KEEP_ALIVE_WITHIN: Duration = Duration::from_secs(10);

impl Channel {
    /// A channel that has no connection yet. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the address or the server's name cannot be used.
    pub fn lazy(peer: &Peer) -> Result<Self, PeerError> {
        let not_a_name =
            || PeerError::ServerName(peer.server_name.clone().unwrap_or_else(|| peer.address.host().to_owned()));
        let target = Target::of(peer).ok_or_else(not_a_name)?;
        let unusable = |source| PeerError::Address { address: peer.address.clone(), source };
        let endpoint = Endpoint::from_shared(peer.address.to_string()).map_err(unusable)?;
        let inner = endpoint
            .connect_timeout(CONNECT_WITHIN)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_WITHIN)
            .connect_with_connector_lazy(Connector(Arc::new(target)));
        Ok(Self { inner, token: Arc::new(TokenFile(peer.token.clone())), deadline: peer.deadline.get() })
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(broken)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let headers = request.headers_mut();
        match self.token.authorization() {
            Ok(value) => headers.insert(AUTHORIZATION, value),
            Err(error) => return Box::pin(async move { Err(Status::unavailable(causes(&error))) }),
        };
        let limit = deadline::asked(headers).map_or(self.deadline, |asked| asked.min(self.deadline));
        deadline::ask(headers, limit);
        trace_context::tell(&Span::current(), headers);
        let answer = self.inner.call(request);
        Box::pin(async move {
            match tokio::time::timeout(limit, answer).await {
                Ok(answer) => answer.map_err(broken),
                Err(_) => Err(Status::deadline_exceeded(format!("no answer within {limit:?}"))),
            }
        })
    }
}

/// `UNAVAILABLE`, mostly: there is no connection, or it broke. tonic, which keeps an eye on the deadline too, calls a
/// missed one `CANCELLED`.
fn broken(error: tonic::transport::Error) -> Status {
    let words = causes(&error);
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if error.is::<TimeoutExpired>() {
            return Status::deadline_exceeded("no answer in time");
        }
        cause = error.source();
    }
    let status = Status::from_error(error.into());
    if status.code() == Code::Unknown || status.code() == Code::Unavailable {
        Status::unavailable(words)
    } else {
        status
    }
}
