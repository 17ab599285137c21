//! How many objects a service works on at once: the setting, and the interface to change it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most workers a service can have. Each holds at most one object and its requests; 256 of them
/// are more than one API server should get from one client at once.
pub const MAX_WORKERS: u16 = 256;

/// A number of workers from 1 to [`MAX_WORKERS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerCount(u16);

/// How many objects may be worked on at once.
///
/// Text and configuration know it as a number or as `auto`; both `3` and `"3"` are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerSetting {
    /// Exactly this many.
    Fixed(WorkerCount),
    /// As many as queue depth and fleet size call for.
    Auto,
}

/// A moment's view of the workers of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WorkerStatus {
    /// What was asked for.
    pub setting: WorkerSetting,
    /// How many objects may be worked on at once now.
    pub active: usize,
    /// How many objects are being worked on now; above `active` for a while after it was lowered.
    pub busy: usize,
    /// How many objects wait for a worker now.
    pub queued: usize,
    /// The fewest workers that [`WorkerSetting::Auto`] goes down to.
    pub min: usize,
    /// The most workers that [`WorkerSetting::Auto`] goes up to.
    pub max: usize,
}

/// A text or number that is no [`WorkerSetting`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a number of workers: give 1 to {MAX_WORKERS}, or `auto`")]
pub struct WorkerSettingError {
    given: String,
}

/// Workers that can be looked at and changed while they work; implemented by a work queue.
pub trait Workers: Send + Sync {
    /// The workers now.
    fn status(&self) -> WorkerStatus;

    /// Changes the setting. Work in progress goes on; none is lost, repeated or reordered.
    fn set(&self, setting: WorkerSetting);
}

impl WorkerCount {
    /// `count` as a number of workers.
    ///
    /// # Errors
    /// When it is not 1 to [`MAX_WORKERS`].
    pub fn new(count: i128) -> Result<Self, WorkerSettingError> {
        u16::try_from(count)
            .ok()
            .filter(|count| (1..=MAX_WORKERS).contains(count))
            .map(Self)
            .ok_or_else(|| WorkerSettingError { given: count.to_string() })
    }

    /// The number, 1 to [`MAX_WORKERS`].
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl WorkerSetting {
    /// Exactly `count` workers.
    ///
    /// # Errors
    /// When it is not 1 to [`MAX_WORKERS`].
    pub fn fixed(count: i128) -> Result<Self, WorkerSettingError> {
        WorkerCount::new(count).map(Self::Fixed)
    }
}

impl Default for WorkerSetting {
    /// 3, as yurt-manager has it for its DaemonSet updater.
    fn default() -> Self {
        Self::Fixed(WorkerCount(3))
    }
}

impl fmt::Display for WorkerSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(count) => write!(f, "{}", count.get()),
            Self::Auto => f.write_str("auto"),
        }
    }
}

impl FromStr for WorkerSetting {
    type Err = WorkerSettingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || WorkerSettingError { given: text.to_owned() };
        match text.trim() {
            word if word.eq_ignore_ascii_case("auto") => Ok(Self::Auto),
            number => Self::fixed(number.parse().map_err(|_| refused())?),
        }
    }
}

impl Serialize for WorkerSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(count) => serializer.serialize_u16(count.0),
            Self::Auto => serializer.serialize_str("auto"),
        }
    }
}

impl<'de> Deserialize<'de> for WorkerSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SettingVisitor)
    }
}

impl JsonSchema for WorkerSetting {
    fn schema_name() -> Cow<'static, str> {
        "WorkerSetting".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "x-allowed": format!("1 to {MAX_WORKERS}, or \"auto\""),
        })
    }
}

struct SettingVisitor;

impl serde::de::Visitor<'_> for SettingVisitor {
    type Value = WorkerSetting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1 to {MAX_WORKERS}, or `auto`")
    }

    fn visit_i64<E: serde::de::Error>(self, count: i64) -> Result<Self::Value, E> {
        WorkerSetting::fixed(i128::from(count)).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, count: u64) -> Result<Self::Value, E> {
        WorkerSetting::fixed(i128::from(count)).map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_json(text: &str) -> Result<WorkerSetting, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn numbers_and_auto_are_read_and_written() {
        for (json, text) in [("3", "3"), ("\"256\"", "256"), ("\"Auto\"", "auto")] {
            let setting = from_json(json).unwrap();
            assert_eq!(setting.to_string(), text);
            assert_eq!(from_json(&serde_json::to_string(&setting).unwrap()).unwrap(), setting);
        }
    }

    #[test]
    fn everything_else_is_refused_with_the_range() {
        for json in ["0", "257", "-1", "\"many\"", "\"\"", "70000", "\"1.5\""] {
            let message = from_json(json).unwrap_err().to_string();
            assert!(message.contains("give 1 to 256, or `auto`"), "{message}");
        }
        assert!(from_json("1.5").unwrap_err().to_string().contains("1 to 256"));
    }
}
