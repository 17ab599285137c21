//! The shape of a configuration as its types' schemas describe it.

use figment::value::{Dict, Tag, Value};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

use super::{Config, ServiceConfig};

/// The schema of every key, of the process and of the service.
pub(super) struct Shape(Json);

/// A key that the shape does not have.
pub(super) struct Unknown {
    pub(super) key: String,
    pub(super) tag: Tag,
    /// The keys there are beside it.
    pub(super) known: String,
}

/// A number that is out of the range of its key.
pub(super) struct Outside {
    pub(super) key: String,
    pub(super) tag: Tag,
    pub(super) value: Json,
    /// The range.
    pub(super) allowed: String,
}

impl Shape {
    pub(super) fn of<C: ServiceConfig>() -> Self {
        let mut whole = schema_of::<Config>();
        let own = schema_of::<C>();
        if let (Some(Json::Object(into)), Some(Json::Object(from))) =
            (whole.get_mut("properties"), own.get("properties"))
        {
            into.extend(from.clone());
        }
        Self(whole)
    }

    /// The keys of the top level with their schemas, in the order of their names.
    pub(super) fn schema(&self) -> &Json {
        &self.0
    }

    /// A text as the key wants it: as it is where only texts are allowed, else a number, truth
    /// value, list or table if it reads as one.
    pub(super) fn value(&self, key: &str, text: &str) -> Value {
        let schema = key.split('.').try_fold(&self.0, |schema, name| properties(schema)?.get(name));
        let parsed = || text.parse().unwrap_or_else(|never| match never {});
        match schema {
            Some(schema) if is_text(schema) => Value::from(text),
            _ => parsed(),
        }
    }

    /// The first key in `keys` that the shape does not have.
    pub(super) fn unknown(&self, keys: &Dict) -> Option<Unknown> {
        unknown(keys, &self.0, "")
    }

    /// The first number in `keys` that is out of the range which its schema gives: types do not check that.
    pub(super) fn outside(&self, keys: &Dict) -> Option<Outside> {
        outside(keys, &self.0, "")
    }
}

/// The keys of a table with their schemas; nothing where any key is allowed, or none.
pub(super) fn properties(schema: &Json) -> Option<&serde_json::Map<String, Json>> {
    let own = schema.get("properties").and_then(Json::as_object);
    own.or_else(|| {
        let variants = schema.get("anyOf")?.as_array()?;
        variants.iter().find_map(properties)
    })
}

/// The range that a schema gives, in words; nothing where it gives none.
pub(super) fn range(schema: &Json) -> Option<String> {
    match (schema.get("minimum"), schema.get("maximum")) {
        (Some(min), Some(max)) => Some(format!("{min} to {max}")),
        (Some(min), None) => Some(format!("{min} or more")),
        (None, Some(max)) => Some(format!("{max} or less")),
        (None, None) => None,
    }
}

/// A key with the sections that it is in.
pub(super) fn join(section: &str, name: &str) -> String {
    match section {
        "" => name.to_owned(),
        section => format!("{section}.{name}"),
    }
}

fn schema_of<T: JsonSchema>() -> Json {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
    });
    settings.into_generator().into_root_schema_for::<T>().into()
}

fn is_text(schema: &Json) -> bool {
    match schema.get("type") {
        Some(Json::String(kind)) => kind == "string",
        Some(Json::Array(kinds)) => kinds.iter().all(|kind| kind == "string" || kind == "null"),
        _ => schema.get("anyOf").and_then(Json::as_array).is_some_and(|variants| {
            variants.iter().all(|variant| is_text(variant) || variant.get("type") == Some(&"null".into()))
        }),
    }
}

fn unknown(keys: &Dict, schema: &Json, section: &str) -> Option<Unknown> {
    let properties = properties(schema)?;
    keys.iter().find_map(|(name, value)| {
        let key = join(section, name);
        match (properties.get(name), value) {
            (Some(inner), Value::Dict(_, keys)) => unknown(keys, inner, &key),
            (Some(_), _) => None,
            (None, _) => Some(Unknown { tag: innermost(value), known: known(section, properties.keys()), key }),
        }
    })
}

fn outside(keys: &Dict, schema: &Json, section: &str) -> Option<Outside> {
    let properties = properties(schema)?;
    keys.iter().find_map(|(name, value)| {
        let (key, schema) = (join(section, name), properties.get(name)?);
        if let Value::Dict(_, keys) = value {
            return outside(keys, schema, &key);
        }
        let (tag, value) = (value.tag(), serde_json::to_value(value).ok()?);
        let number = value.as_f64()?;
        let bound = |name| schema.get(name).and_then(Json::as_f64);
        let inside =
            bound("minimum").is_none_or(|min| min <= number) && bound("maximum").is_none_or(|max| number <= max);
        range(schema).filter(|_| !inside).map(|allowed| Outside { key, tag, value, allowed })
    })
}

/// Tables that a nested key implies have no origin of their own.
fn innermost(value: &Value) -> Tag {
    match value {
        Value::Dict(_, keys) => keys.values().next().map_or(value.tag(), innermost),
        _ => value.tag(),
    }
}

fn known<'a>(section: &str, names: impl Iterator<Item = &'a String>) -> String {
    let names = names.map(String::as_str).collect::<Vec<_>>().join(", ");
    match section {
        "" => format!("there are {names}"),
        section => format!("`{section}` has {names}"),
    }
}
