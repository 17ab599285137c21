//! A certificate with its key, from two files.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::expiry;

/// Where they are.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// What the files hold.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Texts {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// What can be served.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) texts: Texts,
    pub(super) key: Arc<CertifiedKey>,
    /// In seconds since 1970.
    pub(super) expires: Option<i64>,
}

/// A certificate that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("reading {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file does not hold what it should, in PEM.
    #[error("{} holds no {what} in PEM", file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// Certificate and key do not belong together, or are of a kind that cannot be used.
    #[error("using {} with {}", certificate.display(), key.display())]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// A new certificate is not good any more, while the one before is.
    #[error("{} has expired", file.display())]
    Expired {
        /// The file.
        file: PathBuf,
    },
    /// TLS cannot be set up.
    #[error("setting up TLS 1.3")]
    Tls(#[source] rustls::Error),
}

impl Files {
    /// The files of a configuration, if it names them.
    pub(super) fn of(tls: &crate::config::Tls) -> Option<Self> {
        Some(Self { certificate: tls.certificate.clone()?, key: tls.key.clone()? })
    }

    pub(super) fn read(&self) -> Result<Texts, CertificateError> {
        let read = |file: &PathBuf| {
            std::fs::read(file).map_err(|source| CertificateError::Read { file: file.clone(), source })
        };
        Ok(Texts { certificate: read(&self.certificate)?, key: read(&self.key)? })
    }
}

impl Pair {
    pub(super) fn of(texts: Texts, files: &Files) -> Result<Self, CertificateError> {
        let not_pem = |file: &PathBuf, what| {
            let file = file.clone();
            move |source| CertificateError::Pem { file, what, source }
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&texts.certificate)
            .collect::<Result<_, _>>()
            .map_err(not_pem(&files.certificate, "certificate"))?;
        let Some(leaf) = chain.first() else {
            return Err(not_pem(&files.certificate, "certificate")(pem::Error::NoItemsFound));
        };
        let expires = expiry::of(leaf);
        let key = PrivateKeyDer::from_pem_slice(&texts.key).map_err(not_pem(&files.key, "private key"))?;
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|source| {
            CertificateError::Pair { certificate: files.certificate.clone(), key: files.key.clone(), source }
        })?;
        Ok(Self { texts, key: Arc::new(key), expires })
    }

    pub(super) fn has_expired(&self) -> bool {
        self.expires.is_some_and(|expires| expires <= jiff::Timestamp::now().as_second())
    }
}

/// One of them is a key.
impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Texts(secret)")
    }
}
