//! Puts a run on trial.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::activations::{self, Activation, Deletion};
use super::audit::Call;
use super::budget::{self, Scope};
use super::gates;
use super::history::{History, LONG_AGO, NodeState, PodLine};
use super::leaders::{Leaders, is_updaters};
use super::note::Note;
use super::rules::Rules;
use super::start;
use super::timeline::spans;
use super::units::{Moment, Units};
use super::verdict::{Rule, Verdict, Violation};
use super::waves::Run;

/// What is known of a run.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// What the watcher saw, in its order.
    pub notes: &'a [Note],
    /// The API server's audit log.
    pub calls: &'a [Call],
    /// Only DaemonSets of this namespace are judged; `None`: all.
    pub namespace: Option<&'a str>,
}

/// How a run must have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Anyhow: it is halted, paused or cut short.
    Open,
    /// Every reachable unit is at the newest revision and available, and the updater wrote nothing for this long.
    Done {
        /// When the trial ends.
        at: Timestamp,
        /// How long nothing was written.
        quiet: SignedDuration,
    },
}

/// One DaemonSet's run.
struct Case<'a> {
    units: Units<'a>,
    deletions: Vec<Deletion<'a>>,
    activations: Vec<Activation>,
    /// By strategies that the DaemonSet names.
    runs: Vec<Run<'a>>,
}

/// Judges a run by these rules.
pub fn judge(evidence: Evidence<'_>, rules: &Rules, ending: Ending) -> Verdict {
    let history = History::new(evidence.notes, evidence.calls);
    let rules = &Rules { lag: rules.lag.max(history.lateness), ..rules.clone() };
    let ours: Vec<&Call> = evidence.calls.iter().filter(|call| is_updaters(call, rules)).collect();
    let mine: Vec<&Call> = ours.iter().copied().filter(|call| evidence.covers(&call.namespace)).collect();
    let mut verdict = Verdict { lateness: history.lateness, ..Verdict::default() };
    for call in ours.iter().filter(|call| call.namespace.is_empty() || evidence.covers(&call.namespace)) {
        *verdict.calls.entry(call.kind()).or_default() += 1;
    }
    let cases = cases(evidence, &history, &mine, rules, &mut verdict);
    for case in &cases {
        case.judge(&mut verdict);
    }
    one_activation_per_node(&cases, &mut verdict);
    leaders(evidence, rules, &mine, &mut verdict);
    let ends = cases.iter().flat_map(|case| &case.activations).filter(|activation| activation.controlled);
    let last = ends
        .clone()
        .map(|activation| if activation.ended == Timestamp::MAX { activation.at } else { activation.ended });
    let span = ends.map(|activation| activation.at).min().zip(last.max());
    verdict.duration = span.map_or(SignedDuration::ZERO, |(first, last)| last.duration_since(first));
    if let Ending::Done { at, quiet } = ending {
        cases.iter().for_each(|case| case.is_done(at, &mut verdict));
        let late =
            mine.iter().filter(|call| call.is_write() && call.resource != "leases" && call.completed > at - quiet);
        for call in late.filter(|call| call.completed <= at) {
            let what = format!("within the last {quiet:#}");
            verdict.add(call.received, Rule::NotQuiet, &format!("{} {}", call.kind(), call.name), what);
        }
    }
    verdict.violations.sort_by_key(|violation| violation.at);
    verdict
}

impl Evidence<'_> {
    fn covers(&self, namespace: &str) -> bool {
        self.namespace.is_none_or(|mine| mine == namespace)
    }
}

/// The runs, with every deletion at its place. Deletions that cannot be placed are judged by what is known of them.
fn cases<'a>(
    evidence: Evidence<'_>,
    history: &'a History,
    mine: &[&Call],
    rules: &'a Rules,
    verdict: &mut Verdict,
) -> Vec<Case<'a>> {
    let mut deletions: HashMap<&str, Vec<Deletion<'a>>> = HashMap::new();
    let mut asked: Vec<&&Call> = mine.iter().filter(|call| call.resource == "pods" && call.is_write()).collect();
    asked.sort_by_key(|call| call.received);
    let mut deleted = HashSet::new();
    for call in asked {
        let object = format!("{} {}/{}", call.verb, call.namespace, call.name);
        if call.verb == "delete"
            && let Some((rule, what)) = start::fenced(call)
        {
            verdict.add(call.received, rule, &object, what);
        }
        let uid = call.uid.as_ref().or(call.precondition.as_ref());
        let pod = uid.and_then(|uid| history.pods.get(uid));
        match pod {
            // Whoever asked had no answer, because the API server failed or the asker died: it may have been done.
            Some(pod) if call.code >= 500 && !deleted_by(pod, call, rules) => {}
            _ if (300..500).contains(&call.code) => {}
            Some(pod) if call.verb == "delete" => {
                // Asking again, because the first answer was lost, starts nothing.
                if deleted.insert(pod.pod.uid.as_str()) {
                    verdict.deletes += 1;
                    deletions.entry(&pod.pod.owner).or_default().push(Deletion { at: call.received, pod });
                }
            }
            _ => {
                verdict.add(call.received, Rule::NotAsked, &object, "not the deletion of a DaemonSet's pod".to_owned());
            }
        }
    }
    let judged = history.sets.iter().filter(|(_, set)| evidence.covers(&set.namespace));
    let case = |(uid, set)| {
        let units = Units { history, rules, uid, set };
        let deletions = deletions.remove(units.uid).unwrap_or_default();
        let activations = activations::activations(&units, &deletions);
        let runs = Run::all(&units, &activations);
        Case { units, deletions, activations, runs }
    };
    judged.map(|(uid, set)| (uid.as_str(), set)).map(case).collect()
}

/// Whether a pod began to terminate when this call was under way.
fn deleted_by(pod: &PodLine, call: &Call, rules: &Rules) -> bool {
    let (from, until) = (call.received, call.completed + rules.lag);
    let ended = pod.line.changes().iter().find(|(_, state)| !state.live);
    ended.is_some_and(|(published, _)| from <= published.latest && published.earliest <= until)
}

impl Case<'_> {
    fn judge(&self, verdict: &mut Verdict) {
        for deletion in &self.deletions {
            let pod = &deletion.pod.pod;
            *verdict.restarts.entry((self.units.set.name.clone(), pod.node.clone())).or_default() += 1;
            let broken = [
                start::asked_for(&self.units, deletion),
                start::outdated(&self.units, deletion),
                start::on_reachable_node(&self.units, deletion),
            ];
            for (rule, what) in broken.into_iter().flatten() {
                verdict.add(deletion.at, rule, &self.object(&pod.name), what);
            }
            self.note_return(deletion, verdict);
        }
        for (at, activation) in self.activations.iter().enumerate().filter(|(_, activation)| activation.controlled) {
            for (rule, what) in self.broken(at) {
                verdict.add(activation.at, rule, &self.object(&activation.node), what);
            }
            if let Some(tight) = budget::tight(&self.units, &self.activations, at) {
                let slack = |tight: &super::verdict::Tight| i64::from(tight.allowed) - i64::from(tight.down);
                verdict.tightest = verdict.tightest.into_iter().chain([tight]).min_by_key(slack);
            }
        }
        self.count_most(verdict);
        self.find_lost(verdict);
    }

    /// The rules about budgets, waves and windows that a start breaks. With a newer revision on its way it is right if it is
    /// so by either run.
    fn broken(&self, at: usize) -> Vec<(Rule, String)> {
        let moment = Moment { at: self.activations[at].at, lag: self.units.rules.lag };
        let of_run = |run: Option<&Run<'_>>| gates::broken(&self.units, run, &self.activations, at);
        let mut judged = Vec::new();
        for revision in self.units.newest(moment) {
            judged.push(of_run(self.runs.iter().find(|run| run.revision == revision)));
        }
        let best = judged.into_iter().rev().min_by_key(Vec::len);
        best.unwrap_or_else(|| of_run(None))
    }

    fn object(&self, name: &str) -> String {
        format!("{}/{} {name}", self.units.set.namespace, self.units.set.name)
    }

    /// The most units that were down at once, since the first deletion.
    fn count_most(&self, verdict: &mut Verdict) {
        let Some(first) = self.deletions.first() else { return };
        let pods = self.units.history.pods.values().filter(|pod| pod.pod.owner == self.units.uid);
        let changes = pods.flat_map(|pod| pod.line.changes()).map(|(published, _)| published.latest);
        let mut times: Vec<_> = self.activations.iter().map(|activation| activation.at).chain(changes).collect();
        times.retain(|at| *at >= first.at);
        times.sort_unstable();
        times.dedup();
        for at in times {
            let begun = self.activations.partition_point(|activation| activation.at <= at);
            let begun = &self.activations[..begun];
            let started: HashSet<_> = begun.iter().filter(|a| a.controlled && a.is_open(at)).map(|a| &a.node).collect();
            let moment = Moment { at, lag: SignedDuration::ZERO };
            let down = budget::count(&self.units, begun, moment, &Scope::whole(&self.units, moment)).down;
            verdict.most_down = verdict.most_down.max(u32::try_from(down.len()).unwrap_or(u32::MAX));
            verdict.most_started = verdict.most_started.max(u32::try_from(started.len()).unwrap_or(u32::MAX));
        }
    }

    /// Nodes that left Ready while they were exposed.
    fn find_lost(&self, verdict: &mut Verdict) {
        for (index, activation) in self.activations.iter().enumerate() {
            let Some(nodes) = self.units.history.nodes.get(&activation.node) else { continue };
            let next = self.activations[index + 1..].iter().find(|next| next.node == activation.node);
            let pods = self.units.history.pods_on(self.units.uid, &activation.node);
            let ready = pods.flat_map(|pod| pod.line.changes()).filter_map(|(_, pod)| pod.ready_since);
            let first_ready = ready.filter(|ready| *ready >= activation.at - self.units.rules.lag).min();
            let exposed_until = first_ready.map_or(Timestamp::MAX, |ready| ready + self.units.rules.exposure);
            let until = next.map_or(Timestamp::MAX, |next| next.at).min(exposed_until);
            let away = |node: &Option<NodeState>| node.as_ref().is_none_or(|node| node.ready_since.is_none());
            if spans(nodes, away).any(|(begin, _)| activation.at <= begin && begin < until) {
                let key = (self.units.set.name.clone(), activation.revision.clone());
                verdict.lost.entry(key).or_default().insert(activation.node.clone());
            }
        }
    }

    /// A node that came back after the release, and is restarted for the first time since.
    fn note_return(&self, deletion: &Deletion<'_>, verdict: &mut Verdict) {
        let node = &deletion.pod.pod.node;
        let state = self.units.history.nodes.get(node).and_then(|line| line.at(deletion.at)).and_then(Option::as_ref);
        let Some(back) = state.and_then(|state| state.ready_since).filter(|since| *since > LONG_AGO) else { return };
        let released = self.units.set.newest.changes().iter().rev().find(|(known, _)| known.latest <= deletion.at);
        let before = |other: &&Deletion<'_>| other.pod.pod.node == *node && back <= other.at && other.at < deletion.at;
        if released.is_some_and(|(known, _)| known.latest < back) && !self.deletions.iter().any(|other| before(&other))
        {
            let reachable = back + self.units.rules.timing.reachable_after;
            verdict.returns.push((node.clone(), deletion.at.duration_since(reachable)));
        }
    }

    fn is_done(&self, at: Timestamp, verdict: &mut Verdict) {
        let moment = Moment { at, lag: SignedDuration::ZERO };
        if !self.units.sets(moment).any(|set| set.is_some_and(|set| set.wanted)) {
            return;
        }
        let left: Vec<&str> = self
            .units
            .eligible(moment)
            .filter(|node| self.units.is_reachable(node, moment) == super::units::Fact::Yes)
            .filter(|node| {
                !self.units.is_at_newest(node, moment) || !self.units.is_available(node, moment).is_possible()
            })
            .collect();
        if !left.is_empty() {
            let what = format!("{} reachable units are not done: {}", left.len(), left.join(", "));
            verdict.add(at, Rule::NotDone, &self.object(""), what);
        }
    }
}

fn one_activation_per_node(cases: &[Case<'_>], verdict: &mut Verdict) {
    let mut by_node: BTreeMap<&str, Vec<(&Case<'_>, &Activation)>> = BTreeMap::new();
    for case in cases {
        for activation in case.activations.iter().filter(|activation| activation.controlled) {
            by_node.entry(&activation.node).or_default().push((case, activation));
        }
    }
    for (node, mut on_node) in by_node {
        on_node.sort_by_key(|(_, activation)| activation.at);
        for (at, (case, activation)) in on_node.iter().enumerate() {
            let other =
                |(other, a): &&(&Case<'_>, &Activation)| other.units.uid != case.units.uid && a.is_open(activation.at);
            if let Some((busy, _)) = on_node[..at].iter().find(other) {
                let what = format!("{} is under way on {node}", busy.units.set.name);
                verdict.add(activation.at, Rule::NodeBusy, &case.object(node), what);
            }
        }
    }
}

fn leaders(evidence: Evidence<'_>, rules: &Rules, mine: &[&Call], verdict: &mut Verdict) {
    let leaders = Leaders::new(evidence.calls, rules);
    let overlap = leaders.overlap(mine);
    verdict.handovers = overlap.handovers;
    verdict.stale_writes = overlap.stale.len();
    for call in overlap.excess(rules.in_flight) {
        let what = "its process did not lead any more, and it was not in flight when the other took over".to_owned();
        let object = format!("{} {}/{}", call.kind(), call.namespace, call.name);
        verdict.add(call.received, Rule::TwoLeaders, &object, what);
    }
}

impl Verdict {
    fn add(&mut self, at: Timestamp, rule: Rule, object: &str, what: String) {
        self.violations.push(Violation { at, rule, object: object.trim_end().to_owned(), what });
    }
}
