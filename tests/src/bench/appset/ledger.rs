//! What the audit log tells of who writes workloads.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};

use super::stage::{ACCOUNT, IDEAL, ORDER, SET};
use crate::checker::{AuditLog, Call};

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The log is in the order of the answers, give or take this.
const LATE: SignedDuration = SignedDuration::from_secs(5);

/// Who writes workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Writer {
    /// appset-controller, when the YurtAppSet is changed.
    Controller,
    /// The ideal client, when its order is changed.
    Ideal,
}

/// Follows the audit log.
pub(super) struct Ledger {
    log: AuditLog,
}

/// The applies of one rollout.
#[derive(Clone, Copy, Debug)]
pub(super) struct Applies {
    /// From the answer to the change to the answer to the last one.
    pub(super) took: Duration,
    /// How many.
    pub(super) count: usize,
    /// To how many workloads.
    pub(super) pools: usize,
}

impl Writer {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Controller, Self::Ideal];

    /// Its name in texts.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Ideal => "ideal",
        }
    }

    /// Where its workloads are.
    pub(super) const fn namespace(self) -> &'static str {
        match self {
            Self::Controller => "bench",
            Self::Ideal => IDEAL,
        }
    }

    /// The user under which it calls the API server.
    pub(super) fn user(self) -> String {
        let (namespace, account) = match self {
            Self::Controller => (api::rbac::NAMESPACE, ACCOUNT),
            Self::Ideal => (IDEAL, IDEAL),
        };
        format!("system:serviceaccount:{namespace}:{account}")
    }

    /// Resource and name of the object by which it is told.
    const fn told_by(self) -> (&'static str, &'static str) {
        match self {
            Self::Controller => ("yurtappsets", SET),
            Self::Ideal => ("configmaps", ORDER),
        }
    }

    /// Whether this is a change of a workload by it.
    fn applies(self, call: &Call) -> bool {
        call.user == self.user() && call.resource == "deployments" && call.is_write() && call.subresource.is_empty()
    }
}

impl Ledger {
    /// Of this log.
    pub(super) fn new(log: AuditLog) -> Self {
        Self { log }
    }

    /// Reads what there is, so that later looks are short.
    pub(super) fn read(&mut self) -> Result<()> {
        self.log.read().map(drop)
    }

    /// What a writer wrote after it was told, at `since` or later.
    pub(super) fn applies(&mut self, writer: Writer, since: Timestamp) -> Result<Applies> {
        let (resource, name) = writer.told_by();
        let calls: Vec<&Call> = self.since(since)?.filter(|call| call.is_write() && call.is_accepted()).collect();
        let tells = |call: &&&Call| call.resource == resource && call.name == name && call.subresource.is_empty();
        let told = calls.iter().filter(tells).map(|call| call.completed).min();
        let told = told.with_context(|| format!("nobody told the {} to write", writer.name()))?;
        let applies: Vec<&&Call> = calls.iter().filter(|call| writer.applies(call)).collect();
        let last = applies.iter().map(|call| call.completed).max().unwrap_or(told);
        Ok(Applies {
            // A watcher may see a change before who made it has the answer.
            took: Duration::try_from(last.duration_since(told)).unwrap_or_default(),
            count: applies.len(),
            pools: applies.iter().map(|call| call.name.as_str()).collect::<BTreeSet<_>>().len(),
        })
    }

    /// A writer's calls since, by kind, whatever came of them: writes and dry runs, but not of its leases.
    pub(super) fn counts(&mut self, writer: Writer, since: Timestamp) -> Result<BTreeMap<String, usize>> {
        let user = writer.user();
        let mut counts = BTreeMap::new();
        for call in self.since(since)?.filter(|call| call.user == user && concerns(call)) {
            *counts.entry(call.kind()).or_default() += 1;
        }
        Ok(counts)
    }

    /// Waits until a writer has not called for so long.
    pub(super) async fn await_quiet(&mut self, writer: Writer, quiet: Duration, patience: Duration) -> Result<()> {
        let (user, since, deadline) = (writer.user(), Timestamp::now(), Instant::now() + patience);
        loop {
            let calls = self.since(since)?.filter(|call| call.user == user && concerns(call));
            let last = calls.map(|call| call.completed).max().unwrap_or(since);
            if Timestamp::now() > last + quiet {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the {} goes on writing", writer.name());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// All calls that began since.
    fn since(&mut self, since: Timestamp) -> Result<impl Iterator<Item = &Call>> {
        let calls = self.log.read()?;
        let before = calls.iter().rposition(|call| call.completed < since - LATE);
        let calls = &calls[before.map_or(0, |before| before + 1)..];
        Ok(calls.iter().filter(move |call| call.received >= since))
    }
}

/// Writes and dry runs; who leads is another matter.
fn concerns(call: &Call) -> bool {
    (call.is_write() || call.dry_run) && call.resource != "leases"
}
