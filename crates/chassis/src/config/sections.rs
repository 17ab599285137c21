//! The sections of configuration that every service has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Directives, Endpoint, Listen, LoopbackListen, Period};

/// What every service can be told about its process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Config {
    /// The HTTP listener for probes and metrics.
    pub admin: Admin,
    /// The gRPC listener.
    pub grpc: Grpc,
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
    /// Where gRPC is served, in plaintext and therefore on this host only.
    pub listen: LoopbackListen,
    /// How long a call may take before it fails with `DEADLINE_EXCEEDED`, when the caller does not ask for
    /// less. For a stream: until its first answer.
    pub deadline: Period<100, 600_000>,
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
        Self { listen: LoopbackListen::on_port(9090), deadline: Period::of_millis::<10_000>() }
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
