//! Windows: the hours in which restarts may start.

use jiff::civil;
use planner::strategy as plan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PoolSelector;

/// A recurring time in which pools may, or may not, be changed. It closes starts only: what is under way goes on.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// `Allow`: its pools are changed in such windows only. `Deny`: they are not changed in it, whatever other windows say.
    /// Default: `Allow`.
    #[serde(default)]
    pub effect: Effect,
    /// The days on which it starts, such as [Sat, Sun]. Left out: every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7))]
    pub days: Vec<Weekday>,
    /// The time of day at which it starts, as "HH:MM" in 24 hours. One that the clocks skip is that much later; of one that
    /// comes twice the first counts.
    #[schemars(length(max = 5), regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub start: String,
    /// Seconds that it lasts, from 60 to 604800 (a week), whatever the clocks do meanwhile.
    #[schemars(range(min = 60, max = 604_800))]
    pub duration_seconds: u32,
    /// The IANA time zone of days and start, such as Europe/Berlin or UTC.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$"))]
    pub time_zone: String,
    /// The pools that it is about, by the labels of their NodePool. Left out: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_selector: Option<PoolSelector>,
}

/// What a window does.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Effect {
    /// Restarts may start in it; outside of all such windows they may not.
    #[default]
    Allow,
    /// Restarts may not start in it.
    Deny,
}

/// A day of the week.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl TryFrom<&Window> for plan::Window {
    type Error = plan::WindowError;

    fn try_from(window: &Window) -> Result<Self, plan::WindowError> {
        let Window { effect, days, start, duration_seconds, time_zone, pool_selector } = window;
        let effect = match effect {
            Effect::Allow => plan::Effect::Allow,
            Effect::Deny => plan::Effect::Deny,
        };
        let days: Vec<_> = days.iter().map(|day| civil::Weekday::from(*day)).collect();
        let pools = pool_selector.as_ref().map(Into::into).unwrap_or_default();
        Self::new(effect, &days, start, *duration_seconds, time_zone, pools)
    }
}

impl From<Weekday> for civil::Weekday {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Mon => Self::Monday,
            Weekday::Tue => Self::Tuesday,
            Weekday::Wed => Self::Wednesday,
            Weekday::Thu => Self::Thursday,
            Weekday::Fri => Self::Friday,
            Weekday::Sat => Self::Saturday,
            Weekday::Sun => Self::Sunday,
        }
    }
}
