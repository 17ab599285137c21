//! Breaks API calls on purpose, for tests. Always compiled in, so that what is tested is what is shipped;
//! inert unless the process starts with `DROVER_FAULTS` in its environment.
//!
//! ```text
//! DROVER_FAULTS = RULE { ";" RULE }
//! RULE          = ACTION ":" WHICH [ ":" CALLS ]
//! ACTION        = "kill-before" | "kill-after"   abort the process before sending / after the answer came
//!               | "drop"                         fail as a connection that was never made: nothing is sent
//!               | "lose"                         send, then fail as a connection cut before the answer
//!               | "hang"                         send, then never answer: the deadline ends the call
//!               | "delay-MS"                     wait that many milliseconds before sending
//!               | "lag-MS"                       every part of the answer arrives that many milliseconds late: a watch
//!                                                that shows the cluster as it was
//!               | "status-CODE"                  answer with that HTTP status: nothing is sent
//! WHICH         = N | N "-" M | N "+" | "*"      which of the matching calls, counted from 1 for each rule
//! CALLS         = VERB [ "/" RESOURCE [ "/" SUBRESOURCE ] ]
//! VERB          = an RBAC verb | "read" | "write" | "any"          RESOURCE = a plural name | "*"
//! ```
//! Without `CALLS` a rule means `write`. `write` leaves renewals of Leases out unless the resource is named:
//! they come by the clock, and "the seventh write" must mean the same call in every run.
//! Example: `delay-300:*:delete/pods;status-409:2:patch/fleetrollouts/status;kill-before:7`.
//! Rules are tried in order; the first that hits decides, but every rule counts every call that it matches.

mod inject;
mod late;
mod rule;

pub use inject::Injected;
pub use rule::FaultError;

use super::call::Call;
use rule::{Action, Rule};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The environment variable that holds the rules.
pub const FAULTS_VARIABLE: &str = "DROVER_FAULTS";

/// The rules in force and how many calls each has matched so far. Cheap to clone; clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<[Counted]>);

#[derive(Debug)]
struct Counted {
    rule: Rule,
    matched: AtomicU64,
}

impl Faults {
    /// The rules of the process environment; none, and so no effect, when the variable is unset or empty.
    pub fn from_environment() -> Result<Self, FaultError> {
        let Some(text) = std::env::var_os(FAULTS_VARIABLE).filter(|text| !text.is_empty()) else {
            return Ok(Self::default());
        };
        let text = text.into_string().map_err(|text| FaultError::NotText(text.to_string_lossy().into_owned()))?;
        let faults = Self::parse(&text)?;
        tracing::warn!(rules = text, "injecting faults into API calls: this is a test");
        Ok(faults)
    }

    /// Reads rules in the grammar of this module.
    pub fn parse(text: &str) -> Result<Self, FaultError> {
        let rules: Result<Vec<_>, _> =
            text.split(';').map(str::trim).filter(|rule| !rule.is_empty()).map(Rule::parse).collect();
        Ok(Self(rules?.into_iter().map(|rule| Counted { rule, matched: AtomicU64::new(0) }).collect()))
    }

    /// What happens to this call, if anything. Counts it.
    fn strike(&self, call: Call<'_>) -> Option<Action> {
        let mut struck = None;
        for counted in self.0.iter().filter(|counted| counted.rule.calls.contains(call)) {
            let nth = counted.matched.fetch_add(1, Ordering::Relaxed) + 1;
            if struck.is_none() && counted.rule.which.contains(&nth) {
                struck = Some(counted.rule.action);
            }
        }
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Verb;
    use std::time::Duration;

    const DELETE_POD: Call<'_> = Call { verb: Verb::Delete, resource: "pods", subresource: None };
    const RENEW: Call<'_> = Call { verb: Verb::Update, resource: "leases", subresource: None };
    const LIST: Call<'_> = Call { verb: Verb::List, resource: "pods", subresource: None };

    #[test]
    fn the_nth_matching_call_is_struck() {
        let faults = Faults::parse("kill-before:2").unwrap();
        let struck: Vec<_> = [DELETE_POD, LIST, RENEW, DELETE_POD, DELETE_POD].map(|call| faults.strike(call)).into();
        assert_eq!(struck, [None, None, None, Some(Action::KillBefore), None]);
    }

    #[test]
    fn rules_count_apart_and_the_first_hit_decides() {
        let faults = Faults::parse("status-409:1:delete/pods; delay-5:2+:any; lose:*:update/leases").unwrap();
        assert_eq!(faults.strike(DELETE_POD), Some(Action::Status(409)));
        assert_eq!(faults.strike(RENEW), Some(Action::Delay(Duration::from_millis(5))));
        assert_eq!(faults.strike(LIST), Some(Action::Delay(Duration::from_millis(5))));
    }
}
