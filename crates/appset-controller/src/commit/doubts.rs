//! Writes of workloads without an answer: nobody knows whether they were carried out, until a quorum read tells.

use api::names::app_set::WorkloadKind;
use controller_runtime::mirror::Mirror;
use kube::api::{GetParams, Request};

use super::collection;
use crate::context::Context;
use crate::mirrors::Workload;
use crate::plan::{Action, Step};

/// What a write without an answer was about.
#[derive(Debug)]
pub(crate) struct Doubt {
    kind: WorkloadKind,
    name: String,
}

/// A workload could not be read; until it is, nobody knows how many pools are under change.
#[derive(Debug, thiserror::Error)]
#[error("reading a workload whose last write had no answer")]
pub(crate) struct Unresolved(#[source] kube::Error);

impl Doubt {
    pub(super) fn of(step: &Step) -> Option<Self> {
        match &step.action {
            Action::Create { body } | Action::Apply { body, .. } => {
                Some(Self { kind: body.kind(), name: body.name().to_owned() })
            }
            Action::Delete { .. } => None,
        }
    }
}

/// Reads, with quorum, what became of such writes, and takes it into the mirrors.
pub(crate) async fn resolve(context: &Context, namespace: &str, doubts: &mut Vec<Doubt>) -> Result<(), Unresolved> {
    while let Some(Doubt { kind, name }) = doubts.last() {
        let path = collection(*kind, namespace);
        match kind {
            WorkloadKind::Deployment => read(context, &context.mirrors.deployments, &path, name).await?,
            WorkloadKind::StatefulSet => read(context, &context.mirrors.stateful_sets, &path, name).await?,
        }
        doubts.pop();
    }
    Ok(())
}

async fn read<const STATEFUL: bool>(
    context: &Context,
    mirror: &Mirror<Workload<STATEFUL>>,
    path: &str,
    name: &str,
) -> Result<(), Unresolved> {
    let request = Request::new(path).get(name, &GetParams::default());
    let request = request.map_err(kube::Error::BuildRequest).map_err(Unresolved)?;
    match context.client.request::<Workload<STATEFUL>>(request).await {
        Ok(found) => {
            mirror.note(found);
            Ok(())
        }
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(Unresolved(error)),
    }
}
