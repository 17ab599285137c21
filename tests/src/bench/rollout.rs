//! One rollout of the whole fleet by one contender, measured.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use planner::strategy::Timing;

use super::contender::{Companion, Contender, Updater};
use super::progress::{self, Progress};
use super::scrape::Scrape;
use super::slots::{Idleness, between};
use super::stage::{NAMESPACE, Stage};
use super::usage::Usage;
use crate::checker::{Call, Ending, Evidence, Observer, Rules, Verdict, judge};

/// So long after the last pod is Ready and the contender's last write the measurement ends: late status and events are part
/// of the price. daemon-updater writes a status at most once a second.
const TAIL: SignedDuration = SignedDuration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A contender that goes on writing for longer does not come to rest.
const QUIET_WITHIN: Duration = Duration::from_mins(1);

/// What a rollout took.
#[derive(Debug)]
pub(super) struct Performance {
    /// Pods upgraded.
    pub(super) pods: usize,
    /// From the release to the last pod's being Ready.
    pub(super) wall: Duration,
    /// CPU time from the release to the end of the tail.
    pub(super) cpu: Duration,
    /// How often the process went to sleep in that time.
    pub(super) sleeps: u64,
    /// The most memory since its start, in bytes.
    pub(super) peak_rss: u64,
    /// Its requests by verb and resource in that time.
    pub(super) calls: BTreeMap<String, usize>,
    /// How its slots were used.
    pub(super) idleness: Idleness,
    /// What it tells of itself: daemon-updater only.
    pub(super) scrape: Option<Scrape>,
    /// The checker's verdict: daemon-updater only.
    pub(super) verdict: Option<Verdict>,
}

/// Who is on stage.
struct Cast {
    updater: Option<Updater>,
    /// Deletes, for itself or for the null controller.
    ideal: Option<Companion>,
    null: Option<Companion>,
}

/// Has a contender perform on a stage on which all is quiet.
pub(super) async fn perform(stage: &mut Stage, contender: Contender, updater: &Path) -> Result<Performance> {
    let observer = stage.observe().await?;
    let mut cast = Cast::call(contender, updater, stage).await?;
    let pid = cast.pid(contender)?;
    // The audit log until now is read here, not while the rollout is measured.
    let mut progress = Progress::default();
    observer.evidence(|notes, _| progress.follow(notes))?;
    let released = progress.number();
    await_quiet(&observer, &contender.user(), Timestamp::now()).await?;

    let (before, began) = (Usage::of(pid)?, Timestamp::now());
    stage.release().await?;
    if let Some(ideal) = &mut cast.ideal {
        stage.await_observed().await?;
        ideal.order(stage.slots()).await?;
    }
    let done = await_done(stage, &observer, &mut progress, released).await?;
    await_quiet(&observer, &contender.user(), began.max(done)).await?;
    let after = Usage::of(pid)?;
    let scrape = match &cast.updater {
        Some(updater) => Some(Scrape::of(updater.admin()).await?),
        None => None,
    };
    let ended = Timestamp::now();
    cast.end().await?;

    let deleter = if contender == Contender::Null { Contender::Ideal } else { contender };
    let slots = usize::try_from(stage.slots())?;
    observer.evidence(|notes, calls| {
        let calls: Vec<Call> = calls.iter().filter(|call| call.received >= began).cloned().collect();
        let course = progress::course(notes, &calls, &deleter.user(), slots);
        let evidence = Evidence { notes, calls: &calls, namespace: Some(NAMESPACE) };
        let ending = Ending::Done { at: ended, quiet: TAIL };
        Performance {
            pods: course.taken.len(),
            wall: between(began, done),
            cpu: after.cpu.saturating_sub(before.cpu),
            sleeps: after.sleeps.saturating_sub(before.sleeps),
            peak_rss: after.peak_rss,
            calls: calls_of(&calls, &contender.user(), ended),
            idleness: course.idleness(),
            scrape,
            verdict: (contender == Contender::Updater).then(|| judge(evidence, &rules(), ending)),
        }
    })
}

impl Cast {
    async fn call(contender: Contender, updater: &Path, stage: &Stage) -> Result<Self> {
        let mut cast = Self { updater: None, ideal: None, null: None };
        match contender {
            Contender::Updater => cast.updater = Some(Updater::start(updater, stage).await?),
            Contender::Ideal => cast.ideal = Some(Companion::start(Contender::Ideal, stage).await?),
            Contender::Null => {
                cast.null = Some(Companion::start(Contender::Null, stage).await?);
                cast.ideal = Some(Companion::start(Contender::Ideal, stage).await?);
            }
        }
        Ok(cast)
    }

    /// The process that is measured.
    fn pid(&self, contender: Contender) -> Result<i32> {
        let companion = |companion: &Option<Companion>| companion.as_ref().map(Companion::pid).transpose();
        let pid = match contender {
            Contender::Updater => self.updater.as_ref().map(Updater::pid),
            Contender::Ideal => companion(&self.ideal)?,
            Contender::Null => companion(&self.null)?,
        };
        pid.context("the contender is not on stage")
    }

    async fn end(self) -> Result<()> {
        let Self { updater, ideal, null } = self;
        if let Some(updater) = updater {
            updater.end().await?;
        }
        for companion in [ideal, null].into_iter().flatten() {
            companion.end().await?;
        }
        Ok(())
    }
}

/// Waits until every node has a Ready pod of a revision newer than `released`; returns when the watcher saw the last one.
async fn await_done(stage: &Stage, observer: &Observer, progress: &mut Progress, released: i64) -> Result<Timestamp> {
    let nodes = usize::try_from(stage.nodes)?;
    let deadline = Instant::now() + stage.patience();
    loop {
        observer.evidence(|notes, _| progress.follow(notes))?;
        if progress.number() > released && progress.updated() == nodes {
            return progress.last_ready().context("pods are Ready that nobody saw become so");
        }
        ensure!(
            Instant::now() < deadline,
            "after {:?} {} of {nodes} pods are upgraded",
            stage.patience(),
            progress.updated()
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until `user` has written nothing but its Lease for a while, after `since` at the earliest.
async fn await_quiet(observer: &Observer, user: &str, since: Timestamp) -> Result<()> {
    let deadline = Instant::now() + QUIET_WITHIN;
    loop {
        let last = observer.evidence(|_, calls| {
            let writes = calls.iter().rev().filter(|call| call.is_write() && call.resource != "leases");
            writes.filter(|call| call.user == user).map(|call| call.completed).next()
        })?;
        if Timestamp::now() > last.map_or(since, |last| last.max(since)) + TAIL {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{user} goes on writing");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn calls_of(calls: &[Call], user: &str, until: Timestamp) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls.iter().filter(|call| call.user == user && call.received <= until) {
        *counts.entry(call.kind()).or_default() += 1;
    }
    counts
}

/// What daemon-updater was told; see [`Updater::start`].
fn rules() -> Rules {
    let at_once = SignedDuration::ZERO;
    let timing =
        Timing { reachable_after: at_once, node_monitor_grace: at_once, settle_margin: at_once, ..Timing::default() };
    Rules { in_flight: 16, ..Rules::of(timing) }
}
