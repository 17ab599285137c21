//! TLS 1.3 with a certificate that is read again when its files change.

mod expiry;
mod pair;

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::Metrics;
use crate::process::causes;
pub use pair::CertificateError;
use pair::{Files, Pair, Texts};

/// A certificate with its key, as the files have it.
pub(crate) struct Certificates {
    files: Files,
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    expires: Gauge,
    reloads: Family<Labels, Counter>,
}

/// What new connections get.
#[derive(Debug)]
struct Current(RwLock<Pair>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: Reload,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Reload {
    Taken,
    Refused,
}

/// How often the files are read. Some KB from memory; comparing contents needs no trust in times or inode numbers,
/// which a swapped symbolic link, as Kubernetes changes a secret, may or may not change.
const EVERY: Duration = Duration::from_secs(2);

/// HTTP/2, and nothing else.
const PROTOCOL: &[u8] = b"h2";

impl Certificates {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// When they cannot be read or used.
    pub(crate) fn load(tls: &crate::config::Tls, metrics: &Metrics) -> Result<Option<Arc<Self>>, CertificateError> {
        let Some(files) = Files::of(tls) else {
            return Ok(None);
        };
        let pair = Pair::of(files.read()?, &files)?;
        if pair.has_expired() {
            tracing::warn!(certificate = %files.certificate.display(), "the certificate of the gRPC server has expired");
        }
        let expires = metrics.register(
            "grpc_certificate_expires_seconds",
            "When the certificate of the gRPC server expires, in seconds since 1970; 0 where it does not say",
            Gauge::default(),
        );
        expires.set(pair.expires.unwrap_or_default());
        let reloads = metrics.register(
            "grpc_certificate_reloads",
            "New certificates of the gRPC server, by whether they were taken",
            Family::default(),
        );
        let current = Arc::new(Current(RwLock::new(pair)));
        let acceptor = TlsAcceptor::from(Arc::new(configuration(Arc::clone(&current))?));
        Ok(Some(Arc::new(Self { files, acceptor, current, expires, reloads })))
    }

    /// The TLS connection on a TCP connection, when a client has agreed to it.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let stream = self.acceptor.accept(stream).await?;
        match stream.get_ref().1.alpn_protocol() {
            Some(PROTOCOL) => Ok(stream),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the client did not ask for h2 (ALPN)")),
        }
    }

    /// Takes each new certificate that the files get, until the process stops. One that cannot be used is refused,
    /// once, and the one before stays.
    pub(crate) async fn follow(&self, stopping: CancellationToken) {
        let mut refused: Option<Texts> = None;
        while stopping.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            let texts = match self.files.read() {
                Ok(texts) if self.current.is(&texts) => {
                    refused = None;
                    continue;
                }
                Ok(texts) => texts,
                Err(error) => {
                    // Nothing there is remembered as an empty certificate.
                    if refused.replace(Texts::default()).is_none_or(|before| before != Texts::default()) {
                        self.refuse(&error);
                    }
                    continue;
                }
            };
            if refused.as_ref() == Some(&texts) {
                continue;
            }
            match Pair::of(texts.clone(), &self.files).and_then(|pair| self.current.better(pair, &self.files)) {
                Ok(expires) => {
                    refused = None;
                    self.expires.set(expires.unwrap_or_default());
                    self.reloads.get_or_create(&Labels { outcome: Reload::Taken }).inc();
                    tracing::info!(certificate = %self.files.certificate.display(), expires, "new gRPC certificate");
                }
                Err(error) => {
                    refused = Some(texts);
                    self.refuse(&error);
                }
            }
        }
    }

    fn refuse(&self, error: &CertificateError) {
        self.reloads.get_or_create(&Labels { outcome: Reload::Refused }).inc();
        tracing::warn!(error = causes(error), "the new gRPC certificate cannot be used: the one before stays");
    }
}

impl Current {
    fn is(&self, texts: &Texts) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).texts == *texts
    }

    /// Takes a pair, unless it has expired and the present one has not; returns when it expires.
    fn better(&self, pair: Pair, files: &Files) -> Result<Option<i64>, CertificateError> {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if pair.has_expired() && !current.has_expired() {
            return Err(CertificateError::Expired { file: files.certificate.clone() });
        }
        *current = pair;
        Ok(current.expires)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

fn configuration(current: Arc<Current>) -> Result<ServerConfig, CertificateError> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(CertificateError::Tls)?
        .with_no_client_auth()
        .with_cert_resolver(current);
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // No resumption: a client that resumes would not see a new certificate, and one handshake in minutes costs nothing.
    config.send_tls13_tickets = 0;
    Ok(config)
}

#[cfg(test)]
mod tests;
