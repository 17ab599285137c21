//! What the API server writes to its audit log: the truth by which runs are judged.
//!
//! - Writes: the request and the response, without managedFields; for credentials only that they happened.
//! - Reads: who asked for what, except by the control plane's own components, whose watches would drown the rest.
//! - Nothing of the nodes' leases (nodes / (lease / 4) writes a second) and of health checks.
//!
//! A watch appears twice, when it starts (`ResponseStarted`) and when it ends; everything else once (`ResponseComplete`).

use serde_json::json;

/// The policy file's text. The first rule that matches decides.
pub(super) fn policy() -> String {
    let control_plane = [
        "drover:kwok",
        "system:aggregator",
        "system:apiserver",
        "system:kube-controller-manager",
        "system:kube-scheduler",
    ];
    let reads = ["get", "list", "watch"];
    let writes = ["create", "update", "patch", "delete", "deletecollection"];
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "omitManagedFields": true,
        "rules": [
            {"level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*"]},
            {"level": "None", "namespaces": ["kube-node-lease"], "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
            {"level": "None", "users": control_plane, "verbs": reads},
            {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"], "verbs": reads},
            {"level": "Metadata", "verbs": reads},
            {"level": "Metadata", "resources": [
                {"group": "", "resources": ["secrets", "serviceaccounts/token"]},
                {"group": "authentication.k8s.io", "resources": ["tokenreviews"]},
                {"group": "authorization.k8s.io"},
            ]},
            {"level": "RequestResponse", "verbs": writes},
            {"level": "Metadata"},
        ],
    });
    policy.to_string()
}
