//! Selectors as callers give them.

use std::collections::BTreeSet;

use chassis::feed::Selection;
use proto::rollout::v1::{Selector, TargetName};
use tonic::Status;

use super::row::{self, Row};

/// Of targets or namespaces in one selector. More than a request may hold anyway.
const MOST: usize = 1_000;

/// Whether pools are meant too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pools {
    Wanted,
    LeftOut,
}

/// # Errors
/// `INVALID_ARGUMENT` with the field, its value and what is allowed.
pub(super) fn selection(selector: &Selector, pools: Pools) -> Result<Selection<Row>, Status> {
    let Selector { targets, namespaces } = selector;
    bounded("selector.targets", targets.len())?;
    bounded("selector.namespaces", namespaces.len())?;
    let mut selection = Selection::all();
    if !targets.is_empty() {
        let groups: Vec<_> = targets.iter().enumerate().map(|(at, name)| target(at, name)).collect::<Result<_, _>>()?;
        selection = selection.in_groups(groups);
    }
    if namespaces.iter().any(String::is_empty) {
        let message = "selector.namespaces has an empty name: leave it out, or give no namespaces for all";
        return Err(Status::invalid_argument(message));
    }
    let namespaces: BTreeSet<_> = namespaces.iter().cloned().collect();
    let description = format!("{pools:?} {}", namespaces.iter().map(String::as_str).collect::<Vec<_>>().join(","));
    let is_in = move |namespace: &String| namespaces.is_empty() || namespaces.contains(namespace);
    Ok(selection.matching(description, move |row| match row {
        Row::Rollout(_, rollout) => is_in(&rollout.namespace),
        Row::Pool(_, pool) => pools == Pools::Wanted && is_in(&pool.namespace),
    }))
}

fn bounded(field: &str, given: usize) -> Result<(), Status> {
    if given > MOST {
        return Err(Status::invalid_argument(format!("{field} has {given} entries: at most {MOST} are allowed")));
    }
    Ok(())
}

fn target(at: usize, name: &TargetName) -> Result<String, Status> {
    let TargetName { namespace, kind, name } = name;
    for (field, value) in [("namespace", namespace), ("kind", kind), ("name", name)] {
        if value.is_empty() {
            let message = format!("selector.targets[{at}].{field} is empty: a target has namespace, kind and name");
            return Err(Status::invalid_argument(message));
        }
    }
    Ok(row::group(namespace, kind, name))
}
