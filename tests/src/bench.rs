//! `cargo xtask bench daemon-updater`: what an upgrade costs, against an ideal client and a null controller, on a real control
//! plane.
//!
//! For each fleet size there is one cluster, in which the three contenders perform in turn, each as a process of its own under
//! its own account: one rollout of the whole fleet at a time, at least [`FEWEST`] and so many that at least [`PODS`] pods are
//! upgraded by each. The order alternates, so that a cluster that grows slower wrongs nobody, and the figures are ratios of
//! sums. Counts come from the audit log, CPU time and memory from the kernel, the use of slots from the audit log and an
//! independent watcher; only the time from frame to DELETE and the size of a cached pod are the service's own word.
//! Every rollout of daemon-updater is replayed through the [checker](crate::checker): a broken rule fails the benchmark.
//!
//! Settle time is 0, slow start is off and leases are long, so that what is measured is the work per pod and nothing waits.

pub mod appset;
mod contender;
mod figures;
pub mod ideal;
pub mod leaders;
pub mod null;
mod progress;
mod rollout;
mod scrape;
mod slim;
mod slots;
mod stage;
mod table;
mod usage;
pub mod waves;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use contender::Contender;
use figures::{Figures, Line};
use stage::Stage;

/// Fewest rollouts of each contender: one in each order.
const FEWEST: u32 = 2;
/// Fewest pods that each contender upgrades, so that small fleets give figures as steady as large ones.
const PODS: u32 = 1_000;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The fleet sizes, in nodes.
    pub nodes: Vec<u32>,
    /// daemon-updater's program.
    pub updater: PathBuf,
    /// Where to write the figures as JSON.
    pub json: Option<PathBuf>,
    /// So many rollouts of each contender; `None`: by [`FEWEST`] and [`PODS`].
    pub rollouts: Option<u32>,
}

impl Bench {
    /// Measures and prints. An error when a rule was broken, or something did not work.
    pub async fn run(&self) -> Result<()> {
        let mut all: Vec<Figures> = Vec::new();
        let mut lines: Vec<Line> = Vec::new();
        for nodes in &self.nodes {
            let figures = self.measure(*nodes).await.with_context(|| format!("with {nodes} nodes"))?;
            lines.push(figures.line());
            say(&table::render(&figures, lines.first().unwrap_or(&figures.line())))?;
            all.push(figures);
        }
        let json = serde_json::to_string_pretty(&lines).context("writing figures as JSON")?;
        if let Some(path) = &self.json {
            std::fs::write(path, format!("{json}\n")).with_context(|| format!("writing {}", path.display()))?;
        }
        let broken: usize = all.iter().map(|figures| figures.of(Contender::Updater).violations.len()).sum();
        ensure!(broken == 0, "{broken} rules were broken: these figures are worth nothing");
        Ok(())
    }

    async fn measure(&self, nodes: u32) -> Result<Figures> {
        let started = Instant::now();
        let mut stage = Stage::set(nodes).await.context("setting up a cluster")?;
        let mut figures = Figures::new(nodes, stage.slots());
        say(&format!("{nodes} nodes: cluster and pods are there after {:.0} s\n", started.elapsed().as_secs_f32()))?;
        for round in 0..self.rollouts.unwrap_or_else(|| FEWEST.max(PODS.div_ceil(nodes))) {
            let mut order = Contender::ALL;
            if round % 2 == 1 {
                order.reverse();
            }
            for contender in order {
                let one = rollout::perform(&mut stage, contender, &self.updater).await;
                let one = one.with_context(|| format!("{} in round {}", contender.name(), round + 1))?;
                let (wall, cpu) = (one.wall.as_secs_f64(), one.cpu.as_secs_f64());
                say(&format!(
                    "{nodes} nodes, round {}: {} {wall:.2} s, {cpu:.2} s CPU\n",
                    round + 1,
                    contender.name()
                ))?;
                figures.sums.entry(contender).or_default().add(one);
            }
        }
        Ok(figures)
    }
}

/// Prints, at once.
fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("printing")
}
