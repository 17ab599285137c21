//! Windows, reckoned from the calendar once more.

use api::fleet_rollout::strategy::{Effect, Weekday, Window};
use jiff::civil::{self, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// Whether these windows let restarts start at this time; without those that allow only denying ones count.
pub(super) fn are_open(windows: &[&Window], allowing_count: bool, at: Timestamp) -> bool {
    let of = |effect| windows.iter().filter(move |window| window.effect == effect);
    let denied = of(Effect::Deny).any(|window| contains(window, at));
    let mut allowing = of(Effect::Allow).peekable();
    let bounded = allowing_count && allowing.peek().is_some();
    !denied && (!bounded || allowing.any(|window| contains(window, at)))
}

/// Whether a time is in a window. One that cannot be read has no time in it.
fn contains(window: &Window, at: Timestamp) -> bool {
    let (Ok(zone), Ok(start)) = (TimeZone::get(&window.time_zone), Time::strptime("%H:%M", &window.start)) else {
        return false;
    };
    let today = at.to_zoned(zone.clone()).date();
    let lasts = SignedDuration::from_secs(i64::from(window.duration_seconds));
    // The longest window lasts a week.
    (0..=8).any(|back| {
        let Ok(day) = today.checked_sub(back.days()) else { return false };
        let is_on = window.days.is_empty() || window.days.iter().any(|on| weekday(*on) == day.weekday());
        let begin = day.to_datetime(start).to_zoned(zone.clone()).map(|begin| begin.timestamp());
        is_on && begin.is_ok_and(|begin| begin <= at && at < begin + lasts)
    })
}

const fn weekday(day: Weekday) -> civil::Weekday {
    match day {
        Weekday::Mon => civil::Weekday::Monday,
        Weekday::Tue => civil::Weekday::Tuesday,
        Weekday::Wed => civil::Weekday::Wednesday,
        Weekday::Thu => civil::Weekday::Thursday,
        Weekday::Fri => civil::Weekday::Friday,
        Weekday::Sat => civil::Weekday::Saturday,
        Weekday::Sun => civil::Weekday::Sunday,
    }
}
