//! What a look at the cluster shows, pool by pool: by the checker's own watcher, not by what daemon-updater says.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use planner::strategy::Timing;

use crate::checker::{Note, Seen};

/// The DaemonSet's nodes and pods as they are.
pub(super) struct Fleet {
    name: String,
    timing: Timing,
    /// How many notes were read.
    read: usize,
    uid: String,
    /// Number and hash of the newest revision, by the UID of its DaemonSet.
    newest: HashMap<String, (i64, String)>,
    nodes: BTreeMap<String, Node>,
    pods: HashMap<String, Pod>,
}

struct Node {
    pool: String,
    /// Since when it is Ready.
    ready: Option<Timestamp>,
}

struct Pod {
    owner: String,
    node: String,
    revision: String,
    live: bool,
    /// Since when it is Ready.
    ready: Option<Timestamp>,
}

/// How a node stands with the newest revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It runs the revision and has proved well on it.
    Settled,
    /// It runs the revision, not for long yet.
    Proving,
    /// It is Ready and runs no pod.
    Down,
    /// It runs another revision.
    Waiting,
    /// It is not Ready, with another revision.
    Offline,
    /// It is not Ready, and has the revision.
    Lost,
}

/// Nodes by their standing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) settled: usize,
    pub(super) proving: usize,
    pub(super) down: usize,
    pub(super) waiting: usize,
    pub(super) offline: usize,
    pub(super) lost: usize,
}

/// The fleet at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// The number of the newest revision.
    pub(super) revision: i64,
    /// Its hash, which its pods carry.
    pub(super) hash: String,
    /// By name.
    pub(super) pools: BTreeMap<String, Counts>,
    /// All pools together.
    pub(super) all: Counts,
}

impl Fleet {
    /// The fleet of the DaemonSet `name`, which runs under these durations.
    pub(super) fn new(name: &str, timing: Timing) -> Self {
        Self {
            name: name.to_owned(),
            timing,
            read: 0,
            uid: String::new(),
            newest: HashMap::new(),
            nodes: BTreeMap::new(),
            pods: HashMap::new(),
        }
    }

    /// Takes what the watcher noted since the last time.
    pub(super) fn read(&mut self, notes: &[Note]) {
        for note in &notes[self.read..] {
            self.take(note);
        }
        self.read = notes.len();
    }

    /// The fleet now.
    pub(super) fn look(&self, now: Timestamp) -> Look {
        let (revision, hash) = self.newest().cloned().unwrap_or_default();
        let mut look = Look { revision, hash, ..Look::default() };
        for (name, node) in &self.nodes {
            let standing = self.standing(name, node, now);
            look.pools.entry(node.pool.clone()).or_default().add(standing);
            look.all.add(standing);
        }
        look
    }

    fn take(&mut self, note: &Note) {
        match &note.seen {
            Seen::Node(seen) if note.gone => {
                self.nodes.remove(&*seen.node.name);
            }
            Seen::Node(seen) => {
                let before = self.nodes.get(&*seen.node.name).and_then(|node| node.ready);
                let ready = seen.ready.then_some(before.unwrap_or(note.received));
                self.nodes.insert(seen.node.name.to_string(), Node { pool: seen.node.pool.to_string(), ready });
            }
            Seen::Pod(seen) if note.gone => {
                self.pods.remove(&seen.uid);
            }
            Seen::Pod(seen) => {
                let before = self.pods.get(&seen.uid).and_then(|pod| pod.ready);
                let ready = seen.ready.then_some(before.unwrap_or(note.received));
                let (owner, node, revision) = (seen.owner.clone(), seen.node.clone(), seen.revision.clone());
                self.pods.insert(seen.uid.clone(), Pod { owner, node, revision, live: seen.live, ready });
            }
            Seen::DaemonSet(set) if set.metadata.name == self.name => self.uid.clone_from(&set.metadata.uid),
            Seen::Revision(seen) if !note.gone => {
                let newest = self.newest.entry(seen.owner.clone()).or_default();
                *newest = std::mem::take(newest).max((seen.number, seen.hash.clone()));
            }
            Seen::DaemonSet(_) | Seen::Revision(_) | Seen::Run(_) | Seen::Pool(_) | Seen::Approval(_) => {}
        }
    }

    fn newest(&self) -> Option<&(i64, String)> {
        self.newest.get(&self.uid)
    }

    fn standing(&self, name: &str, node: &Node, now: Timestamp) -> Standing {
        let newest = self.newest().map_or("", |(_, hash)| hash);
        let pod = self.pods.values().find(|pod| pod.owner == self.uid && pod.node == name && pod.live);
        let is_newest = pod.is_some_and(|pod| pod.revision == newest);
        let Some(up) = node.ready else {
            return if is_newest { Standing::Lost } else { Standing::Offline };
        };
        let settle: SignedDuration = self.timing.node_monitor_grace + self.timing.settle_margin;
        match pod.and_then(|pod| pod.ready) {
            None => Standing::Down,
            Some(_) if !is_newest => Standing::Waiting,
            Some(ready) if now.duration_since(ready.max(up)) >= settle => Standing::Settled,
            Some(_) => Standing::Proving,
        }
    }
}

impl Counts {
    /// Nodes.
    pub(super) fn nodes(&self) -> usize {
        self.by_standing().map(|(_, count)| count).sum()
    }

    /// Nodes that have the newest revision.
    pub(super) fn updated(&self) -> usize {
        self.settled + self.proving + self.lost
    }

    /// In the order of a progress bar.
    pub(super) fn by_standing(&self) -> std::array::IntoIter<(Standing, usize), 6> {
        let Self { settled, proving, down, waiting, offline, lost } = *self;
        [
            (Standing::Settled, settled),
            (Standing::Proving, proving),
            (Standing::Lost, lost),
            (Standing::Down, down),
            (Standing::Waiting, waiting),
            (Standing::Offline, offline),
        ]
        .into_iter()
    }

    fn add(&mut self, standing: Standing) {
        *match standing {
            Standing::Settled => &mut self.settled,
            Standing::Proving => &mut self.proving,
            Standing::Down => &mut self.down,
            Standing::Waiting => &mut self.waiting,
            Standing::Offline => &mut self.offline,
            Standing::Lost => &mut self.lost,
        } += 1;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::checker::Kind;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn note(kind: Kind, seconds: i64, object: Value) -> Note {
        let seen = kind.read(object).unwrap().unwrap();
        Note { received: at(seconds), at_first: false, version: String::new(), gone: false, seen }
    }

    fn ready(ready: bool) -> Value {
        json!({"conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]})
    }

    fn node(seconds: i64, up: bool) -> Note {
        let uid = "00000000-0000-0000-0000-000000000001";
        let metadata = json!({"name": "n", "uid": uid, "labels": {"apps.openyurt.io/nodepool": "p"}});
        note(Kind::Node, seconds, json!({"metadata": metadata, "status": ready(up)}))
    }

    fn owned(name: &str, hash: &str) -> Value {
        let owner =
            json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "set", "controller": true});
        json!({
            "namespace": "edge", "name": name, "uid": name, "ownerReferences": [owner],
            "labels": {"controller-revision-hash": hash},
        })
    }

    fn pod(seconds: i64, hash: &str, up: bool) -> Note {
        let spec = json!({"nodeName": "n", "containers": []});
        note(Kind::Pod, seconds, json!({"metadata": owned(hash, hash), "spec": spec, "status": ready(up)}))
    }

    fn gone(seconds: i64, hash: &str) -> Note {
        Note { gone: true, ..pod(seconds, hash, false) }
    }

    fn revision(seconds: i64, number: i64, hash: &str) -> Note {
        note(Kind::Revision, seconds, json!({"metadata": owned(hash, hash), "revision": number}))
    }

    fn daemon_set() -> Note {
        let template = json!({"metadata": {}, "spec": {"containers": []}});
        let spec = json!({"selector": {}, "updateStrategy": {"type": "OnDelete"}, "template": template});
        let metadata = json!({"namespace": "edge", "name": "agent", "uid": "set", "generation": 1});
        note(Kind::DaemonSet, 0, json!({"metadata": metadata, "spec": spec, "status": {}}))
    }

    fn stands(fleet: &Fleet, seconds: i64) -> Standing {
        let look = fleet.look(at(seconds));
        assert_eq!(look.pools.keys().collect::<Vec<_>>(), ["p"]);
        look.all.by_standing().find(|(_, count)| *count == 1).unwrap().0
    }

    #[test]
    fn a_node_is_followed_through_a_release_and_a_loss() {
        let timing = Timing {
            node_monitor_grace: SignedDuration::from_secs(4),
            settle_margin: SignedDuration::from_secs(1),
            ..Timing::default()
        };
        let mut fleet = Fleet::new("agent", timing);
        let mut notes = vec![daemon_set(), node(0, true), revision(0, 1, "a"), pod(1, "a", true)];
        let mut then = |fleet: &mut Fleet, note: Note| {
            notes.push(note);
            fleet.read(&notes);
        };
        then(&mut fleet, revision(10, 2, "b"));
        assert_eq!(stands(&fleet, 11), Standing::Waiting);
        then(&mut fleet, node(12, false));
        assert_eq!(stands(&fleet, 12), Standing::Offline);
        then(&mut fleet, node(13, true));
        then(&mut fleet, gone(14, "a"));
        assert_eq!(stands(&fleet, 14), Standing::Down);
        then(&mut fleet, pod(15, "b", true));
        assert_eq!((stands(&fleet, 19), stands(&fleet, 20)), (Standing::Proving, Standing::Settled));
        then(&mut fleet, node(21, false));
        assert_eq!(stands(&fleet, 21), Standing::Lost);
        assert_eq!((fleet.look(at(21)).revision, fleet.look(at(21)).hash.as_str()), (2, "b"));
    }
}
