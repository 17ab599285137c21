//! One spelling of values that an API server takes for the same.

use serde_json::Value;

use super::Quantity;

/// Under these keys are maps, which say nothing while they are empty: the API server leaves them out. Elsewhere `{}` may be what a
/// user means, as with `emptyDir`.
const MAPS: [&str; 7] = ["annotations", "labels", "limits", "matchLabels", "nodeSelector", "overhead", "requests"];

/// The value with its quantities in one unit, and without lists, maps and names of services that are empty.
pub(super) fn normal(value: &Value) -> Value {
    spelled("", "", value)
}

/// `key` is where the value stands, and `above` where the object does that has it.
fn spelled(above: &str, key: &str, value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let said = fields.iter().filter(|(key, value)| !is_silent(key, value));
            said.map(|(inner, value)| (inner.clone(), spelled(key, inner, value))).collect()
        }
        Value::Array(items) => items.iter().map(|item| spelled("", "", item)).collect(),
        leaf => Quantity::at(above, key, leaf).map_or_else(|| leaf.clone(), |quantity| quantity.to_string().into()),
    }
}

fn is_silent(key: &str, value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty() && MAPS.contains(&key),
        Value::String(text) => text.is_empty() && key == "serviceName",
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
