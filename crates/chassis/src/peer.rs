//! Channels to other services: TLS 1.3, a token, a deadline and the trace on every call.
//!
//! ```no_run
//! # use chassis::peer::{Channel, Peer, PeerError};
//! # fn connect(peer: &Peer) -> Result<(), PeerError> {
//! let channel = Channel::lazy(peer)?;
//! let client = proto::admin::v1::admin_service_client::AdminServiceClient::new(channel);
//! # let _ = client; Ok(())
//! # }
//! ```

mod address;
mod channel;
mod connector;
mod token_file;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use address::{PeerAddress, PeerAddressError};
pub use channel::Channel;
pub use connector::ConnectError;
pub use token_file::TokenFileError;

use crate::Period;

/// Another service, as a section of configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Where it serves gRPC.
    pub address: PeerAddress,
    /// File with the authorities of its certificate, in PEM; read for every connection.
    #[serde(default = "default_authority")]
    pub authority: PathBuf,
    /// The name in its certificate; not set: the host of the address.
    #[serde(default)]
    pub server_name: Option<String>,
    /// File with a token of this service's account for the audience drover; read for every call.
    #[serde(default = "default_token")]
    pub token: PathBuf,
    /// How long a call may take, when the caller does not ask for less. For a stream: until its first answer.
    #[serde(default = "default_deadline")]
    pub deadline: Period<100, 600_000>,
}

/// A channel cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The name cannot be in a certificate.
    #[error("`{0}` is not a server's name: give a DNS name or an IP address")]
    ServerName(String),
    /// The address cannot be used.
    #[error("using the address {address}")]
    Address {
        /// The address.
        address: PeerAddress,
        /// Why not.
        source: tonic::transport::Error,
    },
}

impl Peer {
    /// A service at an address, with the files where pods have them and the usual deadline.
    pub fn at(address: PeerAddress) -> Self {
        Self {
            address,
            authority: default_authority(),
            server_name: None,
            token: default_token(),
            deadline: default_deadline(),
        }
    }
}

fn default_authority() -> PathBuf {
    "/var/run/drover/authority/ca.crt".into()
}

fn default_token() -> PathBuf {
    "/var/run/drover/token/token".into()
}

fn default_deadline() -> Period<100, 600_000> {
    Period::of_millis::<10_000>()
}
