//! A service's process: configuration, logs, traces, metrics, probes, gRPC and an orderly end.
//!
//! It knows nothing of what the service does, and nothing of Kubernetes. A service is a
//! configuration type and a function, and its `main.rs` is this:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use chassis::{About, Process, ProcessError, ServiceConfig};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! /// The service's own configuration; `[admin]`, `[grpc]` and so on come with the chassis.
//! #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
//! struct Config {
//!     /// How many sheep to keep.
//!     sheep: u32,
//! }
//!
//! impl ServiceConfig for Config {
//!     const ABOUT: About = About {
//!         service: "herd",
//!         version: env!("CARGO_PKG_VERSION"),
//!         summary: "Keeps sheep.",
//!     };
//! }
//!
//! async fn run(process: Process, config: Config) -> Result<(), ProcessError> {
//!     let counted = process.readiness().register("sheep");
//!     let stopping = process.shutdown().stopping();
//!     process.tasks().spawn("count", async move {
//!         tracing::info!(sheep = config.sheep, "counted");
//!         counted.ready();
//!         stopping.cancelled().await;
//!         Ok::<(), std::convert::Infallible>(())
//!     });
//!     process.run().await
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> ExitCode {
//!     chassis::main(run).await
//! }
//! ```

mod about;
pub mod access;
pub mod backoff;
pub mod config;
pub mod feed;
pub mod follow;
pub mod grpc;
mod http;
mod metrics;
pub mod peer;
mod process;
mod readiness;
mod standing;
mod start;
mod telemetry;
pub mod workers;

pub use about::About;
pub use config::{Config, Flag, Loaded, Period, Refused, ServiceConfig};
pub use metrics::Metrics;
pub use process::{Addresses, AddressesError, Process, ProcessError, Shutdown, TaskEnd, Tasks};
pub use readiness::{Condition, Readiness};
pub use standing::Standing;
pub use start::main;
pub use telemetry::{LogControl, LogControlError, Telemetry, TelemetryError};
