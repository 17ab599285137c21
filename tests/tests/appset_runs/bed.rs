//! Clusters with controllers on them, and scenarios with a judge at the end.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use api::rollout_strategy::RolloutStrategy;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tests::checker::{Deeds, Judge, SetVerdict};
use tests::fixture::{APPSET_CONTROLLER, AppSet, Estate, Pace, Service, ServiceSpec, Testbed, eventually};
use tokio::sync::{Mutex as Turn, MutexGuard, OnceCell};

use super::{STRATEGY, WEB};

/// So long nothing may be written at the end.
const QUIET: Duration = Duration::from_secs(2);

/// A cluster on which controllers of YurtAppSets may run.
pub(crate) struct Bed {
    pub(crate) testbed: Testbed,
    deeds: Mutex<Deeds>,
}

/// A cluster whose controllers are there one after the other: only one of them can lead.
pub(crate) struct Lonely {
    bed: OnceCell<Bed>,
    turn: Turn<()>,
}

/// A scenario: pools of its own, and the YurtAppSet [`WEB`].
pub(crate) struct Scenario<'b> {
    pub(crate) bed: &'b Bed,
    pub(crate) estate: Estate<'b>,
}

/// A controller whose failures show soon, after 1 s of trouble, and that deletes as much at once as it is asked to.
pub(crate) fn controller() -> ServiceSpec {
    ServiceSpec::new(APPSET_CONTROLLER)
        .env("DROVER_TIMING__FAILED_AFTER", "1s")
        .env("DROVER_DELETIONS__PERCENT_PER_MINUTE", "100")
}

/// One whose Lease is soon free when it is killed.
pub(crate) fn short_lived() -> ServiceSpec {
    controller()
        .env("DROVER_LEASE__DURATION", "3s")
        .env("DROVER_LEASE__RENEW_EVERY", "500ms")
        .env("DROVER_LEASE__MARGIN", "500ms")
        .env("DROVER_KUBE__WRITE_TIMEOUT", "1s")
}

/// A scenario on the cluster of all those whose controller lives on.
pub(crate) async fn scenario(name: &str, pools: u32) -> Result<Scenario<'static>> {
    shared().await?.0.scenario(name, pools).await
}

/// That cluster, with its controller.
pub(crate) async fn shared() -> Result<&'static (Bed, Service)> {
    static SHARED: OnceCell<(Bed, Service)> = OnceCell::const_new();
    let start = async || -> Result<_> {
        let bed = Bed::start().await?;
        let service = bed.testbed.appset_controller(controller()).await?;
        Ok((bed, service))
    };
    SHARED.get_or_try_init(start).await
}

impl Lonely {
    pub(crate) const fn new() -> Self {
        Self { bed: OnceCell::const_new(), turn: Turn::const_new(()) }
    }

    /// The cluster, once nobody else has it.
    pub(crate) async fn turn(&'static self) -> Result<(&'static Bed, MutexGuard<'static, ()>)> {
        let turn = self.turn.lock().await;
        Ok((self.bed.get_or_try_init(Bed::start).await?, turn))
    }
}

impl Bed {
    pub(crate) async fn start() -> Result<Self> {
        let testbed = Testbed::for_app_sets(Pace::calm()).await?;
        let deeds = Deeds::new(testbed.cluster.audit_log().context("the cluster has no audit log")?);
        Ok(Self { testbed, deeds: Mutex::new(deeds) })
    }

    pub(crate) async fn scenario(&self, name: &str, pools: u32) -> Result<Scenario<'_>> {
        Ok(Scenario { bed: self, estate: self.testbed.estate(name, pools).await? })
    }

    /// What the audit log says until now of a namespace's YurtAppSets.
    pub(crate) fn judge(&self, namespace: &str) -> Result<SetVerdict> {
        Judge::default().judge(&mut self.deeds.lock().unwrap_or_else(PoisonError::into_inner), namespace)
    }
}

impl Scenario<'_> {
    /// The names of its pools with these numbers.
    pub(crate) fn pools(&self, numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
        numbers.into_iter().map(|number| self.pool(number)).collect()
    }

    /// The name of its pool with this number.
    pub(crate) fn pool(&self, number: u32) -> String {
        format!("{}-pool-{number}", self.estate.namespace)
    }

    /// The YurtAppSet in all its pools, with the image `v1`.
    pub(crate) fn web(&self) -> AppSet {
        self.estate.app_set(WEB)
    }

    /// The YurtAppSet in all its pools, whose runs go by the scenario's strategy.
    pub(crate) fn web_in_waves(&self) -> AppSet {
        self.web().annotation(api::names::STRATEGY, STRATEGY)
    }

    /// Makes the scenario's strategy, or changes it to this spec.
    pub(crate) async fn tell_strategy(&self, spec: &Value) -> Result<()> {
        let estate = &self.estate;
        let api: Api<RolloutStrategy> = Api::namespaced(estate.client.clone(), &estate.namespace);
        let object = json!({
            "apiVersion": "drover.dev/v1alpha1", "kind": "RolloutStrategy", "metadata": {"name": STRATEGY}, "spec": spec,
        });
        let params = PatchParams::apply("drover-tests").force();
        api.patch(STRATEGY, &params, &Patch::Apply(&object)).await.context("applying a RolloutStrategy")?;
        Ok(())
    }

    /// The pools whose workload asks for this tag.
    pub(crate) async fn pools_with(&self, tag: &str) -> Result<BTreeSet<String>> {
        let image = json!(AppSet::image_of(WEB, tag));
        let children = self.estate.children(WEB).await?.into_iter();
        let of_tag = |child: &Value| child.pointer("/spec/template/spec/containers/0/image") == Some(&image);
        Ok(children.filter(|(_, child)| of_tag(child)).map(|(pool, _)| pool).collect())
    }

    /// Exactly these pools ask for this tag, and do so for a while.
    pub(crate) async fn stays_in(&self, tag: &str, numbers: impl IntoIterator<Item = u32>) -> Result<()> {
        self.stays_with(tag, self.pools(numbers)).await
    }

    /// The same of pools that are known by name.
    pub(crate) async fn stays_with(&self, tag: &str, pools: impl IntoIterator<Item = String>) -> Result<()> {
        let pools: BTreeSet<String> = pools.into_iter().collect();
        // What a status tells of and what is there are two things: the one may come before the other.
        eventually(&format!("{tag} in {pools:?}"), super::LONG, async || {
            Ok((self.pools_with(tag).await? == pools).then_some(()))
        })
        .await?;
        tokio::time::sleep(super::A_WHILE).await;
        let found = self.pools_with(tag).await?;
        ensure!(found == pools, "{tag} is in {found:?} and not in {pools:?}");
        Ok(())
    }

    /// What the audit log says until now. No rule may be broken.
    #[expect(clippy::print_stderr, reason = "what a test prints is shown when it fails")]
    pub(crate) fn verdict(&self) -> Result<SetVerdict> {
        let verdict = self.bed.judge(&self.estate.namespace)?;
        eprintln!("{}: {verdict}", self.estate.namespace);
        ensure!(verdict.breaches.is_empty(), "{}: {verdict}", self.estate.namespace);
        Ok(verdict)
    }

    /// The verdict when nothing is written any more.
    pub(crate) async fn finish(&self) -> Result<SetVerdict> {
        self.estate.quiet(QUIET).await?;
        self.verdict()
    }
}
