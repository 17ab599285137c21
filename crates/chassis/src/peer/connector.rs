//! Connections to another service.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower::Service;

use super::{Peer, PeerAddress};

/// Opens connections: with TLS that trusts the authorities which the file holds at that moment.
#[derive(Clone, Debug)]
pub(super) struct Connector(pub(super) Arc<Target>);

#[derive(Debug)]
pub(super) struct Target {
    pub(super) address: PeerAddress,
    pub(super) authority: PathBuf,
    pub(super) name: ServerName<'static>,
}

/// There is no connection to be had.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No TCP connection.
    #[error("connecting to {address}")]
    Tcp {
        /// The service.
        address: PeerAddress,
        /// Why not.
        source: io::Error,
    },
    /// A name of this host leads to another.
    #[error("{address} leads to another host, to which nothing is said without TLS")]
    NotLoopback {
        /// The service.
        address: PeerAddress,
    },
    /// The authorities cannot be read.
    #[error("reading authorities from {}", file.display())]
    Authority {
        /// Their file.
        file: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The authorities cannot be used.
    #[error("using the authorities in {}", file.display())]
    Roots {
        /// Their file.
        file: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// The service is not who it should be, or does not speak TLS 1.3.
    #[error("agreeing on TLS 1.3 with {address} as {name}")]
    Tls {
        /// The service.
        address: PeerAddress,
        /// The name that its certificate must have.
        name: String,
        /// What is wrong.
        source: io::Error,
    },
}

/// A connection of either kind.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

impl Target {
    pub(super) fn of(peer: &Peer) -> Option<Self> {
        let name = peer.server_name.clone().unwrap_or_else(|| peer.address.host().to_owned());
        let name = ServerName::try_from(name).ok()?;
        Some(Self { address: peer.address.clone(), authority: peer.authority.clone(), name })
    }

    async fn connect(&self) -> Result<Box<dyn Duplex>, ConnectError> {
        let address = || self.address.clone();
        let tcp = |source| ConnectError::Tcp { address: address(), source };
        let stream = TcpStream::connect((self.address.host(), self.address.port())).await.map_err(tcp)?;
        stream.set_nodelay(true).map_err(tcp)?;
        if !self.address.is_tls() {
            if !stream.peer_addr().map_err(tcp)?.ip().to_canonical().is_loopback() {
                return Err(ConnectError::NotLoopback { address: address() });
            }
            return Ok(Box::new(stream));
        }
        let connector = TlsConnector::from(Arc::new(self.configuration()?));
        let stream = connector.connect(self.name.clone(), stream).await.map_err(|source| ConnectError::Tls {
            address: address(),
            name: self.name.to_str().into_owned(),
            source,
        })?;
        Ok(Box::new(stream))
    }

    fn configuration(&self) -> Result<ClientConfig, ConnectError> {
        let unread = |source| ConnectError::Authority { file: self.authority.clone(), source };
        let unusable = |source| ConnectError::Roots { file: self.authority.clone(), source };
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_file_iter(&self.authority).map_err(unread)? {
            roots.add(authority.map_err(unread)?).map_err(unusable)?;
        }
        if roots.is_empty() {
            return Err(unread(pem::Error::NoItemsFound));
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Duplex>>;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let target = Arc::clone(&self.0);
        Box::pin(async move { target.connect().await.map(TokioIo::new) })
    }
}
