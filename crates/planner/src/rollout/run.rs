//! What a run remembers of each unit between two plans.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::report::Held;
use super::{Control, Evidence, Halt, HaltReason, Mark, Record, Restart, Wave};
use crate::fleet::{ByUid, Name, Uid};

/// A run's memory: what its [`Record`] holds durably, and sightings since the process started.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// The units that the run touched or that took its revision, by node UID.
    pub(super) tracks: ByUid<Track>,
    /// Of the node-loss tests.
    pub(super) evidence: Evidence,
    /// Losses may yet turn out to be an outage of a site, or halt the run: nothing starts before it is known.
    pub(super) doubt: Option<Timestamp>,
    /// Set while halted.
    pub(super) halt: Option<Halt>,
    /// How often this run halted.
    pub(super) halts: u32,
    /// Verdicts that count since the last resume start here.
    pub(super) mark: Mark,
    /// Units that ever failed: a high-water mark, recovery lowers nothing.
    pub(super) failed: u32,
    /// Units that Kubernetes ever did not give a new pod.
    pub(super) missing: u32,
    /// Units that ever took the revision without us.
    pub(super) uncontrolled: u32,
    /// The waves that have opened, in order.
    pub(super) waves: Vec<Wave>,
    /// When all waves were over.
    pub(super) completed: Option<Timestamp>,
    /// Since when the hold that is shown is in force.
    pub(super) held: Option<Held>,
    /// Up to when the record that the memory was restored from is complete. `None`: there was none.
    pub(super) recorded_at: Option<Timestamp>,
    /// No plan was made since this memory was made or restored: what happened before counts as ours.
    pub(super) fresh: bool,
}

/// One unit that the run touched, or that has the run's revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// The node's name.
    pub node: Name,
    /// Its pool.
    pub pool: Name,
    /// How it came to the revision.
    pub activation: Activation,
    /// What became of it.
    pub outcome: Outcome,
}

/// A unit on its way to the newest revision.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each by its name")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// When its DELETE was accepted, or its uncontrolled pod was seen.
    pub at: Timestamp,
    /// It was down before: if it is down afterwards, that is no failure of the revision.
    pub was_down: bool,
    /// We did it; otherwise the pod took the newest template by itself.
    pub controlled: bool,
    /// It was under way when a newer revision superseded the one it was started for.
    pub inherited: bool,
    /// Nobody's restart: it had the revision before the run began, or the DaemonSet never had another. It is watched until
    /// it settles, and holds no slot.
    pub adopted: bool,
    /// A pod of the revision was seen on its node.
    pub arrived: bool,
    /// When it first was Ready at the revision.
    pub first_ready: Option<Timestamp>,
    /// Since when its node has neither an old nor a new pod while being Ready.
    pub absent: Option<Timestamp>,
    /// Since when its node is not Ready, or gone.
    pub left: Option<Timestamp>,
    /// Its loss was counted in this exposure.
    pub counted: bool,
}

/// What became of an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Not known yet: it holds its slot.
    Open,
    /// At the revision, available, and Ready long enough on a Ready node.
    Settled,
    /// It crash-loops, cannot be pulled, or did not settle in time.
    Failed,
    /// Its node left and did not come back before the brake ended.
    Lost,
    /// Kubernetes does not replace its pod.
    ReplacementMissing,
    /// It was down before, and still is.
    PreExisting,
}

impl Run {
    /// The memory of a new run. `superseded` is the run it takes over from: its units without outcome are inherited, with
    /// their slots.
    pub fn begin(superseded: Option<&Run>) -> Self {
        let inherit = |track: &Track| Track {
            activation: Activation { inherited: true, counted: true, ..track.activation.clone() },
            ..track.clone()
        };
        let tracks = superseded
            .map(|old| old.tracks.iter().filter(|(_, t)| t.is_under_way()).map(|(uid, t)| (*uid, inherit(t))).collect())
            .unwrap_or_default();
        Self { tracks, fresh: true, ..Self::default() }
    }

    /// The same memory for a revision that halted before and came back as it was: halted is sticky (rule 6), so nothing starts
    /// until a user gives the token back. `evidence` says what was seen then.
    #[must_use]
    pub fn returned(mut self, evidence: String, at: Timestamp) -> Self {
        self.halts += 1;
        let token = format!("halt-{}", self.halts);
        self.halt = Some(Halt { reason: HaltReason::Returned, token, evidence, at });
        self
    }

    /// The memory that a record describes.
    pub fn restore(record: &Record) -> Self {
        record.to_run()
    }

    /// What of the memory must survive this process; complete up to `now`.
    pub fn record(&self, now: Timestamp) -> Record {
        Record::of(self, now)
    }

    /// Notes that a restart's DELETE was accepted, or may have been.
    pub fn activate(&mut self, step: &Restart, at: Timestamp) {
        let activation = Activation {
            at,
            was_down: step.was_down,
            controlled: true,
            inherited: false,
            adopted: false,
            arrived: false,
            first_ready: None,
            absent: None,
            left: None,
            counted: false,
        };
        let track = Track { node: step.node.clone(), pool: step.pool.clone(), activation, outcome: Outcome::Open };
        self.tracks.insert(step.node_uid, track);
    }

    /// Takes back an activation whose DELETE turned out not to have happened.
    pub fn retract(&mut self, node: Uid) {
        self.tracks.remove(&node);
    }

    /// The nodes on which a restart of this run has no outcome yet: no other DaemonSet may restart there (rule 8).
    pub fn open_nodes(&self) -> impl Iterator<Item = Uid> + '_ {
        self.tracks.iter().filter(|(_, track)| track.is_under_way()).map(|(uid, _)| *uid)
    }

    /// What the run remembers of a node.
    pub fn track(&self, node: Uid) -> Option<&Track> {
        self.tracks.get(&node)
    }

    /// Why the run is halted, while it is.
    pub const fn halt(&self) -> Option<&Halt> {
        self.halt.as_ref()
    }

    /// When every reachable unit was first seen done, and every wave was over.
    pub const fn completed_at(&self) -> Option<Timestamp> {
        self.completed
    }

    /// The waves that have opened, in order.
    pub fn waves(&self) -> &[Wave] {
        &self.waves
    }

    /// A wave that has opened.
    pub(super) fn wave(&self, name: &str) -> Option<&Wave> {
        self.waves.iter().find(|wave| wave.name == name)
    }

    /// Ends a halt whose token the user gave back: evidence starts anew, failures and losses count from here.
    pub(super) fn resume(&mut self, control: &Control) {
        if self.halt.as_ref().is_some_and(|halt| halt.token == control.resume_token) {
            self.halt = None;
            self.mark = Mark { failed: self.failed, missing: self.missing, losses: self.evidence.lost };
            self.evidence.restart();
            // The user takes the broken units as they are: they are down, and must not hold the slots of others for ever.
            for track in self.tracks.values_mut() {
                if matches!(track.outcome, Outcome::Failed | Outcome::ReplacementMissing) {
                    track.outcome = Outcome::PreExisting;
                }
            }
        }
    }
}

impl Track {
    /// Whether a restart is under way: it holds a slot.
    pub fn is_under_way(&self) -> bool {
        self.outcome == Outcome::Open && !self.activation.adopted
    }

    /// Whether the loss of this unit's node at `at` may be the release's doing: from activation until `exposure` after it
    /// was first Ready. A unit that was down before is exposed only once its new pod was seen: when a node is lost, the news
    /// that its pod is not Ready may come before the news of the node, and units that are down go first, so nodes that are
    /// lost anyway would be restarted in their last moment and taken for victims.
    pub(super) fn is_exposed(&self, at: Timestamp, exposure: jiff::SignedDuration) -> bool {
        let Activation { inherited, adopted, was_down, arrived, .. } = self.activation;
        !inherited
            && !adopted
            && (arrived || !was_down)
            && self.activation.first_ready.is_none_or(|ready| at < ready + exposure)
    }
}
