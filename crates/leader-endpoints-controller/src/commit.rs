//! Fourth step: carry out the plan. No decisions, only the lease's permit before each write. Answers go into the mirrors, so
//! that the next look sees what was written.

use api::node_pool::{NodePool, NodePoolStatus};
use controller_runtime::client::Place;
use controller_runtime::lease::NotLeading;
use futures::future::join_all;
use k8s_openapi::api::core::v1 as core;
use kube::Resource;
use serde_json::{Map, Value, json};

use crate::attributes::NodeChange;
use crate::context::Context;
use crate::metrics::Written;
use crate::mode::Decision;
use crate::nodes::Node;
use crate::outputs::{Output, Wanted};
use crate::plan::{Observed, Plan};
use crate::pools::Pool;

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unwritten {
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
    /// It, or the namespace that it is to be in, is not there.
    #[error("{0}")]
    Gone(String),
    /// The API server does not want it, as it is.
    #[error("the API server refuses it: {0}")]
    Refused(String),
    #[error(transparent)]
    Failed(kube::Error),
}

/// What became of an output that was to be written.
pub(crate) struct Outcome {
    pub(crate) output: Output,
    pub(crate) name: String,
    pub(crate) result: Result<(), Unwritten>,
}

/// Writes and deletes outputs, all at once.
pub(crate) async fn outputs(context: &Context, observed: &Observed, plan: &Plan) -> Vec<Outcome> {
    let pool = observed.pool.name();
    let namespace = &context.config.working_namespace;
    for wanted in &plan.writes {
        context.ledger.pending(wanted.output, pool);
    }
    let writes = plan.writes.iter().map(async |wanted| {
        let result = apply(context, wanted, namespace).await;
        let outcome = result.as_ref().map_or_else(Unwritten::word, |()| "done");
        context.metrics.writes.get_or_create(&Written { output: wanted.output.kind(), outcome }).inc();
        Outcome { output: wanted.output, name: wanted.name.clone(), result }
    });
    let removes = plan.removes.iter().map(async |(output, seen)| {
        let collection = output.collection(namespace);
        let place = Place { collection: &collection, name: &seen.name };
        let result = match context.leadership.permit() {
            Ok(permit) => context.writer.delete(&permit, place, &seen.uid.to_string()).await.map_err(Unwritten::from),
            Err(reason) => Err(reason.into()),
        };
        Outcome { output: *output, name: seen.name.clone(), result }
    });
    let (mut written, removed) = futures::join!(join_all(writes), join_all(removes));
    written.extend(removed);
    written
}

async fn apply(context: &Context, wanted: &Wanted, namespace: &str) -> Result<(), Unwritten> {
    let permit = context.leadership.permit()?;
    let collection = wanted.output.collection(namespace);
    let place = Place { collection: &collection, name: &wanted.name };
    let seen = context.writer.apply(&permit, place, &wanted.body()).await?;
    context.outputs.of(wanted.output).note(seen);
    Ok(())
}

/// Writes what is different in a pool's status. Fields that are not named here are left as they are.
pub(crate) async fn status(
    context: &Context,
    pool: &Pool,
    wanted: &NodePoolStatus,
    decision: &Decision,
) -> Result<(), Unwritten> {
    let Some(body) = status_patch(pool, wanted, decision) else { return Ok(()) };
    let permit = context.leadership.permit()?;
    let collection = NodePool::url_path(&(), None);
    let place = Place { collection: &collection, name: pool.name() };
    let written = context.writer.merge_status(&permit, place, &body).await?;
    context.pools.note(written);
    context.pool_changed(pool.name());
    Ok(())
}

/// What makes the pool's status the wanted one; `None` if it is.
fn status_patch(pool: &Pool, wanted: &NodePoolStatus, decision: &Decision) -> Option<Value> {
    if pool.status == *wanted {
        return None;
    }
    let (before, after) = (json!(pool.status), json!(wanted));
    let (before, after) = (before.as_object()?, after.as_object()?);
    let mut changed: Map<String, Value> = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    // An empty list is left out of the whole: what is gone from it has become empty.
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    changed.extend(gone.map(|key| (key.clone(), Value::Null)));
    if decision.elects() {
        // As OpenYurt does, also where they are 0 from the start: the columns of `kubectl get np` show them.
        for count in ["readyNodeNum", "unreadyNodeNum", "leaderNum"] {
            changed.extend(after.get(count).map(|value| (count.to_owned(), value.clone())));
        }
    }
    let mut metadata = json!({"uid": pool.metadata.uid.to_string()});
    // The list of conditions is written whole: others' must be those that are there.
    if changed.contains_key("conditions") && wanted.conditions.len() > 1 {
        metadata["resourceVersion"] = pool.metadata.resource_version.to_string().into();
    }
    Some(json!({"metadata": metadata, "status": changed}))
}

/// Changes a node's attributes.
pub(crate) async fn node(context: &Context, node: &Node, change: &NodeChange) -> Result<(), Unwritten> {
    let permit = context.leadership.permit()?;
    let collection = core::Node::url_path(&(), None);
    let place = Place { collection: &collection, name: &node.name };
    let written = context.writer.merge(&permit, place, &node_patch(node, change)).await?;
    context.metrics.node_changes.inc();
    context.nodes.note(written);
    context.pool_changed(&node.pool);
    Ok(())
}

fn node_patch(node: &Node, change: &NodeChange) -> Value {
    let NodeChange { labels, annotations, taints } = change;
    let mut body = json!({"metadata": {"uid": node.uid.to_string()}});
    if !labels.is_empty() {
        body["metadata"]["labels"] = json!(labels);
    }
    if !annotations.is_empty() {
        body["metadata"]["annotations"] = json!(annotations);
    }
    if let Some(taints) = taints {
        // The list is written whole: others' taints must be those that are there.
        body["metadata"]["resourceVersion"] = node.version.to_string().into();
        body["spec"] = json!({"taints": taints});
    }
    body
}

impl Unwritten {
    /// In one word, as a metric's label.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::NotLeading(_) => "not_leading",
            Self::Gone(_) | Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
        }
    }
}

impl From<kube::Error> for Unwritten {
    /// A conflict is our view being late, and too many requests is the server being busy; both pass.
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.is_not_found() => Self::Gone(status.message.clone()),
            kube::Error::Api(status)
                if (400..500).contains(&status.code) && ![408, 409, 429].contains(&status.code) =>
            {
                Self::Refused(status.message.clone())
            }
            error => Self::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use controller_runtime::lease::Neighbour;

    use super::*;
    use crate::config::{Config, Mode};

    fn pool(status: &Value) -> Pool {
        serde_json::from_value(json!({
            "metadata": {"name": "shop", "uid": "11111111-2222-3333-4444-555555555555", "resourceVersion": "5"},
            "status": status,
        }))
        .unwrap()
    }

    fn decision(mode: Mode) -> Decision {
        Decision::of(mode, &Config::default().yurt_manager, &Neighbour::Unknown, &Decision::Undecided)
    }

    #[test]
    fn only_what_changed_in_a_status_is_written() {
        let before = pool(&json!({"readyNodeNum": 2, "nodes": ["a", "b"], "later": {"of": "openyurt"}}));
        assert_eq!(status_patch(&before, &before.status, &decision(Mode::Elect)), None);
        let mut after = before.status.clone();
        (after.ready_node_num, after.nodes) = (0, Vec::new());
        let patch = status_patch(&before, &after, &decision(Mode::Follow)).unwrap();
        assert_eq!(patch["status"], json!({"readyNodeNum": 0, "nodes": null}));
        let whole = status_patch(&before, &after, &decision(Mode::Elect)).unwrap();
        assert_eq!(whole["status"], json!({"readyNodeNum": 0, "unreadyNodeNum": 0, "leaderNum": 0, "nodes": null}));
        assert_eq!(patch["metadata"], json!({"uid": "11111111-2222-3333-4444-555555555555"}));
    }

    #[test]
    fn conditions_of_others_are_kept_and_fenced() {
        let before = pool(&json!({"conditions": [{"type": "Other", "status": "True", "reason": "R", "message": ""}]}));
        let mut after = before.status.clone();
        let ours = api::node_pool::NodePoolCondition { kind: "LeaderReady".into(), ..Default::default() };
        crate::plan::set(&mut after.conditions, &ours, jiff::Timestamp::UNIX_EPOCH);
        let patch = status_patch(&before, &after, &decision(Mode::Elect)).unwrap();
        assert_eq!(patch["metadata"]["resourceVersion"], "5");
        assert_eq!(patch["status"]["conditions"][0]["type"], "Other");
        assert_eq!(patch["status"]["conditions"][1]["type"], "LeaderReady");
    }

    #[test]
    fn taints_are_fenced_and_labels_need_not_be() {
        let node: Node = serde_json::from_value(crate::nodes::tests::node("a", "shop", "10.0.0.1")).unwrap();
        let labels = [("site".to_owned(), None)].into();
        let mut change = NodeChange { labels, ..NodeChange::default() };
        let patch = node_patch(&node, &change);
        assert_eq!(patch, json!({"metadata": {"uid": node.uid.to_string(), "labels": {"site": null}}}));
        change.taints = Some(Vec::new());
        let patch = node_patch(&node, &change);
        assert_eq!((&patch["metadata"]["resourceVersion"], &patch["spec"]), (&json!("7"), &json!({"taints": []})));
    }
}
