//! Traces over OTLP.

use opentelemetry::KeyValue;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

use super::TelemetryError;
use crate::About;
use crate::config::{Endpoint, Share};

/// Sends traces in batches, from a thread of its own, over one connection that is made when it is
/// first needed.
pub(super) fn provider(about: About, endpoint: &Endpoint, share: Share) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint.to_string())
        .build()
        .map_err(TelemetryError::Exporter)?;
    let resource = Resource::builder()
        .with_service_name(about.service)
        .with_attribute(KeyValue::new("service.version", about.version))
        .with_attribute(KeyValue::new("process.pid", i64::from(std::process::id())))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share.get()))))
        .with_resource(resource)
        .with_batch_exporter(exporter)
        .build())
}
