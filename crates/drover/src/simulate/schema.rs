//! Compares a value with the schema of its kind, as the API server does: a field that is wrong is named by its path, with
//! its value and what is allowed. What a schema says by patterns and CEL is left to whoever reads the value then.

use api::amount::{ALLOWED, IntOrPercent};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;

/// The schema of a kind's `spec`.
pub(super) fn spec(definition: &CustomResourceDefinition) -> Option<JSONSchemaProps> {
    let version = definition.spec.versions.first()?;
    version.schema.as_ref()?.open_api_v3_schema.as_ref()?.properties.as_ref()?.get("spec").cloned()
}

/// What is wrong with a value, if anything is; `path` is where it stands.
pub(super) fn check(schema: &JSONSchemaProps, path: &str, value: &Value) -> Result<(), String> {
    if value.is_null() {
        // A field without a value counts as left out.
        return Ok(());
    }
    if schema.x_kubernetes_int_or_string == Some(true) {
        let amount = serde_json::from_value::<IntOrPercent>(value.clone());
        return amount.map(drop).map_err(|_| format!("{path}: {value} is not {ALLOWED}"));
    }
    match schema.type_.as_deref() {
        Some("object") => object(schema, path, value),
        Some("array") => array(schema, path, value),
        Some("integer") => integer(schema, path, value),
        Some("boolean") if !value.is_boolean() => Err(format!("{path}: {value} is not true or false")),
        Some("string") => string(schema, path, value),
        _ => Ok(()),
    }
}

fn object(schema: &JSONSchemaProps, path: &str, value: &Value) -> Result<(), String> {
    let Some(fields) = value.as_object() else {
        return Err(format!("{}: {value} is not a list of fields", here(path)));
    };
    let properties = schema.properties.clone().unwrap_or_default();
    if properties.is_empty() {
        let Some(JSONSchemaPropsOrBool::Schema(of_each)) = &schema.additional_properties else { return Ok(()) };
        return fields.iter().try_for_each(|(key, value)| check(of_each, &below(path, key), value));
    }
    for (key, value) in fields {
        let Some(known) = properties.get(key) else {
            let allowed: Vec<_> = properties.keys().map(String::as_str).collect();
            return Err(format!("{}: no such field; there are {}", below(path, key), allowed.join(", ")));
        };
        check(known, &below(path, key), value)?;
    }
    let missing = schema.required.iter().flatten().find(|key| fields.get(*key).is_none_or(Value::is_null));
    missing.map_or(Ok(()), |key| Err(format!("{} is missing", below(path, key))))
}

fn array(schema: &JSONSchemaProps, path: &str, value: &Value) -> Result<(), String> {
    let Some(items) = value.as_array() else {
        return Err(format!("{}: {value} is not a list", here(path)));
    };
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    if let Some(most) = schema.max_items.filter(|most| count > *most) {
        return Err(format!("{path}: {count} of them are too many, at most {most} are allowed"));
    }
    if let Some(least) = schema.min_items.filter(|least| count < *least) {
        return Err(format!("{path}: {count} of them are too few, at least {least} must be"));
    }
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(of_each)) => {
            items.iter().enumerate().try_for_each(|(at, item)| check(of_each, &format!("{path}[{at}]"), item))
        }
        _ => Ok(()),
    }
}

fn integer(schema: &JSONSchemaProps, path: &str, value: &Value) -> Result<(), String> {
    let allowed = match (schema.minimum, schema.maximum) {
        (Some(least), Some(most)) => format!("an integer from {least} to {most}"),
        (Some(least), None) => format!("an integer of at least {least}"),
        (None, Some(most)) => format!("an integer of at most {most}"),
        (None, None) => "an integer".to_owned(),
    };
    let fits = |number: &f64| {
        schema.minimum.is_none_or(|least| *number >= least) && schema.maximum.is_none_or(|most| *number <= most)
    };
    let whole = value.as_i64().is_some() || value.as_u64().is_some();
    match value.as_f64().filter(|number| whole && fits(number)) {
        Some(_) => Ok(()),
        None => Err(format!("{path}: {value} is not {allowed}")),
    }
}

fn string(schema: &JSONSchemaProps, path: &str, value: &Value) -> Result<(), String> {
    let Some(text) = value.as_str() else {
        return Err(format!("{path}: {value} is not a text (put it in quotes)"));
    };
    if let Some(allowed) = schema.enum_.as_ref().filter(|allowed| !allowed.iter().any(|one| one.0 == *value)) {
        let allowed: Vec<_> = allowed.iter().filter_map(|one| one.0.as_str()).collect();
        return Err(format!("{path}: {text:?} is not one of {}", allowed.join(", ")));
    }
    if text.is_empty() && schema.min_length.is_some_and(|least| least > 0) {
        return Err(format!("{path} is empty"));
    }
    Ok(())
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn here(path: &str) -> &str {
    if path.is_empty() { "the strategy" } else { path }
}
