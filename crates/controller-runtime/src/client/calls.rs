//! Counts of API calls by verb, resource and answer: a figure that noise cannot bend.

use super::call::{Call, Verb};
use futures::future::BoxFuture;
use http::{Request, Response};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
    registry::Registry,
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tower::{BoxError, Layer, Service};

/// Counters of all calls through one client. Cheap to clone; clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct ApiCalls(Arc<Counts>);

/// One counter: what was called, how it was answered, how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCount {
    /// What was done.
    pub verb: Verb,
    /// Resource, with `/subresource` where there is one.
    pub resource: String,
    /// HTTP status, or none when no answer came (time-out, connection lost, caller gone).
    pub status: Option<u16>,
    /// How often since the process started.
    pub count: u64,
}

#[derive(Default)]
struct Counts(Mutex<BTreeMap<Key, u64>>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    verb: Verb,
    resource: String,
    status: Option<u16>,
}

impl ApiCalls {
    /// Adds `api_calls` (labels `verb`, `resource`, `code`) to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }

    /// All counters, ordered by verb, resource and status.
    pub fn counts(&self) -> Vec<CallCount> {
        let counts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .iter()
            .map(|(key, count)| CallCount {
                verb: key.verb,
                resource: key.resource.clone(),
                status: key.status,
                count: *count,
            })
            .collect()
    }

    fn add(&self, verb: Verb, resource: String, status: Option<u16>) {
        let mut counts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(Key { verb, resource, status }).or_default() += 1;
    }
}

impl<S> Layer<S> for ApiCalls {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Counted { inner, calls: self.clone() }
    }
}

impl Collector for ApiCalls {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut family =
            encoder.encode_descriptor("api_calls", "Calls to the Kubernetes API server", None, MetricType::Counter)?;
        for count in self.counts() {
            let code = count.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
            let labels =
                [("verb", count.verb.as_str()), ("resource", count.resource.as_str()), ("code", code.as_str())];
            ConstCounter::new(count.count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counts")
    }
}

/// The service of the [`ApiCalls`] layer.
#[derive(Debug)]
pub struct Counted<S> {
    inner: S,
    calls: ApiCalls,
}

impl<S, B, R> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut pending = Pending::new(&self.calls, &request);
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await;
            pending.ended(response.as_ref().ok().map(|response| response.status().as_u16()));
            response
        })
    }
}

/// Counts when dropped, so that a call whose caller gave up is counted too.
struct Pending {
    calls: ApiCalls,
    verb: Verb,
    resource: String,
    status: Option<u16>,
}

impl Pending {
    fn new<B>(calls: &ApiCalls, request: &Request<B>) -> Self {
        let call = Call::of(request.method(), request.uri());
        let resource = match call.subresource {
            Some(subresource) => format!("{}/{subresource}", call.resource),
            None => call.resource.to_owned(),
        };
        Self { calls: calls.clone(), verb: call.verb, resource, status: None }
    }

    /// Takes the whole of `self`, so that the future owns it and its drop counts.
    fn ended(&mut self, status: Option<u16>) {
        self.status = status;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.calls.add(self.verb, std::mem::take(&mut self.resource), self.status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::{ServiceExt, service_fn};

    #[tokio::test]
    async fn answered_failed_and_abandoned_calls_are_counted() {
        let calls = ApiCalls::default();
        let service = || {
            calls.layer(service_fn(|request: Request<()>| async move {
                match request.uri().path() {
                    "/api/v1/pods" => Ok(Response::new(())),
                    "/api/v1/nodes" => Err(BoxError::from("lost")),
                    _ => std::future::pending().await,
                }
            }))
        };
        let get = |path: &str| Request::get(path).body(()).unwrap();
        service().oneshot(get("/api/v1/pods")).await.unwrap();
        service().oneshot(get("/api/v1/pods")).await.unwrap();
        service().oneshot(get("/api/v1/nodes")).await.unwrap_err();
        drop(service().oneshot(get("/never/polled")));
        assert_eq!(
            futures::FutureExt::now_or_never(service().oneshot(get("/api/v1/nodes/n/status"))).map(|_| ()),
            None
        );
        let found: Vec<_> =
            calls.counts().into_iter().map(|count| (count.verb, count.resource, count.status, count.count)).collect();
        assert_eq!(
            found,
            [
                (Verb::Get, "nodes/status".to_owned(), None, 1),
                (Verb::List, "nodes".to_owned(), None, 1),
                (Verb::List, "pods".to_owned(), Some(200), 2),
            ]
        );

        let mut registry = Registry::with_prefix("drover");
        calls.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains(r#"drover_api_calls_total{verb="list",resource="pods",code="200"} 2"#), "{text}");
    }
}
