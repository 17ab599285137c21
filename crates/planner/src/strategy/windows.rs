//! Windows: the hours in which restarts may start, in the time zone of those who set them.
//!
//! A window starts at a time of day and lasts for a number of seconds, whatever the clocks on the wall do meanwhile. A start
//! that the clocks skip (02:30 when 02:00 becomes 03:00) is so much later (03:30); of one that comes twice the first counts.

use std::fmt;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::Selector;
use crate::fleet::Name;

/// The longest window: it comes again after a week.
const WEEK: u32 = 604_800;

/// So many openings and closings ahead are looked through; what comes later is looked at when it is nearer.
const AHEAD: usize = 64;

/// A recurring time in which pools may, or may not, be restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    effect: Effect,
    days: Vec<Weekday>,
    start: Time,
    duration: SignedDuration,
    zone: TimeZone,
    pools: Selector,
}

/// What a window does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Restarts may start in it; outside of all such windows they may not.
    Allow,
    /// Restarts may not start in it, whatever other windows say.
    Deny,
}

/// Whether the windows of a pool are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Openness {
    /// No window allows or denies anything: always open.
    Always,
    /// Open now.
    Open {
        /// Until then, if that is near enough to tell.
        closes: Option<Timestamp>,
    },
    /// Closed now.
    Closed {
        /// Until then, if that is near enough to tell.
        opens: Option<Timestamp>,
    },
}

/// Why a window is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowError {
    /// `start` is no time of day.
    Start(String),
    /// `durationSeconds` is 0 or longer than a week.
    Duration(u32),
    /// `timeZone` is not known.
    TimeZone(String),
}

impl Window {
    /// A window that starts at `start` ("HH:MM") in the IANA time zone `zone` on these days (none given: on every day), and
    /// lasts `seconds`. The names of zones and their rules are those of the tz database that is compiled in.
    pub fn new(
        effect: Effect,
        days: &[Weekday],
        start: &str,
        seconds: u32,
        zone: &str,
        pools: Selector,
    ) -> Result<Self, WindowError> {
        let start = time(start).ok_or_else(|| WindowError::Start(start.to_owned()))?;
        if seconds == 0 || seconds > WEEK {
            return Err(WindowError::Duration(seconds));
        }
        let zone = TimeZoneDatabase::bundled().get(zone).map_err(|_| WindowError::TimeZone(zone.to_owned()))?;
        let duration = SignedDuration::from_secs(i64::from(seconds));
        Ok(Self { effect, days: days.to_vec(), start, duration, zone, pools })
    }

    /// What it does.
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether it is about a pool with these labels, sorted by key.
    pub fn is_about(&self, labels: &[(Name, Name)]) -> bool {
        self.pools.matches(labels)
    }

    /// Whether `at` lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.end(at).is_some()
    }

    /// The end of it, when `at` lies in it.
    fn end(&self, at: Timestamp) -> Option<Timestamp> {
        let today = self.zone.to_datetime(at).date();
        let days = self.duration.as_hours() / 24 + 1;
        let ends = (0..=days).filter_map(|back| {
            let start = self.starts(today.checked_sub(back.days()).ok()?)?;
            let end = start + self.duration;
            (start <= at && at < end).then_some(end)
        });
        ends.max()
    }

    /// The next start of it after `at`. Within eight days there is one, save where a zone leaves out a day.
    fn next_start(&self, at: Timestamp) -> Option<Timestamp> {
        let today = self.zone.to_datetime(at).date();
        (0..=8_i64).filter_map(|ahead| self.starts(today.checked_add(ahead.days()).ok()?)).find(|start| *start > at)
    }

    /// Its start on a day, if it has one.
    fn starts(&self, day: Date) -> Option<Timestamp> {
        let is_on = self.days.is_empty() || self.days.contains(&day.weekday());
        is_on.then(|| self.zone.to_ambiguous_timestamp(day.to_datetime(self.start)).compatible().ok()).flatten()
    }

    /// When `at` is no longer on the same side of its bounds.
    fn changes(&self, at: Timestamp) -> Option<Timestamp> {
        self.end(at).or_else(|| self.next_start(at))
    }
}

impl Openness {
    /// What these windows together say of `at`: one that denies wins, and if any allows, one must contain it.
    pub fn of<'w>(windows: &(impl Iterator<Item = &'w Window> + Clone), at: Timestamp) -> Self {
        if windows.clone().next().is_none() {
            return Self::Always;
        }
        let is_open = is_open(windows.clone(), at);
        let mut then = at;
        let mut changes = None;
        for _ in 0..AHEAD {
            let Some(next) = windows.clone().filter_map(|window| window.changes(then)).min() else { break };
            if self::is_open(windows.clone(), next) != is_open {
                changes = Some(next);
                break;
            }
            then = next;
        }
        if is_open { Self::Open { closes: changes } } else { Self::Closed { opens: changes } }
    }
}

fn is_open<'w>(windows: impl Iterator<Item = &'w Window>, at: Timestamp) -> bool {
    let (mut allowed, mut bounded) = (false, false);
    for window in windows {
        match (window.effect, window.contains(at)) {
            (Effect::Deny, true) => return false,
            (Effect::Deny, false) => {}
            (Effect::Allow, contains) => (allowed, bounded) = (allowed | contains, true),
        }
    }
    allowed || !bounded
}

/// "HH:MM".
fn time(text: &str) -> Option<Time> {
    let two = |text: &str| (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?;
    let (hour, minute) = text.split_once(':')?;
    Time::new(two(hour)?, two(minute)?, 0, 0).ok()
}

impl fmt::Display for WindowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(text) => write!(f, "start: {text:?} is no time of day, such as \"01:00\" or \"23:30\""),
            Self::Duration(seconds) => write!(f, "durationSeconds: {seconds} is not from 1 to {WEEK} (a week)"),
            Self::TimeZone(zone) => {
                write!(f, "timeZone: {zone:?} is no IANA time zone, such as \"UTC\" or \"Europe/Berlin\"")
            }
        }
    }
}

impl std::error::Error for WindowError {}

#[cfg(test)]
mod tests;
