//! `cargo xtask bench appset`: what it costs to bring one application to every pool, on a real control plane.
//!
//! For each number of pools there is one cluster with a node in each, and two namespaces: in one appset-controller makes the
//! workloads of a `YurtAppSet`, in the other the [ideal client](ideal) applies the same objects and does nothing else. Then the
//! image is changed in one namespace after the other, in alternating order, and each time the clock runs from the answer to the
//! change of one object, which both of them watch, to the answer to the last apply. The Deployment controller rolls out what they
//! write in both cases alike.
//!
//! Times and counts come from the audit log, events from a watcher of our own, CPU time and memory from the kernel. In the end
//! nothing changes for [`IDLE`], and nothing may be written.

mod course;
mod figures;
pub mod ideal;
mod ledger;
mod replica;
mod stage;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;

use course::Course;
use figures::{Figures, Line, Rollout};
use ledger::{Ledger, Writer};
use stage::{Stage, Troupe};

use super::say;
use super::usage::Usage;

/// Fewest rollouts of each: one in each order.
const FEWEST: u32 = 2;
/// Fewest applies of each, so that few pools give figures as steady as many.
const APPLIES: u32 = 200;
/// So long without a write the controller is at rest; it may write a status up to a second late.
const QUIET: Duration = Duration::from_secs(3);
/// What happened is told in an event at once, and how often it happened again 10 s later, then 20 s, 40 s and so on while it goes on:
/// rollouts of few pools follow each other so closely that it does.
const TOLD: Duration = Duration::from_secs(90);
/// How long it is looked on when there is nothing to do.
const IDLE: Duration = Duration::from_mins(1);

/// What to measure.
#[derive(Clone, Debug)]
pub struct AppsetBench {
    /// The numbers of pools.
    pub pools: Vec<u32>,
    /// appset-controller's program.
    pub controller: PathBuf,
    /// Where to write the figures as JSON.
    pub json: Option<PathBuf>,
    /// So many rollouts of each; `None`: by [`FEWEST`] and [`APPLIES`].
    pub rollouts: Option<u32>,
}

impl AppsetBench {
    /// Measures and prints. An error when a workload is wrong in the end, or something did not work.
    pub async fn run(&self) -> Result<()> {
        let mut lines: Vec<Line> = Vec::new();
        for pools in &self.pools {
            let figures = self.measure(*pools).await.with_context(|| format!("with {pools} pools"))?;
            say(&figures.render(&lines))?;
            lines.push(figures.line());
        }
        let json = serde_json::to_string_pretty(&lines).context("writing figures as JSON")?;
        if let Some(path) = &self.json {
            std::fs::write(path, format!("{json}\n")).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }

    async fn measure(&self, pools: u32) -> Result<Figures> {
        let started = Instant::now();
        let mut stage = Stage::set(pools).await.context("setting up a cluster")?;
        let course = Course::follow(stage.cluster.kubeconfig()).await?;
        say(&format!("{pools} pools: the cluster is there after {:.0} s\n", started.elapsed().as_secs_f32()))?;
        let troupe = stage.engage(&self.controller, &course).await?;
        let mut figures = Figures::new(pools);
        let outcome = async {
            let mut ledger = stage.ledger()?;
            for round in 0..self.rollouts.unwrap_or_else(|| FEWEST.max(APPLIES.div_ceil(pools))) {
                let mut order = Writer::ALL;
                if round % 2 == 1 {
                    order.reverse();
                }
                for writer in order {
                    let one = perform(&mut stage, &troupe, &course, &mut ledger, writer).await;
                    let one = one.with_context(|| format!("{} in round {}", writer.name(), round + 1))?;
                    say(&format!("{pools} pools, round {}: {} {one}\n", round + 1, writer.name()))?;
                    figures.add(writer, one);
                }
            }
            ledger.await_quiet(Writer::Controller, TOLD, stage.patience() + 2 * TOLD).await?;
            say(&format!("{pools} pools: nothing changes for {} s\n", IDLE.as_secs()))?;
            let since = Timestamp::now();
            tokio::time::sleep(IDLE).await;
            figures.idle = ledger.counts(Writer::Controller, since)?;
            Writer::ALL.into_iter().try_for_each(|writer| course.check(writer, &stage.image(writer), pools))
        };
        if let Err(error) = outcome.await {
            bail!("{error:#}; the end of its output:\n{}", stage::last_lines(&troupe.controller.output()));
        }
        figures.peak_rss = Usage::of(troupe.controller.pid())?.peak_rss;
        troupe.end().await?;
        Ok(figures)
    }
}

/// One rollout of the next image by one writer, on a stage on which all is quiet.
async fn perform(
    stage: &mut Stage,
    troupe: &Troupe,
    course: &Course,
    ledger: &mut Ledger,
    writer: Writer,
) -> Result<Rollout> {
    let pid = troupe.pid(writer)?;
    ledger.read()?;
    let (events, before, began) = (course.modified(writer.namespace()), Usage::of(pid)?, Timestamp::now());
    stage.release(writer).await?;
    stage.await_rolled_out(course, writer).await?;
    let rolled_out = Timestamp::now();
    ledger.await_quiet(writer, QUIET, stage.patience()).await?;
    let after = Usage::of(pid)?;
    let applies = ledger.applies(writer, began)?;
    ensure!(applies.pools >= stage.pools as usize, "{} of {} pools were written", applies.pools, stage.pools);
    Ok(Rollout {
        written: applies.took,
        applies: applies.count,
        rolled_out: Duration::try_from(rolled_out.duration_since(began))?,
        calls: ledger.counts(writer, began)?,
        cpu: after.cpu.saturating_sub(before.cpu),
        events: course.modified(writer.namespace()) - events,
    })
}
