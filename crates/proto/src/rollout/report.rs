//! What a plan's report says, as messages.

use planner::rollout::{Counts, Halt, PoolReport, RunPhase, WaveReport, WaveState};

use super::v1;

/// The longest sentence, in characters: as in a FleetRollout's status.
const SENTENCE: usize = 500;

/// A sentence in at most 500 characters.
pub fn shortened(sentence: &str) -> String {
    match sentence.char_indices().nth(SENTENCE) {
        Some((end, _)) => format!("{}…", &sentence[..end]),
        None => sentence.to_owned(),
    }
}

impl From<RunPhase> for v1::Phase {
    fn from(phase: RunPhase) -> Self {
        match phase {
            RunPhase::Pending => Self::Pending,
            RunPhase::Progressing => Self::Progressing,
            RunPhase::Soaking => Self::Soaking,
            RunPhase::AwaitingApproval => Self::AwaitingApproval,
            RunPhase::Held => Self::Held,
            RunPhase::Paused => Self::Paused,
            RunPhase::Aborted => Self::Aborted,
            RunPhase::Halted => Self::Halted,
            RunPhase::Completed => Self::Completed,
        }
    }
}

impl From<WaveState> for v1::WaveState {
    fn from(state: WaveState) -> Self {
        match state {
            WaveState::Waiting => Self::Waiting,
            WaveState::Open => Self::Open,
            WaveState::Succeeded => Self::Succeeded,
        }
    }
}

impl From<Counts> for v1::Units {
    fn from(counts: Counts) -> Self {
        let Counts {
            desired,
            updated,
            settled,
            offline,
            failed,
            pre_existing,
            uncontrolled,
            reachable,
            down,
            undone: _,
            lost: _,
        } = counts;
        Self { desired, updated, settled, offline, failed, pre_existing, uncontrolled, reachable, down }
    }
}

impl From<&WaveReport> for v1::Wave {
    fn from(WaveReport { name, state, pools, counts }: &WaveReport) -> Self {
        Self {
            name: name.to_string(),
            state: v1::WaveState::from(*state).into(),
            pools: *pools,
            units: Some((*counts).into()),
        }
    }
}

impl From<&planner::rollout::Hold> for v1::Hold {
    fn from(hold: &planner::rollout::Hold) -> Self {
        Self { kind: hold.kind().to_owned(), units: 0, sentence: shortened(&hold.to_string()) }
    }
}

impl From<&Halt> for v1::Halt {
    fn from(Halt { reason, token, evidence, at: _ }: &Halt) -> Self {
        Self { reason: reason.as_str().to_owned(), token: token.clone(), evidence: shortened(evidence) }
    }
}

impl v1::Pool {
    /// A pool of the run in this namespace, of this name.
    pub fn new(namespace: &str, rollout: &str, report: &PoolReport, up_to_date: v1::UpToDate) -> Self {
        let PoolReport { pool, wave, counts, holds, needs_attention } = report;
        let hold = |(kind, units, sentence): &(&str, u32, String)| v1::Hold {
            kind: (*kind).to_owned(),
            units: *units,
            sentence: shortened(sentence),
        };
        Self {
            namespace: namespace.to_owned(),
            rollout: rollout.to_owned(),
            name: pool.to_string(),
            wave: wave.to_string(),
            units: Some((*counts).into()),
            up_to_date: up_to_date.into(),
            holds: holds.iter().map(hold).collect(),
            needs_attention: *needs_attention,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_bounded_by_characters() {
        assert_eq!(shortened("short"), "short");
        let long = "ü".repeat(SENTENCE + 1);
        let cut = shortened(&long);
        assert_eq!((cut.chars().count(), cut.ends_with("ü…")), (SENTENCE + 1, true));
    }
}
