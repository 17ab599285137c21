//! Why a node or a pool is not moved: the planner's words, who can end it and how.

mod of_set;

use planner::fleet::{Node, Pod};
use planner::rollout::{Hold, Outcome, Plan, PoolReport, Track};

use crate::advice::{ending, remedy};
use crate::snapshot::Snapshot;
use crate::text::{Line, Tone, count, hang};
use crate::view::row;
pub use of_set::SetScene;

/// Nodes of a pool that are named for each hold.
const NAMED: usize = 6;

/// What is explained.
pub struct Scene<'a> {
    /// The cluster.
    pub snapshot: &'a Snapshot,
    /// What the planner says of it.
    pub plan: &'a Plan,
    /// How the user names the run.
    pub target: &'a str,
    /// Columns there are.
    pub width: usize,
}

impl Scene<'_> {
    /// A node; `None` when it is no business of the run.
    pub fn node(&self, name: &str) -> Option<Vec<Line>> {
        let node = self.snapshot.nodes.iter().find(|node| *node.name == *name)?;
        let placement = self.snapshot.daemon_set.spec.template.spec.placement();
        let pods = self.snapshot.pods.get(&node.name).map_or(&[][..], Vec::as_slice);
        if !placement.admits(node) {
            let why =
                format!("the template may not run on node {name}: node selector, affinity or a taint keeps it away");
            return Some(self.say(Tone::Plain, &why));
        }
        let mut lines = self.say(Tone::Strong, &self.place(node));
        lines.extend(pods.iter().flat_map(|pod| self.say(Tone::Plain, &self.pod(pod))));
        let held = self.plan.report.units.iter().find(|(held, _)| **held == *name);
        match (held, self.plan.run.track(node.uid)) {
            (Some((_, hold)), _) => lines.extend(self.hold(&format!("not moved: {hold}"), hold)),
            (None, _) if self.plan.steps.iter().any(|step| *step.node == *name) => {
                lines.extend(self.say(Tone::Busy, "it is next: its pod is restarted at the next look"));
            }
            (None, Some(track)) => lines.extend(self.say(tone(track), &outcome(track))),
            (None, None) => lines.extend(self.say(Tone::Good, "nothing is to be done: its pod has the revision")),
        }
        Some(lines)
    }

    /// A pool; `None` when the run has no unit in it.
    pub fn pool(&self, name: &str) -> Option<Vec<Line>> {
        let pool = self.plan.report.pools.iter().find(|pool| *pool.pool == *name)?;
        let title = format!("pool {} of wave {:?}", if name.is_empty() { "(no pool)" } else { name }, pool.wave);
        let mut lines = self.say(Tone::Strong, &title);
        lines.extend(row::table(&[(Line::of(Tone::Plain, "units"), pool.counts.into())], self.width));
        let holds = self.holds_of(pool);
        if holds.is_empty() {
            lines.extend(self.say(Tone::Good, "nothing of it waits"));
        }
        for (hold, nodes) in holds {
            let named = nodes.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            let more = if nodes.len() > NAMED { format!(" and {} more", nodes.len() - NAMED) } else { String::new() };
            let text = format!("{} not moved: {hold} ({named}{more})", count(nodes.len(), "unit"));
            lines.extend(self.hold(&text, hold));
        }
        Some(lines)
    }

    /// The run as a whole, where something holds all of it.
    pub fn whole(&self) -> Vec<Line> {
        self.plan
            .report
            .hold
            .as_ref()
            .map_or_else(Vec::new, |hold| self.hold(&format!("the run is held: {hold}"), hold))
    }

    /// A pool's holds by kind, the first of each kind for all, with the nodes that it holds.
    fn holds_of(&self, pool: &PoolReport) -> Vec<(&Hold, Vec<&str>)> {
        let mut holds: Vec<(&Hold, Vec<&str>)> = Vec::new();
        for (node, hold) in &self.plan.report.units {
            let found = self.snapshot.nodes.iter().find(|known| known.name == *node);
            if found.is_none_or(|found| found.pool != pool.pool) {
                continue;
            }
            match holds.iter_mut().find(|(known, _)| known.kind() == hold.kind()) {
                Some((_, nodes)) => nodes.push(node),
                None => holds.push((hold, vec![node])),
            }
        }
        holds.sort_by_key(|(_, nodes)| std::cmp::Reverse(nodes.len()));
        holds
    }

    fn hold(&self, text: &str, hold: &Hold) -> Vec<Line> {
        held(text, hold, self.target, self.width)
    }

    fn place(&self, node: &Node) -> String {
        let pool = if node.pool.is_empty() { "without a pool".to_owned() } else { format!("in pool {}", node.pool) };
        let report = self.plan.report.pools.iter().find(|pool| pool.pool == node.pool);
        let wave = report.map_or_else(String::new, |pool| format!(", wave {:?}", pool.wave));
        let state = match node.link.ready_since() {
            Some(since) => format!("Ready since {}", second(since)),
            None => "not Ready".to_owned(),
        };
        let cordoned = if node.cordoned { ", cordoned" } else { "" };
        format!("node {} {pool}{wave}: {state}{cordoned}", node.name)
    }

    fn pod(&self, pod: &Pod) -> String {
        let newest = self.snapshot.newest().and_then(|newest| newest.hash().map(str::to_owned));
        let age = if newest.as_deref() == Some(&*pod.revision) { "the newest" } else { "not the newest" };
        let state = match (pod.deleting, &pod.ready, pod.trouble) {
            (true, _, _) => "terminating".to_owned(),
            (false, Some(ready), _) => format!("Ready since {}", second(ready.since)),
            (false, None, Some(since)) => {
                format!("does not start: it crash-loops or cannot be pulled, since {}", second(since))
            }
            (false, None, None) => "not Ready yet".to_owned(),
        };
        format!("pod {}, revision {} ({age}): {state}", pod.name, pod.revision)
    }

    fn say(&self, tone: Tone, text: &str) -> Vec<Line> {
        say(tone, text, self.width)
    }
}

/// A hold, what ends it, and what the user can do.
fn held(text: &str, hold: &Hold, target: &str, width: usize) -> Vec<Line> {
    let mut lines = say(Tone::Busy, text, width);
    let margin = Line::of(Tone::Plain, "    ");
    lines.extend(hang(Tone::Faint, &margin, &margin, ending(hold), width));
    if let Some(remedy) = remedy(hold, target) {
        let arrow = margin.and(Tone::Call, "→ ");
        lines.extend(hang(Tone::Plain, &arrow, &Line::of(Tone::Plain, "      "), &remedy, width));
    }
    lines
}

fn say(tone: Tone, text: &str, width: usize) -> Vec<Line> {
    let margin = Line::of(Tone::Plain, "  ");
    hang(tone, &margin, &Line::of(Tone::Plain, "    "), text, width)
}

/// What became of a unit that was moved.
fn outcome(track: &Track) -> String {
    let at = second(track.activation.at);
    let by = if track.activation.controlled { "restarted" } else { "took the revision without Drover" };
    match track.outcome {
        Outcome::Open => format!("under way: {by} at {at}, and watched until it settles"),
        Outcome::Settled => "done: it settled at the revision".to_owned(),
        Outcome::Failed => format!("failed: {by} at {at}, it did not become Ready or crash-loops"),
        Outcome::Lost => format!("lost: {by} at {at}, its node went away and did not come back in time"),
        Outcome::ReplacementMissing => {
            format!("without a pod: {by} at {at}, and Kubernetes made no new one (quota, admission?)")
        }
        Outcome::PreExisting => "down before it was moved, and still is: not the revision's fault".to_owned(),
    }
}

const fn tone(track: &Track) -> Tone {
    match track.outcome {
        Outcome::Open => Tone::Busy,
        Outcome::Settled => Tone::Good,
        Outcome::Failed | Outcome::Lost | Outcome::ReplacementMissing => Tone::Bad,
        Outcome::PreExisting => Tone::Call,
    }
}

fn second(at: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(at.as_second()).unwrap_or(at)
}
