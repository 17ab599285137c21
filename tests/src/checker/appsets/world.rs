//! Objects over time, and what somebody whose view lags may have believed of them.

use std::collections::BTreeMap;

use api::names::app_set as names;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::deed::{Deed, text};

/// Everything of one namespace, and the NodePools, as it was written.
pub(super) struct World<'a> {
    deeds: Vec<&'a Deed>,
    /// By resource and name.
    lines: BTreeMap<&'a str, BTreeMap<&'a str, Line<'a>>>,
    user: &'a str,
}

/// One name's objects over time.
#[derive(Default)]
pub(super) struct Line<'a>(Vec<State<'a>>);

/// What was at a name since a write.
#[derive(Clone, Copy)]
pub(super) struct State<'a> {
    pub(super) deed: &'a Deed,
    /// `None`: nothing.
    pub(super) object: Option<&'a Value>,
    /// The controller wrote it.
    pub(super) is_ours: bool,
}

/// A workload of a YurtAppSet, from when it was made until it is gone.
pub(super) struct Life<'a> {
    pub(super) name: &'a str,
    pub(super) uid: &'a str,
    /// The name of its YurtAppSet, and that one's UID.
    pub(super) set: &'a str,
    pub(super) set_uid: &'a str,
    pub(super) pool: &'a str,
    pub(super) states: Vec<State<'a>>,
    /// The end of time while it is there.
    pub(super) ended: Timestamp,
    /// The controller deleted it.
    ended_by_us: bool,
    /// The last revision of the pool's workload before it, if somebody else deleted that: to make it again as it was is a repair.
    before: &'a str,
}

impl<'a> World<'a> {
    pub(super) fn new(deeds: &[&'a Deed], user: &'a str) -> Self {
        let mut lines: BTreeMap<&'a str, BTreeMap<&'a str, Line<'a>>> = BTreeMap::new();
        for deed in deeds.iter().copied().filter(|deed| matches!(deed.subresource.as_str(), "" | "status")) {
            let state = State { deed, object: deed.outcome(), is_ours: deed.user == user };
            lines.entry(&deed.resource).or_default().entry(&deed.name).or_default().0.push(state);
        }
        lines.values_mut().flat_map(BTreeMap::values_mut).for_each(Line::order);
        Self { deeds: deeds.to_vec(), lines, user }
    }

    /// The controller's writes.
    pub(super) fn ours(&self) -> impl Iterator<Item = &'a Deed> {
        self.deeds.iter().copied().filter(|deed| deed.user == self.user)
    }

    /// The object of this name over time.
    pub(super) fn line(&self, resource: &str, name: &str) -> Option<&Line<'a>> {
        self.lines.get(resource)?.get(name)
    }

    /// All objects of a kind over time, by name.
    pub(super) fn lines(&self, resource: &str) -> impl Iterator<Item = (&'a str, &Line<'a>)> {
        self.lines.get(resource).into_iter().flatten().map(|(name, line)| (*name, line))
    }

    /// Every workload that ever was a YurtAppSet's, by when it was made.
    pub(super) fn lives(&self) -> Vec<Life<'a>> {
        let mut lives = Vec::new();
        for resource in ["deployments", "statefulsets"] {
            for (name, line) in self.lines(resource) {
                lives.extend(line.lives(name));
            }
        }
        lives.sort_by_key(|life| life.states[0].deed.received);
        for at in 1..lives.len() {
            let (earlier, life) = (&lives[..at], &lives[at]);
            let same = |other: &&Life<'a>| (other.set_uid, other.pool) == (life.set_uid, life.pool);
            let last = earlier.iter().rev().find(same).filter(|last| !last.ended_by_us && last.ended < Timestamp::MAX);
            let revision = last.and_then(|last| last.states.last()).map(revision);
            lives[at].before = revision.unwrap_or_default();
        }
        lives
    }
}

impl<'a> Line<'a> {
    /// By the versions of the answers: two answers may overtake each other on their way into the log.
    fn order(&mut self) {
        self.0.sort_by_key(|state| state.deed.completed);
        let mut newest = 0;
        let mut keyed: Vec<(u64, State<'a>)> = Vec::new();
        for state in &self.0 {
            let version = text(&state.deed.answer, "/metadata/resourceVersion").parse().unwrap_or(newest);
            newest = newest.max(version);
            keyed.push((version, *state));
        }
        keyed.sort_by_key(|(version, _)| *version);
        self.0 = keyed.into_iter().map(|(_, state)| state).collect();
        self.complete();
    }

    /// Who asks for the metadata alone is answered no more; the next whole answer of the same generation has the rest.
    fn complete(&mut self) {
        let mut next: Option<&'a Value> = None;
        for state in self.0.iter_mut().rev() {
            let Some(object) = state.object else { continue };
            if object["kind"] == "PartialObjectMetadata" {
                let same = |whole: &&Value| {
                    ["uid", "generation"].iter().all(|field| whole["metadata"][*field] == object["metadata"][*field])
                };
                state.object = next.filter(same);
            } else {
                next = Some(object);
            }
        }
        self.0.retain(|state| state.object.is_some() || state.deed.outcome().is_none());
    }

    /// Every state, in order.
    pub(super) fn states(&self) -> &[State<'a>] {
        &self.0
    }

    /// What was there before anything that came later than this could have been public.
    pub(super) fn at(&self, at: Timestamp) -> Option<&'a Value> {
        self.0.iter().rev().find(|state| state.deed.completed <= at).and_then(|state| state.object)
    }

    /// Everything that may have been believed at this time by who learns of changes within `lag`.
    pub(super) fn believable(&self, at: Timestamp, lag: SignedDuration) -> impl Iterator<Item = Option<&'a Value>> {
        let known = at - lag;
        let later = self.0.iter().filter(move |state| state.deed.completed > known && state.deed.received <= at);
        std::iter::once(self.at(known)).chain(later.map(|state| state.object))
    }

    fn lives(&self, name: &'a str) -> Vec<Life<'a>> {
        let mut lives: Vec<Life<'a>> = Vec::new();
        for state in &self.0 {
            let Some(object) = state.object else {
                if let Some(last) = lives.last_mut() {
                    last.ended = last.ended.min(state.deed.completed);
                    last.ended_by_us |= state.is_ours;
                }
                continue;
            };
            let uid = text(object, "/metadata/uid");
            match lives.last_mut() {
                Some(life) if life.uid == uid => life.states.push(*state),
                _ => lives.extend(begin(name, uid, *state, object)),
            }
        }
        lives
    }
}

/// A workload from its first state on; `None` for one that is no YurtAppSet's.
fn begin<'a>(name: &'a str, uid: &'a str, state: State<'a>, object: &'a Value) -> Option<Life<'a>> {
    let labels = &object["metadata"]["labels"];
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let owner = owners.into_iter().find(|owner| owner["kind"] == "YurtAppSet")?;
    Some(Life {
        name,
        uid,
        set: owner["name"].as_str()?,
        set_uid: owner["uid"].as_str()?,
        pool: labels[names::POOL_NAME].as_str()?,
        states: vec![state],
        ended: Timestamp::MAX,
        ended_by_us: false,
        before: "",
    })
}

impl<'a> Life<'a> {
    /// When it was made.
    pub(super) fn made(&self) -> &'a Deed {
        self.states[0].deed
    }

    /// Whether it was there at a time, as far as anybody may have known.
    pub(super) fn is_there(&self, at: Timestamp) -> bool {
        self.made().received <= at && at < self.ended
    }

    /// The revision that its label names, from each of the controller's writes on that changed it.
    pub(super) fn starts(&self) -> impl Iterator<Item = (&State<'a>, &'a str)> {
        let before = std::iter::once(self.before).chain(self.states.iter().map(revision));
        let changes = self.states.iter().zip(before).filter(|(state, before)| revision(state) != *before);
        changes.filter(|(state, _)| state.is_ours).map(|(state, _)| (state, revision(state)))
    }

    /// When all pods were of this revision and available, at the earliest.
    pub(super) fn done(&self, wanted: &str) -> Option<Timestamp> {
        self.states
            .iter()
            .find(|state| revision(state) == wanted && is_complete(state))
            .map(|state| state.deed.received)
    }

    /// When it was complete after this time, at the earliest.
    pub(super) fn complete_since(&self, from: Timestamp) -> Option<Timestamp> {
        let mut later = self.states.iter().filter(|state| state.deed.received >= from);
        later.find(|state| is_complete(state)).map(|state| state.deed.received)
    }

    /// When Kubernetes first said after this time that it gets nowhere.
    pub(super) fn in_trouble(&self, from: Timestamp) -> Option<Timestamp> {
        let said = |state: &&State<'a>| {
            let conditions = state.object.and_then(|object| object["status"]["conditions"].as_array());
            conditions.into_iter().flatten().any(|condition| {
                let is = |kind: &str, status: &str| condition["type"] == kind && condition["status"] == status;
                is("Progressing", "False") || is("ReplicaFailure", "True")
            })
        };
        self.states.iter().filter(|state| state.deed.received >= from).find(said).map(|state| state.deed.received)
    }
}

/// The revision that a workload's label names.
pub(super) fn revision<'a>(state: &State<'a>) -> &'a str {
    let labels = state.object.map(|object| &object["metadata"]["labels"]);
    labels.and_then(|labels| labels[names::REVISION].as_str()).unwrap_or_default()
}

/// Whether its controller has seen it, and all of its pods are new and available.
fn is_complete(state: &State<'_>) -> bool {
    let Some(object) = state.object else { return false };
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
    let wanted = number("/spec/replicas").unwrap_or(1);
    number("/status/observedGeneration") >= number("/metadata/generation")
        && number("/status/updatedReplicas").unwrap_or_default() >= wanted
        && number("/status/availableReplicas").unwrap_or_default() >= wanted
}
