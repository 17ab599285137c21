//! What became of every object, in order, with the times at which it was public.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use api::annotations::{UpdateStrategy, max_unavailable, update_strategy};
use api::approval_request::ApprovalPoint;
use api::daemon_set::DaemonSet;
use jiff::{SignedDuration, Timestamp};
use planner::fleet;
use planner::placement::Placement;
use planner::strategy::Amount;

use super::audit::{Call, publications};
use super::note::{ApprovalSeen, NodeSeen, Note, PodSeen, PoolSeen, RevisionSeen, RunSeen, RunState, Seen};
use super::timeline::{Published, Timeline};

/// Before everything: since when something holds that held at first sight.
pub(super) const LONG_AGO: Timestamp = Timestamp::UNIX_EPOCH;

/// How late a watcher may be. Only for changes whose write the audit log does not show, such as the binding of a pod.
const WATCHER_LAG: SignedDuration = SignedDuration::from_millis(200);

/// All objects through time.
#[derive(Debug, Default)]
pub(super) struct History {
    /// By name; `None` while there is no such node.
    pub nodes: BTreeMap<String, Timeline<Option<NodeState>>>,
    /// By UID.
    pub pods: BTreeMap<String, PodLine>,
    /// By UID.
    pub sets: BTreeMap<String, SetLine>,
    /// The labels of pools, by name.
    pub pools: BTreeMap<String, Timeline<BTreeMap<String, String>>>,
    /// By run (its UID) and wave: at which points somebody approved, and when that may first have been public.
    pub approvals: HashMap<(String, String), Vec<(ApprovalPoint, Timestamp)>>,
    /// How late the watcher heard of what it heard of latest. Nobody beside it on the same machine can be held to hear sooner.
    pub lateness: SignedDuration,
    /// UIDs of pods by DaemonSet and node.
    places: HashMap<String, HashMap<String, Vec<String>>>,
}

/// A node at some time.
#[derive(Clone, Debug)]
pub(super) struct NodeState {
    /// Everything but its readiness.
    pub node: fleet::Node,
    /// Since when it is Ready without a break.
    pub ready_since: Option<Timestamp>,
}

/// A pod through time.
#[derive(Debug)]
pub(super) struct PodLine {
    /// As it was first seen: name, node, owner, revision do not change.
    pub pod: PodSeen,
    /// When it was made; `None`: before the watcher looked.
    pub born: Option<Published>,
    /// Its states.
    pub line: Timeline<PodState>,
}

/// A pod at some time.
#[derive(Clone, Debug)]
pub(super) struct PodState {
    /// There is no such pod any more.
    pub gone: bool,
    /// Neither terminating nor ended.
    pub live: bool,
    /// Since when it is Ready without a break.
    pub ready_since: Option<Timestamp>,
    /// Since when it is in trouble, not ended by anything but becoming Ready.
    pub trouble_since: Option<Timestamp>,
}

/// A DaemonSet through time.
#[derive(Debug, Default)]
pub(super) struct SetLine {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its states; `None` once it is gone.
    pub line: Timeline<Option<SetState>>,
    /// Its newest revision.
    pub newest: Timeline<Revision>,
    /// The lowest revision number seen.
    pub first_number: i64,
    /// Its runs, by the number of the revision.
    pub runs: BTreeMap<i64, Timeline<RunState>>,
}

/// A DaemonSet at some time.
#[derive(Clone, Debug)]
pub(super) struct SetState {
    /// Where its newest template may run.
    pub placement: Placement,
    /// It asks to be upgraded by Drover, and leaves that to it.
    pub wanted: bool,
    /// Its budget; nothing when the annotation cannot be read.
    pub budget: Amount,
    /// `minReadySeconds`.
    pub min_ready: SignedDuration,
    /// The DaemonSet controller has acted upon its newest spec.
    pub observed: bool,
}

/// A revision of a DaemonSet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Revision {
    /// What its pods carry as a label.
    pub hash: String,
    /// Its number.
    pub number: i64,
}

impl History {
    /// The history that a watcher's notes tell, in the order in which it took them. The audit log says more exactly than
    /// the watcher when a change was public.
    pub(super) fn new(notes: &[Note], calls: &[Call]) -> Self {
        let publications = publications(calls);
        let (mut history, mut heard) = (Self::default(), HashSet::new());
        for note in notes {
            let published = when(note, &publications);
            // What a list tells again, after a watch broke, was heard of before.
            let is_news = heard.insert(&note.version);
            if is_news && published.exact {
                history.lateness = history.lateness.max(note.received.duration_since(published.latest));
            }
            history.add(note, published);
        }
        history
    }

    /// The pods of a DaemonSet that are, were or will be on a node.
    pub(super) fn pods_on<'a>(&'a self, set: &'a str, node: &'a str) -> impl Iterator<Item = &'a PodLine> {
        let uids = self.places.get(set).and_then(|nodes| nodes.get(node)).into_iter().flatten();
        uids.filter_map(|uid| self.pods.get(uid))
    }

    fn pod(&mut self, at_first: bool, seen: &PodSeen, published: Published) -> &mut PodLine {
        self.pods.entry(seen.uid.clone()).or_insert_with(|| {
            let nodes = self.places.entry(seen.owner.clone()).or_default();
            nodes.entry(seen.node.clone()).or_default().push(seen.uid.clone());
            PodLine { pod: seen.clone(), born: (!at_first).then_some(published), line: Timeline::default() }
        })
    }

    fn add(&mut self, note: &Note, published: Published) {
        match &note.seen {
            Seen::Node(seen) => {
                let line = self.nodes.entry(seen.node.name.to_string()).or_default();
                let next = (!note.gone).then(|| node_state(line.last().and_then(Option::as_ref), seen, published));
                line.push(published, next);
            }
            Seen::Pod(seen) => {
                let line = &mut self.pod(note.at_first, seen, published).line;
                let next = pod_state(line.last(), seen, note.gone, published);
                line.push(published, next);
            }
            Seen::DaemonSet(set) => {
                let line = self.sets.entry(set.metadata.uid.clone()).or_default();
                line.namespace.clone_from(&set.metadata.namespace);
                line.name.clone_from(&set.metadata.name);
                line.line.push(published, (!note.gone).then(|| set_state(set)));
            }
            Seen::Revision(RevisionSeen { owner, hash, number }) => {
                let line = self.sets.entry(owner.clone()).or_default();
                let newest = line.newest.last().map_or(i64::MIN, |revision| revision.number);
                if !note.gone && *number > newest {
                    line.first_number = if newest == i64::MIN { *number } else { line.first_number.min(*number) };
                    line.newest.push(published, Revision { hash: hash.clone(), number: *number });
                }
            }
            // A run is known by what it last said: one that somebody deletes is made again.
            Seen::Run(run) if !note.gone => {
                let RunSeen { owner, number, state, .. } = &**run;
                let line = self.sets.entry(owner.clone()).or_default();
                line.runs.entry(*number).or_default().push(published, state.clone());
            }
            Seen::Pool(PoolSeen { name, labels }) => {
                let labels = if note.gone { BTreeMap::new() } else { labels.clone() };
                self.pools.entry(name.clone()).or_default().push(published, labels);
            }
            Seen::Approval(ApprovalSeen { run, wave, point, approved: true, .. }) => {
                let key = (run.clone(), wave.clone());
                self.approvals.entry(key).or_default().push((*point, published.earliest));
            }
            Seen::Run(_) | Seen::Approval(_) => {}
        }
    }
}

impl SetLine {
    /// When users let runs go on after a halt, as early as that may have been known.
    pub(super) fn resumes(&self) -> impl Iterator<Item = Timestamp> {
        self.runs.values().flat_map(|line| {
            let halts: BTreeSet<&String> = line.changes().iter().filter_map(|(_, run)| run.halt.as_ref()).collect();
            let resumed = move |token: &String| {
                let mut changes = line.changes().iter();
                changes.find(|(_, run)| run.resume.as_ref() == Some(token)).map(|(published, _)| published.earliest)
            };
            halts.into_iter().filter_map(resumed)
        })
    }
}

fn when(note: &Note, publications: &HashMap<&str, Published>) -> Published {
    if note.at_first {
        return Published { earliest: LONG_AGO, latest: note.received, exact: false };
    }
    match publications.get(note.version.as_str()) {
        Some(known) => Published {
            earliest: known.earliest.min(note.received),
            latest: known.latest.min(note.received),
            exact: true,
        },
        None => Published { earliest: note.received - WATCHER_LAG, latest: note.received, exact: false },
    }
}

fn node_state(before: Option<&NodeState>, seen: &NodeSeen, published: Published) -> NodeState {
    let same = before.filter(|before| before.node.uid == seen.node.uid);
    let since = same.and_then(|before| before.ready_since).unwrap_or(published.earliest);
    NodeState { node: seen.node.clone(), ready_since: seen.ready.then_some(since) }
}

fn pod_state(before: Option<&PodState>, seen: &PodSeen, gone: bool, published: Published) -> PodState {
    let ready = before.and_then(|before| before.ready_since).unwrap_or(published.earliest);
    let trouble = before.and_then(|before| before.trouble_since);
    PodState {
        gone,
        live: seen.live && !gone,
        ready_since: (seen.ready && !gone).then_some(ready),
        trouble_since: if seen.ready { None } else { trouble.or(seen.trouble.then_some(published.earliest)) },
    }
}

fn set_state(set: &DaemonSet) -> SetState {
    let annotations = &set.metadata.annotations;
    let auto = matches!(update_strategy(annotations), Ok(Some(UpdateStrategy::Auto)));
    let budget = max_unavailable(annotations);
    SetState {
        placement: set.spec.template.spec.placement(),
        wanted: auto && set.is_on_delete() && !set.is_terminating() && budget.is_ok(),
        budget: budget.unwrap_or(Amount::Count(0)),
        min_ready: SignedDuration::from_secs(i64::from(set.spec.min_ready_seconds)),
        observed: set.is_observed(),
    }
}
