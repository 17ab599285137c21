//! Workloads that are not the YurtAppSet's, whatever their labels say.

use anyhow::{Context as _, Result};
use api::names::app_set as names;
use kube::api::{DeleteParams, DynamicObject, PostParams};
use serde_json::{Value, json};
use tests::fixture::{AppSet, Estate};

use super::{A_WHILE, estate};

/// A Deployment that somebody made, with everything on it that OpenYurt would put there.
fn lookalike(name: &str, pool: &str) -> Value {
    let labels = json!({"app": "web", names::POOL_NAME: pool});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "labels": {"app": "web", names::SET: "web", names::POOL_NAME: pool},
            "annotations": {names::REF_POOL: pool},
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": AppSet::image_of("web", "theirs")}]},
            },
        },
    })
}

async fn make(estate: &Estate<'_>, object: Value) -> Result<Value> {
    let object: DynamicObject = serde_json::from_value(object)?;
    let made = estate.objects("apps/v1", "Deployment").create(&PostParams::default(), &object).await;
    Ok(serde_json::to_value(made.context("making a Deployment")?)?)
}

async fn untouched(estate: &Estate<'_>, made: &Value) -> Result<()> {
    let name = made["metadata"]["name"].as_str().context("a name")?;
    let now = estate.objects("apps/v1", "Deployment").get(name).await.with_context(|| format!("reading {name}"))?;
    let now = serde_json::to_value(now)?;
    for field in ["uid", "generation", "labels", "ownerReferences"] {
        assert_eq!(now["metadata"][field], made["metadata"][field], "{field} of {name}");
    }
    Ok(())
}

/// There a Deployment without owner that has the label is adopted, and deleted when its pool is not chosen.
#[tokio::test]
async fn item_17_an_orphan_in_a_pool_that_is_not_chosen_is_neither_adopted_nor_deleted() -> Result<()> {
    let estate = estate("orphans", 2).await?;
    let [chosen, other] = [&estate.pools[0], &estate.pools[1]];
    let elsewhere = make(&estate, lookalike(&format!("web-{other}-x7k2p"), other)).await?;
    let mut odd = lookalike("somebodys", chosen);
    odd["metadata"]["annotations"] = json!({});
    let odd = make(&estate, odd).await?;
    estate.apply(&AppSet::new(&estate.namespace, "web").in_pools(&[chosen])).await?;
    estate.await_settled("web", 1).await?;
    estate.quiet(A_WHILE / 2).await?;
    for made in [&elsewhere, &odd] {
        untouched(&estate, made).await?;
    }
    assert_eq!(estate.workloads("web").await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_taken_is_said_and_the_workload_made_once_it_is_free() -> Result<()> {
    let estate = estate("taken", 2).await?;
    let pool = &estate.pools[0];
    let name = names::workload(names::WorkloadKind::Deployment, "web", pool);
    let mut theirs = lookalike(&name, pool);
    // Not even labelled: whose it is nobody could tell.
    theirs["metadata"]["labels"] = json!({"app": "web"});
    let theirs = make(&estate, theirs).await?;
    estate.apply(&estate.app_set("web")).await?;
    let sentence = format!("{pool}: there is a workload {name} already, which is not this YurtAppSet's");
    let words = ["CreateWorkloadError", sentence.as_str()];
    estate.await_condition("web", "AppDispatched", "False", &words).await?;
    let made = |set: &Value| set["status"]["readyWorkloads"] == 1;
    estate.await_set("web", "the other pool's workload", made).await?;
    untouched(&estate, &theirs).await?;
    estate.objects("apps/v1", "Deployment").delete(&name, &DeleteParams::background()).await?;
    estate.await_settled("web", 2).await?;
    Ok(())
}
