//! Waves: in which order the pools of a target get a revision.

use jiff::SignedDuration;
use planner::strategy as plan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{PoolSelector, YEAR};
use crate::amount::IntOrPercent;

/// As many waves as a strategy may name: one of the hundred that a status shows is the rest.
pub(super) const MAX_WAVES: u32 = 99;

/// Some of the pools, and what must be before they get the revision and before the next wave does.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "(has(self.pools) && size(self.pools) > 0) || has(self.poolSelector)",
    "message": "must choose pools: one of pools and poolSelector must be given ({} selects every pool)",
    "fieldPath": ".pools",
}]))]
pub struct Wave {
    /// Its name, unique in the strategy: lower-case letters, digits and '-'. `rest` is the name of the last wave, of all
    /// pools that no other chose; it is always there.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"),
        extend("x-kubernetes-validations" = [{
            "rule": "self != 'rest'",
            "message": "must not be rest: that is the last wave, of all pools that no other chose; it needs no entry",
        }])
    )]
    pub name: String,
    /// Pools that belong to it, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(min = 1, max = 63)))]
    pub pools: Vec<String>,
    /// Pools whose NodePool has such labels belong to it too. {} is every pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_selector: Option<PoolSelector>,
    /// Of the pools that match and belong to no earlier wave only so many, by name: an integer or a percentage (rounded up).
    /// The others are left to later waves. Left out: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = AtLeastOne)]
    pub max_pools: Option<IntOrPercent>,
    /// Of its pools, how many may be under change at once: an integer or a percentage (rounded up). Left out: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = AtLeastOne)]
    pub max_concurrent_pools: Option<IntOrPercent>,
    /// Of its reachable units, how many may be down at once: an integer or a percentage (rounded up, at least 1). 0 stops
    /// the wave. Left out: the amount of the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrPercent>,
    /// Of its reachable units, how many must be settled at the revision before it can succeed: an integer or a percentage
    /// (rounded up). Left out: all but the failures that are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_updated: Option<IntOrPercent>,
    /// What becomes of it when at its deadline too few of its units are reachable for a verdict: `Hold` (the run waits, and
    /// says so) or `Proceed` (the run goes on to the next wave). Default: `Hold`.
    #[serde(default)]
    pub on_inconclusive: OnInconclusive,
    /// Seconds for which it is watched, from its success at this revision, before the next wave opens. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = YEAR))]
    pub soak_seconds: u32,
    /// Where it waits for somebody's approval: `None`, `BeforeWave` (before it opens) or `AfterWave` (after it has succeeded
    /// and soaked). Each wait makes an ApprovalRequest. Default: `None`.
    #[serde(default)]
    pub approval: Approval,
}

/// What becomes of a wave in which too few units are reachable for a verdict.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnInconclusive {
    /// The run waits.
    #[default]
    Hold,
    /// The run goes on.
    Proceed,
}

/// Where a wave waits for a human.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Approval {
    /// Nowhere.
    #[default]
    None,
    /// Before it opens.
    BeforeWave,
    /// After it has succeeded and soaked.
    AfterWave,
}

/// An amount of pools of which none makes no sense.
struct AtLeastOne;

impl schemars::transform::Transform for AtLeastOne {
    fn transform(&mut self, schema: &mut schemars::Schema) {
        let rule = json!({
            "rule": "type(self) == int ? self != 0 : self != '0%'",
            "message": "must be at least 1 or 1%: a wave that may change no pool never ends",
        });
        if let Some(serde_json::Value::Array(rules)) = schema.get_mut("x-kubernetes-validations") {
            rules.push(rule);
        }
    }
}

impl From<&Wave> for plan::Wave {
    fn from(wave: &Wave) -> Self {
        let Wave {
            name,
            pools,
            pool_selector,
            max_pools,
            max_concurrent_pools,
            max_unavailable,
            min_updated,
            on_inconclusive,
            soak_seconds,
            approval,
        } = wave;
        let amount = |amount: &Option<IntOrPercent>| amount.map(|amount| amount.0);
        Self {
            name: name.as_str().into(),
            pools: pools.iter().map(|pool| pool.as_str().into()).collect(),
            pool_selector: pool_selector.as_ref().map(Into::into),
            max_pools: amount(max_pools),
            max_concurrent_pools: amount(max_concurrent_pools),
            max_unavailable: amount(max_unavailable),
            min_updated: amount(min_updated),
            on_inconclusive: match on_inconclusive {
                OnInconclusive::Hold => plan::OnInconclusive::Hold,
                OnInconclusive::Proceed => plan::OnInconclusive::Proceed,
            },
            soak: SignedDuration::from_secs(i64::from(*soak_seconds)),
            approval: match approval {
                Approval::None => plan::Approval::None,
                Approval::BeforeWave => plan::Approval::BeforeWave,
                Approval::AfterWave => plan::Approval::AfterWave,
            },
        }
    }
}
