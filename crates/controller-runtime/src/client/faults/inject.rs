//! The tower layer that carries the rules out.

use super::late::Late;
use super::{Action, Faults};
use crate::client::Call;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower::{BoxError, Layer, Service};

/// The error of a call that was broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Injected {
    /// Nothing was sent.
    #[error("injected fault: connection refused")]
    Dropped,
    /// The call was sent and answered, but the answer was withheld.
    #[error("injected fault: connection lost before the answer")]
    Lost,
}

/// The service of the [`Faults`] layer.
#[derive(Debug)]
pub struct Injecting<S> {
    inner: S,
    faults: Faults,
}

/// The server's answer or an invented one.
#[derive(Debug)]
pub enum FaultedBody<R> {
    /// As the server sent it.
    Real(R),
    /// As the server sent it, but later, by a `lag-MS` rule.
    Late(Late<R>),
    /// Of a `status-CODE` rule.
    Invented(Full<Bytes>),
}

impl<S> Layer<S> for Faults {
    type Service = Injecting<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Injecting { inner, faults: self.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for Injecting<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    R: Send + 'static,
{
    type Response = Response<FaultedBody<R>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let struck = self.faults.strike(Call::of(request.method(), request.uri()));
        if let Some(action) = struck {
            tracing::warn!(?action, method = %request.method(), path = request.uri().path(), "injecting a fault");
        }
        // Nothing is sent before this future is polled: hyper's client and kube's layers are lazy.
        let response = self.inner.call(request);
        Box::pin(async move {
            match struck {
                Some(Action::KillBefore) => std::process::abort(),
                Some(Action::Drop) => return Err(Injected::Dropped.into()),
                Some(Action::Status(code)) => return invented(code),
                Some(Action::Delay(wait)) => tokio::time::sleep(wait).await,
                Some(Action::KillAfter | Action::Lose | Action::Hang | Action::Lag(_)) | None => {}
            }
            let response = response.await.map_err(Into::into)?;
            match struck {
                Some(Action::KillAfter) => std::process::abort(),
                Some(Action::Lose) => return Err(Injected::Lost.into()),
                Some(Action::Hang) => std::future::pending().await,
                Some(Action::Lag(lag)) => return Ok(response.map(|body| FaultedBody::Late(Late::new(body, lag)))),
                Some(Action::KillBefore | Action::Drop | Action::Delay(_) | Action::Status(_)) | None => {}
            }
            Ok(response.map(|body| FaultedBody::Real(body)))
        })
    }
}

fn invented<R>(code: u16) -> Result<Response<FaultedBody<R>>, BoxError> {
    let status = format!(
        r#"{{"kind":"Status","apiVersion":"v1","status":"Failure","message":"injected fault","reason":"InjectedFault","code":{code}}}"#
    );
    let response = Response::builder().status(code).header(http::header::CONTENT_TYPE, "application/json");
    Ok(response.body(FaultedBody::Invented(Full::new(status.into())))?)
}

impl<R> Body for FaultedBody<R>
where
    R: Body<Data = Bytes> + Unpin,
    R::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Real(body) => {
                Poll::Ready(ready!(Pin::new(body).poll_frame(cx)).map(|frame| frame.map_err(Into::into)))
            }
            Self::Late(body) => body.poll(cx),
            Self::Invented(body) => match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => Poll::Ready(Some(Ok(frame))),
                Some(Err(never)) => match never {},
                None => Poll::Ready(None),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Real(body) => body.is_end_stream(),
            Self::Late(_) => false,
            Self::Invented(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Real(body) => body.size_hint(),
            Self::Late(_) => SizeHint::default(),
            Self::Invented(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
        time::Duration,
    };
    use tower::{ServiceExt, service_fn};

    async fn struck(rules: &str) -> (Result<Response<FaultedBody<Full<Bytes>>>, BoxError>, u32) {
        let sent = Arc::new(AtomicU32::new(0));
        let service = service_fn(|_: Request<()>| {
            let sent = sent.clone();
            async move {
                sent.fetch_add(1, Ordering::Relaxed);
                Ok::<_, BoxError>(Response::new(Full::new(Bytes::from_static(b"real"))))
            }
        });
        let request = Request::delete("/api/v1/namespaces/a/pods/b").body(()).unwrap();
        let answer = Faults::parse(rules).unwrap().layer(service).oneshot(request).await;
        (answer, sent.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_drop_sends_nothing_and_a_loss_sends_first() {
        let (answer, sent) = struck("drop:1").await;
        assert_eq!((answer.unwrap_err().downcast_ref(), sent), (Some(&Injected::Dropped), 0));
        let (answer, sent) = struck("lose:1").await;
        assert_eq!((answer.unwrap_err().downcast_ref(), sent), (Some(&Injected::Lost), 1));
    }

    #[tokio::test]
    async fn a_status_is_answered_as_the_api_server_would() {
        let (answer, sent) = struck("status-410:1").await;
        let answer = answer.unwrap();
        assert_eq!((answer.status().as_u16(), sent), (410, 0));
        let status: serde_json::Value =
            serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
        assert_eq!(status["code"], 410);
    }

    #[tokio::test(start_paused = true)]
    async fn every_part_of_a_late_answer_comes_as_much_later() {
        let began = tokio::time::Instant::now();
        let (answer, _) = struck("lag-700:1").await;
        assert!(began.elapsed().is_zero(), "its head comes at once");
        assert_eq!(answer.unwrap().into_body().collect().await.unwrap().to_bytes(), "real");
        assert_eq!(began.elapsed(), Duration::from_millis(700));
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_waits_and_a_hang_never_answers() {
        let began = tokio::time::Instant::now();
        let (answer, sent) = struck("delay-700:1").await;
        assert_eq!((began.elapsed(), sent), (Duration::from_millis(700), 1));
        assert_eq!(answer.unwrap().into_body().collect().await.unwrap().to_bytes(), "real");
        assert!(tokio::time::timeout(Duration::from_hours(1), struck("hang:1")).await.is_err());
    }
}
