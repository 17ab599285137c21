//! A planned change of a DaemonSet, for programs.

use planner::rollout::{PoolReport, UnitKind, WaveReport};
use serde::Serialize;

use super::change::New;
use super::title;
use super::view::Shown;
use super::words::{conditions, nothing_starts, waiting};
use crate::progress::Units;
use crate::snapshot::Planned;

/// What a change would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Model {
    namespace: String,
    name: String,
    /// There is no such DaemonSet yet: its pods start at once, without a rollout.
    is_new: bool,
    /// Whose rules the run goes by.
    rules: String,
    units: Units,
    /// So many of the reachable ones may be down at once.
    allowed: u32,
    waves: Vec<Wave>,
    /// Nodes on which it begins at once.
    first: Vec<String>,
    /// Why nothing starts at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<String>,
    /// Why the others wait, the commonest reason first.
    waits: Vec<Why>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Wave {
    name: String,
    units: Units,
    pools: Vec<Pool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Option<String>,
}

#[derive(Debug, Serialize)]
struct Pool {
    /// Empty for the nodes without one.
    name: String,
    units: Units,
}

#[derive(Debug, Serialize)]
struct Why {
    kind: &'static str,
    sentence: String,
    units: usize,
}

impl Shown<'_> {
    /// The same as its lines say.
    pub(super) fn model(&self, planned: &Planned) -> Model {
        let (report, steps) = (&planned.plan.report, &planned.plan.steps);
        let is_new = matches!(self.change.new, New::DaemonSet(_));
        let strategy = self.rules.strategy();
        let pools = |wave: &WaveReport| {
            let mine = |pool: &&PoolReport| pool.wave == wave.name && pool.counts.desired > 0;
            let pool = |pool: &PoolReport| Pool { name: pool.pool.to_string(), units: pool.counts.into() };
            report.pools.iter().filter(mine).map(pool).collect()
        };
        let wave = |(at, wave): (usize, &WaveReport)| Wave {
            name: wave.name.to_string(),
            units: wave.counts.into(),
            pools: pools(wave),
            conditions: strategy.waves.get(at).map(|rules| conditions(rules, strategy)),
        };
        let waits = waiting(report, UnitKind::Node).into_iter();
        Model {
            namespace: self.change.namespace.clone(),
            name: self.change.name.clone(),
            is_new,
            rules: title(self.rules),
            units: report.counts.into(),
            allowed: planned.strategy.max_unavailable.allowed(report.counts.reachable),
            waves: report.waves.iter().enumerate().filter(|_| !is_new).map(wave).collect(),
            first: steps.iter().filter(|_| !is_new).map(|step| step.node.to_string()).collect(),
            hold: (steps.is_empty() && !is_new).then(|| nothing_starts(report.hold.as_ref(), UnitKind::Node)),
            waits: waits
                .filter(|_| !is_new)
                .map(|why| Why { kind: why.kind, sentence: why.sentence, units: why.units.len() })
                .collect(),
            warnings: self.warnings(report),
        }
    }
}
