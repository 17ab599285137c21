//! The nodes, who of them is Ready and since when, and the losses.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use planner::fleet::{Link, Loss, LossHistory, Name, Node};

use super::node_frame::NodeFrame;
use super::{Sight, Touched};
use crate::watch::WatchSignal;

/// So many losses are kept for runs that have not looked yet; each run looks within a second.
const LOSSES_KEPT: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Nodes {
    by_name: BTreeMap<Name, Entry>,
    losses: VecDeque<Loss>,
    newest_loss: u64,
    pub(super) history: LossHistory,
    pub(super) placement_version: u64,
    pub(super) sight: Sight,
}

#[derive(Debug)]
struct Entry {
    node: Arc<Node>,
    /// The Ready condition's own stamp, to see a break that a full list hides.
    stamp: Option<Timestamp>,
    round: u32,
}

impl Nodes {
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.by_name.values().map(|entry| &entry.node)
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn losses_after(&self, seq: u64) -> (Vec<Loss>, u64) {
        let newer = self.losses.iter().rev().take_while(|loss| loss.seq > seq).cloned();
        let mut newer: Vec<_> = newer.collect();
        newer.reverse();
        (newer, self.newest_loss)
    }

    /// Takes in one signal of the node watch.
    pub(super) fn take(&mut self, signal: WatchSignal<NodeFrame>, now: Timestamp, touched: &mut Touched) {
        match signal {
            WatchSignal::Interrupted { .. } | WatchSignal::Undecodable(_) => return,
            WatchSignal::Restarted => self.sight.restart(),
            WatchSignal::Applied(frame) => touched.nodes |= self.apply(frame, now),
            WatchSignal::Deleted(frame) => {
                let same = self.by_name.get(&frame.metadata.name.0).is_some_and(|e| e.node.uid == frame.metadata.uid);
                if same && let Some(entry) = self.by_name.remove(&frame.metadata.name.0) {
                    self.gone(&entry.node, now);
                    touched.nodes = true;
                }
            }
            WatchSignal::InitDone(_) => {
                let round = self.sight.round;
                let left: Vec<_> = self.by_name.extract_if(.., |_, entry| entry.round != round).collect();
                touched.nodes |= !left.is_empty();
                for (_, entry) in left {
                    self.gone(&entry.node, now);
                }
                self.sight.complete(now);
                touched.listed = true;
            }
            WatchSignal::Bookmark(_) | WatchSignal::Skipped => {}
        }
        self.sight.heard = Some(now);
    }

    /// Whether anything changed that matters.
    fn apply(&mut self, frame: NodeFrame, now: Timestamp) -> bool {
        let (ready, stamp) = frame.ready();
        let round = self.sight.round;
        let known = self.by_name.remove(&frame.metadata.name.0);
        let (known, replaced) = match known {
            Some(entry) if entry.node.uid == frame.metadata.uid => (Some(entry), None),
            other => (None, other),
        };
        if let Some(entry) = &replaced {
            // Deleted and added again under its name: another node.
            self.gone(&entry.node, now);
        }
        let unbroken = known.as_ref().is_none_or(|entry| entry.stamp == stamp);
        let link = match (known.as_ref().map(|entry| entry.node.link), ready) {
            (Some(Link::Ready(since)), true) if unbroken => Link::Ready(since),
            (Some(Link::Down(since)), false) => Link::Down(since),
            (_, true) => Link::Ready(now),
            (_, false) => Link::Down(now),
        };
        let node = frame.into_node(link);
        let before = known.map(|entry| entry.node);
        if let Some(before) = before.as_ref().filter(|before| before.link.ready_since().is_some() && !ready) {
            self.lost(before, now);
        }
        let same = before.as_ref().is_some_and(|before| **before == node);
        let same_place =
            before.as_ref().is_some_and(|before| before.labels == node.labels && before.taints == node.taints);
        self.placement_version += u64::from(!same_place);
        let node = if same { before.unwrap_or_else(|| Arc::new(node)) } else { Arc::new(node) };
        self.by_name.insert(node.name.clone(), Entry { node, stamp, round });
        !same
    }

    fn gone(&mut self, node: &Arc<Node>, now: Timestamp) {
        self.placement_version += 1;
        if node.link.ready_since().is_some() {
            self.lost(node, now);
        }
    }

    fn lost(&mut self, node: &Arc<Node>, now: Timestamp) {
        self.newest_loss += 1;
        self.history.note(node.uid, now);
        if self.losses.len() == LOSSES_KEPT {
            self.losses.pop_front();
        }
        self.losses.push_back(Loss { seq: self.newest_loss, node: node.clone(), at: now });
    }
}
