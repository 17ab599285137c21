//! The trials: which release, on which fleet, under which strategy.

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use planner::fleet::Name;
use planner::strategy::{Amount, Approval, OnInconclusive, SlowStart, Strategy, Wave, Waves};
use sim::release::{Effect, Place, Release};
use sim::trial::{Fleet, Outage, Trial};

/// Pools of every fleet.
pub(super) const POOLS: u32 = 100;

/// Pools of the first waves, where there are waves; the others are the last one.
const WAVES: [u32; 3] = [1, 5, 20];

/// A release that kills takes its node away so long after its pod has started.
const KILLS_AFTER: SignedDuration = SignedDuration::from_secs(5);

/// In the middle of a wave a site of one in so many nodes goes dark, for longer than lost nodes may be away.
const SITE: u32 = 20;
const DARK_AFTER: SignedDuration = SignedDuration::from_secs(400);
const DARK_FOR: SignedDuration = SignedDuration::from_mins(20);

/// A question to the simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// Every node that gets the release is lost.
    Killer,
    /// The same, in waves of 1, 5, 20 and 74 pools.
    KillerInWaves,
    /// Every tenth node is lost.
    KillerOfTenth,
    /// A good release while a tenth of the nodes flap.
    Flapping10,
    /// A good release while three tenths of the nodes flap.
    Flapping30,
    /// A good release, and a site that goes dark meanwhile.
    SiteOutage,
    /// A good release.
    Good,
    /// A good release without slow start.
    GoodAtOnce,
    /// A good release while nine tenths of the nodes are offline.
    MostOffline,
}

impl Case {
    /// All of them, in the order of the table.
    pub(super) const ALL: [Self; 9] = [
        Self::Killer,
        Self::KillerInWaves,
        Self::KillerOfTenth,
        Self::Flapping10,
        Self::Flapping30,
        Self::SiteOutage,
        Self::Good,
        Self::GoodAtOnce,
        Self::MostOffline,
    ];

    /// For people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Killer => "takes every node away",
            Self::KillerInWaves => "the same, waves of 1, 5, 20, 74 pools",
            Self::KillerOfTenth => "takes every tenth node away",
            Self::Flapping10 => "good, 10 % of the nodes flap",
            Self::Flapping30 => "good, 30 % of the nodes flap",
            Self::SiteOutage => "good, a site of 5 % goes dark midway",
            Self::Good => "good",
            Self::GoodAtOnce => "good, slowStart None",
            Self::MostOffline => "good, 90 % of the nodes offline",
        }
    }

    /// The trial of this seed, on so many nodes.
    pub(super) fn trial(self, nodes: u32, seed: u64) -> Result<Trial> {
        let mut trial = Trial::of(Strategy::implied(Amount::Percent(10)), Fleet::even(nodes, POOLS), seed);
        let kills = |place| Release { effect: Effect::Killing(KILLS_AFTER), place };
        match self {
            Self::Killer => trial.release = kills(Place::Everywhere),
            Self::KillerInWaves => {
                trial.release = kills(Place::Everywhere);
                trial.strategy.waves = waves()?;
            }
            Self::KillerOfTenth => trial.release = kills(Place::Every(10)),
            Self::Flapping10 => trial.flapping = 10,
            Self::Flapping30 => trial.flapping = 30,
            Self::SiteOutage => {
                trial.outage = Some(Outage { nodes: nodes / SITE, after: DARK_AFTER, lasts: DARK_FOR });
            }
            Self::Good => {}
            Self::GoodAtOnce => trial.strategy.slow_start = SlowStart::None,
            Self::MostOffline => trial.offline = 90,
        }
        Ok(trial)
    }
}

/// Waves of so many pools, and one of the rest.
fn waves() -> Result<Waves> {
    let fleet = Fleet::even(POOLS, POOLS);
    let mut pools = fleet.pools.iter().map(|pool| pool.name.clone());
    let wave = |(at, count): (usize, &u32)| Wave {
        name: Name::from(format!("wave-{}", at + 1)),
        pools: pools.by_ref().take(*count as usize).collect(),
        pool_selector: None,
        max_pools: None,
        max_concurrent_pools: None,
        max_unavailable: None,
        min_updated: None,
        on_inconclusive: OnInconclusive::Hold,
        soak: SignedDuration::ZERO,
        approval: Approval::None,
    };
    let waves = WAVES.iter().enumerate().map(wave).collect();
    Waves::new(waves).ok().context("these waves have names and pools")
}
