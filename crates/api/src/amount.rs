//! An amount of units as specs and annotations write it: `5` or `"10%"`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use planner::strategy::Amount;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What an [`IntOrPercent`] may be, as error messages say it.
pub const ALLOWED: &str = "an integer from 0 to 2147483647 or a percentage from 0% to 100%";

/// The largest integer: Kubernetes' own `IntOrString` holds no larger one.
const MAX_COUNT: u32 = i32::MAX.cast_unsigned();

/// An amount of units: an integer, or a percentage such as `10%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntOrPercent(pub Amount);

/// A text that is not an [`IntOrPercent`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not {ALLOWED}")]
pub struct NotAnAmount(String);

impl IntOrPercent {
    /// So many units.
    pub const fn count(count: u32) -> Self {
        Self(Amount::Count(count))
    }

    /// So many per cent.
    pub const fn percent(percent: u32) -> Self {
        Self(Amount::Percent(percent))
    }
}

impl FromStr for IntOrPercent {
    type Err = NotAnAmount;

    /// Reads `5` or `10%`, without sign, fraction or blanks.
    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let (digits, percent) = match text.strip_suffix('%') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        let number = Some(digits)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse::<u32>().ok());
        match (number, percent) {
            (Some(number @ 0..=100), true) => Ok(Self::percent(number)),
            (Some(number @ 0..=MAX_COUNT), false) => Ok(Self::count(number)),
            _ => Err(NotAnAmount(text.to_owned())),
        }
    }
}

impl fmt::Display for IntOrPercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Amount::Count(count) => write!(f, "{count}"),
            Amount::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Serialize for IntOrPercent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Amount::Count(count) => serializer.serialize_u32(count),
            Amount::Percent(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for IntOrPercent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = IntOrPercent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ALLOWED)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<IntOrPercent, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<IntOrPercent, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<IntOrPercent, E> {
        text.parse().map_err(E::custom)
    }
}

/// An int-or-string of Kubernetes, with the rule that [`FromStr`] has. The API server refuses others with the field's path.
impl JsonSchema for IntOrPercent {
    fn schema_name() -> Cow<'static, str> {
        "IntOrPercent".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            // A bound for the price of the rule; longer than any amount, so that the rule gets to say what is allowed.
            "maxLength": 16,
            "x-kubernetes-validations": [{
                "rule": "type(self) == int ? self >= 0 && self <= 2147483647 : self.matches('^(100|[1-9]?[0-9])%$')",
                "message": format!("must be {ALLOWED}, such as 5 or 10%"),
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_integers_and_percentages_and_writes_them_back() {
        for (text, amount) in [
            ("0", Amount::Count(0)),
            ("5", Amount::Count(5)),
            ("2147483647", Amount::Count(2_147_483_647)),
            ("0%", Amount::Percent(0)),
            ("10%", Amount::Percent(10)),
            ("100%", Amount::Percent(100)),
        ] {
            let parsed: IntOrPercent = text.parse().unwrap();
            assert_eq!(parsed, IntOrPercent(amount));
            assert_eq!(parsed.to_string(), text);
            let json = serde_json::to_value(parsed).unwrap();
            assert_eq!(json.is_number(), !text.ends_with('%'));
            assert_eq!(serde_json::from_value::<IntOrPercent>(json).unwrap(), parsed);
        }
    }

    #[test]
    fn refuses_everything_else_and_says_what_is_allowed() {
        for text in ["", "%", "-1", "+1", "101%", "1.5", "10 %", " 5", "ten", "2147483648", "99999999999", "١"] {
            let refusal = text.parse::<IntOrPercent>().unwrap_err().to_string();
            assert_eq!(refusal, format!("{text:?} is not {ALLOWED}"));
        }
        for json in ["-1", "1.5", "true", "null", "\"101%\""] {
            assert!(serde_json::from_str::<IntOrPercent>(json).is_err(), "{json}");
        }
    }
}
