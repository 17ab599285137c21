//! One act: something is done to the fleet, and the audience looks on until it has had its effect.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use api::fleet_rollout::Phase;
use drover::look::look;
use drover::reach::Cluster;
use drover::snapshot::Freshness;
use drover::view::{Extent, view};
use jiff::Timestamp;

use super::fleet::{Fleet, Look};
use super::picture::Pictures;
use super::run::Run;
use super::screen::Screen;
use super::stage::{self, NAMESPACE, Stage};
use super::text::{Line, Tone, hang};

/// Four pictures a second look alive.
const PICTURE_EVERY: Duration = Duration::from_millis(250);
/// The script looks so long at what waits for approval.
const CONSIDERS: Duration = Duration::from_secs(2);
/// Without pictures: the run's words at most so often while its phase stays.
const WORDS_EVERY: Duration = Duration::from_secs(5);
/// The longest act takes 50 s on an idle machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// What there is to see at one moment.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) look: Look,
    pub(super) run: Run,
}

/// An act that was played.
#[derive(Clone, Debug)]
pub(super) struct Played {
    /// When it was set off.
    pub(super) began: Timestamp,
    /// When it had its effect.
    pub(super) done: Timestamp,
    /// When the audience was let go.
    pub(super) left: Timestamp,
    /// Whether it had its effect at all.
    pub(super) finished: bool,
    /// The fleet before.
    pub(super) before: Look,
    /// The fleet when the script approved; none where it did not have to.
    pub(super) approved: Option<Look>,
    /// What there was to see in the end.
    pub(super) last: Scene,
}

/// Who looks on.
pub(super) struct Audience<'a> {
    pub(super) stage: &'a Stage,
    pub(super) fleet: &'a mut Fleet,
    pub(super) screen: &'a mut Screen,
    pub(super) pictures: &'a mut Pictures,
}

impl Audience<'_> {
    /// What there is to see now.
    pub(super) async fn scene(&mut self) -> Result<Scene> {
        let ended = self.stage.updater.process.exit();
        if let Some(exit) = ended {
            bail!("daemon-updater ended with {exit}:\n{}", self.stage.updater.process.output());
        }
        let run = Run::newest(&self.stage.client, NAMESPACE).await?.unwrap_or_default();
        self.stage.observer.evidence(|notes, _| self.fleet.read(notes))?;
        Ok(Scene { look: self.fleet.look(Timestamp::now()), run })
    }

    /// Sets an act off with `begin` and shows it until `done` has held for `linger` without a break. What waits for approval
    /// meanwhile is approved.
    pub(super) async fn watch(
        &mut self,
        begin: impl Future<Output = Result<()>>,
        done: impl Fn(&Scene) -> bool,
        linger: Duration,
    ) -> Result<Played> {
        let Scene { look: before, run } = self.scene().await?;
        let (began, start) = (Timestamp::now(), Instant::now());
        begin.await?;
        let mut words = Words::after(run);
        let mut effect: Option<(Timestamp, Instant)> = None;
        let (mut asked, mut approved) = (None, None);
        loop {
            let scene = self.scene().await?;
            effect = done(&scene).then(|| effect.unwrap_or_else(|| (Timestamp::now(), Instant::now())));
            let finished = effect.is_some_and(|(_, since)| since.elapsed() >= linger);
            if finished || start.elapsed() > PATIENCE {
                self.show_last(&scene).await?;
                let left = Timestamp::now();
                let done = effect.map_or(left, |(at, _)| at);
                return Ok(Played { began, done, left, finished, before, approved, last: scene });
            }
            self.show(&scene, start.elapsed(), &mut words).await?;
            let waits = scene.run.phase == Phase::AwaitingApproval && approved.is_none();
            asked = waits.then(|| asked.unwrap_or_else(Instant::now));
            if asked.is_some_and(|asked| asked.elapsed() >= CONSIDERS) {
                approved = Some(scene.look);
                let answer = self.stage.approve().await?;
                self.screen.say_all(hang(Tone::Call, "  →", &answer, 4, self.screen.width()));
            }
            tokio::time::sleep(PICTURE_EVERY).await;
        }
    }

    async fn show(&mut self, scene: &Scene, elapsed: Duration, words: &mut Words) -> Result<()> {
        let name = moment(scene);
        let wanted = name.is_some_and(|name| self.pictures.want(name));
        let picture = if self.screen.is_live() || wanted { self.picture(scene).await } else { Vec::new() };
        if let Some(name) = name {
            self.pictures.keep(name, &stage::watching(), &picture)?;
        }
        if self.screen.is_live() {
            self.screen.draw(&picture);
        } else if words.are_news(&scene.run, elapsed) {
            let said = scene.run.words().unwrap_or_default();
            let mark = format!("{:>5} s", elapsed.as_secs());
            self.screen.say_all(hang(Tone::Plain, &mark, &said, mark.len() + 2, self.screen.width()));
        }
        Ok(())
    }

    /// Leaves the picture on the screen as it is in the end.
    async fn show_last(&mut self, scene: &Scene) -> Result<()> {
        let picture = self.picture(scene).await;
        if let Some(name) = moment(scene) {
            self.pictures.keep(name, &stage::watching(), &picture)?;
        }
        self.screen.say_all(picture);
        self.screen.say(&Line::new());
        Ok(())
    }

    /// What `drover status -w` shows of the run.
    async fn picture(&self, scene: &Scene) -> Vec<Line> {
        let Some(run) = &scene.run.object else { return Vec::new() };
        let cluster = Cluster { client: self.stage.client.clone(), namespace: NAMESPACE.to_owned() };
        let progress = look(&cluster, run, &stage::pace().timing, Freshness::Cached).await;
        view(&progress, Timestamp::now(), Extent { width: self.screen.width(), pools: None })
    }
}

/// The name of a picture to keep of this moment, if it is one.
fn moment(scene: &Scene) -> Option<&'static str> {
    let all = scene.look.all;
    match scene.run.phase {
        Phase::Halted => Some("halted"),
        Phase::Progressing if all.updated() * 2 >= all.nodes() && all.settled * 2 < all.nodes() => Some("progressing"),
        _ => None,
    }
}

/// What was last said of a run, and when.
pub(super) struct Words {
    last: Run,
    said: Duration,
}

impl Words {
    /// Nothing was said since this run.
    pub(super) fn after(last: Run) -> Self {
        Self { last, said: Duration::ZERO }
    }

    /// Whether a run should be told of now; then it was.
    pub(super) fn are_news(&mut self, run: &Run, elapsed: Duration) -> bool {
        let turn = self.last.phase != run.phase || self.last.revision != run.revision;
        let progress = self.last.sentence != run.sentence && elapsed >= self.said + WORDS_EVERY;
        let news = run.words().is_some() && (turn || progress);
        if news {
            *self = Self { last: run.clone(), said: elapsed };
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(phase: Phase, sentence: &str) -> Run {
        Run { phase, sentence: sentence.to_owned(), ..Run::default() }
    }

    #[test]
    fn only_news_is_said_and_progress_not_too_often() {
        let mut words = Words::after(run(Phase::Completed, "all"));
        let mut said = |run: Run, seconds| words.are_news(&run, Duration::from_secs(seconds));
        assert!(!said(run(Phase::Completed, "all"), 0), "it was so before");
        assert!(!said(run(Phase::Progressing, ""), 0), "no words");
        assert!(said(run(Phase::Progressing, "1 of 9"), 0));
        assert!(!said(run(Phase::Progressing, "1 of 9"), 9), "the same again");
        assert!(said(run(Phase::Progressing, "2 of 9"), 10));
        assert!(!said(run(Phase::Progressing, "3 of 9"), 12), "too soon");
        assert!(said(run(Phase::Halted, "3 of 9"), 12), "another phase at once");
    }
}
