//! Pools that cannot get the revision until somebody does something: no units of the run, but its users are to know.

use planner::rollout::{Counts, PoolReport, Report};

use crate::plan::{Hold, Plan};

/// Adds the pools whose hold is an error to a report, as not up to date: whoever depends on the YurtAppSet there waits.
pub(super) fn add(report: &mut Report, plan: &Plan) {
    let missing = |pool: &str| report.pools.binary_search_by(|known| (*known.pool).cmp(pool)).is_err();
    let held = plan.holds.iter().filter(|(pool, hold)| hold.is_error() && missing(pool));
    let added: Vec<PoolReport> = held.map(|(pool, hold)| pool_report(pool, hold, report)).collect();
    if !added.is_empty() {
        report.pools.extend(added);
        report.pools.sort_by(|one, other| one.pool.cmp(&other.pool));
    }
}

fn pool_report(pool: &str, hold: &Hold, report: &Report) -> PoolReport {
    PoolReport {
        pool: pool.into(),
        wave: report.wave.clone(),
        counts: Counts { desired: 1, reachable: 1, undone: 1, ..Counts::default() },
        holds: vec![("Refused", 1, hold.to_string())],
        needs_attention: true,
    }
}

#[cfg(test)]
mod tests {
    use planner::rollout::{Met, Progress, RunPhase};

    use super::*;

    #[test]
    fn who_depends_on_a_pool_that_is_refused_waits() {
        let mut report = Report {
            phase: RunPhase::Completed,
            sentence: String::new(),
            counts: Counts::default(),
            waves: Vec::new(),
            wave: "rest".into(),
            pools: Vec::new(),
            hold: None,
            units: Vec::new(),
            news: Vec::new(),
        };
        let held = [
            ("b", Hold::Refused("no".to_owned())),
            ("a", Hold::NameTaken("web-a".to_owned())),
            ("c", Hold::Pinned("web-1".to_owned())),
        ];
        let holds = held.into_iter().map(|(pool, hold)| (pool.to_owned(), hold)).collect();
        add(&mut report, &Plan { holds, ..Plan::default() });
        let progress = Progress::of(&report);
        assert_eq!(progress.pools, [("a".into(), Met::No), ("b".into(), Met::No)]);
        assert_eq!((progress.everywhere, progress.elsewhere), (Met::No, Met::Yes), "a pin is its user's will");
        let before = report.pools.clone();
        add(&mut report, &Plan { holds: [("a".to_owned(), Hold::Refused("no".to_owned()))].into(), ..Plan::default() });
        assert_eq!(report.pools, before, "each pool once");
    }
}
