//! A yurt-manager that lives elects; Drover publishes, and takes over when it no longer does.

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use proto::admin::v1::DumpRequest;
use proto::admin::v1::admin_service_client::AdminServiceClient;
use serde_json::{Value, json};
use tests::fixture::{Service, ServiceSpec, YurtManager, eventually};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::site::Site;
use super::{LONG, Stage};

/// A cluster without service, for scenarios that start and stop it: for one after the other.
pub(crate) async fn stage() -> Result<(&'static Stage, MutexGuard<'static, ()>)> {
    static STAGE: OnceCell<Stage> = OnceCell::const_new();
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    Ok((STAGE.get_or_try_init(Stage::start).await?, turn))
}

/// The service, with every output.
pub(crate) fn service() -> ServiceSpec {
    ServiceSpec::new("leader-endpoints-controller").env("DROVER_OUTPUTS__ENDPOINT_SLICE", "true")
}

/// Writes leaders into a pool's status, as yurt-manager does.
pub(crate) async fn elect(site: &Site, leaders: &[(&str, &str)]) -> Result<()> {
    let endpoints: Vec<Value> =
        leaders.iter().map(|(node, address)| json!({"nodeName": site.node(node), "address": address})).collect();
    let status = json!({
        "leaderNum": endpoints.len(), "leaderEndpoints": endpoints, "leaderLastElectedTime": Timestamp::now().to_string(),
    });
    let params = PatchParams { field_manager: Some("yurt-manager".to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({"status": status}));
    site.pools().patch_status(&site.pool, &params, &patch).await.context("electing").map(drop)
}

/// Whether `AdminService` says this of who elects, for all pools and for this one.
async fn dumps(service: &Service, site: &Site, who: &str) -> Result<()> {
    let mut admin = AdminServiceClient::new(service.admin_channel().await?);
    let sections = vec!["mode".to_owned(), "pools".to_owned()];
    let dump = admin.dump(DumpRequest { sections }).await.context("Dump")?.into_inner();
    let [mode, pools] = &dump.sections[..] else { bail!("not two sections: {dump:?}") };
    let pools: Vec<(String, Value)> = serde_json::from_str(&pools.json)?;
    let (_, pool) = pools.iter().find(|(name, _)| *name == site.pool).context("the pool is not in the dump")?;
    ensure!(mode.json.contains(who) && pool["by"].as_str().is_some_and(|by| by.contains(who)), "{mode:?} {pool}");
    Ok(())
}

/// Waits until the ConfigMap names these leaders.
async fn await_told(site: &Site, leaders: &str) -> Result<()> {
    let mut last = Value::Null;
    let what = format!("leaders {leaders:?}");
    let told = eventually(&what, LONG, async || {
        last = site.data().await.unwrap_or_default()["leaders"].clone();
        Ok((last == leaders).then_some(()))
    });
    told.await.with_context(|| format!("last: {last}"))
}

#[tokio::test]
async fn auto_follows_a_live_yurt_manager_and_elects_when_it_dies() -> Result<()> {
    let (stage, _turn) = stage().await?;
    let client = stage.cluster.client()?;
    let yurt_manager = YurtManager::start(client).await?;
    let nodes = [("a", "10.40.0.1"), ("b", "10.40.0.2"), ("c", "10.40.0.3")];
    let site = Site::electing(stage, "followed", 2, &nodes).await?;
    elect(&site, &[("a", "10.40.0.1"), ("b", "10.40.0.2")]).await?;
    site.change(&json!({"labels": {"site": "north"}})).await?;
    // It is given all the time that this takes.
    let service = stage.service(service().env("DROVER_YURT_MANAGER__PATIENCE", "1h")).await?;
    await_told(&site, "followed-a/10.40.0.1,followed-b/10.40.0.2").await?;
    let condition = site.await_condition("LeaderReady", |condition| condition.reason == "Followed").await?;
    ensure!(condition.message.contains("kube-system/yurt-manager"), "{}", condition.message);

    elect(&site, &[("a", "10.40.0.1"), ("c", "10.40.0.3")]).await?;
    await_told(&site, "followed-a/10.40.0.1,followed-c/10.40.0.3").await?;
    // Nobody should dial it, whoever elected it; another leader is for yurt-manager to elect.
    site.ready("a", false).await?;
    await_told(&site, "followed-c/10.40.0.3").await?;
    let left_out = |condition: &api::node_pool::NodePoolCondition| condition.message.contains("followed-a (10.40.0.1)");
    site.await_condition("LeaderReady", left_out).await?;
    site.await_event("followed", "LeaderLeftOut").await?;
    dumps(&service, &site, "another controller elects").await?;
    let status = site.read().await?.status.context("no status")?;
    assert_eq!(status.leader_endpoints.len(), 2, "the status is yurt-manager's");
    assert_eq!(status.ready_node_num, 0, "and so are the counts");

    let labelled = async || anyhow::Ok(site.read_node("b").await?.labels().contains_key("site"));
    ensure!(!labelled().await?, "attributes are yurt-manager's to give");

    drop(yurt_manager);
    let told = site.await_led_by(&["b", "c"]).await?;
    assert_eq!(told.len(), 2);
    let condition = site.await_condition("LeaderReady", |condition| condition.reason == "Elected").await?;
    ensure!(condition.message.contains("no live yurt-manager"), "{}", condition.message);
    dumps(&service, &site, "Drover elects").await?;
    eventually("the pool's label", LONG, async || Ok(labelled().await?.then_some(()))).await?;
    let exit = service.process.terminate(LONG).await?;
    assert!(exit.success(), "{exit}");
    Ok(())
}

#[tokio::test]
async fn a_yurt_manager_that_lives_and_does_not_elect_is_overruled_until_it_does() -> Result<()> {
    let (stage, _turn) = stage().await?;
    let _yurt_manager = YurtManager::start(stage.cluster.client()?).await?;
    let site = Site::electing(stage, "idle", 1, &[("a", "10.41.0.1"), ("b", "10.41.0.2")]).await?;
    elect(&site, &[("a", "10.41.0.1")]).await?;
    let service = stage.service(service().env("DROVER_YURT_MANAGER__PATIENCE", "2s")).await?;
    await_told(&site, "idle-a/10.41.0.1").await?;
    site.ready("a", false).await?;
    site.await_led_by(&["b"]).await?;
    let idle = |condition: &api::node_pool::NodePoolCondition| condition.message.contains("leaves wrong leaders");
    site.await_condition("LeaderReady", idle).await?;
    site.ready("a", true).await?;
    // Whoever writes a status last is heard: first what Drover writes of the node that is back.
    eventually("both nodes to be counted", LONG, async || {
        Ok((site.read().await?.status.unwrap_or_default().ready_node_num == 2).then_some(()))
    })
    .await?;
    elect(&site, &[("a", "10.41.0.1")]).await?;
    site.await_condition("LeaderReady", |condition| condition.reason == "Followed").await?;
    await_told(&site, "idle-a/10.41.0.1").await?;
    let exit = service.process.terminate(LONG).await?;
    assert!(exit.success(), "{exit}");
    Ok(())
}
