//! What a NodePool must not be: refused with the field's name and what to do.

use anyhow::Result;
use serde_json::{Value, json};

use super::{apply, cluster, pool, read, refusal, says};

#[tokio::test]
async fn a_bad_pool_is_refused_by_the_name_of_its_field() -> Result<()> {
    let cluster = cluster().await?;
    let many: serde_json::Map<String, Value> = (0..257).map(|i| (format!("k{i}"), json!("v"))).collect();
    let long = "v".repeat(64);
    let cases = [
        (json!({"type": "edge"}), ["spec.type", "\"edge\"", "\"Edge\", \"Cloud\""]),
        (json!({"type": "Cloud", "hostNetwork": true}), ["spec.hostNetwork", "must be false", "type is Cloud"]),
        (
            json!({"leaderElectionStrategy": "Mark"}),
            ["spec.leaderElectionStrategy", "\"Mark\"", "\"random\", \"mark\""],
        ),
        (json!({"leaderElectionStrategy": "mark"}), ["spec.leaderNodeLabelSelector", "at least one label", "is mark"]),
        (
            json!({"leaderElectionStrategy": "mark", "leaderNodeLabelSelector": {}}),
            ["spec.leaderNodeLabelSelector", "at least one label", "is mark"],
        ),
        (json!({"leaderReplicas": 0}), ["spec.leaderReplicas", "0", "greater than or equal to 1"]),
        (json!({"leaderReplicas": -3}), ["spec.leaderReplicas", "-3", "greater than or equal to 1"]),
        (json!({"leaderReplicas": "two"}), ["spec.leaderReplicas", "\"string\"", "integer"]),
        (json!({"labels": {"a b": "c"}}), ["spec.labels", "keys must be names", "example.com/role"]),
        (json!({"labels": {"a": "b c"}}), ["spec.labels.a", "b c", "should match"]),
        (json!({"labels": {"a": long}}), ["spec.labels.a", "63", "Too long"]),
        (json!({"labels": many}), ["spec.labels", "257", "256"]),
        (
            json!({"labels": {"apps.openyurt.io/nodepool": "other"}}),
            ["spec.labels", "must not name apps.openyurt.io/nodepool", "in which pool"],
        ),
        (json!({"annotations": {"/": "b"}}), ["spec.annotations", "keys must be names", "example.com/role"]),
        (
            json!({"annotations": {"nodepool.openyurt.io/previous-attributes": "{}"}}),
            ["spec.annotations", "must not name nodepool.openyurt.io/previous-attributes", "of its pool"],
        ),
        (
            json!({"taints": [{"key": "a", "effect": "Never"}]}),
            ["spec.taints[0].effect", "\"Never\"", "\"NoSchedule\""],
        ),
        (json!({"taints": [{"key": "a"}]}), ["spec.taints[0].effect", "Required", ""]),
        (
            json!({"taints": [{"key": "a", "effect": "NoExecute"}, {"key": "a", "effect": "NoExecute", "value": "b"}]}),
            ["spec.taints", "Duplicate", "NoExecute"],
        ),
        (
            json!({"poolScopeMetadata": [{"group": "", "version": "v1"}]}),
            ["spec.poolScopeMetadata[0].resource", "Required", ""],
        ),
    ];
    for (spec, words) in cases {
        // Client-side, so that kubectl sends what is there: a server-side apply would merge duplicates before it is judged.
        let created = cluster.kubectl_with_input(&["create", "-f", "-"], &pool("bad", &spec).to_string()).await;
        says(&refusal(created).map_err(|error| error.context(spec.to_string()))?, &words);
    }
    let named = pool(&"p".repeat(64), &json!({}));
    let created = cluster.kubectl_with_input(&["create", "-f", "-"], &named.to_string()).await;
    says(&refusal(created)?, &["metadata.name must have at most 63 characters", "apps.openyurt.io/nodepool"]);
    Ok(())
}

#[tokio::test]
async fn what_a_pool_is_it_stays() -> Result<()> {
    let cluster = cluster().await?;
    apply(cluster, &pool("fixed", &json!({}))).await?;
    let patch = async |spec: Value| {
        let patch = json!({"spec": spec}).to_string();
        cluster.kubectl(&["patch", "nodepool", "fixed", "--type=merge", "-p", &patch]).await
    };
    for (field, value) in [("type", json!("Cloud")), ("hostNetwork", json!(true)), ("interConnectivity", json!(true))] {
        let said = refusal(patch(json!({field: value})).await)?;
        says(&said, &[&format!("spec.{field}"), "cannot be changed: make another NodePool"]);
    }
    // Taking a field out means its default, which is what it is.
    patch(json!({"type": null, "hostNetwork": null, "interConnectivity": null})).await?;
    patch(json!({"leaderReplicas": 2, "enableLeaderElection": true, "labels": {"a": "b"}})).await?;
    patch(json!({"leaderElectionStrategy": "mark", "leaderNodeLabelSelector": {"leads": "yes"}})).await?;
    says(&refusal(patch(json!({"leaderNodeLabelSelector": null})).await)?, &["spec.leaderNodeLabelSelector"]);
    patch(json!({"leaderNodeLabelSelector": null, "leaderElectionStrategy": "random", "poolScopeMetadata": []}))
        .await?;
    let spec = &read(cluster, "fixed").await?["spec"];
    assert_eq!((&spec["type"], &spec["poolScopeMetadata"]), (&json!("Edge"), &json!([])));
    Ok(())
}
