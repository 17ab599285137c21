//! A service that calls another.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use anyhow::Result;
use chassis::Period;
use chassis::access::{Allow, Table};
use chassis::peer::{Channel, Peer};
use futures::future::BoxFuture;
use http::HeaderMap;
use proto::admin::v1::GetInfoRequest;
use proto::admin::v1::admin_service_client::AdminServiceClient;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Request, Status};

use crate::support::{ADMIN, Server};

/// Remembers the headers of its calls, and answers them or does not.
#[derive(Clone, Default)]
struct Listener {
    heard: Arc<Mutex<Vec<HeaderMap>>>,
    is_silent: bool,
}

impl NamedService for Listener {
    const NAME: &'static str = "herd.Listener";
}

impl tower::Service<http::Request<Body>> for Listener {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.heard.lock().unwrap().push(request.headers().clone());
        let is_silent = self.is_silent;
        Box::pin(async move {
            if is_silent {
                std::future::pending::<()>().await;
            }
            Ok(Status::not_found("heard").into_http())
        })
    }
}

#[tokio::test]
async fn the_token_is_read_for_every_call() -> Result<()> {
    let server = Server::start().await?;
    let peer = server.peer("stranger.drover-system.drover-admin")?;
    let mut admin = AdminServiceClient::new(Channel::lazy(&peer)?);
    let refused = admin.get_info(GetInfoRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    std::fs::write(&peer.token, format!("{ADMIN}\n"))?;
    admin.get_info(GetInfoRequest {}).await?;
    std::fs::write(&peer.token, "canary7 is no token")?;
    let refused = admin.get_info(GetInfoRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    assert!(refused.message().contains("holds no token") && !refused.message().contains("canary7"), "{refused}");
    std::fs::remove_file(&peer.token)?;
    let refused = admin.get_info(GetInfoRequest {}).await.unwrap_err();
    assert!(refused.message().contains(&peer.token.display().to_string()), "{refused}");
    server.stop().await
}

/// Calls a listener that is waited for so long; the code of the answer, and what it heard.
async fn call(is_silent: bool, deadline: Period<100, 600_000>) -> Result<(Code, Vec<HeaderMap>)> {
    let listener = Listener { is_silent, ..Listener::default() };
    let (table, service) = (Table::default().service(Listener::NAME, Allow::known()), listener.clone());
    let server = Server::with(&[], table, |process| process.service(service)).await?;
    let mut client = tonic::client::Grpc::new(Channel::lazy(&Peer { deadline, ..server.peer(ADMIN)? })?);
    client.ready().await?;
    let path = http::uri::PathAndQuery::from_static("/herd.Listener/Hear");
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let answer = client.unary(Request::new(()), path, codec).await.unwrap_err();
    server.stop().await?;
    Ok((answer.code(), std::mem::take(&mut listener.heard.lock().unwrap())))
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_waited_for_until_the_deadline() -> Result<()> {
    assert_eq!(call(true, Period::of_millis::<400>()).await?.0, Code::DeadlineExceeded);
    let (code, heard) = call(false, Period::of_millis::<540_000>()).await?;
    assert_eq!((code, heard.len()), (Code::NotFound, 1));
    assert_eq!(heard[0]["grpc-timeout"], "540000m", "it knows how long it is waited for");
    Ok(())
}

#[tokio::test]
async fn nobody_there_is_unavailable() -> Result<()> {
    let server = Server::start().await?;
    let peer = server.peer(ADMIN)?;
    let mut admin = AdminServiceClient::new(Channel::lazy(&peer)?);
    admin.get_info(GetInfoRequest {}).await?;
    server.stop().await?;
    // The token's file went with the server's folder.
    let folder = tempfile::tempdir()?;
    let token = folder.path().join("token");
    std::fs::write(&token, ADMIN)?;
    let mut admin = AdminServiceClient::new(Channel::lazy(&Peer { token, ..peer })?);
    let refused = admin.get_info(GetInfoRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    assert!(refused.message().contains("connecting to https://127.0.0.1"), "{refused}");
    Ok(())
}
