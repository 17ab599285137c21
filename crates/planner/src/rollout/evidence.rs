//! Second pass: were nodes lost to the release? Rule 5's sequential test, over nodes and over pools.
//!
//! The measure is a martingale while the release has no effect, so a halt by the test is as rare as asked for, however
//! often one looks (Ville's inequality): P(mean of E ever ≥ c) ≤ 1/c.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::run::Run;
use super::units::Fleet;
use super::{Input, LossSeen, Revisit};
use crate::fleet::{LossHistory, Name, Uid};

/// Alternatives that the test bets on: a release that multiplies a node's hazard by these.
const THETAS: [f64; 3] = [3.0, 10.0, 30.0];

/// A node's weight is its losses of the last 24 h plus this: nodes that never failed still can.
const BASE_WEIGHT: f64 = 0.2;

/// E is kept below this: far beyond every threshold, and short of overflow.
const CEILING: f64 = 1e15;

/// The state of the node-loss tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Evidence {
    /// E of the test over nodes, for θ of 3, 10 and 30.
    pub nodes: [f64; 3],
    /// E of the test over pools.
    pub pools: [f64; 3],
    /// Exposed nodes that were ever lost, in whatever company.
    pub lost: u32,
    /// Exposed nodes that were lost and are still away, without those lost in an outage of their site.
    pub away: Vec<Away>,
    /// Pools with losses in the last `loss_window`, not scored yet.
    pub windows: Vec<PoolWindow>,
    /// Losses of whole pools, for their weight; in memory only.
    #[serde(skip)]
    pool_losses: HashMap<Name, Vec<Timestamp>>,
    /// Pools whose loss was counted in their exposure; in memory only.
    #[serde(skip)]
    counted_pools: HashSet<Name>,
}

/// An exposed node that is away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Away {
    /// The node's name.
    pub node: String,
    /// Its UID.
    pub node_uid: Uid,
    /// When it was lost.
    pub at: Timestamp,
}

/// The losses of one pool that are looked at together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolWindow {
    /// The pool.
    pub pool: String,
    /// When its first loss was seen.
    pub opened: Timestamp,
    /// Its Ready nodes just before.
    pub ready: u32,
    /// Nodes lost since.
    pub lost: u32,
    /// (a, b) at the loss of each exposed node.
    pub exposed: Vec<[f64; 2]>,
    /// (a, b) at the first loss of a node that was not exposed: all losses here are then that one.
    pub unexposed: Option<[f64; 2]>,
    /// The pool had an exposed node.
    pub pool_exposed: bool,
    /// (a, b) over pools when the window opened.
    pub pool_weights: [f64; 2],
}

impl Default for Evidence {
    fn default() -> Self {
        Self {
            nodes: [1.0; 3],
            pools: [1.0; 3],
            lost: 0,
            away: Vec::new(),
            windows: Vec::new(),
            pool_losses: HashMap::new(),
            counted_pools: HashSet::new(),
        }
    }
}

impl Evidence {
    /// Starts anew, after a halt that a user ended. Losses stay counted; the mark says from where.
    pub(super) fn restart(&mut self) {
        (self.nodes, self.pools) = ([1.0; 3], [1.0; 3]);
        self.away.clear();
        self.windows.clear();
    }

    /// The stronger of the two tests: the mean of E over the alternatives.
    pub fn strength(&self) -> f64 {
        mean(self.nodes).max(mean(self.pools))
    }

    /// Exposed nodes that are away for longer than `backstop`.
    pub(super) fn gone_for_good(&self, now: Timestamp, backstop: SignedDuration, revisit: &mut Revisit) -> usize {
        debug_assert_eq!(revisit.now, now, "one time per plan");
        self.away.iter().filter(|away| revisit.due(away.at + backstop)).count()
    }

    fn close_windows(&mut self, loss_window: SignedDuration, revisit: &mut Revisit) {
        let (closed, open) =
            std::mem::take(&mut self.windows).into_iter().partition(|window| revisit.due(window.opened + loss_window));
        self.windows = open;
        let closed: Vec<PoolWindow> = closed;
        for window in closed {
            match window.unexposed {
                Some(weights) => score(&mut self.nodes, false, weights),
                None => window.exposed.iter().for_each(|weights| score(&mut self.nodes, true, *weights)),
            }
            if 2 * window.lost > window.ready {
                score(&mut self.pools, window.pool_exposed, window.pool_weights);
                let pool: Name = window.pool.as_str().into();
                self.pool_losses.entry(pool.clone()).or_default().push(window.opened);
                if window.pool_exposed {
                    self.counted_pools.insert(pool);
                }
            }
        }
    }
}

fn mean(e: [f64; 3]) -> f64 {
    e.iter().sum::<f64>() / 3.0
}

/// One loss: `E_θ ← E_θ · (θ if exposed else 1) · (a + b)/(θ·a + b)`.
fn score(e: &mut [f64; 3], exposed: bool, [a, b]: [f64; 2]) {
    for (e, theta) in e.iter_mut().zip(THETAS) {
        let bet = if exposed { theta } else { 1.0 };
        *e = (*e * bet * (a + b) / (theta * a + b)).min(CEILING);
    }
}

/// The eligible nodes that were Ready just before a loss, with their weights.
struct Standing {
    nodes: HashMap<Uid, (f64, Exposure)>,
    exposed: f64,
    others: f64,
    /// Ready nodes of each pool, and whether one of them is exposed.
    pools: HashMap<Name, (u32, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exposure {
    Exposed,
    /// Exposed, and counted already: it is in no sum any more.
    Counted,
    Not,
}

impl Standing {
    /// As it was before the first of the new losses.
    fn before(input: &Input<'_>, fleet: &Fleet<'_>, run: &Run) -> Self {
        let mut standing = Self { nodes: HashMap::new(), exposed: 0.0, others: 0.0, pools: HashMap::new() };
        let lost = input.losses.iter().filter(|seen| seen.eligible).map(|seen| &*seen.loss.node);
        let ready = fleet.units.iter().map(|assessed| assessed.unit.node).filter(|n| n.link.ready_since().is_some());
        for node in ready.chain(lost).filter(|node| !node.is_excused()) {
            if standing.nodes.contains_key(&node.uid) {
                continue;
            }
            let exposure = match run.tracks.get(&node.uid) {
                Some(track) if track.is_exposed(input.now, input.strategy.exposure) => {
                    if track.activation.counted {
                        Exposure::Counted
                    } else {
                        Exposure::Exposed
                    }
                }
                _ => Exposure::Not,
            };
            let weight = weight(input.history, node.uid, input.now);
            standing.nodes.insert(node.uid, (weight, exposure));
            match exposure {
                Exposure::Exposed => standing.exposed += weight,
                Exposure::Not => standing.others += weight,
                Exposure::Counted => {}
            }
            let pool = standing.pools.entry(node.pool.clone()).or_default();
            pool.0 += 1;
            pool.1 |= exposure != Exposure::Not;
        }
        standing
    }

    /// The weights of exposed and of other pools.
    fn pool_weights(&self, evidence: &Evidence, now: Timestamp) -> [f64; 2] {
        let day = SignedDuration::from_hours(24);
        let mut pools: Vec<_> = self.pools.iter().filter(|(_, (ready, _))| *ready > 0).collect();
        pools.sort_by(|a, b| a.0.cmp(b.0));
        let mut weights = [0.0; 2];
        for (pool, (_, exposed)) in pools {
            let losses = evidence
                .pool_losses
                .get(pool)
                .map_or(0, |losses| losses.iter().filter(|at| now.duration_since(**at) < day).count());
            if *exposed && evidence.counted_pools.contains(pool) {
                continue;
            }
            weights[usize::from(!*exposed)] += losses as f64 + BASE_WEIGHT;
        }
        weights
    }
}

fn weight(history: &LossHistory, node: Uid, at: Timestamp) -> f64 {
    history.before(node, at) as f64 + BASE_WEIGHT
}

/// Notes the losses since the last plan, and scores the windows that have closed.
pub(super) fn weigh(input: &Input<'_>, fleet: &Fleet<'_>, run: &mut Run, revisit: &mut Revisit) {
    if !input.losses.is_empty() {
        let mut standing = Standing::before(input, fleet, run);
        run.evidence.counted_pools.retain(|pool| standing.pools.get(pool).is_some_and(|(_, exposed)| *exposed));
        for seen in input.losses.iter().filter(|seen| seen.eligible && !seen.loss.node.is_excused()) {
            note(&mut standing, seen, run);
        }
    }
    if !run.evidence.away.is_empty() {
        let back: HashSet<Uid> = fleet
            .units
            .iter()
            .filter(|assessed| assessed.unit.node.link.ready_since().is_some())
            .map(|assessed| assessed.unit.node.uid)
            .collect();
        run.evidence.away.retain(|away| !back.contains(&away.node_uid));
    }
    run.evidence.close_windows(input.timing.loss_window, revisit);
}

fn note(standing: &mut Standing, seen: &LossSeen, run: &mut Run) {
    let (node, at) = (&seen.loss.node, seen.loss.at);
    let Some((weight, exposure)) = standing.nodes.get(&node.uid).copied() else {
        return;
    };
    let exposed = match exposure {
        Exposure::Counted => return,
        Exposure::Exposed => true,
        Exposure::Not => false,
    };
    let weights = [standing.exposed, standing.others];
    let window = match run.evidence.windows.iter().position(|window| *window.pool == *node.pool) {
        Some(known) => known,
        None => open_window(standing, &node.pool, at, &mut run.evidence),
    };
    let window = &mut run.evidence.windows[window];
    window.lost += 1;
    if exposed {
        standing.exposed -= weight;
        standing.nodes.insert(node.uid, (weight, Exposure::Counted));
        if let Some(track) = run.tracks.get_mut(&node.uid) {
            track.activation.counted = true;
        }
        run.evidence.lost += 1;
        if window.unexposed.is_none() {
            window.exposed.push(weights);
            run.evidence.away.push(Away { node: node.name.to_string(), node_uid: node.uid, at });
        }
    } else {
        standing.others -= weight;
        standing.nodes.remove(&node.uid);
        if window.unexposed.is_none() {
            // The site has an outage: what it took of the exposed nodes is no evidence.
            window.unexposed = Some(weights);
            window.exposed.clear();
            let (opened, tracks) = (window.opened, &run.tracks);
            let of_outage = |away: &Away| {
                away.at >= opened && tracks.get(&away.node_uid).is_some_and(|track| track.pool == node.pool)
            };
            run.evidence.away.retain(|away| !of_outage(away));
        }
    }
}

fn open_window(standing: &Standing, pool: &Name, at: Timestamp, evidence: &mut Evidence) -> usize {
    let (ready, pool_exposed) = standing.pools.get(pool).copied().unwrap_or_default();
    evidence.windows.push(PoolWindow {
        pool: pool.to_string(),
        opened: at,
        ready,
        lost: 0,
        exposed: Vec::new(),
        unexposed: None,
        pool_exposed,
        pool_weights: standing.pool_weights(evidence, at),
    });
    evidence.windows.len() - 1
}
