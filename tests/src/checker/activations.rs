//! Units on their way to a revision, from the deletion of their pod (or the sighting of a pod that took the newest template
//! by itself) until they settle or get another verdict.

use jiff::{SignedDuration, Timestamp};

use super::history::{NodeState, PodLine, PodState};
use super::timeline::spans;
use super::units::{Fact, Moment, Units};

/// One unit on its way.
#[derive(Clone, Debug)]
pub(super) struct Activation {
    /// The node.
    pub node: String,
    /// When it began.
    pub at: Timestamp,
    /// As early as its verdict may have been given; the end of time when there was none.
    pub ended: Timestamp,
    /// Its verdict.
    pub end: End,
    /// The newest revision when it began.
    pub revision: String,
    /// It was available before: judged in favour of whoever started it, as what was believed may have been either.
    pub was_available: Fact,
    /// We did it.
    pub controlled: bool,
    /// When a user, after its verdict, let its run go on: broken units are taken as they are from then on.
    pub resumed: Option<Timestamp>,
}

/// What became of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing yet.
    None,
    /// Ready for long enough.
    Settled,
    /// In trouble for too long, or too late.
    Failed,
    /// Its node went and did not come back in time.
    Lost,
    /// No new pod.
    Missing,
    /// Its DaemonSet went.
    Dropped,
}

/// A deletion by the updater that began one.
#[derive(Clone, Debug)]
pub(super) struct Deletion<'a> {
    /// When the request came.
    pub at: Timestamp,
    /// The pod.
    pub pod: &'a PodLine,
}

/// All activations of a DaemonSet, by time.
pub(super) fn activations(units: &Units<'_>, deletions: &[Deletion<'_>]) -> Vec<Activation> {
    let mut found: Vec<Activation> = deletions.iter().map(|deletion| controlled(units, deletion)).collect();
    let uncontrolled = units.history.pods.values().filter(|pod| pod.pod.owner == units.uid);
    found.extend(uncontrolled.filter_map(|pod| by_itself(units, pod, deletions)));
    found.sort_by_key(|activation| activation.at);
    found
}

impl Activation {
    /// Whether it holds a slot.
    pub(super) fn is_open(&self, at: Timestamp) -> bool {
        self.at <= at && at < self.ended
    }

    /// Its verdict, if it had one then.
    pub(super) fn end_at(&self, at: Timestamp) -> End {
        if self.ended <= at { self.end } else { End::None }
    }

    /// The unit was down before and is after, or its failure is known and accepted: it is down no more by this.
    pub(super) fn is_pre_existing(&self, at: Timestamp) -> bool {
        let is_accepted =
            matches!(self.end, End::Failed | End::Missing) && self.resumed.is_some_and(|resumed| resumed <= at);
        (self.was_available != Fact::Yes && self.end == End::Failed && self.ended <= at) || is_accepted
    }
}

fn controlled(units: &Units<'_>, deletion: &Deletion<'_>) -> Activation {
    let moment = Moment { at: deletion.at, lag: units.rules.lag };
    let node = &deletion.pod.pod.node;
    begin(units, node, (deletion.at, deletion.at), units.is_available(node, moment), true)
}

/// The activation by which a pod took the newest template without the updater; `None` when the updater's deletion made room
/// for it, or it is no activation at all: the DaemonSet had no other revision yet.
fn by_itself(units: &Units<'_>, pod: &PodLine, deletions: &[Deletion<'_>]) -> Option<Activation> {
    let born = pod.born?;
    let revision = units.set.newest.believable(born.latest, units.rules.lag).last()?;
    let node = &pod.pod.node;
    if revision.hash != pod.pod.revision || revision.number <= units.set.first_number {
        return None;
    }
    // Judged when the updater may know of it: what it does not know costs no slot.
    let known = born.latest + units.rules.lag;
    let made_room =
        deletions.iter().rev().find(|deletion| deletion.pod.pod.node == *node && deletion.at <= born.latest);
    let is_first_after = |deletion: &Deletion<'_>| {
        let between = |other: &PodLine| other.born.is_some_and(|b| deletion.at <= b.latest && b.latest < born.latest);
        !units.history.pods_on(units.uid, node).any(|other| other.pod.uid != pod.pod.uid && between(other))
    };
    let by_us = made_room.is_some_and(is_first_after);
    (!by_us).then(|| begin(units, node, (born.earliest, known), Fact::Yes, false))
}

/// The activation of a unit `from` when its time runs, which is judged as one from `at`.
fn begin(
    units: &Units<'_>,
    node: &str,
    (from, at): (Timestamp, Timestamp),
    was_available: Fact,
    controlled: bool,
) -> Activation {
    let newest = units.newest(Moment { at, lag: SignedDuration::ZERO }).last();
    let (ended, end) = end(units, node, from);
    let after = units.set.resumes().filter(|resumed| ended <= *resumed + units.rules.lag);
    Activation {
        resumed: after.min(),
        node: node.to_owned(),
        at,
        ended,
        end,
        revision: newest.map(|revision| revision.hash.clone()).unwrap_or_default(),
        was_available,
        controlled,
    }
}

/// The earliest verdict on a unit that was activated at `at`.
fn end(units: &Units<'_>, node: &str, at: Timestamp) -> (Timestamp, End) {
    let settled = settled(units, node, at).map(|when| (when, End::Settled));
    let failed = failed(units, node, at).map(|when| (when, End::Failed));
    let lost = away(units, node, at).map(|when| (when, End::Lost));
    let missing = missing(units, node, at).map(|when| (when, End::Missing));
    let gone = units.set.line.changes().iter().find(|(known, set)| set.is_none() && known.latest >= at);
    let dropped = gone.map(|(known, _)| (known.earliest.max(at), End::Dropped));
    let all = [settled, failed, lost, missing, dropped];
    all.into_iter().flatten().min_by_key(|(when, _)| *when).unwrap_or((Timestamp::MAX, End::None))
}

/// A live pod of it was Ready on its Ready node for long enough.
fn settled(units: &Units<'_>, node: &str, at: Timestamp) -> Option<Timestamp> {
    let settle = units.settle(Moment { at, lag: units.rules.lag });
    let nodes = units.history.nodes.get(node)?;
    let ready_node = |node: &Option<NodeState>| node.as_ref().is_some_and(|node| node.ready_since.is_some());
    let up: Vec<_> = spans(nodes, ready_node).collect();
    let pods = units.history.pods_on(units.uid, node);
    let ready = pods.flat_map(|pod| spans(&pod.line, |pod: &PodState| pod.live && pod.ready_since.is_some()));
    let both = ready.flat_map(|(begin, end)| up.iter().map(move |(b, e)| (begin.max(*b), end.min(*e))));
    // What was Ready before is the old pod, which is live until its deletion is public.
    let after = both.filter(|(begin, _)| *begin >= at);
    after.filter(|(begin, end)| *begin < *end && *begin + settle <= *end).map(|(begin, _)| begin + settle).min()
}

/// A pod of it was in trouble for too long, or nothing settled in time while its node was Ready.
fn failed(units: &Units<'_>, node: &str, at: Timestamp) -> Option<Timestamp> {
    let nodes = units.history.nodes.get(node)?;
    let ready = |node: &Option<NodeState>| node.as_ref().is_some_and(|node| node.ready_since.is_some());
    let deadline = units.progress_deadline(Moment { at, lag: units.rules.lag });
    let late = nodes.held_for(at, deadline, Timestamp::MAX, ready);
    let pods = units.history.pods_on(units.uid, node);
    let troubled = pods.filter_map(|pod| {
        let in_trouble = |state: &PodState| !state.gone && state.trouble_since.is_some();
        pod.line.held_for(at, units.rules.timing.failed_after, Timestamp::MAX, in_trouble)
    });
    troubled.chain(late).min()
}

/// Its node left, and stayed away until the brake ended.
fn away(units: &Units<'_>, node: &str, at: Timestamp) -> Option<Timestamp> {
    let away = |node: &Option<NodeState>| node.as_ref().is_none_or(|node| node.ready_since.is_none());
    units.history.nodes.get(node)?.held_for(at, units.rules.timing.brake, Timestamp::MAX, away)
}

/// It had no pod at all for so long that none will come.
fn missing(units: &Units<'_>, node: &str, at: Timestamp) -> Option<Timestamp> {
    let mut present: Vec<(Timestamp, Timestamp)> =
        units.history.pods_on(units.uid, node).flat_map(|pod| spans(&pod.line, |pod: &PodState| !pod.gone)).collect();
    present.sort_unstable();
    let mut empty_from = at;
    for (begin, end) in present.into_iter().filter(|(_, end)| *end > at) {
        if begin.duration_since(empty_from) >= units.rules.timing.replacement_after {
            break;
        }
        empty_from = empty_from.max(end);
    }
    (empty_from < Timestamp::MAX).then(|| empty_from + units.rules.timing.replacement_after)
}
