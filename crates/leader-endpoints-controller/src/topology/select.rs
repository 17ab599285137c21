//! Selectors as callers give them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chassis::feed::Selection;
use proto::topology::v1::{NodeSelector, PoolSelector};
use tonic::Status;

use super::row::{Labels, NodeRow, PoolRow};

/// Of names in one field. A thousand names of 253 bytes are more than a request may hold anyway.
const MOST_NAMES: usize = 1_000;

/// Of labels in one field.
const MOST_LABELS: usize = 16;

/// # Errors
/// `INVALID_ARGUMENT` with the field, its value and what is allowed.
pub(super) fn pools(selector: &PoolSelector) -> Result<Selection<PoolRow>, Status> {
    let PoolSelector { names, labels } = selector;
    let mut selection = Selection::all();
    if checked("selector.names", names)? {
        selection = selection.of_keys(names.iter().map(String::as_str));
    }
    if labelled("selector.labels", labels)? {
        let labels = labels.clone();
        selection = selection.matching(described(&labels), move |row: &PoolRow| has(&row.0.labels, &labels));
    }
    Ok(selection)
}

/// # Errors
/// `INVALID_ARGUMENT` with the field, its value and what is allowed.
pub(super) fn nodes(selector: &NodeSelector) -> Result<Selection<NodeRow>, Status> {
    let NodeSelector { pools, pool_labels, names } = selector;
    let mut selection = Selection::all();
    if checked("selector.pools", pools)? {
        selection = selection.in_groups(pools.iter().map(String::as_str));
    }
    if checked("selector.names", names)? {
        selection = selection.of_keys(names.iter().map(String::as_str));
    }
    if labelled("selector.pool_labels", pool_labels)? {
        let labels = pool_labels.clone();
        let matches = move |row: &NodeRow| row.pool_labels().is_some_and(|of| has(of, &labels));
        selection = selection.matching(described(pool_labels), matches);
    }
    Ok(selection)
}

/// Whether there are any.
fn checked(field: &str, names: &[String]) -> Result<bool, Status> {
    if names.len() > MOST_NAMES {
        let given = names.len();
        return Err(Status::invalid_argument(format!("{field} has {given} names: at most {MOST_NAMES} are allowed")));
    }
    if names.iter().any(String::is_empty) {
        return Err(Status::invalid_argument(format!(
            "{field} has an empty name: leave it out, or give no names for all"
        )));
    }
    Ok(!names.is_empty())
}

/// Whether there are any.
fn labelled(field: &str, labels: &Labels) -> Result<bool, Status> {
    if labels.len() > MOST_LABELS {
        let given = labels.len();
        return Err(Status::invalid_argument(format!("{field} has {given} labels: at most {MOST_LABELS} are allowed")));
    }
    if labels.contains_key("") {
        return Err(Status::invalid_argument(format!("{field} has an empty key: a label has a name")));
    }
    Ok(!labels.is_empty())
}

fn has(labels: &Labels, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn described(labels: &Labels) -> String {
    let mut text = String::new();
    for (key, value) in labels {
        // Neither is in a label; writing to a text does not fail.
        let _ = write!(text, "{key}={value},");
    }
    text
}
