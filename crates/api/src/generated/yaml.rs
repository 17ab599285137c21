//! YAML that is the same whichever crates are built together: keys are sorted here, because `serde_json` keeps them sorted
//! or not by a feature that any crate may turn on.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// What every generated file begins with.
const HEADER: &str = "# Made by `cargo xtask gen` from crates/api. Do not edit.\n";

/// A JSON value with sorted keys.
#[derive(Serialize)]
#[serde(untagged)]
enum Tree {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Tree>),
    Map(BTreeMap<String, Tree>),
}

/// A file of these documents.
pub(super) fn file(documents: Vec<Value>) -> Result<String, serde_saphyr::ser::Error> {
    let texts = documents.into_iter().map(|document| serde_saphyr::to_string(&Tree::from(document)));
    let texts: Vec<_> = texts.collect::<Result<_, _>>()?;
    Ok(format!("{HEADER}{}", texts.join("---\n")))
}

impl From<Value> for Tree {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(bool),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, Some(float)) => whole(float).map_or(Self::Float(float), Self::Integer),
                (None, None) => Self::Null,
            },
            Value::String(text) => Self::Text(text),
            Value::Array(values) => Self::List(values.into_iter().map(Self::from).collect()),
            Value::Object(map) => Self::Map(map.into_iter().map(|(key, value)| (key, Self::from(value))).collect()),
        }
    }
}

/// The integer that a float is, as the bounds in schemas are: exact up to 2^53, far more than a bound needs.
fn whole(float: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the exact range")]
    let integer = float as i64;
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(integer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_numbers_short_and_everything_reads_back() {
        let text =
            "One sentence.  And another one, which is so long that it does not fit into a single line of YAML: 'a' #b";
        let document = json!({"b": [1.0, 1.5, null, true, "yes", "10%", "'^x$'"], "a": {"z": text, "y": [], "x": {}}});
        let written = file(vec![document, json!({"c": -2})]).unwrap();
        let at = |needle: &str| written.find(needle).unwrap();
        assert!(written.starts_with(HEADER) && at("a:") < at("b:") && written.contains("- 1\n"), "{written}");
        let read: Vec<Value> = serde_saphyr::from_multiple(&written).unwrap();
        assert_eq!(read[0]["a"]["z"], text);
        assert_eq!(read[0]["b"], json!([1, 1.5, null, true, "yes", "10%", "'^x$'"]));
        assert_eq!(read[1], json!({"c": -2}));
    }
}
