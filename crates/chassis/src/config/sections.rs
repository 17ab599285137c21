//! The sections of configuration that every service has.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Directives, Endpoint, Listen, Period, Refused};
use crate::access::Account;

/// What every service can be told about its process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Config {
    /// The HTTP listener for probes and metrics.
    pub admin: Admin,
    /// The gRPC listener.
    pub grpc: Grpc,
    /// Who may call over gRPC.
    pub access: Access,
    /// How the process ends.
    pub shutdown: Shutdown,
    /// Logs and traces.
    pub telemetry: Telemetry,
}

/// The HTTP listener for probes and metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Where /livez, /readyz and /metrics are served. Nothing there changes or reveals state.
    pub listen: Listen,
}

/// The gRPC listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grpc {
    /// Where gRPC is served: on an address that other hosts can reach only with TLS.
    pub listen: Listen,
    /// How long a call may take before it fails with `DEADLINE_EXCEEDED`, when the caller does not ask for
    /// less. For a stream: until its first answer.
    pub deadline: Period<100, 600_000>,
    /// What is served over TLS; without it, plaintext.
    pub tls: Tls,
}

/// The certificate of the gRPC listener. TLS is 1.3 only. The files are read again when they change: new connections
/// get the new certificate, connections that are open stay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// File with the certificate and those between it and its authority, in PEM.
    pub certificate: Option<PathBuf>,
    /// File with the certificate's private key, in PEM.
    pub key: Option<PathBuf>,
}

/// Who may call over gRPC, beside what the service's own table says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// The service accounts that may call `AdminService`, as NAMESPACE/NAME. A caller presents a token of its account
    /// for the audience drover, as `kubectl create token --audience=drover` makes one.
    pub admins: Vec<Account>,
    /// How many calls a second one caller may begin: an account, and on each node anew.
    #[schemars(range(min = 1, max = 100_000))]
    pub calls_per_second: u32,
    /// How many of them at once, after a pause.
    #[schemars(range(min = 1, max = 100_000))]
    pub calls_at_once: u32,
}

/// How the process ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// How long work in progress may go on after SIGTERM before it is abandoned. Keep it some
    /// seconds below the pod's terminationGracePeriodSeconds: leases are released after it.
    pub grace: Period<0, 600_000>,
}

/// Logs and traces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Which log events are written. AdminService.SetLogFilter changes it while the process runs.
    pub log: Directives,
    /// How log events are written, to stderr.
    pub format: LogFormat,
    /// Where traces are sent with OTLP over gRPC; not set: nowhere.
    pub otlp_endpoint: Option<Endpoint>,
    /// The share of traces begun here that is sent. A caller's choice is followed.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub trace_share: Share,
}

/// How log events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line, for collectors.
    Json,
    /// A readable line each, for people.
    Text,
}

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

/// A number that is no share.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("`{0}` is not a share: give a number from 0 to 1")]
pub struct ShareError(f64);

impl Share {
    /// The number, 0 to 1.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = ShareError;

    fn try_from(number: f64) -> Result<Self, Self::Error> {
        if (0.0..=1.0).contains(&number) { Ok(Self(number)) } else { Err(ShareError(number)) }
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.0
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: Listen::new(([0, 0, 0, 0], 8080).into()) }
    }
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            listen: Listen::new(([127, 0, 0, 1], 9090).into()),
            deadline: Period::of_millis::<10_000>(),
            tls: Tls::default(),
        }
    }
}

impl Default for Access {
    fn default() -> Self {
        Self {
            admins: vec![Account::drover_admin()],
            // A call costs some 100 microseconds; a client that resumes all of its streams stays below the burst.
            calls_per_second: 500,
            calls_at_once: 2_000,
        }
    }
}

impl Config {
    /// Checks what no single value shows.
    ///
    /// # Errors
    /// When other hosts can reach the gRPC listener and it has no TLS, or a certificate has no key.
    pub(super) fn check(&self) -> Result<(), Refused> {
        let Grpc { listen, tls, .. } = &self.grpc;
        let text = |path: &PathBuf| path.display().to_string();
        match (&tls.certificate, &tls.key) {
            (Some(certificate), None) => Err(Refused {
                key: "grpc.tls.certificate",
                value: text(certificate),
                allowed: "grpc.tls.key too, the file with its private key".to_owned(),
            }),
            (None, Some(key)) => Err(Refused {
                key: "grpc.tls.key",
                value: text(key),
                allowed: "grpc.tls.certificate too, the file with its certificate".to_owned(),
            }),
            (None, None) if !listen.is_loopback() => Err(Refused {
                key: "grpc.listen",
                value: listen.get().to_string(),
                allowed: "grpc.tls.certificate and grpc.tls.key too, because other hosts can reach it and get no gRPC \
                          without TLS; or a loopback address, such as 127.0.0.1:9090"
                    .to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

impl Default for Shutdown {
    /// 20 s: Kubernetes kills a pod 30 s after SIGTERM unless told otherwise.
    fn default() -> Self {
        Self { grace: Period::of_millis::<20_000>() }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log: Directives::info(), format: LogFormat::Json, otlp_endpoint: None, trace_share: Share(1.0) }
    }
}
