//! What a plan's report says to those that wait for its target.
//!
//! A target is up to date in a pool when its run is not halted, every reachable unit of the pool has settled, and, if the
//! pool has units, at least one has. So a pool that is offline as a whole is up to date only if it was before; for "in all
//! pools" it counts for nothing, since it may stay away for days. A failed unit makes its pool not up to date until it
//! settles after all; one that was broken before (`PreExisting`) does not. Where the target has no unit there is nothing to
//! wait for.

use super::{Counts, Met, PoolReport, Progress, Report, RunPhase};

impl Progress {
    /// The same wherever it is asked for.
    pub fn everywhere(met: Met) -> Self {
        Self { everywhere: met, pools: Vec::new(), elsewhere: met }
    }

    /// How far the target of a run is, provided that the run is that of the newest revision. Only pools that are not up to
    /// date are listed.
    pub fn of(report: &Report) -> Self {
        match report.phase {
            RunPhase::Halted => Self::everywhere(Met::No),
            RunPhase::Pending => Self::everywhere(Met::Unknown),
            RunPhase::Progressing
            | RunPhase::Soaking
            | RunPhase::AwaitingApproval
            | RunPhase::Held
            | RunPhase::Paused
            | RunPhase::Aborted
            | RunPhase::Completed => {
                let behind = report.pools.iter().filter(|pool| !is_up_to_date(pool));
                let pools = behind.map(|pool| (pool.pool.clone(), Met::No)).collect();
                // Not the report's own counts: those say how many units ever failed.
                let is_open = report.pools.iter().any(|pool| !nothing_is_open(&pool.counts));
                Self { everywhere: if is_open { Met::No } else { Met::Yes }, pools, elsewhere: Met::Yes }
            }
        }
    }
}

fn is_up_to_date(pool: &PoolReport) -> bool {
    let proved = pool.counts.settled + pool.counts.pre_existing;
    nothing_is_open(&pool.counts) && (proved > 0 || pool.counts.desired == 0)
}

/// Every reachable unit has settled, or was broken before.
fn nothing_is_open(counts: &Counts) -> bool {
    counts.undone == 0 && counts.failed == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(desired: u32, settled: u32, undone: u32) -> Counts {
        Counts { desired, settled, undone, ..Counts::default() }
    }

    fn report(phase: RunPhase, pools: &[(&str, Counts)]) -> Report {
        let pool = |(name, counts): &(&str, Counts)| PoolReport {
            pool: (*name).into(),
            wave: "all".into(),
            counts: *counts,
            holds: Vec::new(),
            needs_attention: false,
        };
        Report {
            phase,
            sentence: String::new(),
            counts: Counts { failed: 7, ..Counts::default() },
            waves: Vec::new(),
            wave: "all".into(),
            pools: pools.iter().map(pool).collect(),
            hold: None,
            units: Vec::new(),
            news: Vec::new(),
        }
    }

    fn behind(progress: &Progress) -> Vec<&str> {
        progress.pools.iter().map(|(pool, _)| &**pool).collect()
    }

    #[test]
    fn a_pool_is_up_to_date_when_its_reachable_units_have_settled() {
        let failed = Counts { failed: 1, ..counts(2, 1, 0) };
        let broken_before = Counts { pre_existing: 1, ..counts(1, 0, 0) };
        let pools = [
            ("broken before", broken_before),
            ("dark, was up to date", counts(3, 3, 0)),
            ("dark, was not", counts(3, 0, 0)),
            ("failed", failed),
            ("half", counts(2, 1, 1)),
            ("half of it dark", counts(2, 1, 0)),
            ("left", counts(0, 0, 0)),
        ];
        let progress = Progress::of(&report(RunPhase::Progressing, &pools));
        assert_eq!(behind(&progress), ["dark, was not", "failed", "half"]);
        assert_eq!((progress.everywhere, progress.elsewhere), (Met::No, Met::Yes));
    }

    #[test]
    fn pools_that_are_dark_do_not_keep_everywhere_from_being_reached() {
        let progress =
            Progress::of(&report(RunPhase::Completed, &[("dark", counts(3, 0, 0)), ("done", counts(2, 2, 0))]));
        assert_eq!((progress.everywhere, behind(&progress)), (Met::Yes, vec!["dark"]));
    }

    #[test]
    fn a_halted_run_is_up_to_date_nowhere_and_one_that_waits_for_its_revision_unknown() {
        let pools = [("done", counts(2, 2, 0))];
        assert_eq!(Progress::of(&report(RunPhase::Halted, &pools)), Progress::everywhere(Met::No));
        assert_eq!(Progress::of(&report(RunPhase::Pending, &pools)), Progress::everywhere(Met::Unknown));
    }
}
