//! Clients that do not behave: HTTP/2 by hand over TLS by hand.

use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use h2::client::SendRequest;
use http::{Method, Request};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Status;

use crate::support::{SOON, Server};

/// A connection by hand.
pub(crate) struct Client {
    pub(crate) requests: SendRequest<Bytes>,
    /// How the connection ended.
    pub(crate) ended: JoinHandle<Result<(), h2::Error>>,
}

/// TLS as a client that trusts `authority` and offers `versions` and `protocol`.
pub(crate) async fn handshake(
    server: &Server,
    authority: CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(authority).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(server.grpc).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
    tokio::time::timeout(SOON, handshake).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

impl Client {
    pub(crate) async fn connect(server: &Server) -> Result<Self> {
        let stream = handshake(server, server.authority.der(), &rustls::version::TLS13, b"h2").await?;
        let (requests, connection) = h2::client::handshake(stream).await?;
        Ok(Self { requests, ended: tokio::spawn(connection) })
    }

    /// Calls a method with an empty message; the status of the answer.
    pub(crate) async fn call(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<(i32, String)> {
        let answered = async {
            let mut requests = self.requests.clone().ready().await?;
            let (answer, mut body) = requests.send_request(request(path, headers)?, false)?;
            body.send_data(Bytes::from_static(&[0; 5]), true)?;
            let answer = answer.await?;
            if let Some(status) = Status::from_header_map(answer.headers()) {
                return Ok(status);
            }
            let mut body = answer.into_body();
            while let Some(data) = body.data().await {
                body.flow_control().release_capacity(data?.len())?;
            }
            let trailers = body.trailers().await?.context("no trailers")?;
            Status::from_header_map(&trailers).context("no status")
        };
        let status = tokio::time::timeout(SOON, answered).await.context("no answer")??;
        Ok((status.code() as i32, status.message().to_owned()))
    }
}

/// A gRPC request.
pub(crate) fn request(path: &str, headers: &[(&str, &str)]) -> Result<Request<()>> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("https://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Ok(request.body(())?)
}
