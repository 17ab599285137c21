//! The four acts, and the conclusion.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use api::fleet_rollout::Phase;
use jiff::{SignedDuration, Timestamp};
use planner::strategy::Timing;
use xtask::releases::KILLS_NODE;

use super::facts::{self, Fact, Known};
use super::fleet::Fleet;
use super::picture::Pictures;
use super::play::{Audience, Played, Scene};
use super::results::{self, Kind};
use super::screen::Screen;
use super::stage::{self, CANARY, CANARY_POOL, DAEMON_SET, MAX_UNAVAILABLE, READY_AFTER, SOAK, Stage};
use super::text::{Line, Tone, count, wrap};
use crate::checker::{Ending, Evidence, Rules, Verdict, judge};

const NODES: u32 = 60;
const POOLS: u32 = 6;
/// The nodes that are offline at first: one of each pool.
const OFFLINE: [u32; 6] = [3, 14, 25, 36, 47, 58];

/// So long after the last word nothing more is said.
const QUIET: Duration = Duration::from_secs(3);
/// Events and statuses are coalesced: the last ones come late.
const QUIET_WITHIN: Duration = Duration::from_secs(20);
/// A node that ended is reported this late at most, so that all that a release took are seen.
const REPORTED_WITHIN: Duration = Duration::from_secs(6);
/// Within it the fleet's nodes come and go.
const NODES_WITHIN: Duration = Duration::from_mins(1);

/// The show.
pub(super) struct Acts {
    stage: Stage,
    fleet: Fleet,
    offline: Vec<String>,
    played: Vec<(&'static str, Kind, Played)>,
    pictures: Pictures,
    begun: Instant,
}

impl Acts {
    /// Sets the stage, and takes some nodes offline.
    pub(super) async fn prepare(screen: &mut Screen, pictures: Pictures) -> Result<Self> {
        let begun = Instant::now();
        introduce(screen);
        let stage = Stage::set(NODES, POOLS, &mut |step| screen.step(step)).await?;
        screen.step(&format!("taking {} nodes offline", OFFLINE.len()));
        let offline: Vec<String> = OFFLINE.iter().map(|number| format!("node-{number:03}")).collect();
        stage.nodes.offline(&offline).await?;
        stage.nodes.await_ready(&offline, false, NODES_WITHIN).await?;
        let fleet = Fleet::new(DAEMON_SET, stage::pace().timing);
        Ok(Self { stage, fleet, offline, played: Vec::new(), pictures, begun })
    }

    /// Plays the acts, until one does not have its effect.
    pub(super) async fn play(&mut self, screen: &mut Screen) -> Result<()> {
        self.good_release(screen).await?;
        if self.goes_on() {
            self.return_of_the_offline(screen).await?;
        }
        if self.goes_on() {
            self.killer_release(screen).await?;
        }
        if self.goes_on() {
            self.fixed_release(screen).await?;
        }
        Ok(())
    }

    /// Shows what the checker observed. Whether every fact held.
    pub(super) async fn conclude(&mut self, screen: &mut Screen) -> Result<bool> {
        title(screen, "What the checker observed in the audit log and with its own watcher");
        let rules = stage::pace().rules();
        let at = self.quiet(&rules).await?;
        let (results, verdict, after_halt) = self.stage.observer.evidence(|notes, calls| {
            let result = |(name, kind, played): &(&'static str, Kind, Played)| {
                results::result(name, *kind, played.clone(), &rules, notes, calls)
            };
            let results: Vec<_> = self.played.iter().map(result).collect();
            let quiet = SignedDuration::try_from(QUIET).unwrap_or_default();
            let whole = judge(Evidence { notes, calls, namespace: None }, &rules, Ending::Done { at, quiet });
            let halted = self.played.get(2).map_or(at, |(_, _, played)| played.done);
            let released = self.played.get(3).map_or(at, |(_, _, played)| played.began);
            (results, whole, results::deletions_between(calls, &rules, halted, released))
        })?;
        screen.say_all(results::table(&results));
        screen.say(&Line::new());
        screen.say_all(remarks(&results, &verdict, screen.width()));
        let known = Known { results: &results, verdict: &verdict, offline: &self.offline, after_halt };
        let facts = facts::facts(&known);
        title(screen, "Expected facts");
        screen.say_all(facts::lines(&facts, screen.width()));
        let width = screen.width();
        screen.say_all(verdict.violations.iter().flat_map(|broken| wrap(Tone::Bad, &broken.to_string(), 4, width)));
        screen.say(&Line::new());
        screen.say_all(self.farewell(&facts));
        Ok(facts.iter().all(|fact| fact.held))
    }

    async fn good_release(&mut self, screen: &mut Screen) -> Result<()> {
        let reachable = usize::try_from(NODES)? - OFFLINE.len();
        self.announce(screen, &format!("A release, while {} of {NODES} nodes are offline", OFFLINE.len()), &format!(
            "Image tag v2. Its first wave, {CANARY}, is {CANARY_POOL}: 3 nodes, then as many as have settled. Once it has soaked \
             for {SOAK} s it waits for approval, which this script gives with `drover approve`. Then come the others, at most \
             {MAX_UNAVAILABLE} % of the {reachable} reachable nodes at once. The offline ones are left alone."
        ));
        let done = |scene: &Scene| completed(scene, 2) && scene.look.all.settled == reachable;
        self.act(
            screen,
            "good release",
            Kind::Release,
            async |stage| stage.daemon.release_with("v2", &[(READY_AFTER, Some(&stage::ready_after()))]).await,
            done,
            Duration::ZERO,
        )
        .await
    }

    async fn return_of_the_offline(&mut self, screen: &mut Screen) -> Result<()> {
        self.announce(screen, "The offline nodes return", &format!(
            "The run is Completed, and stays responsible: whoever returns is caught up, at most 10 % of the fleet at once, \
             once it has been reachable for {} s.", stage::pace().timing.reachable_after.as_secs()
        ));
        let offline = self.offline.clone();
        let done = |scene: &Scene| completed(scene, 2) && everywhere(scene);
        self.act(
            screen,
            "offline nodes return",
            Kind::Return,
            async |stage| stage.nodes.online(&offline).await,
            done,
            Duration::ZERO,
        )
        .await
    }

    async fn killer_release(&mut self, screen: &mut Screen) -> Result<()> {
        self.announce(screen, "A release that takes its nodes away", &format!(
            "Image tag v3: as soon as its pod is Ready, the node is gone, as with a bad driver. Kubernetes reports that {} s \
             late; until then all looks well. What the canary loses, the others are spared.",
            stage::pace().timing.node_monitor_grace.as_secs()
        ));
        // Ready at once: the worst kind.
        let template = [(KILLS_NODE, Some("true")), (READY_AFTER, None)];
        let begin = async |stage: &Stage| stage.daemon.release_with("v3", &template).await;
        let done = |scene: &Scene| scene.run.revision == 3 && scene.run.phase == Phase::Halted;
        self.act(screen, "node-killing release", Kind::Killer, begin, done, REPORTED_WITHIN).await
    }

    async fn fixed_release(&mut self, screen: &mut Screen) -> Result<()> {
        let killed = self.stage.killer.killed();
        self.announce(
            screen,
            "A fixed release",
            &format!(
                "{} powered on again, then image tag v4 for all {NODES}. A new revision ends the halt, and is a canary first \
                 and approved like the other one.",
                count(killed.len(), "lost node")
            ),
        );
        self.stage.nodes.online(&killed).await?;
        self.stage.nodes.await_ready(&killed, true, NODES_WITHIN).await?;
        let ready_after = stage::ready_after();
        let template = [(KILLS_NODE, None), (READY_AFTER, Some(ready_after.as_str()))];
        let begin = async |stage: &Stage| stage.daemon.release_with("v4", &template).await;
        let done = |scene: &Scene| completed(scene, 4) && everywhere(scene);
        self.act(screen, "fixed release", Kind::Release, begin, done, Duration::ZERO).await
    }

    async fn act(
        &mut self,
        screen: &mut Screen,
        name: &'static str,
        kind: Kind,
        begin: impl AsyncFnOnce(&Stage) -> Result<()>,
        done: impl Fn(&Scene) -> bool,
        linger: Duration,
    ) -> Result<()> {
        let mut audience =
            Audience { stage: &self.stage, fleet: &mut self.fleet, screen, pictures: &mut self.pictures };
        let played = Box::pin(audience.watch(begin(&self.stage), done, linger))
            .await
            .with_context(|| format!("playing: {name}"))?;
        let took = played.done.duration_since(played.began);
        let lost = played.last.look.all.lost;
        let ending = if played.finished {
            let spared = match kind {
                Kind::Killer => {
                    format!(": {} lost, {} saved", count(lost, "node"), played.last.look.all.nodes() - lost)
                }
                Kind::Release | Kind::Return => String::new(),
            };
            Line::of(Tone::Good, format!("  ✓ after {:.1} s{spared}", took.as_secs_f64()))
        } else {
            Line::of(Tone::Bad, "  ✗ not within its time: the show ends here")
        };
        screen.say(&ending);
        self.played.push((name, kind, played));
        Ok(())
    }

    fn announce(&self, screen: &mut Screen, what: &str, about: &str) {
        title(screen, &format!("Act {} of 4  {what}", self.played.len() + 1));
        screen.say_all(wrap(Tone::Plain, about, 2, screen.width()));
        screen.say(&Line::new());
    }

    fn goes_on(&self) -> bool {
        self.played.last().is_some_and(|(_, _, played)| played.finished)
    }

    /// Waits until the updater has written nothing for a while, or does not stop. The time up to which it is judged.
    async fn quiet(&self, rules: &Rules) -> Result<Timestamp> {
        let start = Instant::now();
        loop {
            let last = self.stage.observer.evidence(|_, calls| {
                let ours = calls.iter().filter(|call| call.user == rules.updater.user && call.is_write());
                ours.filter(|call| call.resource != "leases").map(|call| call.completed).max()
            })?;
            let now = Timestamp::now();
            let silent = last.is_none_or(|last| now.duration_since(last).unsigned_abs() > QUIET);
            if silent || start.elapsed() > QUIET_WITHIN {
                return Ok(now);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn farewell(&self, facts: &[Fact]) -> Vec<Line> {
        let (all, held) = (facts.len(), facts.iter().filter(|fact| fact.held).count());
        let text = format!("{held} of {all} facts held; the show took {} s", self.begun.elapsed().as_secs());
        if held == all {
            return vec![Line::of(Tone::Good, text)];
        }
        let hint = "with DROVER_KEEP_LOGS=DIRECTORY all logs are kept there, the audit log too";
        vec![Line::of(Tone::Bad, text), Line::of(Tone::Faint, hint)]
    }
}

fn completed(scene: &Scene, revision: i64) -> bool {
    scene.look.revision == revision && scene.run.revision == revision && scene.run.phase == Phase::Completed
}

fn everywhere(scene: &Scene) -> bool {
    scene.look.all.settled == scene.look.all.nodes()
}

fn title(screen: &mut Screen, text: &str) {
    screen.say(&Line::new());
    screen.say_all(wrap(Tone::Strong, text, 0, screen.width()));
    screen.say(&Line::new());
}

fn introduce(screen: &mut Screen) {
    screen.say(&Line::of(Tone::Strong, "Drover upgrades a DaemonSet wave by wave, past nodes that are offline"));
    screen.say(&Line::new());
    let Timing { reachable_after, node_monitor_grace, settle_margin, loss_window, .. } = stage::pace().timing;
    let text = format!(
        "A real control plane on this machine, {NODES} nodes in {POOLS} pools simulated by kwok, and daemon-updater as a process \
         of its own. Times are short for the show: node leases and the grace period last {} s (elsewhere 40 s and 50 s), a node \
         is reachable after {} s (60 s), and a pod has settled after {} s (60 s): the grace period and a margin of {} s; \
         nodes lost within {} s are looked at together (60 s). \
         The DaemonSet goes by a RolloutStrategy. What is shown is what `drover status -w` shows.",
        node_monitor_grace.as_secs(),
        reachable_after.as_secs(),
        stage::settle().as_secs(),
        settle_margin.as_secs(),
        loss_window.as_secs(),
    );
    screen.say_all(wrap(Tone::Plain, &text, 2, screen.width()));
    screen.say(&Line::new());
}

fn remarks(results: &[results::Result], verdict: &Verdict, width: usize) -> Vec<Line> {
    let settle = stage::settle().as_secs();
    let took = results.first().map_or(0.0, |result| result.openyurt.took.as_secs_f64());
    let texts = [
        format!(
            "down: most nodes at once, of those allowed; Drover's count as down until they have settled, for {settle} s. done: \
             nodes upgraded, of those that the act is about. calls: API requests for each of them; in all {}.",
            results::calls(verdict)
        ),
        format!(
            "OpenYurt's rule is run over the same fleet as at the start of each act; yurt-manager itself did not run. Its \
             {MAX_UNAVAILABLE} % are of all nodes, offline ones too, and it waits for Ready only: a good release takes it \
             {took:.0} s, and a bad one looks the same. Act 2 is what was measured with it."
        ),
    ];
    texts.iter().flat_map(|text| wrap(Tone::Faint, text, 2, width)).collect()
}
