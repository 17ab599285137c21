//! Trials of a fleet of 60.

use planner::strategy::Amount;

use super::*;
use crate::release::Effect;

fn trial(seed: u64) -> Trial {
    Trial::of(Strategy::implied(Amount::Percent(10)), Fleet::even(60, 6), seed)
}

#[test]
fn a_good_release_completes_and_a_deadly_one_halts_after_a_few_nodes() {
    let good = run(&Trial { sample_every: SignedDuration::from_mins(1), ..trial(1) });
    assert!(good.completed && good.halted.is_none() && good.lost == 0, "{good:?}");
    assert!((1..=6).contains(&good.peak_started_down) && good.peak_started_down <= good.peak_down, "{good:?}");
    assert!(good.timeline.len() > 5 && good.timeline.is_sorted_by_key(|sample| sample.at), "{:?}", good.timeline);
    assert_eq!(good.timeline.last().map(|sample| sample.counts.settled), Some(60));
    let release = Release::everywhere(Effect::Killing(SignedDuration::from_secs(5)));
    let bad = run(&Trial { release, ..trial(1) });
    assert_eq!((bad.completed, bad.halted), (false, Some(HaltReason::NodeLoss)));
    assert!((1..=4).contains(&bad.lost), "{bad:?}");
}

#[test]
fn the_same_trial_has_the_same_outcome_and_offline_nodes_stay_as_they_are() {
    let trial = Trial { offline: 50, flapping: 10, ..trial(3) };
    let outcome = run(&trial);
    assert_eq!(outcome, run(&trial));
    assert!(outcome.completed && outcome.peak_started_down <= 3, "{outcome:?}");
}
