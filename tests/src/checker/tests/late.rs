//! News that comes late: to those who are judged, and to the watcher by whose notes they are.

use jiff::SignedDuration;

use super::story::Story;
use super::{Rule, broken};

#[test]
fn news_against_a_start_counts_when_a_watch_can_have_brought_it() {
    let late = |delay: i64| {
        let mut story = Story::released(10, "10%");
        story.set_ready(1_000, "agent", "n1", false);
        story.restart(1_000 + delay, "agent", "n2");
        story.verdict()
    };
    let soon = late(150);
    assert_eq!(broken(&soon), []);
    assert_eq!(
        soon.tightest.map(|tight| (tight.down, tight.allowed)),
        Some((2, 1)),
        "the tighter count stands beside it"
    );
    assert_eq!(broken(&late(250)), [Rule::Budget]);
}

#[test]
fn a_watcher_that_is_late_itself_expects_no_more_of_others() {
    let late = |by: i64| {
        let mut story = Story::released(10, "10%");
        story.set_ready(1_000, "agent", "n1", false);
        story.restart(1_600, "agent", "n2");
        story.hear_late(by);
        story.verdict()
    };
    assert_eq!(broken(&late(0)), [Rule::Budget]);
    let verdict = late(700);
    assert_eq!((broken(&verdict), verdict.lateness), (vec![], SignedDuration::from_millis(730)));
}
