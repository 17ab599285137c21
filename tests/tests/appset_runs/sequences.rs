//! Specs as they come, good and bad, one after the other: nothing crashes, and the end is what the last good one makes anew.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use api::names::app_set as names;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tests::fixture::{AppSet, Estate, eventually};
use xtask::stable;

use super::bed::{Scenario, scenario};
use super::{LONG, WEB};

const POOLS: u32 = 3;
/// Specs of one sequence.
const LENGTH: u64 = 5;
/// Sequences that are played at once.
const AT_ONCE: usize = 5;

#[tokio::test]
async fn twenty_sequences_of_specs_end_as_the_last_good_one_made_anew() -> Result<()> {
    play(0..20).await
}

#[tokio::test]
#[ignore = "a campaign of some 10 minutes: cargo xtask soak"]
async fn soak_a_hundred_sequences_of_specs_end_as_the_last_good_one_made_anew() -> Result<()> {
    play(1_000..1_100).await
}

async fn play(seeds: std::ops::Range<u64>) -> Result<()> {
    let all = stream::iter(seeds).map(|seed| async move {
        let sequence = Sequence::of(seed);
        sequence.play().await.with_context(|| format!("sequence {seed}: {:#?}", sequence.steps))
    });
    all.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await.map(drop)
}

/// What a user writes, and what is wrong with it.
#[derive(Debug, Clone)]
struct Step {
    /// Numbers of the pools.
    pools: Vec<u32>,
    tag: String,
    tweaks: Vec<Value>,
    flaw: Option<Flaw>,
    /// The next one is written before this one can have been carried out.
    in_haste: bool,
}

/// What is wrong with a spec. The API server refuses the first two, the controller or a dry run the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    NegativeReplicas,
    TwoTemplates,
    PatchOfNothing,
    PatchThatIsRefused,
    UnknownOperator,
}

struct Sequence {
    seed: u64,
    steps: Vec<Step>,
}

/// Numbers that are the same for a seed on every machine.
struct Dice(u64);

impl Dice {
    /// One of so many.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 += 1;
        stable::hash(&self.0.to_le_bytes()) % sides
    }
}

impl Sequence {
    fn of(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(1_000));
        let steps: Vec<Step> = (0..LENGTH).map(|_| Step::thrown(&mut dice)).collect();
        Self { seed, steps }
    }

    async fn play(&self) -> Result<()> {
        let scenario = scenario(&format!("sequence-{}", self.seed), POOLS).await?;
        let mut last_good: Option<(AppSet, &Step)> = None;
        let mut is_fresh = false;
        for step in &self.steps {
            // A good one that nobody had the time to carry out is not what a flawed one leaves.
            if let Some((_, good)) = last_good.as_ref().filter(|_| step.flaw.is_some() && is_fresh) {
                scenario.estate.await_set(WEB, "all of it", |set| is_carried_out(set, good.pools.len())).await?;
            }
            is_fresh = step.flaw.is_none();
            // A flawed one is about the workload, not about the pools: with them, workloads go that are not made anew.
            let pools = last_good.as_ref().filter(|_| step.flaw.is_some()).map_or(&step.pools, |(_, good)| &good.pools);
            let set = step.written(&scenario, pools);
            match scenario.estate.apply(&set).await {
                Ok(_) if step.flaw.is_none() => last_good = Some((set, step)),
                Ok(_) => {}
                // Nothing was stored; the user goes on from what was there.
                Err(error) if step.flaw.is_some() => drop(error),
                Err(error) => return Err(error),
            }
            if !step.in_haste {
                scenario.estate.quiet(std::time::Duration::from_millis(500)).await?;
            }
        }
        let Some((set, step)) = last_good else { return Ok(()) };
        let anew = self.anew(&scenario, &set).await?;
        let what = format!("what {step:?} makes anew");
        let mut left = Vec::new();
        let same = eventually(&what, LONG, async || {
            left.clear();
            differences("", &json!(shapes(&scenario.estate).await?), &json!(anew), &mut left);
            Ok(left.is_empty().then_some(()))
        });
        same.await.with_context(|| format!("left: {left:#?}"))?;
        scenario.finish().await?;
        scenario.estate.delete(WEB).await
    }

    /// What a spec makes where nothing was before.
    async fn anew(&self, scenario: &Scenario<'_>, set: &AppSet) -> Result<BTreeMap<String, Value>> {
        let namespace = format!("{}-anew", scenario.estate.namespace);
        scenario.bed.testbed.cluster.namespace(&namespace).await?;
        let (client, pools) = (scenario.estate.client.clone(), scenario.estate.pools.clone());
        let other = Estate { bed: &scenario.bed.testbed, namespace: namespace.clone(), pools, client };
        let set = set.clone().set("/metadata/namespace", json!(namespace));
        let workloads = set.object()["spec"]["pools"].as_array().map_or(0, Vec::len);
        other.apply(&set).await?;
        other.await_set(WEB, "all of it", |set| is_carried_out(set, workloads)).await?;
        let shapes = shapes(&other).await?;
        ensure!(shapes.len() == workloads, "{shapes:?}");
        other.delete(WEB).await?;
        Ok(shapes)
    }
}

impl Step {
    fn thrown(dice: &mut Dice) -> Self {
        let pools = (1..=POOLS).filter(|_| dice.roll(3) > 0).collect();
        let tweaks = (0..dice.roll(3)).map(|_| tweak(dice)).collect();
        let flaw = match dice.roll(12) {
            0 => Some(Flaw::NegativeReplicas),
            1 => Some(Flaw::TwoTemplates),
            2 => Some(Flaw::PatchOfNothing),
            3 => Some(Flaw::PatchThatIsRefused),
            4 => Some(Flaw::UnknownOperator),
            _ => None,
        };
        Self { pools, tag: format!("v{}", dice.roll(4)), tweaks, flaw, in_haste: dice.roll(2) == 0 }
    }

    /// The YurtAppSet, in pools by name.
    fn written(&self, scenario: &Scenario<'_>, pools: &[u32]) -> AppSet {
        let pools = scenario.pools(pools.iter().copied());
        let pools: Vec<&str> = pools.iter().map(String::as_str).collect();
        let mut set = AppSet::new(&scenario.estate.namespace, WEB).in_pools(&pools).tag(&self.tag);
        for tweak in &self.tweaks {
            let tweak = tweak.to_string().replace("NAMESPACE", &scenario.estate.namespace);
            set = set.tweak(serde_json::from_str(&tweak).unwrap_or_default());
        }
        let all: BTreeSet<String> = scenario.pools(1..=POOLS).into_iter().collect();
        let patch = |path: &str, operation: &str, value: Value| json!({"pools": all, "tweaks": {"patches": [{"path": path, "operation": operation, "value": value}]}});
        match self.flaw {
            None => set,
            Some(Flaw::NegativeReplicas) => set.tweak(json!({"pools": all, "tweaks": {"replicas": -1}})),
            Some(Flaw::TwoTemplates) => {
                let template = set.object().pointer(&set.template_pointer()).cloned().unwrap_or_default();
                set.set("/spec/workload/workloadTemplate/statefulSetTemplate", template)
            }
            Some(Flaw::PatchOfNothing) => set.tweak(patch("/spec/nowhere/at/all", "replace", json!(1))),
            Some(Flaw::PatchThatIsRefused) => {
                set.tweak(patch("/spec/template/spec/restartPolicy", "add", json!("Never")))
            }
            Some(Flaw::UnknownOperator) => {
                let odd = json!({"matchExpressions": [{"key": "a", "operator": "Near"}]});
                set.tweak(json!({"nodepoolSelector": odd, "tweaks": {"replicas": 2}}))
            }
        }
    }
}

fn tweak(dice: &mut Dice) -> Value {
    let pool = format!("NAMESPACE-pool-{}", dice.roll(u64::from(POOLS)) + 1);
    let image = AppSet::image_of(WEB, &format!("t{}", dice.roll(3)));
    let tweaks = match dice.roll(4) {
        0 => json!({"replicas": dice.roll(3)}),
        1 => json!({"containerImages": [{"name": "main", "targetImage": image}]}),
        2 => json!({"patches": [{"path": "/spec/minReadySeconds", "operation": "add", "value": dice.roll(2)}]}),
        _ => {
            let variable = json!([{"name": "SITE", "value": "{{nodepool-name}}"}]);
            json!({"patches": [{"path": "/spec/template/spec/containers/0/env", "operation": "add", "value": variable}]})
        }
    };
    json!({"pools": [pool], "tweaks": tweaks})
}

/// Whether its workloads, so many, are what the newest spec says.
fn is_carried_out(set: &Value, workloads: usize) -> bool {
    let status = &set["status"];
    let is_newest = status["observedGeneration"] == set["metadata"]["generation"];
    is_newest && status["totalWorkloads"] == workloads && status["updatedWorkloads"] == workloads
}

/// Where two values differ, and how.
fn differences(path: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(fields), Value::Object(others)) => {
            let names: BTreeSet<&String> = fields.keys().chain(others.keys()).collect();
            names.into_iter().for_each(|name| differences(&format!("{path}/{name}"), &one[name], &other[name], found));
        }
        _ if one != other => found.push(format!("{path}: {one} and not {other}")),
        _ => {}
    }
}

/// What each pool's workload is, but for what differs between two that are alike: what Kubernetes counts in it, and the hash of
/// everything that was applied, the owner among it.
async fn shapes(estate: &Estate<'_>) -> Result<BTreeMap<String, Value>> {
    let children = estate.children(WEB).await?;
    let shape = |child: Value| {
        let mut annotations = child["metadata"]["annotations"].clone();
        if let Some(all) = annotations.as_object_mut() {
            all.remove("deployment.kubernetes.io/revision");
            all.remove(names::RENDERED);
        }
        json!({
            "name": child["metadata"]["name"], "labels": child["metadata"]["labels"], "annotations": annotations,
            "spec": child["spec"],
        })
    };
    Ok(children.into_iter().map(|(pool, child)| (pool, shape(child))).collect())
}
