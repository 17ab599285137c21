//! Placement and containers of a DaemonSet with a strategy are not changed in one edit.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use xtask::cluster::Cluster;

use super::{await_right, cluster, create, daemon_set, refusal, says};

const UPDATER: &str = "system:serviceaccount:drover-system:daemon-updater";

/// Changes a DaemonSet's pod spec, with these flags besides.
pub(crate) async fn edit(cluster: &Cluster, name: &str, flags: &[&str], pod: &Value) -> Result<()> {
    let patch = json!({"spec": {"template": {"spec": pod}}}).to_string();
    let args = [&["patch", "daemonset", name, "--type=strategic", "-p", &patch], flags].concat();
    cluster.kubectl(&args).await.map(drop)
}

/// A change of both.
pub(crate) fn both() -> Value {
    json!({"nodeSelector": {"edge": "yes"}, "containers": [image("v2")]})
}

fn image(version: &str) -> Value {
    json!({"name": "main", "image": format!("example.com/main:{version}")})
}

/// What moves pods, each by another field.
fn moves() -> [(&'static str, Value); 3] {
    let expression = json!({"key": "edge", "operator": "Exists"});
    let terms = json!({"nodeSelectorTerms": [{"matchExpressions": [expression]}]});
    [
        ("nodeSelector", json!({"nodeSelector": {"edge": "yes"}})),
        ("affinity", json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})),
        ("tolerations", json!({"tolerations": [{"key": "edge", "operator": "Exists"}]})),
    ]
}

#[tokio::test]
async fn both_at_once_are_refused_and_one_after_the_other_are_not() -> Result<()> {
    let cluster = cluster().await?;
    let name = "strict";
    create(cluster, &daemon_set(name, &json!({"drover.dev/strategy": "careful"}))).await?;
    for (at, (field, moved)) in moves().into_iter().enumerate() {
        let version = format!("v{}", at + 2);
        for (changed, container) in [
            ("containers", json!({"containers": [image(&version)]})),
            (
                "initContainers",
                json!({"initContainers": [{"name": "first", "image": format!("example.com/first:{version}")}]}),
            ),
        ] {
            let mut pod = moved.clone();
            super::extend(&mut pod, &container);
            let said = refusal(edit(cluster, name, &[], &pod).await).context(field)?;
            let fields = format!("spec.template.spec.{field} and spec.template.spec.{changed} of DaemonSet strict");
            says(&said, &[&fields, "cannot be changed in one edit", "drover.dev/strategy"]);
            edit(cluster, name, &[], &container).await.context(version.clone())?;
        }
        edit(cluster, name, &[], &moved).await.context(field)?;
    }
    // And back again: taking a field away is a change too.
    let away = json!({"nodeSelector": null, "containers": [image("v9")]});
    says(&refusal(edit(cluster, name, &[], &away).await)?, &["spec.template.spec.nodeSelector and"]);
    edit(cluster, name, &[], &json!({"nodeSelector": null, "terminationGracePeriodSeconds": 7})).await
}

#[tokio::test]
async fn it_is_about_daemon_sets_with_a_strategy_before_or_after_the_edit() -> Result<()> {
    let cluster = cluster().await?;
    create(cluster, &daemon_set("free", &json!({}))).await?;
    edit(cluster, "free", &[], &both()).await?;
    for (name, before, after) in
        [("adds", json!({}), json!("careful")), ("drops", json!({"drover.dev/strategy": "careful"}), Value::Null)]
    {
        create(cluster, &daemon_set(name, &before)).await?;
        let metadata = json!({"annotations": {"drover.dev/strategy": after}});
        let patch = json!({"metadata": metadata, "spec": {"template": {"spec": both()}}}).to_string();
        let edited = cluster.kubectl(&["patch", "daemonset", name, "--type=strategic", "-p", &patch]).await;
        says(&refusal(edited).context(name)?, &["cannot be changed in one edit"]);
    }
    Ok(())
}

/// The way back of a failed run is a whole template.
#[tokio::test]
async fn daemon_updater_may_bring_a_whole_template_back() -> Result<()> {
    let cluster = cluster().await?;
    create(cluster, &daemon_set("back", &json!({"drover.dev/strategy": "careful"}))).await?;
    for user in [UPDATER, "somebody"] {
        let role = user.rsplit(':').next().unwrap_or(user);
        cluster.kubectl(&["create", "role", role, "--verb=get,patch", "--resource=daemonsets.apps"]).await?;
        cluster.kubectl(&["create", "rolebinding", role, "--role", role, "--user", user]).await?;
        await_right(cluster, "default", user, &["patch", "daemonsets.apps"]).await?;
    }
    let edited = edit(cluster, "back", &["--as=somebody"], &both()).await;
    says(&refusal(edited)?, &["cannot be changed in one edit"]);
    edit(cluster, "back", &[&format!("--as={UPDATER}")], &both()).await
}
