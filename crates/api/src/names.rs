//! Every key, reason, condition type and object name that Drover shares with a cluster.

pub mod app_set;
pub mod pool;

use crate::approval_request::ApprovalPoint;

/// The API group of Drover's own kinds.
pub const GROUP: &str = "drover.dev";

/// DaemonSet annotation of OpenYurt: how its pods are upgraded. See [`crate::annotations::UpdateStrategy`].
pub const UPDATE_STRATEGY: &str = "apps.openyurt.io/update-strategy";

/// DaemonSet annotation of OpenYurt: how many of the reachable nodes may be down at once. See
/// [`crate::annotations::max_unavailable`].
pub const MAX_UNAVAILABLE: &str = "apps.openyurt.io/max-unavailable";

/// Annotation of a target (a DaemonSet): the name of a RolloutStrategy in its namespace, by which its runs go.
pub const STRATEGY: &str = "drover.dev/strategy";

/// Annotation of a DaemonSet, written by a rollback together with the template it brings back:
/// `<failed ControllerRevision>/<its number>/<ControllerRevision gone back to>`.
pub const ROLLED_BACK: &str = "drover.dev/rolled-back";

/// Node label of OpenYurt: the node's pool. Nodes without it form one pool.
pub const POOL: &str = "apps.openyurt.io/nodepool";

/// Label of a pod and of a ControllerRevision, written by the DaemonSet controller: the hash of the pod template's revision.
pub const REVISION_HASH: &str = "controller-revision-hash";

/// Label of a FleetRollout: the UID of their target, so that the runs of one target are one list. (Names do not fit: they
/// may be longer than a label's 63 characters.)
pub const TARGET_UID: &str = "drover.dev/target-uid";

/// The field manager of daemon-updater: what it owns under server-side apply.
pub const DAEMON_UPDATER: &str = "drover-daemon-updater";

/// The field manager of leader-endpoints-controller: what it owns under server-side apply.
pub const LEADER_ENDPOINTS_CONTROLLER: &str = "drover-leader-endpoints-controller";

/// The value of `spec.updateStrategy.type` under which the DaemonSet controller leaves replacing pods to others.
pub const ON_DELETE: &str = "OnDelete";

/// Condition types of FleetRollout.
pub mod condition {
    /// Units are being moved, or can be as soon as a budget is free.
    pub const PROGRESSING: &str = "Progressing";
    /// Something keeps the run from going on; the message says what, since when, and what would end it.
    pub const HELD: &str = "Held";
    /// The run failed and waits for a human or a new revision.
    pub const HALTED: &str = "Halted";
    /// All reachable units are done. Units that return later are still caught up.
    pub const COMPLETED: &str = "Completed";
}

/// Reasons of events on a DaemonSet.
pub mod reason {
    /// A pod was deleted so that its node gets the newest template; OpenYurt's own, note `Deleted pod: X`.
    pub const SUCCESSFUL_DELETE: &str = "SuccessfulDelete";
    /// A pod could not be deleted; OpenYurt's own, note `Error deleting: …`.
    pub const FAILED_DELETE: &str = "FailedDelete";
    /// The DaemonSet asks for upgrades in a way that cannot be followed: a bad annotation, or not `OnDelete`.
    pub const INVALID_STRATEGY: &str = "InvalidUpdateStrategy";
    /// A run halted.
    pub const HALTED: &str = "RolloutHalted";
    /// A halted run goes on.
    pub const RESUMED: &str = "RolloutResumed";
    /// All reachable units of a run are done.
    pub const COMPLETED: &str = "RolloutCompleted";
    /// A hold does not end by itself and lasts.
    pub const HELD: &str = "RolloutHeld";
    /// A wave of a run opened.
    pub const WAVE_OPENED: &str = "RolloutWaveOpened";
    /// A wave of a run opened, and no unit belongs to it.
    pub const WAVE_EMPTY: &str = "RolloutWaveEmpty";
    /// A wave of a run succeeded, or was passed over.
    pub const WAVE_SUCCEEDED: &str = "RolloutWaveSucceeded";
    /// A wave of a run waits for a human.
    pub const AWAITING_APPROVAL: &str = "RolloutAwaitingApproval";
    /// A run failed, and its target goes back to the last revision that completed.
    pub const ROLLING_BACK: &str = "RolloutRollingBack";
    /// The template of the target of a failed run was changed back.
    pub const ROLLED_BACK: &str = "RolloutRolledBack";
}

/// The note of a [`reason::SUCCESSFUL_DELETE`] event, as OpenYurt writes it.
pub fn deleted_pod(pod: &str) -> String {
    format!("Deleted pod: {pod}")
}

/// The note of a [`reason::FAILED_DELETE`] event, as OpenYurt writes it.
pub fn error_deleting(error: &str) -> String {
    format!("Error deleting: {error}")
}

/// The longest name of an object (a DNS subdomain, RFC 1123).
const MAX_NAME: usize = 253;

/// The name of the run that brings a target to a revision: `<target>-<hash8>-r<revision number>`.
///
/// The hash is of the target's UID, so that neither a target made again under its name nor one of another kind meets the
/// runs of its namesake. A long target name is cut so that the whole stays a DNS subdomain of at most 253 characters.
pub fn fleet_rollout(target: &str, target_uid: &str, revision: i64) -> String {
    let suffix = format!("-{:08x}-r{revision}", fnv1a(target_uid.as_bytes()));
    let end = target.floor_char_boundary(MAX_NAME - suffix.len());
    let stem = target[..end].trim_end_matches(['-', '.']);
    format!("{stem}{suffix}")
}

/// The name of the request for somebody's approval of a wave: `<rollout>-<wave>-before` or `<rollout>-<wave>-after`.
///
/// A long name of a rollout is cut, and its hash added, so that the whole stays a DNS subdomain of at most 253 characters
/// and the requests of different rollouts have different names.
pub fn approval_request(rollout: &str, wave: &str, point: ApprovalPoint) -> String {
    let place = match point {
        ApprovalPoint::BeforeWave => "before",
        ApprovalPoint::AfterWave => "after",
    };
    let name = format!("{rollout}-{wave}-{place}");
    if name.len() <= MAX_NAME {
        return name;
    }
    let suffix = format!("-{:08x}-{wave}-{place}", fnv1a(rollout.as_bytes()));
    let end = rollout.floor_char_boundary(MAX_NAME.saturating_sub(suffix.len()));
    format!("{}{suffix}", rollout[..end].trim_end_matches(['-', '.']))
}

/// FNV-1a with 32 bits: short, stable for ever and the same on every machine, which is all that a name needs.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

    #[test]
    fn a_run_is_named_after_target_and_revision() {
        let name = fleet_rollout("agent", UID, 12);
        let (hash, rest) = name.strip_prefix("agent-").unwrap().split_once('-').unwrap();
        assert!(hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
        assert_eq!(rest, "r12");
        assert_eq!(name, fleet_rollout("agent", UID, 12), "the same run has the same name");
        assert_ne!(name, fleet_rollout("agent", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f1", 12));
        assert_ne!(name, fleet_rollout("agent", UID, 13));
    }

    #[test]
    fn a_long_target_name_is_cut_to_a_valid_one() {
        let suffix = fleet_rollout("", UID, i64::MAX);
        for target in ["a".repeat(253), format!("{}-.-{}", "b".repeat(220), "c".repeat(30))] {
            let name = fleet_rollout(&target, UID, i64::MAX);
            assert!(name.len() <= MAX_NAME && name.ends_with(&suffix), "{name}");
            assert!(!name.contains(".-") && !name.contains("--"), "{name}");
        }
    }

    #[test]
    fn a_request_is_named_after_run_wave_and_point() {
        let before = approval_request("agent-f0ce24b9-r3", "canary", ApprovalPoint::BeforeWave);
        assert_eq!(before, "agent-f0ce24b9-r3-canary-before");
        let wave = "w".repeat(63);
        let name = |revision| {
            let run = fleet_rollout(&"a".repeat(253), UID, revision);
            approval_request(&run, &wave, ApprovalPoint::AfterWave)
        };
        assert!(name(3).len() <= MAX_NAME && name(3).ends_with(&format!("-{wave}-after")), "{}", name(3));
        assert_ne!(name(3), name(4), "requests of two runs that are cut alike");
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        // Test vectors of the FNV authors, draft-eastlake-fnv.
        assert_eq!((fnv1a(b""), fnv1a(b"a"), fnv1a(b"foobar")), (0x811c_9dc5, 0xe40c_292c, 0xbf9c_f968));
    }
}
