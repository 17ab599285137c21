//! A scenario's runs, as their users see and steer them.

use anyhow::{Context as _, Result};
use api::approval_request::ApprovalRequest;
use api::fleet_rollout::{FleetRollout, FleetRolloutStatus, Phase};
use api::names;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use planner::rollout::Wave;
use serde_json::{Value, json};
use tests::fixture::eventually;

use super::bed::Scenario;
use super::{LONG, WEB};

/// Who the tests are to the API server.
const ADMINISTRATOR: &str = "drover:admin";

impl Scenario<'_> {
    /// All runs of the YurtAppSet, oldest first.
    pub(crate) async fn runs(&self) -> Result<Vec<FleetRollout>> {
        let list = self.rollouts().list(&ListParams::default()).await.context("listing FleetRollouts")?;
        let mut runs: Vec<_> = list.items.into_iter().filter(|run| run.spec.target_ref.name == WEB).collect();
        runs.sort_by_key(|run| run.spec.revision.number);
        Ok(runs)
    }

    /// The run of the revision with this number.
    pub(crate) async fn run(&self, number: i64) -> Result<FleetRollout> {
        let found = self.runs().await?.into_iter().find(|run| run.spec.revision.number == number);
        found.with_context(|| format!("no run of revision {number}"))
    }

    /// Waits until the status of the run of a revision is as wanted.
    pub(crate) async fn await_status(
        &self,
        number: i64,
        what: &str,
        wanted: impl Fn(&FleetRolloutStatus) -> bool,
    ) -> Result<FleetRolloutStatus> {
        let mut last = None;
        let namespace = &self.estate.namespace;
        let what = format!("{what} of {namespace} r{number}");
        let found = eventually(&what, LONG, async || {
            let run = self.runs().await?.into_iter().find(|run| run.spec.revision.number == number);
            last = run.and_then(|run| run.status);
            Ok(last.clone().filter(&wanted))
        });
        let found = found.await;
        found.with_context(|| format!("last status: {}", json!(last)))
    }

    /// Waits until the run of a revision is in this phase.
    pub(crate) async fn await_phase(&self, number: i64, phase: Phase) -> Result<FleetRolloutStatus> {
        self.await_status(number, &format!("{phase:?}"), |status| status.phase == phase).await
    }

    /// Waits until the run of a revision is held for a reason of this kind; returns its sentence.
    pub(crate) async fn await_hold(&self, number: i64, kind: &str) -> Result<String> {
        let said = |status: &FleetRolloutStatus| {
            let held = |condition: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
                condition.type_ == names::condition::HELD && condition.status == "True" && condition.reason == kind
            };
            status.conditions.iter().find(held).map(|condition| condition.message.clone())
        };
        let status = self.await_status(number, &format!("the hold {kind}"), |status| said(status).is_some()).await?;
        said(&status).context("it is gone")
    }

    /// Waits until the run of a revision says something with all of these words about a pool.
    pub(crate) async fn await_attention(&self, number: i64, pool: &str, words: &[&str]) -> Result<String> {
        let told = |status: &FleetRolloutStatus| {
            let all = json!(status.attention);
            let mut of_pool = all.as_array().cloned().unwrap_or_default().into_iter();
            let told = of_pool.find(|one| one["pool"] == pool).map(|one| one.to_string());
            told.filter(|text| words.iter().all(|word| text.contains(word)))
        };
        let what = format!("{words:?} about {pool}");
        let status = self.await_status(number, &what, |status| told(status).is_some()).await?;
        told(&status).context("it is gone")
    }

    /// Changes the spec of the newest run, as a user does with kubectl.
    pub(crate) async fn tell_run(&self, spec: &Value) -> Result<()> {
        let run = self.runs().await?.pop().context("no run yet")?;
        let patch = Patch::Merge(json!({ "spec": spec }));
        self.rollouts().patch(&run.name_any(), &PatchParams::default(), &patch).await.context("changing a run")?;
        Ok(())
    }

    /// Waits for requests for approval of the run of a revision, and approves those that nobody decided.
    pub(crate) async fn approve(&self, number: i64) -> Result<()> {
        let (estate, uid) = (&self.estate, self.run(number).await?.uid());
        let api: Api<ApprovalRequest> = Api::namespaced(estate.client.clone(), &estate.namespace);
        let what = format!("a question of r{number}");
        let asked = eventually(&what, LONG, async || {
            let all = api.list(&ListParams::default()).await.context("listing ApprovalRequests")?;
            let mine = all.items.into_iter().filter(|request| Some(&request.spec.rollout_ref.uid) == uid.as_ref());
            let open: Vec<_> = mine.filter(|request| request.spec.decision.is_none()).collect();
            Ok((!open.is_empty()).then_some(open))
        });
        for request in asked.await? {
            let decision = json!({"spec": {"decision": "Approved", "approver": ADMINISTRATOR}});
            let decided = api.patch(&request.name_any(), &PatchParams::default(), &Patch::Merge(&decision)).await;
            decided.context("approving")?;
        }
        Ok(())
    }

    fn rollouts(&self) -> Api<FleetRollout> {
        Api::namespaced(self.estate.client.clone(), &self.estate.namespace)
    }
}

/// The names of waves in a status, in order, with how far each is.
pub(crate) fn states(status: &FleetRolloutStatus) -> Vec<(String, String)> {
    status.waves.iter().map(|wave| (wave.name.clone(), format!("{:?}", wave.state))).collect()
}

/// The life of a wave that has opened, as the run remembers it.
pub(crate) fn wave<'s>(status: &'s FleetRolloutStatus, name: &str) -> Result<&'s Wave> {
    let mut waves = status.record.iter().flat_map(|record| &record.waves);
    waves.find(|wave| wave.name == name).with_context(|| format!("wave {name} has not opened: {}", json!(status)))
}
