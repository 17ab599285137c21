//! The addresses a process listens on, made known to those who started it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

/// The addresses a process listens on; with port 0 configured, the ports it was given.
///
/// `--addresses-file FILE` writes them as JSON: `{"admin":"127.0.0.1:1234","grpc":"127.0.0.1:1235"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Of the admin HTTP server.
    pub admin: SocketAddr,
    /// Of the gRPC server.
    pub grpc: SocketAddr,
}

/// The addresses cannot be made known.
#[derive(Debug, thiserror::Error)]
#[error("writing the addresses to {}", path.display())]
pub struct AddressesError {
    path: PathBuf,
    source: io::Error,
}

impl Addresses {
    /// Writes the file in one step: who sees it sees all of it.
    pub(super) fn write(&self, path: &Path) -> Result<(), AddressesError> {
        let failed = |source| AddressesError { path: path.to_owned(), source };
        let json = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".{}", std::process::id()));
        fs::write(&draft, json).and_then(|()| fs::rename(&draft, path)).map_err(failed)
    }
}
