//! What the updater's process has seen: its own sightings, and its own writes laid over them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use planner::fleet::{Link, Loss, LossHistory, Name, Node, Phase, Pod, Readiness, Taint, Uid};
use planner::rollout::View;

use crate::cluster::SetId;
use crate::happening::Stream;

/// A node as the watch shows it.
#[derive(Debug, Clone)]
pub(crate) struct NodeSeen {
    pub(crate) name: Name,
    pub(crate) uid: Uid,
    pub(crate) pool: Name,
    pub(crate) cordoned: bool,
    pub(crate) leaving: bool,
    pub(crate) ready: bool,
}

/// A pod as the watch shows it.
#[derive(Debug, Clone)]
pub(crate) struct PodSeen {
    pub(crate) set: SetId,
    pub(crate) node: Name,
    pub(crate) name: Name,
    pub(crate) uid: Uid,
    pub(crate) revision: Name,
    pub(crate) created: Timestamp,
    pub(crate) deleting: bool,
    pub(crate) phase: Phase,
    pub(crate) ready: bool,
    pub(crate) trouble: bool,
}

/// The mirror. It decides nothing.
#[derive(Debug)]
pub(crate) struct Mirror {
    pub(crate) places: BTreeMap<Name, Place>,
    losses: Vec<Loss>,
    pub(crate) history: LossHistory,
    overlaid: HashSet<Uid>,
    heard: BTreeMap<Stream, Timestamp>,
    since: Timestamp,
    listing: bool,
}

/// A node and its pods by DaemonSet; pods may be seen before their node, and after it.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) node: Option<Arc<Node>>,
    pub(crate) pods: Vec<Vec<Pod>>,
}

impl Mirror {
    /// A full list is about to be taken in.
    pub(crate) fn listing(now: Timestamp) -> Self {
        let heard = Stream::ALL.map(|stream| (stream, now)).into();
        Self {
            places: BTreeMap::new(),
            losses: Vec::new(),
            history: LossHistory::default(),
            overlaid: HashSet::new(),
            heard,
            since: now,
            listing: true,
        }
    }

    /// The list is complete. `since`: when the process has had it.
    pub(crate) fn listed(&mut self, since: Timestamp) {
        (self.listing, self.since) = (false, since);
    }

    pub(crate) fn heard(&mut self, stream: Stream, now: Timestamp) {
        self.heard.insert(stream, now);
    }

    /// The watch that was silent longest counts.
    pub(crate) fn view(&self) -> View {
        View { since: self.since, heard: self.heard.values().copied().min().unwrap_or(self.since) }
    }

    pub(crate) fn losses_after(&self, seq: u64) -> &[Loss] {
        &self.losses[self.losses.partition_point(|loss| loss.seq <= seq)..]
    }

    pub(crate) fn newest_loss(&self) -> u64 {
        self.losses.last().map_or(0, |loss| loss.seq)
    }

    pub(crate) fn node(&mut self, seen: &NodeSeen, now: Timestamp) {
        let known = self.places.get_mut(&seen.name).and_then(|place| place.node.take());
        let known = match known {
            Some(other) if other.uid != seen.uid => {
                self.lost_if_ready(&other, now);
                None
            }
            same => same,
        };
        let link = match (known.as_ref().map(|node| node.link), seen.ready) {
            (Some(link @ Link::Ready(_)), true) | (Some(link @ Link::Down(_)), false) => link,
            (_, true) => Link::Ready(now),
            (_, false) => Link::Down(now),
        };
        if let Some(known) = known.filter(|_| !seen.ready) {
            self.lost_if_ready(&known, now);
        }
        let taint = |key: &str| Taint { key: key.into(), value: "".into(), effect: "NoSchedule".into() };
        let node = Node {
            name: seen.name.clone(),
            uid: seen.uid,
            pool: seen.pool.clone(),
            labels: Arc::new([]),
            taints: seen.leaving.then(|| taint("ToBeDeletedByClusterAutoscaler")).into_iter().collect(),
            cordoned: seen.cordoned,
            link,
        };
        self.places.entry(seen.name.clone()).or_default().node = Some(Arc::new(node));
    }

    pub(crate) fn node_gone(&mut self, name: &Name, uid: Uid, now: Timestamp) {
        let Some(place) = self.places.get_mut(name) else { return };
        if let Some(node) = place.node.take_if(|node| node.uid == uid) {
            self.lost_if_ready(&node, now);
        }
    }

    pub(crate) fn pod(&mut self, seen: &PodSeen, now: Timestamp) {
        let listing = self.listing;
        if seen.deleting {
            self.overlaid.remove(&seen.uid);
        }
        let overlaid = self.overlaid.contains(&seen.uid);
        let pods = self.pods_mut(seen.set, &seen.node);
        let known = pods.iter().position(|pod| pod.uid == seen.uid);
        let before = known.map(|at| pods.swap_remove(at));
        let ready = match before.as_ref().and_then(|pod| pod.ready) {
            _ if !seen.ready => None,
            Some(since) => Some(since),
            None => Some(Readiness { since: now, at_first_sight: listing }),
        };
        let troubled = before.and_then(|pod| pod.trouble);
        pods.push(Pod {
            name: seen.name.clone(),
            uid: seen.uid,
            revision: seen.revision.clone(),
            created: seen.created,
            deleting: seen.deleting || overlaid,
            phase: seen.phase,
            ready,
            trouble: if seen.ready { None } else { troubled.or(seen.trouble.then_some(now)) },
        });
    }

    pub(crate) fn pod_gone(&mut self, set: SetId, node: &Name, uid: Uid) {
        self.overlaid.remove(&uid);
        self.pods_mut(set, node).retain(|pod| pod.uid != uid);
    }

    /// From now on, and until the watch tells, this pod counts as terminating.
    pub(crate) fn overlay(&mut self, set: SetId, node: &Name, uid: Uid) {
        self.overlaid.insert(uid);
        self.pods_mut(set, node).iter_mut().filter(|pod| pod.uid == uid).for_each(|pod| pod.deleting = true);
    }

    /// Its DELETE turned out not to have happened.
    pub(crate) fn lift(&mut self, set: SetId, node: &Name, uid: Uid) {
        if self.overlaid.remove(&uid) {
            self.pods_mut(set, node).iter_mut().filter(|pod| pod.uid == uid).for_each(|pod| pod.deleting = false);
        }
    }

    fn pods_mut(&mut self, set: SetId, node: &Name) -> &mut Vec<Pod> {
        let place = self.places.entry(node.clone()).or_default();
        if place.pods.len() <= set {
            place.pods.resize_with(set + 1, Vec::new);
        }
        &mut place.pods[set]
    }

    fn lost_if_ready(&mut self, node: &Arc<Node>, now: Timestamp) {
        if node.link.ready_since().is_some() {
            self.history.note(node.uid, now);
            let seq = self.newest_loss() + 1;
            self.losses.push(Loss { seq, node: node.clone(), at: now });
        }
    }
}

impl Place {
    pub(crate) fn pods_of(&self, set: SetId) -> &[Pod] {
        self.pods.get(set).map_or(&[], Vec::as_slice)
    }
}
