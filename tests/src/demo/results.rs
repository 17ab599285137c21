//! The table at the end: each act as the checker saw it, beside what OpenYurt's rule does to the same fleet.

use jiff::{SignedDuration, Timestamp};
use planner::strategy::Strategy;

use super::openyurt::{self, Node, Outcome, Release};
use super::play::Played;
use super::stage::{self, BUDGET, DAEMON_SET, READY_TIME};
use super::text::{Line, Tone};
use crate::checker::{Call, Ending, Evidence, Note, Rules, Verdict, judge};

/// How long Kubernetes takes from the deletion of a pod to the start of the next one, here.
const RECREATED_IN: SignedDuration = SignedDuration::from_millis(300);

/// What an act does to the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A good release.
    Release,
    /// Offline nodes return.
    Return,
    /// A release that takes its nodes away.
    Killer,
}

/// An act in numbers.
#[derive(Clone, Debug)]
pub(super) struct Result {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) played: Played,
    /// The checker's findings about this act alone. Broken rules are looked for in the whole show.
    pub(super) verdict: Verdict,
    /// By OpenYurt's rule.
    pub(super) openyurt: Outcome,
}

/// Puts an act's time span on trial.
pub(super) fn result(
    name: &'static str,
    kind: Kind,
    played: Played,
    rules: &Rules,
    notes: &[Note],
    calls: &[Call],
) -> Result {
    let (from, until) = (played.began, played.left);
    let notes = &notes[..notes.partition_point(|note| note.received <= until)];
    let ours = |call: &Call| call.user == rules.updater.user || call.agent.starts_with(&rules.updater.agent);
    let within = |call: &&Call| call.received <= until && (call.received >= from || !ours(call));
    let calls: Vec<Call> = calls.iter().filter(within).cloned().collect();
    let verdict = judge(Evidence { notes, calls: &calls, namespace: None }, rules, Ending::Open);
    Result { name, kind, openyurt: by_openyurts_rule(kind, &played), played, verdict }
}

impl Result {
    /// As many nodes might be down at once.
    pub(super) fn allowed(&self) -> u32 {
        let counts = self.played.before.all;
        let of = |nodes: usize| u32::try_from(nodes).unwrap_or(u32::MAX);
        match self.kind {
            Kind::Release | Kind::Killer => BUDGET.allowed(of(counts.nodes() - counts.offline - counts.lost)),
            // Those that return have a budget of their own, below the run's.
            Kind::Return => Strategy::implied(BUDGET).catch_up_max_unavailable.allowed(of(counts.nodes())),
        }
    }

    /// Nodes that the act is about.
    fn concerned(&self) -> usize {
        let counts = self.played.before.all;
        match self.kind {
            Kind::Release | Kind::Killer => counts.nodes() - counts.offline - counts.lost,
            Kind::Return => counts.offline,
        }
    }

    /// Nodes that left Ready while they were exposed to the act's release.
    pub(super) fn lost(&self) -> usize {
        let release = (DAEMON_SET.to_owned(), self.played.last.look.hash.clone());
        self.verdict.lost.get(&release).map_or(0, std::collections::BTreeSet::len)
    }

    /// Nodes that it would have met besides.
    pub(super) fn saved(&self) -> usize {
        self.concerned().saturating_sub(self.lost())
    }

    fn calls(&self) -> usize {
        self.verdict.calls.values().sum()
    }
}

/// The whole table. `down`: the most nodes that were down at once, and as many as were allowed; `done`: the nodes that were
/// upgraded, of those that the act is about; `calls`: API requests for each of them.
pub(super) fn table(results: &[Result]) -> Vec<Line> {
    let left: usize = WIDTHS[..5].iter().sum();
    let mut lines = vec![
        Line::new().pad_to(NAME + 2).and(Tone::Strong, OURS).pad_to(NAME + left + 3).and(Tone::Strong, THEIRS),
        row(Tone::Faint, "act", &HEADINGS.map(|heading| (Tone::Faint, heading.to_owned()))),
    ];
    lines.extend(results.iter().enumerate().map(|(at, result)| {
        let Result { name, verdict, openyurt, played, .. } = result;
        let took = played.done.duration_since(played.began);
        let concerned = result.concerned();
        let down = |down: usize, allowed: u32| {
            let tone = if u32::try_from(down).is_ok_and(|down| down <= allowed) { Tone::Plain } else { Tone::Bad };
            (tone, format!("{down}/{allowed}"))
        };
        let loss = |lost: usize| (if lost == 0 { Tone::Plain } else { Tone::Bad }, lost.to_string());
        let upgraded = |upgraded: usize| {
            let left_behind = result.kind == Kind::Return && upgraded < concerned;
            (if left_behind { Tone::Bad } else { Tone::Plain }, format!("{upgraded}/{concerned}"))
        };
        let most_down = usize::try_from(verdict.most_down).unwrap_or(usize::MAX);
        let numbers = [
            (Tone::Plain, format!("{} s", took.as_secs())),
            down(most_down, result.allowed()),
            loss(result.lost()),
            upgraded(verdict.deletes),
            (Tone::Plain, per_pod(result.calls(), verdict.deletes)),
            down(openyurt.most_down, openyurt.allowed),
            loss(openyurt.lost),
            upgraded(openyurt.upgraded),
        ];
        row(Tone::Plain, &format!("{} {name}", at + 1), &numbers)
    }));
    lines
}

/// How often daemon-updater asked for what, the most frequent first.
pub(super) fn calls(verdict: &Verdict) -> String {
    let mut calls: Vec<_> = verdict.calls.iter().collect();
    calls.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let calls: Vec<String> = calls.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    calls.join(", ")
}

// Together no wider than 79 columns.
const NAME: usize = 24;
const OURS: &str = "Drover, as observed";
const THEIRS: &str = "by OpenYurt's rule";
const HEADINGS: [&str; 8] = ["time", "down", "lost", "done", "calls", "down", "lost", "done"];
const WIDTHS: [usize; 8] = [6, 7, 6, 7, 7, 8, 6, 7];

fn row(tone: Tone, name: &str, numbers: &[(Tone, String); 8]) -> Line {
    let name = Line::of(tone, format!("  {name}")).pad_to(NAME);
    numbers.iter().zip(WIDTHS).fold(name, |line, ((tone, number), width)| line.and(*tone, format!("{number:>width$}")))
}

fn per_pod(calls: usize, pods: usize) -> String {
    if pods == 0 { "–".to_owned() } else { format!("{:.1}", calls as f64 / pods as f64) }
}

fn by_openyurts_rule(kind: Kind, played: &Played) -> Outcome {
    let counts = played.before.all;
    let away = counts.offline + counts.lost;
    let mut fleet = vec![Node { ready: true }; counts.nodes() - away];
    fleet.resize(counts.nodes(), Node { ready: false });
    let grace = stage::pace().timing.node_monitor_grace;
    let release = |kills, ready_time| Release { budget: BUDGET, replaced_in: RECREATED_IN + ready_time, kills, grace };
    match kind {
        Kind::Release => openyurt::simulate(&fleet, release(false, READY_TIME)),
        Kind::Killer => openyurt::simulate(&fleet, release(true, SignedDuration::ZERO)),
        Kind::Return => openyurt::nodes_return(&fleet, BUDGET),
    }
}

/// Deletions of pods by the updater after `from`, before `until`.
pub(super) fn deletions_between(calls: &[Call], rules: &Rules, from: Timestamp, until: Timestamp) -> usize {
    let deletes = calls.iter().filter(|call| call.user == rules.updater.user && call.kind() == "delete pods");
    deletes.filter(|call| from < call.received && call.received < until).count()
}
