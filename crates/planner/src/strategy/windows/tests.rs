use jiff::civil::Weekday::{self, Friday, Saturday, Sunday};

use super::Effect::{Allow, Deny};
use super::*;

fn window(effect: Effect, days: &[Weekday], start: &str, seconds: u32, zone: &str) -> Window {
    Window::new(effect, days, start, seconds, zone, Selector::default()).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// When a window that is closed at `from` opens, and when it then closes.
fn next(windows: &[Window], from: &str) -> (String, String) {
    let Openness::Closed { opens: Some(opens) } = Openness::of(&windows.iter(), at(from)) else {
        panic!("not closed at {from}")
    };
    let Openness::Open { closes: Some(closes) } = Openness::of(&windows.iter(), opens) else {
        panic!("not open at {opens}")
    };
    (opens.to_string(), closes.to_string())
}

#[test]
fn windows_follow_the_clocks_of_their_zone_and_last_as_long_as_they_say() {
    for (zone, start, seconds, from, opens, closes) in [
        // An ordinary summer and winter day in Berlin.
        ("Europe/Berlin", "01:00", 14_400, "2026-07-01T12:00:00Z", "2026-07-01T23:00:00Z", "2026-07-02T03:00:00Z"),
        ("Europe/Berlin", "01:00", 14_400, "2026-01-15T12:00:00Z", "2026-01-16T00:00:00Z", "2026-01-16T04:00:00Z"),
        // 29 March 2026: 02:00 becomes 03:00 at 01:00Z. Four hours stay four hours.
        ("Europe/Berlin", "01:00", 14_400, "2026-03-28T12:00:00Z", "2026-03-29T00:00:00Z", "2026-03-29T04:00:00Z"),
        // 02:30 is skipped that night: it starts an hour later on the wall, at 03:30 summer time.
        ("Europe/Berlin", "02:30", 3_600, "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"),
        // 25 October 2026: 03:00 becomes 02:00 at 01:00Z. The first 02:30 counts, and only that.
        ("Europe/Berlin", "02:30", 1_800, "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"),
        ("Europe/Berlin", "02:30", 1_800, "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z", "2026-10-26T02:00:00Z"),
        // Half an hour of summer time, and zones of odd offsets.
        ("Australia/Lord_Howe", "02:15", 900, "2026-10-03T12:00:00Z", "2026-10-03T15:45:00Z", "2026-10-03T16:00:00Z"),
        ("Asia/Kolkata", "00:00", 60, "2026-05-01T00:00:00Z", "2026-05-01T18:30:00Z", "2026-05-01T18:31:00Z"),
        ("America/New_York", "22:00", 21_600, "2026-03-07T20:00:00Z", "2026-03-08T03:00:00Z", "2026-03-08T09:00:00Z"),
        ("UTC", "23:59", 120, "2026-12-31T12:00:00Z", "2026-12-31T23:59:00Z", "2027-01-01T00:01:00Z"),
    ] {
        let found = next(&[window(Allow, &[], start, seconds, zone)], from);
        assert_eq!(found, (opens.to_owned(), closes.to_owned()), "{start} in {zone} from {from}");
    }
}

#[test]
fn days_are_those_on_which_a_window_starts() {
    // Friday 22:00 for 30 hours in New York: until Sunday 04:00.
    let late = [window(Allow, &[Friday], "22:00", 108_000, "America/New_York")];
    for (moment, open) in [
        ("2026-07-04T01:59:59Z", false),
        ("2026-07-04T02:00:00Z", true),
        ("2026-07-05T07:59:59Z", true),
        ("2026-07-05T08:00:00Z", false),
    ] {
        assert_eq!(late[0].contains(at(moment)), open, "{moment}");
    }
    let weekend = [window(Allow, &[Saturday, Sunday], "01:00", 14_400, "Europe/Berlin")];
    let found = next(&weekend, "2026-08-16T12:00:00Z");
    assert_eq!(found, ("2026-08-21T23:00:00Z".to_owned(), "2026-08-22T03:00:00Z".to_owned()));
}

#[test]
fn denial_wins_and_without_an_allowing_window_all_else_is_open() {
    let freeze = window(Deny, &[Saturday], "00:00", 86_400, "UTC");
    let nights = window(Allow, &[], "01:00", 7_200, "UTC");
    // 22 August 2026 is a Saturday.
    let friday = Openness::of(&[&freeze].into_iter(), at("2026-08-21T12:00:00Z"));
    assert_eq!(friday, Openness::Open { closes: Some(at("2026-08-22T00:00:00Z")) });
    let both = [freeze, nights];
    let found = next(&both, "2026-08-22T01:30:00Z");
    assert_eq!(found, ("2026-08-23T01:00:00Z".to_owned(), "2026-08-23T03:00:00Z".to_owned()));
    assert_eq!(Openness::of(&[].into_iter(), at("2026-08-22T01:30:00Z")), Openness::Always);
}

#[test]
fn windows_that_meet_never_close_between_and_a_denied_week_never_opens() {
    let halves = ["00:00", "12:00"].map(|start| window(Allow, &[], start, 43_200, "Europe/Berlin"));
    // Not on the night in which 24 hours are 25: there it closes for one.
    let found = Openness::of(&halves.iter(), at("2026-10-20T12:00:00Z"));
    assert_eq!(found, Openness::Open { closes: Some(at("2026-10-25T10:00:00Z")) });
    let never = window(Deny, &[], "00:00", WEEK, "UTC");
    assert_eq!(Openness::of(&[&never].into_iter(), at("2026-10-20T12:00:00Z")), Openness::Closed { opens: None });
}

/// Whatever the windows: what is said of a moment holds until the moment at which it is said to change, minute by minute.
#[test]
fn openness_holds_until_it_says_it_changes() {
    let zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"];
    for (nth, zone) in zones.iter().enumerate() {
        let start = format!("{:02}:{:02}", (nth * 7 + 1) % 24, nth * 13 % 60);
        let windows = [window(Allow, &[], &start, 40_000, zone), window(Deny, &[Sunday], "02:00", 9_000, zone)];
        let mut now = at("2026-03-26T00:00:00Z");
        let end = now + SignedDuration::from_hours(24 * 20);
        while now < end {
            let (is_open, changes) = match Openness::of(&windows.iter(), now) {
                Openness::Open { closes } => (true, closes.unwrap()),
                Openness::Closed { opens } => (false, opens.unwrap()),
                Openness::Always => panic!("there are windows"),
            };
            while now < changes {
                assert_eq!(super::is_open(windows.iter(), now), is_open, "{zone} {now}");
                now += SignedDuration::from_secs(60);
            }
            now = changes;
            assert_ne!(super::is_open(windows.iter(), now), is_open, "{zone} {now}");
        }
    }
}

#[test]
fn what_is_wrong_is_named_with_what_is_allowed() {
    let make = |start, seconds, zone| Window::new(Allow, &[], start, seconds, zone, Selector::default()).unwrap_err();
    for (error, text) in [
        (make("24:00", 60, "UTC"), "start: \"24:00\" is no time of day"),
        (make("1:00", 60, "UTC"), "start: \"1:00\""),
        (make("01:+1", 60, "UTC"), "start: \"01:+1\""),
        (make("01:00", 0, "UTC"), "durationSeconds: 0 is not from 1 to 604800"),
        (make("01:00", 604_801, "UTC"), "durationSeconds: 604801"),
        (make("01:00", 60, "Europe/Berlinn"), "timeZone: \"Europe/Berlinn\" is no IANA time zone"),
        (make("01:00", 60, ""), "timeZone: \"\""),
    ] {
        assert!(error.to_string().starts_with(text), "{error}");
    }
}
