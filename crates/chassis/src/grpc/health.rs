//! Health over gRPC follows the readiness of the process.

use std::pin::pin;

use futures::future::{Either, select};
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer, SERVICE_NAME};
use tonic_health::server::HealthReporter;

use super::MAX_REQUEST_BYTES;
use crate::Readiness;

/// The health service.
pub(super) const NAME: &str = SERVICE_NAME;

/// The health service for the whole process (the empty name) and each of `names`, and the task
/// that keeps it true until `stopping`. It then ends the streams of those who watch, so that the
/// server can drain.
pub(super) async fn service(
    names: &[&'static str],
    readiness: Readiness,
    stopping: CancellationToken,
) -> (HealthServer<impl Health>, impl Future<Output = ()> + use<>) {
    let (reporter, server) = tonic_health::server::health_reporter();
    let names: Vec<&'static str> = std::iter::once("").chain(names.iter().copied()).collect();
    let status = serving(readiness.is_ready());
    report(&reporter, &names, status).await;
    (server.max_decoding_message_size(MAX_REQUEST_BYTES), follow(reporter, names, readiness, stopping))
}

async fn follow(
    mut reporter: HealthReporter,
    names: Vec<&'static str>,
    readiness: Readiness,
    stopping: CancellationToken,
) {
    let mut stopped = pin!(stopping.cancelled());
    loop {
        let ready = readiness.is_ready();
        report(&reporter, &names, serving(ready)).await;
        let changed = pin!(readiness.until(!ready));
        if let Either::Left(_) = select(stopped.as_mut(), changed).await {
            break;
        }
    }
    report(&reporter, &names, ServingStatus::NotServing).await;
    for name in &names {
        reporter.clear_service_status(name).await;
    }
}

async fn report(reporter: &HealthReporter, names: &[&'static str], status: ServingStatus) {
    for name in names {
        reporter.set_service_status(name, status).await;
    }
}

fn serving(ready: bool) -> ServingStatus {
    if ready { ServingStatus::Serving } else { ServingStatus::NotServing }
}
