//! Durations in configuration, with the range each may have.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::time::Duration;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration between `MIN` and `MAX` milliseconds, both included.
///
/// Configuration knows it as text such as `500ms`, `90s`, `1m30s`, `2h` or `1d`, or as a number of
/// seconds. The range is part of the type, so that a value outside of it cannot exist.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period<const MIN: u64, const MAX: u64>(Duration);

/// A text or number that is no duration, or one outside of the range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not allowed: give {allowed}")]
pub struct PeriodError {
    given: String,
    allowed: String,
}

/// Units in falling order, with their length in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl<const MIN: u64, const MAX: u64> Period<MIN, MAX> {
    /// `millis` milliseconds, checked when the program is built: for defaults.
    pub const fn of_millis<const MILLIS: u64>() -> Self {
        const { assert!(MIN <= MILLIS && MILLIS <= MAX, "outside of the range") };
        Self(Duration::from_millis(MILLIS))
    }

    /// `duration`, if it is in the range.
    ///
    /// # Errors
    /// When it is not, naming the range.
    pub fn new(duration: Duration) -> Result<Self, PeriodError> {
        let allowed = Duration::from_millis(MIN)..=Duration::from_millis(MAX);
        if allowed.contains(&duration) { Ok(Self(duration)) } else { Err(Self::refused(text_of(duration))) }
    }

    /// The duration.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// The duration, as one that is reckoned with.
    pub fn signed(self) -> SignedDuration {
        SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX)
    }

    fn parse(text: &str) -> Result<Self, PeriodError> {
        let refused = || Self::refused(text.to_owned());
        let seconds = text.trim().parse().map_err(|_| ());
        let duration = seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).map_err(|_| ()))
            .or_else(|()| parts(text.trim()).ok_or(()))
            .map_err(|()| refused())?;
        Self::new(duration).map_err(|_| refused())
    }

    fn refused(given: String) -> PeriodError {
        PeriodError { given, allowed: Self::allowed() }
    }

    fn allowed() -> String {
        let [min, max] = [MIN, MAX].map(|millis| text_of(Duration::from_millis(millis)));
        format!("a duration from {min} to {max}, such as \"1m30s\" or a number of seconds")
    }
}

impl<const MIN: u64, const MAX: u64> fmt::Debug for Period<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const MIN: u64, const MAX: u64> fmt::Display for Period<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text_of(self.0))
    }
}

impl<const MIN: u64, const MAX: u64> From<Period<MIN, MAX>> for Duration {
    fn from(period: Period<MIN, MAX>) -> Self {
        period.0
    }
}

impl<const MIN: u64, const MAX: u64> Serialize for Period<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Period<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PeriodVisitor::<MIN, MAX>)
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Period<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Period{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number"], "x-allowed": Self::allowed()})
    }
}

struct PeriodVisitor<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> serde::de::Visitor<'_> for PeriodVisitor<MIN, MAX> {
    type Value = Period<MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Period::<MIN, MAX>::allowed())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Period::parse(text).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Self::Value, E> {
        self.visit_str(&seconds.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<Self::Value, E> {
        self.visit_str(&seconds.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<Self::Value, E> {
        self.visit_str(&seconds.to_string())
    }
}

/// Reads `1h30m`: whole numbers with units, largest unit first, each at most once.
fn parts(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut millis = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = rest.get(..letters)?;
        rest = rest.get(letters..)?;
        let (_, length) = units.find(|(name, _)| *name == unit)?;
        millis = millis.checked_add(count.checked_mul(*length)?)?;
    }
    (!text.is_empty()).then_some(Duration::from_millis(millis))
}

/// Writes a duration as [`parts`] reads it, to the millisecond.
fn text_of(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, length) in UNITS {
        if rest >= length {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{unit}", rest / length);
            rest %= length;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    type UpToTwoDays = Period<0, 172_800_000>;

    #[test]
    fn texts_and_numbers_are_read_and_written_in_one_form() {
        for (given, written) in [
            ("\"90s\"", "1m30s"),
            ("90", "1m30s"),
            ("0.25", "250ms"),
            ("\"2\"", "2s"),
            ("\"1d1h\"", "1d1h"),
            ("\"1m30s5ms\"", "1m30s5ms"),
            ("0", "0s"),
        ] {
            let period: UpToTwoDays = serde_json::from_str(given).unwrap();
            assert_eq!(period.to_string(), written);
            let json = serde_json::to_string(&period).unwrap();
            assert_eq!(serde_json::from_str::<UpToTwoDays>(&json).unwrap(), period);
        }
    }

    #[test]
    fn what_is_no_duration_or_out_of_range_is_refused_with_the_range() {
        for given in ["\"\"", "\"5\u{b5}s\"", "\"1s1m\"", "\"1s1s\"", "-1", "\"3d\"", "1e300"] {
            let error = serde_json::from_str::<UpToTwoDays>(given).unwrap_err();
            let message = error.to_string();
            assert!(message.contains("a duration from 0s to 2d"), "{message}");
        }
    }
}
