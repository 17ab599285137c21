//! Reading of numbers that OpenYurt's definition bounds too little.

use serde::{Deserialize, Deserializer};
use serde_json::Number;

/// Any number, as an integer: fractions are cut off, what is too large or too small is the largest or smallest.
#[expect(clippy::cast_possible_truncation, reason = "a cast saturates")]
pub(super) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let number = Option::<Number>::deserialize(deserializer)?;
    Ok(number.and_then(|number| number.as_i64().or_else(|| number.as_f64().map(|float| float as i64))))
}
