//! `drover simulate`: what a strategy makes of a release, before anybody uses it.
//!
//! The planner runs here unmodified, in the deterministic world of `sim`: nodes whose links flap, kubelets that take their
//! time, releases that are good or bad. Each seed is a run of its own.

mod chart;
mod cluster;
mod fleet;
mod schema;
pub(crate) mod strategy;
mod summary;
mod trials;

#[cfg(test)]
mod tests;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::SignedDuration;
use sim::Release;
use sim::release::Effect;
use sim::trial::{Fleet, Trial};

use crate::commands::{Failure, output};
use crate::reach::Reach;
use crate::screen::Screen;
use crate::timing::Durations;

pub use summary::Summary;

/// What is simulated.
#[derive(Args, Debug)]
#[command(after_help = "A fleet file says how many nodes each pool has; count makes several such pools:
  pools:
  - {name: lab, labels: {tier: lab}, nodes: 10}
  - {name: shop, labels: {tier: shop}, nodes: 8, count: 120}

Examples:
  drover simulate -f strategy.yaml
  drover simulate -f strategy.yaml --release node-killing --offline 30% --flapping 10% --seeds 100
  drover simulate -f strategy.yaml --from-cluster --json")]
pub struct Options {
    /// A RolloutStrategy, or its spec alone; - is stdin.
    #[arg(short, long = "filename", value_name = "FILE")]
    file: PathBuf,
    /// The pools of a fleet. Without it: 1,000 nodes in 100 pools, made up so that the strategy's waves have pools.
    #[arg(long, value_name = "FILE", conflicts_with = "from_cluster")]
    fleet: Option<PathBuf>,
    /// Takes nodes and pools from a cluster, and how many of the nodes are not Ready.
    #[arg(long)]
    from_cluster: bool,
    /// What the release does.
    #[arg(long, value_enum, default_value = "good")]
    release: Kind,
    /// Nodes that are offline all the time.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    offline: Option<u32>,
    /// Nodes that lose their link for about a minute, every five minutes or so.
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "0%")]
    flapping: u32,
    /// Runs, each with a chance of its own.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    seeds: u32,
    #[command(flatten)]
    durations: Durations,
    /// For programs.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

/// What a release does.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It works.
    Good,
    /// It works, and its pods take three minutes to become Ready.
    Slow,
    /// Its pods crash-loop.
    Broken,
    /// Its pods take their node away five seconds after they started.
    NodeKilling,
}

/// Without windows a run that takes longer has got stuck.
const PATIENCE: SignedDuration = SignedDuration::from_hours(48);

/// Windows of a week apart let a run go on at most so late.
const PATIENCE_WITH_WINDOWS: SignedDuration = SignedDuration::from_hours(24 * 22);

/// Simulates, and shows what came of it.
pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let named = strategy::read(&options.file)?;
    let planned = planner::strategy::Strategy::try_from(&named.spec).map_err(|error| named.refuse(&error))?;
    let (fleet, origin, not_ready) = match &options.fleet {
        Some(file) => (fleet::read(file)?, format!("from {}", file.display()), 0),
        None if options.from_cluster => {
            let (fleet, not_ready) = cluster::fleet(&options.reach.cluster().await?).await?;
            (fleet, "as in the cluster".to_owned(), not_ready)
        }
        None => (fleet::made_up(&planned), "made up: give yours with --fleet or --from-cluster".to_owned(), 0),
    };
    let windows = !planned.windows.is_empty();
    let trial = Trial {
        timing: options.durations.timing(),
        release: options.release.release(),
        offline: options.offline.unwrap_or(not_ready),
        flapping: options.flapping,
        patience: if windows { PATIENCE_WITH_WINDOWS } else { PATIENCE },
        ..Trial::of(planned, fleet, 1)
    };
    let tells = std::io::stderr().is_terminal() && !options.json;
    let outcomes = trials::run(&trial, options.seeds, tells);
    let summary = Summary::of(&trial, &named.title, &origin, options.release, &outcomes)
        .with_notes(&named.spec)
        .with_timeline(&trial, &trials::again(&trial, &outcomes));
    if options.json {
        return output::print(&summary, output::Output::Json);
    }
    let mut screen = Screen::new();
    let lines: Vec<_> = summary.lines().into_iter().chain(chart::lines(&summary, screen.width())).collect();
    screen.say(&lines);
    Ok(())
}

impl Kind {
    fn release(self) -> Release {
        match self {
            Self::Good => Release::GOOD,
            Self::Slow => Release::everywhere(Effect::Slow(SignedDuration::from_mins(3))),
            Self::Broken => Release::everywhere(Effect::Broken),
            Self::NodeKilling => Release::everywhere(Effect::Killing(SignedDuration::from_secs(5))),
        }
    }

    /// A halt of it is a false one.
    const fn is_healthy(self) -> bool {
        matches!(self, Self::Good | Self::Slow)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Slow => "slow",
            Self::Broken => "broken",
            Self::NodeKilling => "node-killing",
        }
    }
}

/// `30%`, or `30`.
fn percent(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<u32>().ok().filter(|percent| *percent <= 100);
    number.ok_or_else(|| format!("{text:?} is not a percentage from 0% to 100%"))
}

/// How many nodes and pools a fleet has, in words.
fn size(fleet: &Fleet) -> String {
    let pools = fleet.pools.len();
    format!("{} nodes in {}", fleet.size(), crate::text::count(pools, "pool"))
}
