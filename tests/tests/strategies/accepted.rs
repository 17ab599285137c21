//! What a strategy may be, and what is filled in.

use anyhow::Result;
use api::rollout_strategy::{RolloutStrategy, Strategy};
use kube::Api;
use serde_json::{Value, json};

use super::{cluster, create, patch, read, run, strategy};

#[tokio::test]
async fn a_strategy_with_nothing_in_it_has_all_defaults() -> Result<()> {
    let cluster = cluster().await?;
    create(cluster, &strategy("bare", &json!({}))).await?;
    let defaults = json!({
        "startPaused": false,
        "unit": {"minReadySeconds": 0, "progressDeadlineSeconds": 1800},
        "failurePolicy": {
            "maxFailures": "5%",
            "minObserved": 3,
            "nodeLoss": {"exposureSeconds": 600, "falseHaltPerMille": 10},
            "action": "Pause",
        },
        "offline": {"catchUp": "Always", "reportAfterSeconds": 2_592_000},
    });
    assert_eq!(read(cluster, "rst/bare").await?["spec"], defaults);
    let strategies: Api<RolloutStrategy> = Api::default_namespaced(cluster.client()?);
    assert_eq!(strategies.get("bare").await?.spec, Strategy::default());
    Ok(())
}

#[tokio::test]
async fn parts_are_filled_up_and_nulls_are_as_good_as_nothing() -> Result<()> {
    let cluster = cluster().await?;
    let spec = json!({
        "maxUnavailable": null,
        "unit": {"minReadySeconds": 30},
        "waves": [
            {"name": "canary", "pools": ["lab"], "maxPools": null, "poolSelector": null},
            {"name": "everywhere", "poolSelector": {}},
        ],
        "windows": [{"start": "01:00", "durationSeconds": 3600, "timeZone": "UTC", "days": null}],
        "dependsOn": [{"apiVersion": "apps.openyurt.io/v1beta1", "kind": "YurtAppSet", "name": "gateway"}],
    });
    create(cluster, &strategy("parts", &spec)).await?;
    let read = &read(cluster, "rst/parts").await?["spec"];
    let wave = |mut wave: Value| {
        super::extend(&mut wave, &json!({"onInconclusive": "Hold", "soakSeconds": 0, "approval": "None"}));
        wave
    };
    assert_eq!(
        read["waves"],
        json!([
            wave(json!({"name": "canary", "pools": ["lab"]})),
            wave(json!({"name": "everywhere", "poolSelector": {}})),
        ])
    );
    assert_eq!(read["unit"], json!({"minReadySeconds": 30, "progressDeadlineSeconds": 1800}));
    assert_eq!((&read["windows"][0]["effect"], &read["dependsOn"][0]["scope"]), (&json!("Allow"), &json!("SamePool")));
    assert!(read.get("maxUnavailable").is_none(), "{read}");
    Ok(())
}

/// Every field, each with another value than its default.
#[tokio::test]
async fn a_whole_strategy_is_kept_as_it_is_written() -> Result<()> {
    let cluster = cluster().await?;
    let selector = json!({
        "matchLabels": {"tier": "lab", "example.com/site": ""},
        "matchExpressions": [
            {"key": "region", "operator": "In", "values": ["eu", "us"]},
            {"key": "drover.dev/old", "operator": "DoesNotExist"},
        ],
    });
    let spec = json!({
        "startPaused": true,
        "maxUnavailable": "10%",
        "slowStart": "None",
        "waves": [{
            "name": "canary",
            "pools": ["lab"],
            "poolSelector": selector,
            "maxPools": 1,
            "maxConcurrentPools": "100%",
            "maxUnavailable": 0,
            "minUpdated": "0%",
            "onInconclusive": "Proceed",
            "soakSeconds": 600,
            "approval": "AfterWave",
        }],
        "unit": {"maxUnavailablePerPool": 2_147_483_647, "minReadySeconds": 1, "progressDeadlineSeconds": 900},
        "failurePolicy": {
            "maxFailures": 0,
            "minObserved": 1,
            "nodeLoss": {"exposureSeconds": 0, "falseHaltPerMille": 500},
            "action": "Rollback",
        },
        "offline": {"catchUp": "InWindow", "maxUnavailable": "10%", "reportAfterSeconds": 0},
        "windows": [{
            "effect": "Deny",
            "days": ["Sat", "Sun"],
            "start": "23:59",
            "durationSeconds": 604_800,
            "timeZone": "America/Argentina/Buenos_Aires",
            "poolSelector": selector,
        }],
        "dependsOn": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "gateway.v2", "scope": "AllPools"}],
    });
    create(cluster, &strategy("whole", &spec)).await?;
    assert_eq!(read(cluster, "rst/whole").await?["spec"], spec);
    create(cluster, &run("whole", &json!({"strategy": spec}))).await?;
    assert_eq!(read(cluster, "fr/whole").await?["spec"]["strategy"], spec);
    let strategies: Api<RolloutStrategy> = Api::default_namespaced(cluster.client()?);
    let typed = strategies.get("whole").await?.spec;
    assert_eq!(serde_json::to_value(&typed)?, spec);
    assert!(planner::strategy::Strategy::try_from(&typed).is_ok());
    Ok(())
}

/// As large as the schema allows in number: the API server must not run out of what it grants to rules.
#[tokio::test]
async fn the_longest_strategy_is_accepted_and_so_is_its_run() -> Result<()> {
    let cluster = cluster().await?;
    let values: Vec<_> = (0..8).map(|at| format!("v{at}")).collect();
    let expressions: Vec<_> =
        (0..16).map(|at| json!({"key": format!("example.com/k{at}"), "operator": "NotIn", "values": values})).collect();
    let selector = json!({"matchExpressions": expressions});
    let pools: Vec<_> = (0..1000).map(|at| format!("p{at}")).collect();
    let waves: Vec<_> = (0..99)
        .map(|at| {
            let mut wave = json!({"name": format!("{at:02}-{}", "w".repeat(60)), "poolSelector": selector});
            let amounts = json!({"maxPools": "10%", "maxConcurrentPools": 5, "maxUnavailable": 2, "minUpdated": "99%"});
            super::extend(&mut wave, &amounts);
            if at == 0 {
                super::extend(&mut wave, &json!({"pools": pools}));
            }
            wave
        })
        .collect();
    let window = json!({"start": "01:00", "durationSeconds": 60, "timeZone": "UTC", "poolSelector": selector});
    let needed = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "gateway"});
    let spec = json!({"waves": waves, "windows": vec![window; 32], "dependsOn": vec![needed; 16]});
    create(cluster, &strategy("longest", &spec)).await?;
    create(cluster, &run("longest", &json!({"strategy": spec}))).await?;
    // Rules that compare with what was there are asked on updates only.
    patch(cluster, "fr/longest", &json!({"spec": {"desiredState": "Paused"}})).await?;
    patch(cluster, "rst/longest", &json!({"spec": {"startPaused": true}})).await
}
