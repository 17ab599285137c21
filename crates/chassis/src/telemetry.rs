//! Logs to stderr, with a filter that can change at run time, and traces over OTLP.

mod log_control;
mod otlp;

use std::io;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

pub use log_control::{LogControl, LogControlError};

use crate::About;
use crate::config::{self, LogFormat};

/// The logs and traces of a process.
#[derive(Debug)]
pub struct Telemetry {
    log: LogControl,
    traces: Option<SdkTracerProvider>,
}

/// Why logs and traces could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The exporter of traces cannot be made.
    #[error("making the exporter of traces")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// Something else in this process has set up logging before.
    #[error("logging is set up already")]
    Installed(#[source] tracing::subscriber::SetGlobalDefaultError),
}

type Sink = Box<dyn Layer<Registry> + Send + Sync>;

impl Telemetry {
    /// Sets up the logs and traces of this process. Call it once, inside of the tokio runtime: the
    /// exporter's connection lives there.
    ///
    /// # Errors
    /// When it was set up before, or the exporter cannot be made.
    pub fn install(about: About, config: &config::Telemetry) -> Result<Self, TelemetryError> {
        let (telemetry, sinks) = Self::build(about, config, io::stderr)?;
        tracing::subscriber::set_global_default(Registry::default().with(sinks)).map_err(TelemetryError::Installed)?;
        Ok(telemetry)
    }

    /// The control of the log filter.
    pub fn log(&self) -> &LogControl {
        &self.log
    }

    /// Sends the traces that still wait, for as long as the exporter's time limit allows.
    pub async fn flush(self) {
        let Some(traces) = self.traces else { return };
        // The exporter waits for its connection, which this thread may be driving.
        let flushed = tokio::task::spawn_blocking(move || traces.shutdown()).await;
        match flushed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last traces were not sent"),
            Err(error) => tracing::warn!(%error, "the exporter of traces failed"),
        }
    }

    /// What writes events and sends spans. Each sink has its own filter, so that fewer logs do not
    /// mean fewer traces.
    fn build(
        about: About,
        config: &config::Telemetry,
        writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
    ) -> Result<(Self, Vec<Sink>), TelemetryError> {
        let (filter, handle) = reload::Layer::new(EnvFilter::new(config.log.as_str()));
        let events = fmt::layer().with_writer(writer);
        let events = match config.format {
            LogFormat::Json => events.json().flatten_event(true).boxed(),
            LogFormat::Text => events.with_ansi(false).boxed(),
        };
        let mut sinks = vec![events.with_filter(filter).boxed()];
        let traces = match &config.otlp_endpoint {
            None => None,
            Some(endpoint) => Some(otlp::provider(about, endpoint, config.trace_share)?),
        };
        if let Some(traces) = &traces {
            let spans = tracing_opentelemetry::layer().with_tracer(traces.tracer(about.service));
            sinks.push(spans.with_filter(own_spans()).boxed());
        }
        let log = LogControl::new(config.log.clone(), handle);
        Ok((Self { log, traces }, sinks))
    }
}

/// Spans of the libraries below are noise, and those of the exporter's own connection would be
/// exported in turn.
fn own_spans() -> Targets {
    Targets::new().with_default(LevelFilter::INFO).with_targets(
        ["h2", "hyper", "hyper_util", "opentelemetry", "tonic", "tower"].map(|library| (library, LevelFilter::OFF)),
    )
}

#[cfg(test)]
mod tests;
