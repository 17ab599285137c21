//! What every workload of a YurtAppSet bears: labels, selector and node selector of its pool.

use std::collections::BTreeMap;

use api::names::POOL;
use api::names::app_set::{self as names, MAX_LABEL_VALUE};
use serde_json::{Map, Value, json};

use super::RenderError;

/// Whose the workload is.
pub(super) struct Stamps<'a> {
    pub(super) set: &'a str,
    pub(super) pool: &'a str,
    pub(super) revision: &'a str,
}

/// Puts the pool in. Twice does what once does.
pub(super) fn stamp(object: &mut Value, stamps: &Stamps<'_>) -> Result<(), RenderError> {
    let text = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let pool = [text(names::POOL_NAME, stamps.pool)].into();
    let labels =
        [text(names::SET, stamps.set), text(names::POOL_NAME, stamps.pool), text(names::REVISION, stamps.revision)];
    merge(object, &["metadata", "labels"], &labels.into())?;
    merge(object, &["metadata", "annotations"], &[text(names::REF_POOL, stamps.pool)].into())?;
    if object["spec"].get("selector").is_none() {
        let (path, given) = ("spec.selector".to_owned(), "null".to_owned());
        return Err(RenderError::Shape { path, given, allowed: "a label selector of the workload's pods" });
    }
    // A selector may consist of matchExpressions alone.
    merge(object, &["spec", "selector", "matchLabels"], &pool)?;
    merge(object, &["spec", "template", "metadata", "labels"], &pool)?;
    merge(object, &["spec", "template", "spec", "nodeSelector"], &[text(POOL, stamps.pool)].into())
}

/// Merges entries into the object at a path, over what is there. Objects on the way that are absent are made.
pub(super) fn merge(object: &mut Value, path: &[&str], entries: &BTreeMap<String, String>) -> Result<(), RenderError> {
    let mut at = object;
    for (depth, part) in path.iter().enumerate() {
        at = fields(at, &path[..depth])?.entry((*part).to_owned()).or_insert_with(|| json!({}));
    }
    let there = fields(at, path)?;
    there.extend(entries.iter().map(|(key, value)| (key.clone(), value.as_str().into())));
    Ok(())
}

/// Whether the labels of the workload, its selector and its pods are labels: the API server would say so too, but not which pool.
pub(super) fn check_labels(object: &Value, pool: &str) -> Result<(), RenderError> {
    let places = [
        ["metadata", "labels"].as_slice(),
        &["spec", "template", "metadata", "labels"],
        &["spec", "template", "spec", "nodeSelector"],
    ];
    for place in places {
        let labels = object.pointer(&format!("/{}", place.join("/"))).and_then(Value::as_object);
        for (key, value) in labels.into_iter().flatten() {
            let path = format!("{}[{key}]", place.join("."));
            let Some(value) = value.as_str() else {
                return Err(RenderError::Shape { path, given: cut(value), allowed: "a text" });
            };
            if !is_label_value(value) {
                return Err(RenderError::Label {
                    path,
                    pool: pool.to_owned(),
                    given: value.to_owned(),
                    length: value.chars().count(),
                    allowed: "a label's value: at most 63 letters, digits, '-', '_' and '.', the first and last a letter or digit",
                });
            }
        }
    }
    Ok(())
}

/// Whether it asks for a number of pods. Under server-side apply an API server takes any integer, and makes another one of it that fits.
pub(super) fn check_replicas(object: &Value) -> Result<(), RenderError> {
    let Some(replicas) = object["spec"].get("replicas") else { return Ok(()) };
    let fits = replicas.as_i64().is_some_and(|replicas| (0..=i64::from(i32::MAX)).contains(&replicas));
    let (path, given) = ("spec.replicas".to_owned(), cut(replicas));
    if fits { Ok(()) } else { Err(RenderError::Shape { path, given, allowed: "an integer of 0 to 2147483647" }) }
}

fn is_label_value(value: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = value.as_bytes();
    bytes.len() <= MAX_LABEL_VALUE
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

fn fields<'a>(value: &'a mut Value, path: &[&str]) -> Result<&'a mut Map<String, Value>, RenderError> {
    let given = if value.is_object() { String::new() } else { cut(value) };
    let path = if path.is_empty() { "the root".to_owned() } else { path.join(".") };
    value.as_object_mut().ok_or(RenderError::Shape { path, given, allowed: "an object" })
}

fn cut(value: &Value) -> String {
    const MOST: usize = 64;
    let mut text = value.to_string();
    if text.len() > MOST {
        text.truncate(text.floor_char_boundary(MOST));
        text.push('…');
    }
    text
}
