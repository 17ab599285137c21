//! A configuration written as a TOML file that explains itself.

use std::fmt::{self, Write};

use serde_json::Value as Json;

use super::flags::{self, Flag};
use super::schema::{Shape, join, properties, range};
use super::{Config, ServiceConfig};

/// Stands for a secret.
const SECRET: &str = "(secret)";

/// Writes a configuration with the documentation of every key.
pub(super) fn render<C: ServiceConfig>(process: &Config, service: &C) -> String {
    let shape = Shape::of::<C>();
    let mut values = json_of(process);
    if let (Json::Object(into), Json::Object(from)) = (&mut values, json_of(service)) {
        into.extend(from);
    }
    let flags: Vec<&Flag> = flags::all::<C>().collect();
    let mut text = format!("# Configuration of {}.\n", C::ABOUT.service);
    // Writing to a String cannot fail.
    let _ = table(&mut text, "", shape.schema(), &values, &flags);
    text
}

/// A value that cannot be written as JSON is shown as not set.
fn json_of<T: serde::Serialize>(value: &T) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}

/// One table: its own keys first, then the tables in it, as TOML wants it.
fn table(text: &mut String, section: &str, schema: &Json, values: &Json, flags: &[&Flag]) -> fmt::Result {
    let Some(properties) = properties(schema) else {
        return Ok(());
    };
    let value = |name: &str| values.get(name).unwrap_or(&Json::Null);
    let is_table = |schema: &Json| self::properties(schema).is_some();
    for (name, schema) in properties {
        if !is_table(schema) {
            writeln!(text)?;
            key(text, section, name, schema, value(name), flags)?;
        }
    }
    for (name, schema) in properties {
        if is_table(schema) {
            let path = join(section, name);
            writeln!(text)?;
            describe(text, schema)?;
            if value(name).is_null() {
                writeln!(text, "# [{path}]")?;
            } else {
                writeln!(text, "[{path}]")?;
                table(text, &path, schema, value(name), flags)?;
            }
        }
    }
    Ok(())
}

fn key(text: &mut String, section: &str, name: &str, schema: &Json, value: &Json, flags: &[&Flag]) -> fmt::Result {
    let path = join(section, name);
    describe(text, schema)?;
    if let Some(allowed) = allowed(schema) {
        writeln!(text, "# Allowed: {allowed}.")?;
    }
    write!(text, "# Environment: {}", variable(section, name))?;
    for flag in flags.iter().filter(|flag| flag.key == path) {
        for name in std::iter::once(&flag.name).chain(flag.aliases) {
            write!(text, "; flag: --{name}")?;
        }
    }
    writeln!(text)?;
    if value.is_null() {
        return writeln!(text, "# {name} =");
    }
    let secret = schema.get("writeOnly") == Some(&Json::Bool(true));
    let shown = if secret {
        toml::Value::from(SECRET)
    } else {
        toml::Value::try_from(value).unwrap_or_else(|_| toml::Value::from(value.to_string()))
    };
    writeln!(text, "{name} = {shown}")
}

fn describe(text: &mut String, schema: &Json) -> fmt::Result {
    let description = schema.get("description").and_then(Json::as_str);
    for line in description.unwrap_or_default().lines() {
        writeln!(text, "{}", format!("# {line}").trim_end())?;
    }
    Ok(())
}

/// What a schema allows, in words; nothing when its type says it all.
fn allowed(schema: &Json) -> Option<String> {
    if let Some(words) = schema.get("x-allowed").and_then(Json::as_str) {
        return Some(words.to_owned());
    }
    if let Some(values) = schema.get("enum").and_then(Json::as_array) {
        return Some(list(values.iter()));
    }
    if let Some(variants) = schema.get("oneOf").and_then(Json::as_array) {
        return Some(list(variants.iter().filter_map(|each| each.get("const"))));
    }
    if let Some(variants) = schema.get("anyOf").and_then(Json::as_array) {
        return variants.iter().find_map(allowed);
    }
    range(schema)
}

fn list<'a>(values: impl Iterator<Item = &'a Json>) -> String {
    let words = values.filter(|value| !value.is_null()).map(Json::to_string);
    words.collect::<Vec<_>>().join(", ")
}

fn variable(section: &str, name: &str) -> String {
    let path = if section.is_empty() { format!("_{name}") } else { join(section, name).replace('.', "__") };
    format!("DROVER_{}", path.to_ascii_uppercase())
}
