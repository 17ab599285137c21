//! Quantities of Kubernetes' resources: the API server keeps `0.5` as `500m`, and `1024Mi` as `1Gi`.

use std::fmt;

use serde_json::Value;

/// Objects whose values are quantities, in a workload.
const OF_QUANTITIES: [&str; 3] = ["limits", "overhead", "requests"];

/// Fields that are quantities, in a workload: of a volume in memory, and of a variable that says a resource.
const QUANTITIES: [&str; 2] = ["sizeLimit", "divisor"];

/// A quantity in billionths, which is as fine as Kubernetes keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quantity(i128);

impl Quantity {
    /// The quantity at a key of an object that is itself at the key `above`. `None` is something else: another text that looks like a
    /// quantity, such as the value of a variable, is a text.
    pub(crate) fn at(above: &str, key: &str, value: &Value) -> Option<Self> {
        let is_one = OF_QUANTITIES.contains(&above) || QUANTITIES.contains(&key);
        is_one.then(|| Self::read(value)).flatten()
    }

    /// Reads a text or number such as `2`, `0.5`, `500m`, `1Gi` or `1e3`. `None` is another text, or one out of range.
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => Self::parse(&number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
        let (power, binary) = scale(suffix)?;
        let power = power.checked_add(9)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        let ten = 10_i128.checked_pow(power.unsigned_abs())?;
        let scaled = digits.checked_mul(1_i128.checked_shl(binary)?)?;
        let billionths = if power < 0 { Some(scaled / ten) } else { scaled.checked_mul(ten) }?;
        Some(Self(if negative { -billionths } else { billionths }))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}n", self.0)
    }
}

/// The power of ten and of two that a suffix stands for.
fn scale(suffix: &str) -> Option<(i32, u32)> {
    Some(match suffix {
        "" => (0, 0),
        "n" => (-9, 0),
        "u" => (-6, 0),
        "m" => (-3, 0),
        "k" => (3, 0),
        "M" => (6, 0),
        "G" => (9, 0),
        "T" => (12, 0),
        "P" => (15, 0),
        "E" => (18, 0),
        "Ki" => (0, 10),
        "Mi" => (0, 20),
        "Gi" => (0, 30),
        "Ti" => (0, 40),
        "Pi" => (0, 50),
        "Ei" => (0, 60),
        exponent => (exponent.strip_prefix(['e', 'E'])?.parse().ok()?, 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_of_the_same_amount_are_the_same() {
        for same in [
            ["0.5", "500m"].as_slice(),
            &["1", "1.0", "1000m", "+1", "1e0"],
            &["1Gi", "1024Mi", "1073741824"],
            &["1k", "1e3", "1E3", "1000"],
            &["-2", "-2000m"],
            &["0.1n", "0"],
        ] {
            let all: Vec<_> = same.iter().map(|text| Quantity::parse(text).unwrap()).collect();
            assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{same:?} are {all:?}");
        }
        assert_ne!(Quantity::parse("1G"), Quantity::parse("1Gi"));
        assert_eq!(Quantity::parse("1k").unwrap().to_string(), "1000000000000n");
        for other in [
            "",
            ".",
            "-",
            "web",
            "1.2.3",
            "1x",
            "e3",
            "1e",
            "1e999",
            "99999999999999999999999999999999999999",
            "1Ki5",
            "1e-2147483648",
        ] {
            assert_eq!(Quantity::parse(other), None, "{other}");
        }
    }
}
