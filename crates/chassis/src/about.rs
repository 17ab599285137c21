//! Who a service is.

/// What a service says about itself in its command line, its metrics, its traces and over gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Name of the service, as in `daemon-updater`.
    pub service: &'static str,
    /// Version of its package; `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// One sentence for `--help`.
    pub summary: &'static str,
}
