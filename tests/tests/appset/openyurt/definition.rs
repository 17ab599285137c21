//! OpenYurt's definition of YurtAppSet, as far as it matters here: two versions, nearly open schemas, a conversion webhook.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use xtask::paths;

const NODE_POOLS: &str = "deploy/crds/nodepools.apps.openyurt.io.yaml";

/// The kinds of a cluster that has OpenYurt. NodePools are not what this is about: Drover's definition of them does.
pub(super) fn kinds() -> Result<String> {
    let path = paths::workspace().join(NODE_POOLS);
    let node_pools = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(format!("{node_pools}\n---\n{}", yurt_app_sets()))
}

fn yurt_app_sets() -> Value {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let version = |name: &str, storage: bool| {
        json!({
            "name": name,
            "served": true,
            "storage": storage,
            "deprecated": !storage,
            "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": open, "status": open}}},
        })
    };
    // There is no such service: whoever asks for an object in another version than it is stored in gets an error.
    let webhook = json!({
        "conversionReviewVersions": ["v1"],
        "clientConfig": {"service": {"namespace": "kube-system", "name": "yurt-manager-webhook-service", "path": "/convert"}},
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "yurtappsets.apps.openyurt.io"},
        "spec": {
            "group": "apps.openyurt.io",
            "names": {
                "kind": "YurtAppSet", "listKind": "YurtAppSetList", "plural": "yurtappsets", "singular": "yurtappset",
                "shortNames": ["yas"], "categories": ["yurt"],
            },
            "scope": "Namespaced",
            "conversion": {"strategy": "Webhook", "webhook": webhook},
            "versions": [version("v1alpha1", false), version("v1beta1", true)],
        },
    })
}
