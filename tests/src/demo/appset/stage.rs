//! The stage: 20 pools in three tiers, and an application in each of them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use api::fleet_rollout::Phase;
use api::names;
use api::rollout_strategy::RolloutStrategy;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::demo::run::Run;
use crate::fixture::{AppSet, Estate};
use crate::fixture::{Testbed, eventually};

/// How many pools there are.
pub(super) const POOLS: u32 = 20;
/// The namespace; the names of the pools begin with it.
pub(super) const NAMESPACE: &str = "edge";
/// The YurtAppSet.
pub(super) const APP: &str = "web";
/// The tag of the release that does not work.
pub(super) const BROKEN: &str = "broken";
/// So long after its start a pool that does not run has failed, in seconds.
pub(super) const DEADLINE: u32 = 12;
/// How long a wave that has succeeded is watched, in seconds.
pub(super) const SOAK: u32 = 2;
/// The waves, by the label of their pools: name, how many pools, how many of them at once.
pub(super) const WAVES: [(&str, usize, u32); 3] = [("canary", 2, 2), ("early", 6, 3), ("everywhere", 12, 6)];

/// The strategy.
const STRATEGY: &str = "in-waves";
/// The label of a NodePool that says in which wave it is.
const TIER: &str = "tier";
/// So long a pod must be ready, in seconds: enough to be seen.
const MIN_READY: u32 = 2;
/// 20 pools on two busy cores: far more than it takes.
const READY_WITHIN: Duration = Duration::from_mins(2);

/// Makes the pools, the strategy, and the application with tag v1, which goes by no strategy yet: all pools at once.
pub(super) async fn set(bed: &Testbed) -> Result<Estate<'_>> {
    let estate = bed.estate(NAMESPACE, POOLS).await?;
    for (pool, wave) in estate.pools.iter().zip(tiers()) {
        estate.label_pool(pool, &json!({TIER: wave})).await?;
    }
    let strategies: Api<RolloutStrategy> = Api::namespaced(estate.client.clone(), NAMESPACE);
    let params = PatchParams::apply("drover-xtask").force();
    strategies.patch(STRATEGY, &params, &Patch::Apply(strategy())).await.context("applying the strategy")?;
    estate.deploy(&app(&estate), estate.pools.len()).await?;
    eventually("the first release to complete", READY_WITHIN, async || {
        let run = Run::newest(&estate.client, NAMESPACE).await?;
        Ok(run.filter(|run| run.phase == Phase::Completed))
    })
    .await?;
    Ok(estate)
}

/// Releases a version of the application, in waves from now on.
pub(super) async fn release(estate: &Estate<'_>, tag: &str) -> Result<()> {
    estate.apply(&app(estate).annotation(names::STRATEGY, STRATEGY).tag(tag)).await.map(drop)
}

/// The wave of each pool, in the order of the pools.
pub(super) fn tiers() -> impl Iterator<Item = &'static str> {
    WAVES.into_iter().flat_map(|(name, pools, _)| std::iter::repeat_n(name, pools))
}

/// The command whose view is shown.
pub(super) fn watching() -> String {
    format!("drover status yas/{APP} -n {NAMESPACE} -w")
}

fn app(estate: &Estate<'_>) -> AppSet {
    estate.app_set(APP).replicas(2).template("/spec/minReadySeconds", json!(MIN_READY))
}

/// What is not said here is the default.
fn strategy() -> Value {
    let waves = WAVES.map(|(name, _, at_once)| {
        json!({
            "name": name,
            "poolSelector": {"matchLabels": {TIER: name}},
            "maxConcurrentPools": at_once,
            "soakSeconds": SOAK,
        })
    });
    json!({
        "apiVersion": "drover.dev/v1alpha1",
        "kind": "RolloutStrategy",
        "metadata": {"name": STRATEGY},
        "spec": {"waves": waves, "unit": {"progressDeadlineSeconds": DEADLINE}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pool_has_a_wave() {
        assert_eq!(tiers().count(), POOLS as usize);
    }
}
