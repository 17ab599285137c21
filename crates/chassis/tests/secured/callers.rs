//! Who is let in, and what the others are told.

use std::convert::Infallible;
use std::task::{Context, Poll};

use anyhow::Result;
use chassis::access::{Allow, Caller, Table};
use futures::future::BoxFuture;
use proto::admin::v1::{DumpRequest, GetConfigRequest, GetInfoRequest, SetLogFilterRequest};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{ADMIN, Server};

const SERVICE: &str = "drover.admin.v1.AdminService";

#[tokio::test]
async fn only_known_callers_are_let_in_and_only_where_the_table_says() -> Result<()> {
    let table = Table::default().method(SERVICE, "Dump", Allow::namespace("auditors"));
    let server = Server::with(&[], table, |_| {}).await?;
    server.admin(ADMIN)?.get_info(GetInfoRequest {}).await?;
    for (token, code, words) in [
        ("stranger.drover-system.drover-admin", Code::Unauthenticated, "nobody knows it"),
        ("canary7.drover-system.somebody", Code::PermissionDenied, "drover-system/drover-admin"),
        ("canary7.auditors.ann", Code::PermissionDenied, "auditors/ann"),
    ] {
        let refused = server.admin(token)?.get_info(GetInfoRequest {}).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.message().contains(words) && !refused.message().contains("canary7"), "{refused}");
    }
    server.admin("canary7.auditors.ann")?.dump(DumpRequest::default()).await?;
    let refused = server.admin(ADMIN)?.dump(DumpRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "the method's own rule wins");

    let refused = |method: &str, reason: &str| {
        format!("drover_grpc_calls_refused_total{{service=\"{SERVICE}\",method=\"{method}\",reason=\"{reason}\"}} ")
    };
    server.await_metric(&refused("GetInfo", "BadToken"), 1.0).await?;
    server.await_metric(&refused("GetInfo", "NotAllowed"), 2.0).await?;
    server.await_metric(&refused("Dump", "NotAllowed"), 1.0).await?;
    server.stop().await
}

#[tokio::test]
async fn without_a_token_only_health_and_reflection_answer_on_this_host() -> Result<()> {
    let server = Server::start().await?;
    let mut health = HealthClient::new(server.channel("canary7.any.body")?);
    health.check(HealthCheckRequest::default()).await?;
    let mut rude = crate::rude::Client::connect(&server).await?;
    let (status, message) = rude.call("/grpc.health.v1.Health/Check", &[]).await?;
    assert_eq!((status, message.as_str()), (0, ""));
    for (headers, words) in [
        (vec![], "send one for the audience drover"),
        (vec![("authorization", "Basic canary7")], "Bearer"),
        (vec![("authorization", "Bearer canary7")], "service account"),
        (vec![("authorization", "Bearer a.b.c"), ("authorization", "Bearer a.b.c")], "more than one"),
    ] {
        let (status, message) = rude.call(&format!("/{SERVICE}/GetInfo"), &headers).await?;
        assert_eq!(status, Code::Unauthenticated as i32, "{message}");
        assert!(message.contains(words) && !message.contains("canary7"), "{message}");
    }
    server.stop().await
}

#[tokio::test]
async fn a_reviewer_that_cannot_be_asked_lets_nobody_in() -> Result<()> {
    let server = Server::start().await?;
    *server.oracle.down.lock().unwrap() = true;
    let refused = server.admin(ADMIN)?.get_info(GetInfoRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(!refused.message().contains("10.96.0.1"), "strangers learn nothing of our neighbours: {refused}");
    *server.oracle.down.lock().unwrap() = false;
    server.admin(ADMIN)?.get_info(GetInfoRequest {}).await?;
    server.stop().await
}

#[tokio::test]
async fn who_calls_too_often_is_told_to_wait_and_others_are_not() -> Result<()> {
    let args = ["--set=access.calls_per_second=1", "--set=access.calls_at_once=5"];
    let table = Table::default().service(SERVICE, Allow::known());
    let server = Server::with(&args, table, |_| {}).await?;
    let mut greedy = server.admin(ADMIN)?;
    let mut codes = Vec::new();
    for _ in 0..50 {
        codes.push(greedy.get_info(GetInfoRequest {}).await.map_or_else(|refused| refused.code(), |_| Code::Ok));
    }
    assert_eq!(codes[..5], [Code::Ok; 5]);
    assert!(codes.contains(&Code::ResourceExhausted), "{codes:?}");
    server.admin("canary7.other.one")?.get_info(GetInfoRequest {}).await?;
    server.stop().await
}

/// Answers the question whether the caller may speak for the node in the header `node`, with the status only.
#[derive(Clone)]
struct Nodes;

impl NamedService for Nodes {
    const NAME: &'static str = "herd.Nodes";
}

impl tower::Service<http::Request<Body>> for Nodes {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let node = request.headers().get("node").map(|node| node.to_str().unwrap().to_owned());
        let hides = !request.headers().contains_key("authorization");
        let (parts, ()) = request.map(|_| ()).into_parts();
        let request = Request::from_http(http::Request::from_parts(parts, ()));
        let answer = Caller::of(&request).and_then(|caller| caller.must_be_on(&node.unwrap_or_default()));
        assert!(hides, "the token is not for the service");
        let status = answer.err().unwrap_or_else(|| Status::ok(""));
        Box::pin(async move { Ok(status.into_http()) })
    }
}

#[tokio::test]
async fn a_caller_speaks_for_the_node_of_its_token_only() -> Result<()> {
    let table = Table::default().service(Nodes::NAME, Allow::known().on_a_node());
    let server = Server::with(&[], table, |process| process.service(Nodes)).await?;
    let mut rude = crate::rude::Client::connect(&server).await?;
    for (token, node, code, words) in [
        ("canary7.edge.node-1", "node-1", Code::Ok, ""),
        ("canary7.edge.node-1", "node-2", Code::PermissionDenied, "from node node-1"),
        ("canary7.cloud.node-1", "node-1", Code::PermissionDenied, "bound to no node"),
    ] {
        let bearer = format!("Bearer {token}");
        let (status, message) = rude.call("/herd.Nodes/Speak", &[("authorization", &bearer), ("node", node)]).await?;
        assert_eq!(status, code as i32, "{token} for {node}: {message}");
        assert!(message.contains(words), "{message}");
    }
    server.stop().await
}

#[tokio::test]
async fn no_output_holds_a_token() -> Result<()> {
    let server = Server::start().await?;
    let mut admin = server.admin(ADMIN)?;
    let shown = [
        format!("{:?}", admin.get_info(GetInfoRequest {}).await?),
        admin.get_config(GetConfigRequest {}).await?.into_inner().toml,
        format!("{:?}", admin.dump(DumpRequest::default()).await?),
        format!("{:?}", admin.set_log_filter(SetLogFilterRequest { filter: "off".to_owned() }).await?),
        server.metrics().await?,
    ];
    for text in shown {
        assert!(!text.contains("canary7") && !text.contains("PRIVATE KEY"), "{text}");
    }
    server.stop().await
}

#[tokio::test]
async fn a_rule_about_what_is_not_served_ends_the_process() -> Result<()> {
    let table = Table::default().method(SERVICE, "GetImfo", Allow::known());
    let error = Server::with(&[], table, |_| {}).await?.ended_by_itself().await;
    assert!(error.contains("drover.admin.v1.AdminService/GetImfo, which is not served"), "{error}");
    Ok(())
}
