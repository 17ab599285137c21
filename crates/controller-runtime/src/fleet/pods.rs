//! The pods of all DaemonSets, by DaemonSet and node.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem::size_of;

use jiff::Timestamp;
use planner::fleet::{Name, Pod, Readiness, Uid};

use super::pod_frame::PodFrame;
use super::{Sight, Touched};
use crate::watch::WatchSignal;

#[derive(Debug, Default)]
pub(super) struct Pods {
    by_owner: HashMap<Uid, BTreeMap<Name, Vec<Pod>>>,
    /// Pods whose DELETE we sent and whose deletion the watch has not shown.
    overlaid: HashSet<Uid>,
    /// Named by the full list under way.
    named: HashSet<Uid>,
    pub(super) sight: Sight,
}

/// How much a change of a pod matters to its DaemonSet's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Nothing,
    Later,
    Urgent,
}

impl Pods {
    pub(super) fn of(&self, owner: Uid) -> impl Iterator<Item = (&Name, &[Pod])> {
        self.by_owner.get(&owner).into_iter().flatten().map(|(node, pods)| (node, &pods[..]))
    }

    pub(super) fn len(&self) -> usize {
        self.by_owner.values().flat_map(BTreeMap::values).map(Vec::len).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        let per_node = size_of::<(Name, Vec<Pod>)>();
        let text = |pod: &Pod| pod.name.len() + 2 * size_of::<usize>();
        let of_node =
            |pods: &Vec<Pod>| per_node + pods.capacity() * size_of::<Pod>() + pods.iter().map(text).sum::<usize>();
        self.by_owner.values().flat_map(BTreeMap::values).map(of_node).sum()
    }

    pub(super) fn overlay(&mut self, owner: Uid, node: &Name, pod: Uid) {
        if let Some(pod) = self.find(owner, node, pod).filter(|pod| !pod.deleting) {
            pod.deleting = true;
            let uid = pod.uid;
            self.overlaid.insert(uid);
        }
    }

    pub(super) fn forget_overlays(&mut self) {
        self.overlaid.clear();
    }

    pub(super) fn lift(&mut self, owner: Uid, node: &Name, pod: Uid) {
        if self.overlaid.remove(&pod)
            && let Some(pod) = self.find(owner, node, pod)
        {
            pod.deleting = false;
        }
    }

    /// Takes in one signal of the pod watch.
    pub(super) fn take(&mut self, signal: WatchSignal<PodFrame>, now: Timestamp, touched: &mut Touched) {
        match signal {
            WatchSignal::Interrupted { .. } | WatchSignal::Undecodable(_) => return,
            WatchSignal::Restarted => {
                self.sight.restart();
                self.named.clear();
            }
            WatchSignal::Applied(frame) => {
                if let Some((owner, node)) = frame.place() {
                    let change = self.apply(owner, &node, frame, now);
                    touch(touched, owner, change);
                }
            }
            WatchSignal::Deleted(frame) => {
                if let Some((owner, node)) = frame.place() {
                    self.remove(owner, &node, frame.uid());
                    touch(touched, owner, Change::Later);
                }
            }
            WatchSignal::InitDone(_) => {
                self.forget_unnamed(touched);
                self.sight.complete(now);
                touched.listed = true;
            }
            WatchSignal::Bookmark(_) | WatchSignal::Skipped => {}
        }
        self.sight.heard = Some(now);
    }

    fn apply(&mut self, owner: Uid, node: &Name, frame: PodFrame, now: Timestamp) -> Change {
        let (ready, trouble, listing) = (frame.is_ready(), frame.is_in_trouble(), self.sight.listing);
        let mut pod = frame.into_pod();
        if listing {
            self.named.insert(pod.uid);
        }
        if pod.deleting {
            self.overlaid.remove(&pod.uid);
        } else {
            pod.deleting = !self.overlaid.is_empty() && self.overlaid.contains(&pod.uid);
        }
        let known = self.find(owner, node, pod.uid);
        let before = known.as_ref().and_then(|known| known.ready);
        pod.ready = match before {
            _ if !ready => None,
            Some(since) if !listing => Some(since),
            // A full list hides breaks: count anew, but believe that it was Ready.
            Some(_) => Some(Readiness { since: now, at_first_sight: true }),
            None => Some(Readiness { since: now, at_first_sight: listing && known.is_none() }),
        };
        let troubled = known.as_ref().and_then(|known| known.trouble);
        pod.trouble = if ready { None } else { troubled.or(trouble.then_some(now)) };
        match known {
            Some(known) if *known == pod => Change::Nothing,
            Some(known) => {
                let urgent = pod.ready.is_some() && known.ready.is_none();
                *known = pod;
                if urgent { Change::Urgent } else { Change::Later }
            }
            None => {
                self.by_owner
                    .entry(owner)
                    .or_default()
                    .entry(node.clone())
                    .or_insert_with(|| Vec::with_capacity(1))
                    .push(pod);
                Change::Later
            }
        }
    }

    fn find(&mut self, owner: Uid, node: &Name, pod: Uid) -> Option<&mut Pod> {
        self.by_owner.get_mut(&owner)?.get_mut(node)?.iter_mut().find(|known| known.uid == pod)
    }

    fn remove(&mut self, owner: Uid, node: &Name, pod: Uid) {
        self.overlaid.remove(&pod);
        let Some(nodes) = self.by_owner.get_mut(&owner) else { return };
        if let Some(pods) = nodes.get_mut(node) {
            pods.retain(|known| known.uid != pod);
            if pods.is_empty() {
                nodes.remove(node);
            }
        }
        if nodes.is_empty() {
            self.by_owner.remove(&owner);
        }
    }

    fn forget_unnamed(&mut self, touched: &mut Touched) {
        let named = std::mem::take(&mut self.named);
        self.overlaid.retain(|pod| named.contains(pod));
        self.by_owner.retain(|owner, nodes| {
            let before: usize = nodes.values().map(Vec::len).sum();
            nodes.retain(|_, pods| {
                pods.retain(|pod| named.contains(&pod.uid));
                !pods.is_empty()
            });
            if nodes.values().map(Vec::len).sum::<usize>() != before {
                touch(touched, *owner, Change::Later);
            }
            !nodes.is_empty()
        });
    }
}

fn touch(touched: &mut Touched, owner: Uid, change: Change) {
    let list = match change {
        Change::Nothing => return,
        Change::Later => &mut touched.later,
        Change::Urgent => &mut touched.urgent,
    };
    if !list.contains(&owner) {
        list.push(owner);
    }
}
