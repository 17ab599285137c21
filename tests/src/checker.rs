//! The audit-log checker: was every deletion of the updater right, by what had been published when it was made?
//!
//! It judges by two sources that the updater has no part in: the API server's audit log, and a watcher of its own. It shares
//! with the planner some plain types (amounts, placements, durations), and none of its decisions.
//!
//! A watch lags. News against a deletion (a node is NotReady, a pod is down) counts [`Rules::lag`] after it was surely public,
//! news in favour of it from the moment at which it may have been. What remains is a broken rule. Beside it the verdict shows
//! the tightest count without any lag.

mod activations;
mod appsets;
mod audit;
mod budget;
mod gates;
mod history;
mod judge;
mod leaders;
mod note;
mod observer;
mod places;
mod rules;
mod start;
mod tail;
mod timeline;
mod units;
mod verdict;
mod waves;
mod windows;

pub use appsets::{Breach, Deeds, Judge, SetRule, SetVerdict, Start};
pub use audit::{AuditLog, Call};
pub use judge::{Ending, Evidence, judge};
pub use note::{Kind, Note, Seen};
pub use observer::Observer;
pub use rules::{Identity, Rules};
pub use verdict::{Rule, Tight, Verdict, Violation};

#[cfg(test)]
mod tests;
