//! Who serves: TLS 1.3, the right certificate, and a new one in time.

use anyhow::Result;
use proto::admin::v1::GetInfoRequest;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::rude::handshake;
use crate::support::{ADMIN, Authority, SOON, Server};

#[tokio::test]
async fn only_tls_1_3_with_h2_is_spoken() -> Result<()> {
    let server = Server::start().await?;
    handshake(&server, server.authority.der(), &TLS13, b"h2").await?;
    handshake(&server, server.authority.der(), &TLS12, b"h2").await.unwrap_err();
    // The server may find out after the client's part is done; then it hangs up.
    if let Ok(mut stream) = handshake(&server, server.authority.der(), &TLS13, b"http/1.1").await {
        let left = tokio::time::timeout(SOON, stream.read(&mut [0; 16])).await?;
        assert!(!matches!(left, Ok(read) if read > 0), "{left:?}");
    }
    let mut plain = TcpStream::connect(server.grpc).await?;
    plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(SOON, plain.read_to_end(&mut answer)).await?;
    // At most a TLS alert (RFC 8446, 5.1: content type 21).
    assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    server.await_metric("drover_grpc_connections_dropped_total{reason=\"Handshake\"} ", 2.0).await?;
    server.admin(ADMIN)?.get_info(GetInfoRequest {}).await?;
    server.stop().await
}

#[tokio::test]
async fn a_server_of_a_foreign_authority_gets_no_token() -> Result<()> {
    let (server, other) = (Server::start().await?, Authority::new()?);
    let mut peer = server.peer(ADMIN)?;
    let foreign = peer.token.with_file_name("foreign.crt");
    std::fs::write(&foreign, other.pem())?;
    peer.authority.clone_from(&foreign);
    let channel = chassis::peer::Channel::lazy(&peer)?;
    let mut admin = proto::admin::v1::admin_service_client::AdminServiceClient::new(channel);
    let refused = admin.get_info(GetInfoRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    assert!(refused.message().contains("TLS 1.3") && !refused.message().contains("canary7"), "{refused}");
    // The authority is read for every connection: the same channel comes through as soon as its file is right.
    std::fs::write(&foreign, server.authority.pem())?;
    admin.get_info(GetInfoRequest {}).await?;
    server.stop().await
}

#[tokio::test]
async fn a_server_under_another_name_is_not_spoken_to() -> Result<()> {
    let server = Server::start().await?;
    let mut peer = server.peer(ADMIN)?;
    peer.server_name = Some("topology.drover-system.svc".to_owned());
    let channel = chassis::peer::Channel::lazy(&peer)?;
    let mut admin = proto::admin::v1::admin_service_client::AdminServiceClient::new(channel);
    let refused = admin.get_info(GetInfoRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    server.stop().await
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_open_streams_go_on() -> Result<()> {
    let server = Server::start().await?;
    let leaf = async || {
        let stream = handshake(&server, server.authority.der(), &TLS13, b"h2").await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        anyhow::Ok(chain[0].as_ref().to_vec())
    };
    let before = leaf().await?;
    let mut health = HealthClient::new(server.channel(ADMIN)?);
    let mut watched = health.watch(HealthCheckRequest::default()).await?.into_inner();
    assert!(watched.message().await?.is_some());
    server.renew()?;
    server.await_metric("drover_grpc_certificate_reloads_total{outcome=\"Taken\"} ", 1.0).await?;
    assert_ne!(leaf().await?, before);
    // The same connection, and the stream on it.
    health.check(HealthCheckRequest::default()).await?;
    server.await_metric("drover_grpc_calls_running ", 1.0).await?;
    drop(watched);
    server.stop().await
}
