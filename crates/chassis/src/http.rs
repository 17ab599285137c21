//! The admin HTTP listener: probes and metrics, nothing that changes or reveals state.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::{Metrics, Readiness};

/// Content type of the `OpenMetrics` text format.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the listener shows.
#[derive(Clone)]
struct Shown {
    readiness: Readiness,
    metrics: Metrics,
}

/// `/livez`, `/readyz` and `/metrics`.
pub(crate) fn router(readiness: Readiness, metrics: Metrics) -> Router {
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics_text))
        .with_state(Shown { readiness, metrics })
}

/// 200 when ready; else 503 with a line for each thing that is missing.
async fn ready(State(shown): State<Shown>) -> Response {
    let missing = shown.readiness.missing();
    if missing.is_empty() {
        "ready\n".into_response()
    } else {
        let lines = missing.join("\n") + "\n";
        (StatusCode::SERVICE_UNAVAILABLE, lines).into_response()
    }
}

async fn metrics_text(State(shown): State<Shown>) -> Response {
    match shown.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
