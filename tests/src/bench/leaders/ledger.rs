//! What the audit log tells of the controller's writes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use api::names::pool::leader_hub;
use api::rbac::{LEADER_ENDPOINTS_CONTROLLER, NAMESPACE};
use jiff::{SignedDuration, Timestamp};

use crate::checker::{AuditLog, Call};

/// The outputs that are on by default, as resources.
pub(super) const OUTPUTS: [&str; 2] = ["configmaps", "endpoints"];
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The log is in the order of the answers, give or take this.
const LATE: SignedDuration = SignedDuration::from_secs(5);

/// Follows the audit log.
pub(super) struct Ledger {
    log: AuditLog,
    user: String,
}

/// Which outputs were written, by name.
#[derive(Debug, Default)]
pub(super) struct Written {
    names: [BTreeSet<String>; 2],
    /// When the last of them was.
    pub(super) last: Timestamp,
}

impl Ledger {
    /// Of the controller under its account.
    pub(super) fn new(log: AuditLog) -> Self {
        let user = format!("system:serviceaccount:{NAMESPACE}:{}", LEADER_ENDPOINTS_CONTROLLER.account);
        Self { log, user }
    }

    /// Reads what there is, so that later looks are short.
    pub(super) fn read(&mut self) -> Result<()> {
        self.log.read().map(drop)
    }

    /// The outputs that were written since.
    pub(super) fn outputs_written(&mut self, since: Timestamp) -> Result<Written> {
        let mut written = Written::default();
        for call in self.writes(since)? {
            if let Some(output) = OUTPUTS.iter().position(|resource| *resource == call.resource) {
                written.names[output].insert(call.name.clone());
                written.last = written.last.max(call.completed);
            }
        }
        Ok(written)
    }

    /// How long it took from the public loss of `node`, which was ordered at `since`, until all outputs of its pool were
    /// written; `None` if they are not yet.
    pub(super) fn failover(&mut self, pool: &str, node: &str, since: Timestamp) -> Result<Option<Duration>> {
        let name = leader_hub(pool);
        let outputs: Vec<Call> = self.writes(since)?.filter(|call| call.name == name).cloned().collect();
        let first_of = |output: &&str| outputs.iter().find(|call| call.resource == *output);
        let Some(written) = OUTPUTS.iter().map(first_of).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let first = written.iter().map(|call| call.received).min().unwrap_or_default();
        let last = written.iter().map(|call| call.completed).max().unwrap_or_default();
        // The loss is public with the last write of the node's status that the controller can have seen: at the latest when
        // it acts on it, because watchers may see a write before its writer has the answer.
        let of_node = |call: &&Call| call.resource == "nodes" && call.subresource == "status" && call.name == node;
        let status = self.since(since)?.filter(of_node).filter(|call| call.received < first);
        let public = status.map(|call| call.completed.min(first)).max();
        Ok(public.and_then(|public| Duration::try_from(last.duration_since(public)).ok()))
    }

    /// The controller's accepted writes since, by kind; leases left out.
    pub(super) fn counts(&mut self, since: Timestamp) -> Result<BTreeMap<String, usize>> {
        let mut counts = BTreeMap::new();
        for call in self.writes(since)? {
            *counts.entry(call.kind()).or_default() += 1;
        }
        Ok(counts)
    }

    /// Waits until the controller has written nothing but its lease for so long.
    pub(super) async fn await_quiet(&mut self, quiet: Duration, patience: Duration) -> Result<()> {
        let (since, deadline) = (Timestamp::now(), Instant::now() + patience);
        loop {
            let last = self.writes(since)?.map(|call| call.completed).max().unwrap_or(since);
            if Timestamp::now() > last + quiet {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the controller goes on writing");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The controller's accepted writes that began since, leases left out.
    fn writes(&mut self, since: Timestamp) -> Result<impl Iterator<Item = &Call>> {
        let user = self.user.clone();
        let is_write = move |call: &&Call| call.user == user && call.is_write() && call.resource != "leases";
        Ok(self.since(since)?.filter(is_write).filter(|call| call.is_accepted()))
    }

    /// All calls that began since.
    fn since(&mut self, since: Timestamp) -> Result<impl Iterator<Item = &Call>> {
        let calls = self.log.read()?;
        let before = calls.iter().rposition(|call| call.completed < since - LATE);
        let calls = &calls[before.map_or(0, |before| before + 1)..];
        Ok(calls.iter().filter(move |call| call.received >= since))
    }
}

impl Written {
    /// Whether so many pools have all outputs.
    pub(super) fn complete(&self, pools: u32) -> bool {
        self.names.iter().all(|names| u32::try_from(names.len()).is_ok_and(|count| count >= pools))
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [config_maps, endpoints] = &self.names;
        write!(f, "{} ConfigMaps and {} Endpoints are written", config_maps.len(), endpoints.len())
    }
}
