//! Who may call: every call passes here before it reaches its service.

mod pace;
mod refusal;
mod reviews;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::methods::Methods;
use super::serve::Connection;
use crate::Metrics;
use crate::access::{Caller, Reviewer, Rule, Table, Token};
use pace::Pace;
use refusal::{Reason, Refusals};
use reviews::{Outcome, Reviews};

/// Lets calls pass that the table allows.
#[derive(Clone)]
pub(super) struct AdmitLayer(Arc<Gate>);

/// A service whose callers are known and allowed.
#[derive(Clone)]
pub(super) struct Admitted<S> {
    inner: S,
    gate: Arc<Gate>,
}

struct Gate {
    table: Table,
    /// The services served.
    names: Vec<&'static str>,
    methods: Arc<Methods>,
    reviews: Reviews,
    calls: Pace<CallerKey>,
    refusals: Refusals,
}

/// What has a rate of its own: an account, and on each node anew, since a DaemonSet's pods share one account.
type CallerKey = (crate::access::Account, Option<String>);

/// How many calls a second one caller may begin, and how many at once after a pause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallRate {
    pub(crate) per_second: u32,
    pub(crate) burst: u32,
}

impl AdmitLayer {
    pub(super) fn new(
        table: Table,
        names: Vec<&'static str>,
        reviewer: Arc<dyn Reviewer>,
        rate: CallRate,
        methods: Arc<Methods>,
        metrics: &Metrics,
    ) -> Self {
        Self(Arc::new(Gate {
            table,
            names,
            methods,
            reviews: Reviews::new(reviewer, metrics),
            calls: Pace::new(rate.per_second, rate.burst),
            refusals: Refusals::new(metrics),
        }))
    }
}

impl<S> Layer<S> for AdmitLayer {
    type Service = Admitted<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Admitted { inner, gate: Arc::clone(&self.0) }
    }
}

impl<S> Service<Request<Body>> for Admitted<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let gate = Arc::clone(&self.gate);
        // The one that was polled ready, not its clone.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let Some(connection) = request.extensions().get::<Arc<Connection>>().cloned() else {
                return Ok(Status::internal("a call without a connection").into_http());
            };
            match gate.admit(request.uri().path(), request.headers(), &connection).await {
                Ok(caller) => {
                    connection.prove();
                    if let Some(caller) = caller {
                        request.extensions_mut().insert(caller);
                    }
                    // The token is not for the service, nor for what it might log.
                    request.headers_mut().remove(http::header::AUTHORIZATION);
                    inner.call(request).await
                }
                Err(refused) => {
                    connection.refuse();
                    Ok(refused.into_http())
                }
            }
        })
    }
}

impl Gate {
    /// The caller; nobody where a method is open.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `PERMISSION_DENIED`, `RESOURCE_EXHAUSTED` or `UNAVAILABLE`, with the reason.
    async fn admit(
        &self,
        path: &str,
        headers: &HeaderMap,
        connection: &Connection,
    ) -> Result<Option<Arc<Caller>>, Status> {
        let (service, method) = path.strip_prefix('/').and_then(|path| path.split_once('/')).unwrap_or_default();
        let rule = self.table.rule(service, method);
        let is_local = connection.peer().ip().to_canonical().is_loopback();
        if is_local && matches!(rule, Some(Rule { open_on_loopback: true, .. })) {
            return Ok(None);
        }
        let refuse = |account: Option<&Caller>, reason, words: String| {
            self.refusals.refuse(self.methods.at(path), connection.peer(), account, reason, words)
        };
        let token = Token::presented(headers).map_err(|wrong| refuse(None, Reason::NoToken, wrong.to_owned()))?;
        let caller = match self.reviews.of(token, connection.peer().ip()).await {
            Outcome::Good(caller) => caller,
            Outcome::Bad(why) => return Err(refuse(None, Reason::BadToken, why)),
            Outcome::TooManyBad => {
                let words = "too many bad tokens came from this address: wait some seconds".to_owned();
                return Err(refuse(None, Reason::TooManyBadTokens, words));
            }
            Outcome::Unavailable(why) => {
                // The log says why; the caller need not know our neighbours.
                refuse(None, Reason::Unavailable, why);
                return Err(Status::unavailable("tokens cannot be reviewed at the moment"));
            }
        };
        let key = (caller.account.clone(), caller.node.as_ref().map(|node| node.uid.clone()));
        if !self.calls.take(key, Instant::now()) {
            let words = format!("{} calls too often: wait some seconds", caller.account);
            return Err(refuse(Some(&caller), Reason::TooFast, words));
        }
        let denied = |allowed: &dyn std::fmt::Display| {
            let bound = if caller.node.is_some() { "" } else { " (with a token that is bound to no node)" };
            let words = format!("{}{bound} may not call {service}/{method}: it is for {allowed}", caller.account);
            refuse(Some(&caller), Reason::NotAllowed, words)
        };
        match rule {
            Some(rule) if rule.allow.admits(&caller) => Ok(Some(caller)),
            Some(rule) => Err(denied(&rule.allow)),
            None if self.names.contains(&service) => Err(denied(&"nobody")),
            // There is no such service, as the router is about to say.
            None => Ok(Some(caller)),
        }
    }
}
