//! Who led when, by the Lease in the audit log; and who wrote without leading.

use std::collections::HashMap;

use jiff::Timestamp;

use super::audit::Call;
use super::rules::Rules;

/// The leaders of a run.
#[derive(Debug, Default)]
pub(super) struct Leaders {
    /// From when which credential held the Lease; `None`: nobody did.
    terms: Vec<(Timestamp, Option<String>)>,
}

/// What the leaders did.
#[derive(Debug, Default)]
pub(super) struct Overlap<'a> {
    /// Changes from one leader to another.
    pub handovers: usize,
    /// Writes by a process that did not lead, by the term in which they came.
    pub stale: Vec<(usize, &'a Call)>,
}

impl Leaders {
    /// Reads the terms from all calls.
    pub(super) fn new(calls: &[Call], rules: &Rules) -> Self {
        let mut leaders = Self::default();
        let leases = calls.iter().filter(|call| is_updaters(call, rules) && call.resource == "leases");
        let mut written: Vec<_> = leases.filter(|call| call.is_write() && call.is_accepted()).collect();
        written.sort_by_key(|call| call.completed);
        for call in written {
            let holder = (!call.holder.is_empty()).then(|| call.credential.clone());
            if leaders.terms.last().is_none_or(|(_, last)| *last != holder) {
                leaders.terms.push((call.completed, holder));
            }
        }
        leaders
    }

    /// Judges the writes among these calls.
    pub(super) fn overlap<'a>(&self, calls: &[&'a Call]) -> Overlap<'a> {
        let held: Vec<_> = self.terms.iter().filter_map(|(_, holder)| holder.as_ref()).collect();
        let handovers = held.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let mut overlap = Overlap { handovers, stale: Vec::new() };
        for call in calls.iter().filter(|call| call.is_write() && call.resource != "leases") {
            // Nobody's term: whoever gave the Lease back may have had requests under way.
            let term = self.terms.iter().rposition(|(from, holder)| *from <= call.received && holder.is_some());
            let holder = term.and_then(|term| self.terms[term].1.as_ref());
            if holder.is_some_and(|holder| *holder != call.credential) {
                overlap.stale.push((term.unwrap_or_default(), call));
            }
        }
        overlap
    }
}

impl<'a> Overlap<'a> {
    /// The writes beyond those that may have been in flight when the term began, which is the first one's right.
    pub(super) fn excess(&self, in_flight: usize) -> Vec<&'a Call> {
        let mut seen: HashMap<usize, usize> = HashMap::new();
        let beyond = |(term, _): &&(usize, &'a Call)| {
            let count = seen.entry(*term).or_default();
            *count += 1;
            *count > in_flight
        };
        self.stale.iter().filter(beyond).map(|(_, call)| *call).collect()
    }
}

/// Whether the updater asked for it.
pub(super) fn is_updaters(call: &Call, rules: &Rules) -> bool {
    call.agent.starts_with(&rules.updater.agent) || call.user == rules.updater.user
}
