//! Second pass: were nodes lost to the release? Rule 5's sequential test, over nodes and over pools.
//!
//! At each loss the test bets on whether the lost node was exposed, at the odds that hold while the release has no effect:
//! a node's chance to be the lost one is its weight over that of all it is compared with. So E is a martingale then, and a
//! halt by the test as rare as asked for, however often one looks (Ville's inequality): P(mean of E ever ≥ c) ≤ 1/c.
//! What a node is compared with decides whether those odds are right:
//!
//! - **With nodes that have been Ready for about as long** ([`band`]). A link that flaps is not as likely to go down a
//!   minute after it came back as it is ten minutes after, restarts need nodes that have been Ready for a while, and an
//!   exposed node is counted once: so exposed nodes of a flapping fleet have been Ready for longer than the others. Without
//!   bands 2 to 4 % of good releases halted in a model with 30 % of the nodes flapping, with them 0.2 to 0.8 %.
//! - **The first loss of a pool in `loss_window` with the whole fleet, each further one with its own pool.** When a site
//!   goes dark its nodes follow each other, but which of them are exposed is as it is in that pool. An outage so weighs as
//!   much as its first loss, also when the whole pool was exposed, and nodes that flap at the side of a victim hide nothing.
//!   (rollouts.md merges all losses of the window into one that is not exposed as soon as one of them is not. With flapping
//!   nodes in the pool that hid half of the victims; it kept only the first of several unexposed losses, but all exposed
//!   ones; and it could be reckoned only when the window closed.)

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

/// Nodes are compared by how long they have been Ready: under 1 min, 2, 4, 8, 16, 32, 64, and longer.
const BANDS: usize = 8;

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
    /// Pools with losses in the last `loss_window`.
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
    /// Its pool; records of earlier versions do not tell.
    #[serde(default)]
    pub pool: String,
    /// When it was lost.
    pub at: Timestamp,
    /// It was lost together with most of its pool, of which all nodes were exposed: such nodes count as one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_pool: bool,
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
    /// Those of them that were not exposed; records of earlier versions do not tell.
    #[serde(default)]
    pub others: u32,
    /// Nodes lost since.
    pub lost: u32,
    /// Those of them that were not exposed.
    #[serde(default)]
    pub others_lost: u32,
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
    pub(super) fn gone_for_good(&self, now: Timestamp, backstop: SignedDuration, revisit: &mut Revisit) -> u32 {
        debug_assert_eq!(revisit.now, now, "one time per plan");
        count(self.away.iter().filter(|away| revisit.due(away.at + backstop)), false)
    }

    /// Exposed nodes that are away, and how many of them are known not to have gone with their site. Nodes that were lost
    /// with their whole pool count as one, unless each is to count.
    pub(super) fn away(&self, each: bool) -> (u32, u32) {
        let is_weighed = |away: &&Away| !self.windows.iter().any(|window| window.has(away));
        (count(self.away.iter(), each), count(self.away.iter().filter(is_weighed), each))
    }

    /// When the next window closes.
    pub(super) fn next_close(&self, loss_window: SignedDuration) -> Option<Timestamp> {
        self.windows.iter().map(|window| window.opened + loss_window).min()
    }

    fn close_windows(&mut self, loss_window: SignedDuration, revisit: &mut Revisit) {
        let (closed, open): (Vec<_>, _) =
            std::mem::take(&mut self.windows).into_iter().partition(|window| revisit.due(window.opened + loss_window));
        self.windows = open;
        for window in closed {
            if window.is_site_outage() {
                self.away.retain(|away| !window.has(away));
            } else if window.took_the_pool() && window.others == 0 {
                self.away.iter_mut().filter(|away| window.has(away)).for_each(|away| away.with_pool = true);
            }
            if window.took_the_pool() {
                let exposed = window.others < window.ready;
                score(&mut self.pools, exposed, window.pool_weights);
                let pool: Name = window.pool.as_str().into();
                self.pool_losses.entry(pool.clone()).or_default().push(window.opened);
                if exposed {
                    self.counted_pools.insert(pool);
                }
            }
        }
    }
}

impl PoolWindow {
    /// Over half of the pool's Ready nodes were lost.
    const fn took_the_pool(&self) -> bool {
        2 * self.lost > self.ready
    }

    /// Over half of the nodes that were not exposed were lost as well: it was not the release.
    const fn is_site_outage(&self) -> bool {
        2 * self.others_lost > self.others
    }

    fn has(&self, away: &Away) -> bool {
        away.pool == self.pool && away.at >= self.opened
    }
}

fn count<'a>(away: impl Iterator<Item = &'a Away>, each: bool) -> u32 {
    let (together, alone): (Vec<_>, Vec<_>) = away.partition(|away| away.with_pool && !each);
    let pools: HashSet<&str> = together.into_iter().map(|away| away.pool.as_str()).collect();
    u32::try_from(alone.len() + pools.len()).unwrap_or(u32::MAX)
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

/// Which nodes a node is compared with: those that have been Ready for about as long, by factors of two.
fn band(ready_for: SignedDuration) -> usize {
    let minutes = usize::try_from(ready_for.as_mins()).unwrap_or(0);
    ((usize::BITS - minutes.leading_zeros()) as usize).min(BANDS - 1)
}

/// The eligible nodes that were Ready just before a loss.
struct Standing {
    nodes: HashMap<Uid, Ready>,
    fleet: Group,
    pools: HashMap<Name, Group>,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
struct Ready {
    weight: f64,
    exposure: Exposure,
    band: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exposure {
    Exposed,
    /// Exposed, and counted already: it is in no sum any more.
    Counted,
    Not,
}

/// Sums over nodes.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    ready: u32,
    others: u32,
    /// By band: the weight of exposed nodes, and of the others.
    weights: [[f64; 2]; BANDS],
}

impl Standing {
    /// As it was before the first of the new losses.
    fn before(input: &Input<'_>, fleet: &Fleet<'_>, run: &Run) -> Self {
        let mut standing = Self { nodes: HashMap::new(), fleet: Group::default(), pools: HashMap::new() };
        let lost = input.losses.iter().filter(|seen| seen.eligible).map(|seen| &*seen.loss.node);
        // A lost one may be back already: as it was lost it counts.
        let nodes = lost.chain(fleet.units.iter().map(|assessed| assessed.unit.node));
        for node in nodes.filter(|node| !node.is_excused()) {
            let Some(since) = node.link.ready_since().filter(|_| !standing.nodes.contains_key(&node.uid)) else {
                continue;
            };
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
            let ready = Ready { weight, exposure, band: band(input.now.duration_since(since)) };
            standing.nodes.insert(node.uid, ready);
            standing.fleet.add(ready);
            standing.pools.entry(node.pool.clone()).or_default().add(ready);
        }
        standing
    }

    fn remove(&mut self, pool: &Name, node: Uid) {
        if let Some(ready) = self.nodes.remove(&node) {
            self.fleet.remove(ready);
            self.pools.entry(pool.clone()).or_default().remove(ready);
        }
    }

    /// The weights of exposed and of other pools.
    fn pool_weights(&self, evidence: &Evidence, now: Timestamp) -> [f64; 2] {
        let day = SignedDuration::from_hours(24);
        let mut pools: Vec<_> = self.pools.iter().filter(|(_, group)| group.ready > 0).collect();
        pools.sort_by(|a, b| a.0.cmp(b.0));
        let mut weights = [0.0; 2];
        for (pool, group) in pools {
            let losses = evidence
                .pool_losses
                .get(pool)
                .map_or(0, |losses| losses.iter().filter(|at| now.duration_since(**at) < day).count());
            let exposed = group.has_exposed();
            if exposed && evidence.counted_pools.contains(pool) {
                continue;
            }
            weights[usize::from(!exposed)] += losses as f64 + BASE_WEIGHT;
        }
        weights
    }
}

impl Group {
    fn add(&mut self, node: Ready) {
        self.ready += 1;
        self.others += u32::from(node.exposure == Exposure::Not);
        if let Some(weight) = self.weight(node) {
            *weight += node.weight;
        }
    }

    fn remove(&mut self, node: Ready) {
        self.ready -= 1;
        self.others -= u32::from(node.exposure == Exposure::Not);
        if let Some(weight) = self.weight(node) {
            *weight -= node.weight;
        }
    }

    const fn has_exposed(&self) -> bool {
        self.others < self.ready
    }

    /// The sum that a node is part of.
    const fn weight(&mut self, node: Ready) -> Option<&mut f64> {
        let [exposed, others] = &mut self.weights[node.band];
        match node.exposure {
            Exposure::Exposed => Some(exposed),
            Exposure::Not => Some(others),
            Exposure::Counted => None,
        }
    }
}

fn weight(history: &LossHistory, node: Uid, at: Timestamp) -> f64 {
    history.before(node, at) as f64 + BASE_WEIGHT
}

/// Weighs the losses since the last plan.
pub(super) fn weigh(input: &Input<'_>, fleet: &Fleet<'_>, run: &mut Run, revisit: &mut Revisit) {
    if !input.losses.is_empty() {
        let mut standing = Standing::before(input, fleet, run);
        let exposed = |pool: &Name| standing.pools.get(pool).is_some_and(Group::has_exposed);
        run.evidence.counted_pools.retain(exposed);
        for seen in input.losses.iter().filter(|seen| seen.eligible && !seen.loss.node.is_excused()) {
            note(&mut standing, seen, input.timing.loss_window, run);
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

fn note(standing: &mut Standing, seen: &LossSeen, loss_window: SignedDuration, run: &mut Run) {
    let (node, at) = (&seen.loss.node, seen.loss.at);
    let Some(ready) = standing.nodes.get(&node.uid).copied().filter(|ready| ready.exposure != Exposure::Counted) else {
        return;
    };
    let exposed = ready.exposure == Exposure::Exposed;
    let evidence = &mut run.evidence;
    let pool = standing.pools.get(&node.pool).copied().unwrap_or_default();
    let is_its = |window: &PoolWindow| *window.pool == *node.pool && at < window.opened + loss_window;
    let known = evidence.windows.iter().position(is_its);
    let group = if known.is_some() { pool } else { standing.fleet };
    let window = known.unwrap_or_else(|| {
        evidence.windows.push(PoolWindow {
            pool: node.pool.to_string(),
            opened: at,
            ready: pool.ready,
            others: pool.others,
            lost: 0,
            others_lost: 0,
            pool_weights: standing.pool_weights(evidence, at),
        });
        evidence.windows.len() - 1
    });
    score(&mut evidence.nodes, exposed, group.weights[ready.band]);
    evidence.windows[window].lost += 1;
    evidence.windows[window].others_lost += u32::from(!exposed);
    standing.remove(&node.pool, node.uid);
    if exposed {
        evidence.lost += 1;
        let (node_name, pool) = (node.name.to_string(), node.pool.to_string());
        evidence.away.push(Away { node: node_name, node_uid: node.uid, pool, at, with_pool: false });
        if let Some(track) = run.tracks.get_mut(&node.uid) {
            track.activation.counted = true;
        }
    }
}
