//! `drover status`.

mod overview;

use std::time::{Duration, Instant};

use api::fleet_rollout::{FleetRollout, Phase};
use clap::Args;
use jiff::Timestamp;
use planner::strategy::Timing;

use super::Failure;
use super::output::{self, Output};
use crate::app_set;
use crate::follow::Changes;
use crate::look::look;
use crate::progress::Progress;
use crate::reach::{Cluster, Reach};
use crate::screen::Screen;
use crate::snapshot::Freshness;
use crate::target::{Kind, Target, find, newest, runs};
use crate::text::{Line, Tone};
use crate::timing::Durations;
use crate::view::{Extent, line, view};

/// Nodes and pods are looked at again no sooner than this,
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// nor for more than this share of the time: large fleets are slow to list.
const SHARE: u32 = 8;
/// A heading, waves, a legend and advice need so many rows besides pools.
const OTHER_ROWS: usize = 16;
/// As many pools of a YurtAppSet are shown where there is no terminal to fill; those that somebody must look at come first.
const POOLS: usize = 50;

/// What is shown.
#[derive(Args, Debug)]
#[command(after_help = "\
The counts of waves and pools come from nodes and pods, of a YurtAppSet from NodePools, Deployments and StatefulSets, which \
you must be allowed to list; without that right, waves are shown as the FleetRollout's status tells them. How long a run \
still takes is estimated from its own pace (p50 as likely as not, p90 at its slowest pace); approvals, windows, pauses and \
offline nodes are not in it.

Examples:
  drover status                    the newest run of every target of the namespace
  drover status -A                 of every namespace
  drover status agent              one target, wave by wave
  drover status ds/agent -w        follows it until it is completed
  drover status yas/web            a YurtAppSet, pool by pool
  drover status agent -o json      for programs")]
pub struct Options {
    /// A DaemonSet, a YurtAppSet (yas/NAME) or a FleetRollout; without it all targets.
    target: Option<Target>,
    /// Follows it live: until it is completed (exit code 0), or aborted (1). Not on a terminal: a line for every change, and a
    /// halt ends it too (1).
    #[arg(short, long, conflicts_with = "output")]
    watch: bool,
    /// For programs.
    #[arg(short, long, value_enum)]
    output: Option<Output>,
    /// Shows every target of every namespace.
    #[arg(short = 'A', long, conflicts_with_all = ["target", "namespace"])]
    all_namespaces: bool,
    /// Shows every pool, however many.
    #[arg(long)]
    all_pools: bool,
    #[command(flatten)]
    durations: Durations,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let cluster = options.reach.cluster().await?;
    let timing = options.durations.timing();
    let shown = Shown { options: &options, timing, cluster: &cluster };
    match (&options.target, options.output, options.watch) {
        (Some(target), None, true) => Box::pin(shown.follow(target)).await,
        (None, None, true) => shown.follow_all().await,
        (Some(target), output, _) => {
            let run = find(&cluster, target).await?;
            let progress = look(&cluster, &run, &shown.timing, Freshness::Exact).await;
            if let Some(output) = output {
                return output::print(&progress, output);
            }
            let mut screen = Screen::new();
            // Pools that are units have nothing more to say in their hundreds.
            let few = run.spec.target_ref.kind == Kind::YurtAppSet.as_str() && !options.all_pools;
            let extent = Extent { width: screen.width(), pools: few.then_some(POOLS) };
            screen.say(&view(&progress, Timestamp::now(), extent));
            Ok(())
        }
        (None, Some(output), _) => {
            let mut all = Vec::new();
            for run in shown.all().await? {
                all.push(look(&cluster, &run, &shown.timing, Freshness::Exact).await);
            }
            output::print(&all, output)
        }
        (None, None, false) => {
            let mut screen = Screen::new();
            let lines = shown.picture_of_all(&screen).await?;
            screen.say(&lines);
            Ok(())
        }
    }
}

/// What the user asked to see, and where.
struct Shown<'a> {
    options: &'a Options,
    timing: Timing,
    cluster: &'a Cluster,
}

impl Shown<'_> {
    fn namespace(&self) -> Option<&str> {
        (!self.options.all_namespaces).then_some(self.cluster.namespace.as_str())
    }

    async fn all(&self) -> Result<Vec<FleetRollout>, Failure> {
        Ok(newest(runs(self.cluster, self.namespace()).await?))
    }

    async fn picture_of_all(&self, screen: &Screen) -> Result<Vec<Line>, Failure> {
        let all = self.all().await?;
        let all: Vec<_> = all.iter().map(|run| Progress::of(run, Err(None), None)).collect();
        Ok(overview::lines(&all, self.namespace(), screen.width()))
    }

    /// Every target, for as long as the user wants.
    async fn follow_all(&self) -> Result<(), Failure> {
        let mut screen = Screen::new();
        let mut changes = Changes::everywhere(self.cluster, self.namespace());
        let mut said: Vec<Line> = Vec::new();
        loop {
            if screen.is_live() {
                let lines = self.picture_of_all(&screen).await?;
                screen.draw(&lines);
            } else {
                let now: Vec<_> =
                    self.all().await?.iter().map(|run| line(&Progress::of(run, Err(None), None))).collect();
                now.iter().filter(|line| !said.contains(line)).for_each(|line| screen.say(&[stamped(line)]));
                said = now;
            }
            changes.wait(LOOK_EVERY * 5).await;
        }
    }

    /// One target, until it is done.
    async fn follow(&self, target: &Target) -> Result<(), Failure> {
        let mut screen = Screen::new();
        let run = find(self.cluster, target).await?;
        let mut changes = Changes::of(self.cluster, &self.cluster.namespace, &run.spec.target_ref.name);
        let mut said = None;
        loop {
            let began = Instant::now();
            let run = find(self.cluster, target).await?;
            let progress = if screen.is_live() {
                let progress = look(self.cluster, &run, &self.timing, Freshness::Cached).await;
                let room = screen.rows().map(|rows| rows.saturating_sub(OTHER_ROWS + progress.waves.len()));
                let pools = if self.options.all_pools { None } else { room };
                screen.draw(&view(&progress, Timestamp::now(), Extent { width: screen.width(), pools }));
                progress
            } else {
                let progress = Progress::of(&run, Err(None), None);
                let now = line(&progress);
                if said.as_ref() != Some(&now) {
                    screen.say(&[stamped(&now)]);
                    said = Some(now);
                }
                progress
            };
            match progress.phase {
                Phase::Completed if !self.is_behind(&run).await => return Ok(()),
                Phase::Aborted | Phase::Superseded | Phase::RolledBack => return Err(over(&progress)),
                Phase::Halted if !screen.is_live() => return Err(over(&progress)),
                _ => {}
            }
            let pause = LOOK_EVERY.max(began.elapsed() * SHARE);
            changes.wait(pause).await;
        }
    }
}

impl Shown<'_> {
    /// Whether the newest spec of a YurtAppSet was not looked at yet: who has just applied it means its run, and not the one before.
    async fn is_behind(&self, run: &FleetRollout) -> bool {
        let of = &run.spec.target_ref;
        if of.kind != Kind::YurtAppSet.as_str() {
            return false;
        }
        let set = app_set::get(self.cluster, &self.cluster.namespace, &of.name).await;
        set.is_ok_and(|set| app_set::is_behind(&set))
    }
}

/// With the time of day, in UTC as everything that is logged.
fn stamped(line: &Line) -> Line {
    Line::of(Tone::Faint, format!("{} ", Timestamp::now().strftime("%H:%M:%S"))).then(line.clone())
}

fn over(run: &Progress) -> Failure {
    format!("{} is {:?}", run.name, run.phase).into()
}
