//! Where another service is.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use http::Uri;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The URL of another service: `https://HOST:PORT`, or `http://HOST:PORT` of this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerAddress {
    host: String,
    port: u16,
    tls: bool,
}

/// A text that is no address of a service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a service's address: give {ALLOWED}")]
pub struct PeerAddressError(String);

const ALLOWED: &str = "https://HOST:PORT, or without TLS, on this host only, http://127.0.0.1:PORT, http://[::1]:PORT or http://localhost:PORT";

impl PeerAddress {
    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is spoken to over TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !text.contains('@');
        let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
        (is_bare && (tls || is_local)).then_some(Self { port: uri.port_u16()?, host, tls })
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, tls } = self;
        let scheme = if *tls { "https" } else { "http" };
        if host.contains(':') { write!(f, "{scheme}://[{host}]:{port}") } else { write!(f, "{scheme}://{host}:{port}") }
    }
}

impl TryFrom<String> for PeerAddress {
    type Error = PeerAddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or(PeerAddressError(text))
    }
}

impl From<PeerAddress> for String {
    fn from(address: PeerAddress) -> Self {
        address.to_string()
    }
}

impl JsonSchema for PeerAddress {
    fn schema_name() -> Cow<'static, str> {
        "PeerAddress".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "x-allowed": ALLOWED})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tls_only_this_host_is_spoken_to() {
        for text in [
            "https://topology.drover-system.svc:9443",
            "https://[2001:db8::1]:1",
            "https://10.0.0.1:9443",
            "http://127.0.0.1:9090",
            "http://[::1]:9090",
            "http://localhost:9090",
        ] {
            assert_eq!(PeerAddress::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        for text in [
            "http://10.0.0.1:9090",
            "http://topology:9090",
            "http://127.0.0.1.evil:9090",
            "http://localhost@evil:9090",
            "https://topology",
            "https://topology:1/path",
            "topology:9090",
            "",
        ] {
            let error = PeerAddress::try_from(text.to_owned()).unwrap_err().to_string();
            assert!(error.contains("https://HOST:PORT"), "{error}");
        }
    }
}
