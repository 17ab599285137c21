//! Addresses in configuration: where to listen and where to send.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use http::Uri;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// An address and port to listen on; port 0 takes a free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Listen(SocketAddr);

/// The URL of a service that is spoken to without encryption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint(Uri);

/// A text that is no address this process can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an IP address and a port.
    #[error("`{0}` is not an address to listen on: give {LISTEN}")]
    Malformed(String),
    /// Not the URL of a plaintext gRPC service.
    #[error("`{0}` is not an endpoint: give {ENDPOINT}")]
    NotEndpoint(String),
}

const LISTEN: &str = "IP:PORT, such as 0.0.0.0:8080 or [::]:8080; port 0 takes a free one";
const ENDPOINT: &str = "http://HOST:PORT (https:// is not supported yet)";

impl Listen {
    /// Listens on `address`.
    pub const fn new(address: SocketAddr) -> Self {
        Self(address)
    }

    /// The address.
    pub const fn get(self) -> SocketAddr {
        self.0
    }

    /// Whether only this host can reach it.
    pub fn is_loopback(self) -> bool {
        self.0.ip().to_canonical().is_loopback()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl TryFrom<String> for Listen {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let address = text.parse().map_err(|_| AddressError::Malformed(text))?;
        Ok(Self(address))
    }
}

impl TryFrom<String> for Endpoint {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.parse::<Uri>() {
            Ok(uri) if uri.scheme_str() == Some("http") && uri.port().is_some() => Ok(Self(uri)),
            _ => Err(AddressError::NotEndpoint(text)),
        }
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        listen.0.to_string()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

impl JsonSchema for Listen {
    fn schema_name() -> Cow<'static, str> {
        "Listen".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "x-allowed": LISTEN})
    }
}

impl JsonSchema for Endpoint {
    fn schema_name() -> Cow<'static, str> {
        "Endpoint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "x-allowed": ENDPOINT})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_known_in_every_form() {
        for (address, expected) in [
            ("127.0.0.1:0", true),
            ("127.8.0.1:80", true),
            ("[::1]:9090", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:9090", false),
            ("10.0.0.1:9090", false),
            ("[::]:9090", false),
        ] {
            assert_eq!(Listen::try_from(address.to_owned()).unwrap().is_loopback(), expected, "{address}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        let error = Listen::try_from("localhost".to_owned()).unwrap_err();
        assert!(error.to_string().contains("IP:PORT"), "{error}");
        for url in ["localhost:4317", "https://otel:4317", "http://otel", ""] {
            let error = Endpoint::try_from(url.to_owned()).unwrap_err();
            assert!(error.to_string().contains("http://HOST:PORT"), "{error}");
        }
        Endpoint::try_from("http://otel:4317".to_owned()).unwrap();
    }
}
