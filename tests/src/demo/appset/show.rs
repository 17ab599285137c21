//! The acts, and the conclusion.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use api::fleet_rollout::Phase;
use drover::look::look;
use drover::reach::Cluster;
use drover::snapshot::Freshness;
use drover::view::{Extent, view};
use jiff::Timestamp;
use planner::strategy::Timing;

use super::facts::{self, Known};
use super::stage::{self, APP, BROKEN, DEADLINE, NAMESPACE, POOLS, SOAK, WAVES};
use crate::checker::{Deeds, Judge};
use crate::demo::facts::lines;
use crate::demo::picture::Pictures;
use crate::demo::play::Words;
use crate::demo::run::Run;
use crate::demo::screen::Screen;
use crate::demo::text::{Line, Tone, hang, wrap};
use crate::fixture::Service;
use crate::fixture::{Estate, Pods};

/// Four pictures a second look alive.
const PICTURE_EVERY: Duration = Duration::from_millis(250);
/// The longest act takes about 30 s on an idle machine.
const PATIENCE: Duration = Duration::from_mins(3);
/// So long nothing happens after the halt, and in the end.
const QUIET: Duration = Duration::from_secs(4);

/// The show.
pub(super) struct Show<'a> {
    service: &'a Service,
    estate: &'a Estate<'a>,
    pictures: Pictures,
    acts: Vec<Act>,
    begun: Instant,
}

/// A release that was shown.
#[derive(Clone, Debug)]
pub(super) struct Act {
    /// When it was released.
    pub(super) began: Timestamp,
    /// When it had its effect.
    pub(super) done: Timestamp,
    /// Whether it had its effect at all.
    pub(super) finished: bool,
    /// The name of its revision; empty if there was none.
    pub(super) revision: String,
    /// Why it was halted, if it was.
    pub(super) halt: Option<String>,
    /// Pods before and after.
    pub(super) pods: [Pods; 2],
}

/// Says what there is to see.
pub(super) fn introduce(screen: &mut Screen) {
    screen.say(&Line::of(Tone::Strong, "Drover brings one application to every pool, wave by wave"));
    screen.say(&Line::new());
    let waves = WAVES.map(|(name, pools, at_once)| format!("{name} ({pools} pools, {at_once} at once)")).join(", ");
    let text = format!(
        "A real control plane on this machine, {POOLS} NodePools with a node each simulated by kwok, and appset-controller as a \
         process of its own. A YurtAppSet has two replicas in every pool. It goes by a RolloutStrategy: {waves}; a wave that \
         has succeeded is watched for {SOAK} s, and a pool that does not run after {DEADLINE} s has failed. What is shown is \
         what `{}` shows.",
        stage::watching()
    );
    screen.say_all(wrap(Tone::Plain, &text, 2, screen.width()));
    screen.say(&Line::new());
}

impl<'a> Show<'a> {
    /// A show on a stage that is set.
    pub(super) fn new(service: &'a Service, estate: &'a Estate<'a>, pictures: Pictures) -> Self {
        Self { service, estate, pictures, acts: Vec::new(), begun: Instant::now() }
    }

    /// Plays the acts, until one does not have its effect.
    pub(super) async fn play(&mut self, screen: &mut Screen) -> Result<()> {
        let completed = |run: &Run| run.phase == Phase::Completed;
        let good = format!("Image tag v2, in {} waves: each begins when the one before has succeeded.", WAVES.len());
        self.act(screen, ("A good release", &good), "v2", completed).await?;
        let bad = format!(
            "Image tag {BROKEN}: its containers crash. The first {} pools meet it; the pods that serve there stay, as Kubernetes \
             replaces none before a new one is ready.",
            WAVES[0].1
        );
        let halted = |run: &Run| run.phase == Phase::Halted;
        if self.goes_on() {
            self.act(screen, ("A release that does not work", &bad), BROKEN, halted).await?;
        }
        if self.goes_on() {
            screen.step(&format!("nothing is done for {} s", QUIET.as_secs()));
            tokio::time::sleep(QUIET).await;
            let fixed = "Image tag v3. A new revision ends the halt, and is a canary first like the other ones.";
            self.act(screen, ("A release that is mended", fixed), "v3", completed).await?;
        }
        Ok(())
    }

    /// Shows what the checker observed. Whether every fact held.
    pub(super) async fn conclude(&mut self, screen: &mut Screen) -> Result<bool> {
        let quiet = self.estate.quiet(QUIET).await.is_ok();
        let log = self.estate.bed.cluster.audit_log().context("a cluster without an audit log")?;
        let verdict = Judge::default().judge(&mut Deeds::new(log), NAMESPACE)?;
        title(screen, "What the checker observed in the audit log");
        screen.say_all(wrap(Tone::Plain, &verdict.to_string(), 2, screen.width()));
        title(screen, "Expected facts");
        let writes = self.estate.writes()?;
        let known = Known { acts: &self.acts, pools: &self.estate.pools, verdict: &verdict, writes: &writes, quiet };
        let facts = facts::facts(&known);
        screen.say_all(lines(&facts, screen.width()));
        let (all, held) = (facts.len(), facts.iter().filter(|fact| fact.held).count());
        let text = format!("{held} of {all} facts held; the show took {} s", self.begun.elapsed().as_secs());
        screen.say(&Line::new());
        screen.say(&Line::of(if held == all { Tone::Good } else { Tone::Bad }, text));
        Ok(held == all)
    }

    fn goes_on(&self) -> bool {
        self.acts.last().is_some_and(|act| act.finished)
    }

    /// Releases a tag and shows what becomes of it until `done`.
    async fn act(
        &mut self,
        screen: &mut Screen,
        (what, about): (&str, &str),
        tag: &str,
        done: impl Fn(&Run) -> bool,
    ) -> Result<()> {
        title(screen, &format!("Act {} of 3  {what}", self.acts.len() + 1));
        screen.say_all(wrap(Tone::Plain, about, 2, screen.width()));
        screen.say(&Line::new());
        let before = self.newest().await?;
        let pods = self.estate.pods(APP).await?;
        let (began, start) = (Timestamp::now(), Instant::now());
        stage::release(self.estate, tag).await?;
        let mut words = Words::after(before.clone());
        let (run, finished) = loop {
            let run = self.newest().await?;
            let finished = run.revision > before.revision && done(&run);
            if finished || start.elapsed() > PATIENCE {
                break (run, finished);
            }
            self.show(screen, &run, start.elapsed(), &mut words).await?;
            tokio::time::sleep(PICTURE_EVERY).await;
        };
        let done = Timestamp::now();
        let picture = self.picture(screen, &run).await;
        self.keep(&run, &picture)?;
        screen.say_all(picture);
        screen.say(&Line::new());
        let took = done.duration_since(began).as_secs_f64();
        screen.say(&if finished {
            Line::of(Tone::Good, format!("  ✓ after {took:.1} s"))
        } else {
            Line::of(Tone::Bad, "  ✗ not within its time: the show ends here")
        });
        let revision = run.object.as_ref().filter(|_| run.revision > before.revision);
        self.acts.push(Act {
            began,
            done,
            finished,
            revision: revision.map(|run| run.spec.revision.name.clone()).unwrap_or_default(),
            halt: run.halt.as_ref().map(|halt| halt.reason.clone()),
            pods: [pods, self.estate.pods(APP).await?],
        });
        Ok(())
    }

    /// The newest run.
    async fn newest(&self) -> Result<Run> {
        if let Some(exit) = self.service.process.exit() {
            bail!("appset-controller ended with {exit}:\n{}", self.service.process.output());
        }
        Ok(Run::newest(&self.estate.client, NAMESPACE).await?.unwrap_or_default())
    }

    async fn show(&mut self, screen: &mut Screen, run: &Run, elapsed: Duration, words: &mut Words) -> Result<()> {
        let wanted = moment(run).is_some_and(|name| self.pictures.want(name));
        if screen.is_live() || wanted {
            let picture = self.picture(screen, run).await;
            self.keep(run, &picture)?;
            screen.draw(&picture);
        }
        if !screen.is_live() && words.are_news(run, elapsed) {
            let (mark, said) = (format!("{:>5} s", elapsed.as_secs()), run.words().unwrap_or_default());
            screen.say_all(hang(Tone::Plain, &mark, &said, mark.len() + 2, screen.width()));
        }
        Ok(())
    }

    fn keep(&mut self, run: &Run, picture: &[Line]) -> Result<()> {
        moment(run).map_or(Ok(()), |name| self.pictures.keep(name, &stage::watching(), picture))
    }

    /// What `drover status -w` shows of the run.
    async fn picture(&self, screen: &Screen, run: &Run) -> Vec<Line> {
        let Some(run) = &run.object else { return Vec::new() };
        let cluster = Cluster { client: self.estate.client.clone(), namespace: NAMESPACE.to_owned() };
        let progress = look(&cluster, run, &Timing::default(), Freshness::Cached).await;
        view(&progress, Timestamp::now(), Extent { width: screen.width(), pools: None })
    }
}

/// The name of a picture to keep of this moment, if it is one.
fn moment(run: &Run) -> Option<&'static str> {
    let wave = run.object.as_ref()?.status.as_ref()?.wave.as_deref();
    match run.phase {
        Phase::Halted => Some("appset-halted"),
        Phase::Progressing if wave == Some(WAVES[1].0) => Some("appset-progressing"),
        _ => None,
    }
}

fn title(screen: &mut Screen, text: &str) {
    screen.say(&Line::new());
    screen.say(&Line::of(Tone::Strong, text));
}
