//! What is known of nodes and pods: small records, decoded once from the watch.
//!
//! All times are sightings: when this process saw the change. The clocks of edge nodes are not believed
//! (kubelets stamp conditions with their own clock).

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// An interned name (of a node, a pool, a revision …): cheap to copy, compared by content.
pub type Name = Arc<str>;

/// The UID of an object: the API server makes them as lower-case RFC 4122 UUIDs, so 16 bytes hold one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(try_from = "String", into = "String")]
pub struct Uid(u128);

impl Uid {
    /// A UID from its 128 bits.
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// The 128 bits of this UID.
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

/// A map by UID. UIDs are random already: their low half is as good a hash as any, and costs nothing.
pub type ByUid<T> = HashMap<Uid, T, BuildHasherDefault<LowHalf>>;

/// The hash of a [`Uid`]: its low 64 bits.
#[derive(Debug, Clone, Copy, Default)]
pub struct LowHalf(u64);

impl Hasher for LowHalf {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Not what a UID calls, and right all the same.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
    fn write_u128(&mut self, bits: u128) {
        // UIDs of tests differ in few bits, and a map looks at the highest first.
        self.0 = (bits as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// A text that is not a lower-case UUID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAUid(pub String);

impl fmt::Display for NotAUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UID {:?} is not a lower-case UUID", self.0)
    }
}

impl std::error::Error for NotAUid {}

impl FromStr for Uid {
    type Err = NotAUid;

    fn from_str(text: &str) -> Result<Self, NotAUid> {
        let refuse = || NotAUid(text.to_owned());
        if text.len() != 36 {
            return Err(refuse());
        }
        let mut bits = 0_u128;
        for (at, byte) in text.bytes().enumerate() {
            let digit = match (at, byte) {
                (8 | 13 | 18 | 23, b'-') => continue,
                (8 | 13 | 18 | 23, _) => return Err(refuse()),
                (_, b'0'..=b'9') => byte - b'0',
                (_, b'a'..=b'f') => byte - b'a' + 10,
                _ => return Err(refuse()),
            };
            bits = (bits << 4) | u128::from(digit);
        }
        Ok(Self(bits))
    }
}

impl TryFrom<String> for Uid {
    type Error = NotAUid;

    fn try_from(text: String) -> Result<Self, NotAUid> {
        text.parse()
    }
}

impl From<Uid> for String {
    fn from(uid: Uid) -> Self {
        uid.to_string()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether a node's Ready condition is True, and since when without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Ready since this sighting.
    Ready(Timestamp),
    /// Not Ready, or Unknown, since this sighting.
    Down(Timestamp),
}

impl Link {
    /// Since when the node is Ready; `None` when it is not.
    pub const fn ready_since(self) -> Option<Timestamp> {
        match self {
            Self::Ready(since) => Some(since),
            Self::Down(_) => None,
        }
    }
}

/// A taint of a node. The effect is kept as text: an unknown one repels nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taint {
    /// The taint's key.
    pub key: Name,
    /// Its value, empty when it has none.
    pub value: Name,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: Name,
}

/// A node, as far as decisions need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `metadata.name`.
    pub name: Name,
    /// `metadata.uid`: a node deleted and added again under its name is another node.
    pub uid: Uid,
    /// The value of its node-pool label, empty when it has none.
    pub pool: Name,
    /// All labels, sorted by key.
    pub labels: Arc<[(Name, Name)]>,
    /// All taints.
    pub taints: Arc<[Taint]>,
    /// `spec.unschedulable`: somebody works on this node.
    pub cordoned: bool,
    /// Whether it is Ready, and since when.
    pub link: Link,
}

/// Taints with which autoscalers mark a node that they are about to remove (cluster-autoscaler, Karpenter).
const AUTOSCALER_TAINTS: [&str; 3] =
    ["ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler", "karpenter.sh/disrupted"];

impl Node {
    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        let at = self.labels.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&self.labels[at].1)
    }

    /// Whether losing this node is planned: it is cordoned, or an autoscaler marked it for removal.
    pub fn is_excused(&self) -> bool {
        self.cordoned || self.taints.iter().any(|taint| AUTOSCALER_TAINTS.contains(&&*taint.key))
    }
}

/// `status.phase` of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not yet started, or a phase this version does not know.
    Pending,
    /// Bound, and at least one container started.
    Running,
    /// All containers ended well; the DaemonSet controller replaces such a pod.
    Succeeded,
    /// All containers ended, one badly; the DaemonSet controller replaces such a pod.
    Failed,
}

/// Since when a pod is Ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// The sighting.
    pub since: Timestamp,
    /// It was Ready when first seen: it became so at an unknown earlier time.
    pub at_first_sight: bool,
}

/// A pod of a DaemonSet, as far as decisions need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// `metadata.name`.
    pub name: Name,
    /// `metadata.uid`.
    pub uid: Uid,
    /// The label `controller-revision-hash`.
    pub revision: Name,
    /// `metadata.creationTimestamp`, stamped by the API server.
    pub created: Timestamp,
    /// It has a deletionTimestamp, or a DELETE of ours was accepted (or may have been) and the watch does not show it yet.
    pub deleting: bool,
    /// Its phase.
    pub phase: Phase,
    /// Ready, and since when.
    pub ready: Option<Readiness>,
    /// Since when a container crash-loops or cannot be pulled or made, not ended by anything but becoming Ready.
    pub trouble: Option<Timestamp>,
}

impl Pod {
    /// Neither terminating nor ended: the DaemonSet controller counts it as the node's pod.
    pub fn is_live(&self) -> bool {
        !self.deleting && !matches!(self.phase, Phase::Succeeded | Phase::Failed)
    }
}

/// A node that was Ready and is no longer: it became NotReady or Unknown, or was deleted while Ready.
#[derive(Debug, Clone)]
pub struct Loss {
    /// Counts all losses that this process saw, from 1.
    pub seq: u64,
    /// The node as it was just before.
    pub node: Arc<Node>,
    /// When it was seen.
    pub at: Timestamp,
}

/// How far back losses count for a node's weight in the node-loss test (rollouts.md, rule 5).
const LOSS_MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// The losses of the last 24 hours by node: nodes that often vanish weigh more. Lives in memory: forgetting it costs
/// precision, not safety.
#[derive(Debug, Clone, Default)]
pub struct LossHistory {
    by_node: ByUid<Vec<Timestamp>>,
}

impl LossHistory {
    /// Notes a loss of this node, and forgets what is older than 24 hours.
    pub fn note(&mut self, node: Uid, at: Timestamp) {
        let losses = self.by_node.entry(node).or_default();
        losses.retain(|then| at.duration_since(*then) < LOSS_MEMORY);
        losses.push(at);
    }

    /// Losses of this node in the 24 hours before `at`, not counting one at `at` itself.
    pub fn before(&self, node: Uid, at: Timestamp) -> usize {
        let recent = |then: &&Timestamp| **then < at && at.duration_since(**then) < LOSS_MEMORY;
        self.by_node.get(&node).map_or(0, |losses| losses.iter().filter(recent).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_reads_back_as_it_was_written_and_nothing_else_is_one() {
        let text = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
        assert_eq!(text.parse::<Uid>().unwrap().to_string(), text);
        for bad in ["", "0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0", "0f1e2d3c04b5a-6978-8796-a5b4c3d2e1f0", "x"] {
            assert_eq!(bad.parse::<Uid>(), Err(NotAUid(bad.to_owned())));
        }
    }

    #[test]
    fn losses_older_than_a_day_weigh_nothing() {
        let (mut history, node) = (LossHistory::default(), Uid::from_u128(1));
        let hour = |h: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(h);
        history.note(node, hour(0));
        history.note(node, hour(20));
        assert_eq!(history.before(node, hour(20)), 1, "a loss does not count itself");
        assert_eq!(history.before(node, hour(21)), 2);
        assert_eq!(history.before(node, hour(30)), 1);
    }
}
