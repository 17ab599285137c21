//! `cargo xtask bench leaders`: what it costs to tell edges of their pool's leaders, on a real control plane.
//!
//! One cluster with pools of [`NODES_PER_POOL`] nodes, none of them published. leader-endpoints-controller starts, and the
//! clock runs until the last output of the last pool is written. Then leaders are lost, one after the other, each in a pool of
//! its own: the time is that from the answer to the write by which a node's loss is public to the answer to the last write of
//! its pool's outputs. Then nodes of a tenth of the pools flap, while one client watches the Endpoints of its pool, as an edge
//! of Drover does, and others watch NodePools, as edges of OpenYurt do.
//!
//! Times and counts come from the audit log, memory from the kernel, bytes from the clients' own connections. In the end
//! every output is compared with the nodes: one wrong leader fails the benchmark.

mod figures;
mod ledger;
mod stage;
mod truth;
mod wire;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use xtask::process::{Process, Spec};

use figures::Figures;
use ledger::Ledger;
use stage::Stage;
use wire::Watched;

use super::say;
use super::usage::Usage;

/// Nodes of one pool.
const NODES_PER_POOL: u32 = 5;
/// One in so many pools has flapping nodes.
const FLAPPING: u32 = 10;
/// So long without a write the controller is at rest.
const QUIET: Duration = Duration::from_secs(2);
/// Longer than a failover takes on a busy machine.
const FAILOVER_WITHIN: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// What to measure.
#[derive(Clone, Debug)]
pub struct LeadersBench {
    /// How many pools there are.
    pub pools: u32,
    /// How many leaders are lost, each in another pool.
    pub failovers: u32,
    /// leader-endpoints-controller's program.
    pub controller: PathBuf,
    /// Where to write the figures as JSON.
    pub json: Option<PathBuf>,
}

impl LeadersBench {
    /// Measures and prints. An error when an edge would be sent to a wrong leader, or something did not work.
    pub async fn run(&self) -> Result<()> {
        ensure!(self.failovers <= self.pools, "{} leaders of {} pools cannot be lost", self.failovers, self.pools);
        let started = Instant::now();
        let stage = Stage::set(self.pools).await.context("setting up a cluster")?;
        let mut ledger = stage.ledger()?;
        ledger.read()?;
        say(&format!(
            "{} pools of {NODES_PER_POOL} nodes: the cluster is there after {:.0} s\n",
            self.pools,
            started.elapsed().as_secs_f32()
        ))?;

        let mut figures = Figures::new(self.pools);
        let process = self.cold_start(&stage, &mut ledger, &mut figures).await.context("cold start")?;
        let outcome = async {
            self.fail_over(&stage, &mut ledger, &mut figures).await.context("failovers")?;
            self.flap(&stage, &mut ledger, &mut figures).await.context("flapping nodes")?;
            truth::check(&stage.cluster.client()?, self.pools).await
        };
        if let Err(error) = outcome.await {
            bail!("{error:#}; the end of its output:\n{}", last_lines(&process.output()));
        }
        figures.peak_rss = Usage::of(process.pid())?.peak_rss;
        process.terminate(GONE_WITHIN).await?;

        say(&figures.render())?;
        if let Some(path) = &self.json {
            let json = serde_json::to_string_pretty(&figures.line()).context("writing figures as JSON")?;
            std::fs::write(path, format!("{json}\n")).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }

    /// Starts the controller; back when every output is written and it is at rest.
    async fn cold_start(&self, stage: &Stage, ledger: &mut Ledger, figures: &mut Figures) -> Result<Process> {
        let kubeconfig = stage.kubeconfig().await?;
        let began = Timestamp::now();
        let process = Spec::new(&self.controller)
            .flag("kubeconfig", kubeconfig.display())
            .env("DROVER_ADMIN__LISTEN", "127.0.0.1:0")
            .env("DROVER_GRPC__LISTEN", "127.0.0.1:0")
            .env("DROVER_TELEMETRY__FORMAT", "json")
            .start()
            .await?;
        let deadline = Instant::now() + stage.patience();
        let written = loop {
            let written = ledger.outputs_written(began)?;
            if written.complete(self.pools) {
                break written;
            }
            if let Some(exit) = process.exit() {
                bail!("it ended with {exit}:\n{}", last_lines(&process.output()));
            }
            ensure!(
                Instant::now() < deadline,
                "{written} of {} pools; its output:\n{}",
                self.pools,
                last_lines(&process.output())
            );
            tokio::time::sleep(LOOK_EVERY * 5).await;
        };
        figures.cold_start = Duration::try_from(written.last.duration_since(began))?;
        ledger.await_quiet(QUIET, stage.patience()).await?;
        figures.cold_calls = ledger.counts(began)?;
        say(&format!(
            "all outputs written after {:.2} s: {:?}\n",
            figures.cold_start.as_secs_f64(),
            figures.cold_calls
        ))?;
        Ok(process)
    }

    /// Loses leaders, each when the outputs of the one before are written.
    async fn fail_over(&self, stage: &Stage, ledger: &mut Ledger, figures: &mut Figures) -> Result<()> {
        let nodes = stage.cluster.nodes()?;
        let leaders = stage.leaders().await?;
        let began = Timestamp::now();
        for pool in 1..=self.failovers {
            let pool = stage::pool_name(pool);
            let leader = leaders.get(&pool).with_context(|| format!("pool {pool} has no leader"))?;
            let lost = Timestamp::now();
            nodes.not_ready(&[leader], true).await?;
            let deadline = Instant::now() + FAILOVER_WITHIN;
            let took = loop {
                if let Some(took) = ledger.failover(&pool, leader, lost)? {
                    break took;
                }
                ensure!(Instant::now() < deadline, "after {FAILOVER_WITHIN:?} pool {pool} still follows {leader}");
                tokio::time::sleep(LOOK_EVERY).await;
            };
            figures.failovers.push(took);
        }
        ledger.await_quiet(QUIET, FAILOVER_WITHIN).await?;
        figures.failover_calls = ledger.counts(began)?;
        Ok(())
    }

    /// Has each node of some pools go and come back, while edges watch.
    async fn flap(&self, stage: &Stage, ledger: &mut Ledger, figures: &mut Figures) -> Result<()> {
        let nodes = stage.cluster.nodes()?;
        let flapping: Vec<u32> = (1..=self.pools).rev().take(usize::try_from(self.pools.div_ceil(FLAPPING))?).collect();
        let all_ready = flapping.iter().map(|pool| stage::node_names(*pool)).collect::<Vec<_>>().concat();
        // Failovers may have left some of them not Ready.
        nodes.not_ready(&all_ready, false).await?;
        stage.await_not_ready(&flapping, 0).await?;
        ledger.await_quiet(QUIET, FAILOVER_WITHIN).await?;

        let edge = stage::pool_name(self.pools);
        let watches = stage.watch_as_edges(&edge).await?;
        for round in 0..usize::try_from(NODES_PER_POOL)? {
            let ones: Vec<String> = flapping.iter().map(|pool| stage::node_names(*pool).swap_remove(round)).collect();
            nodes.not_ready(&ones, true).await?;
            stage.await_not_ready(&flapping, 1).await?;
            nodes.not_ready(&ones, false).await?;
            stage.await_not_ready(&flapping, 0).await?;
        }
        ledger.await_quiet(QUIET, FAILOVER_WITHIN).await?;
        figures.flaps = flapping.len() * usize::try_from(NODES_PER_POOL)?;
        figures.watched = watches.map(Watched::end);
        Ok(())
    }
}

/// The end of a log.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
