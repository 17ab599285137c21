//! Fleets: read from a file, or made up to fit a strategy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use planner::fleet::Name;
use planner::placement::Operator;
use planner::strategy::{Selector, Strategy};
use serde::Deserialize;
use sim::trial::{Fleet, Pool};

/// The most nodes that are simulated: a run of them takes minutes.
const MOST: u64 = 100_000;

/// Of a fleet that is made up.
const NODES: u32 = 1_000;
const POOLS: u32 = 100;

/// As many pools for each selector of a fleet that is made up.
const POOLS_PER_SELECTOR: u32 = 5;

/// A fleet file.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct File {
    pools: Vec<Entry>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    nodes: u32,
    count: Option<u32>,
}

/// Why a fleet is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum FleetError {
    /// The file cannot be read.
    #[error("{file}: {source}")]
    File {
        /// It.
        file: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It says something else than a fleet.
    #[error(
        "{file}: {source}\na fleet is such as: pools: [{{name: shop, labels: {{tier: shop}}, nodes: 8, count: 120}}]"
    )]
    Yaml {
        /// It.
        file: String,
        /// Where and why.
        source: Box<serde_saphyr::Error>,
    },
    /// A value is not allowed.
    #[error("{file}: {what}")]
    Value {
        /// It.
        file: String,
        /// Field, value, and what is allowed.
        what: String,
    },
}

/// Reads a fleet.
pub(super) fn read(file: &Path) -> Result<Fleet, FleetError> {
    let name = file.display().to_string();
    let text = crate::file::read(file).map_err(|source| FleetError::File { file: name.clone(), source })?;
    parse(&name, &text)
}

/// The same of a text; `file` is what it is called in errors.
pub(super) fn parse(file: &str, text: &str) -> Result<Fleet, FleetError> {
    let file = file.to_owned();
    let File { pools } = serde_saphyr::from_str(text)
        .map_err(|source| FleetError::Yaml { file: file.clone(), source: Box::new(source) })?;
    let refuse = |what: String| FleetError::Value { file: file.clone(), what };
    let mut names = BTreeSet::new();
    let mut fleet = Fleet::default();
    let mut nodes = 0_u64;
    for (at, Entry { name, labels, nodes: each, count }) in pools.into_iter().enumerate() {
        let several = count.unwrap_or(1);
        if several == 0 {
            return Err(refuse(format!("pools[{at}].count: 0 is not at least 1")));
        }
        nodes += u64::from(several) * u64::from(each.max(1));
        if nodes > MOST {
            return Err(refuse(format!("pools[{at}]: {nodes} nodes up to here, at most {MOST} are simulated")));
        }
        let labels: Vec<(Name, Name)> =
            labels.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect();
        for nth in 0..several {
            let name: Name = if count.is_some() { format!("{name}-{nth:03}").into() } else { name.as_str().into() };
            if !names.insert(name.clone()) {
                return Err(refuse(format!("pools[{at}].name: {name:?} stands twice")));
            }
            fleet.pools.push(Pool { name, labels: labels.clone(), nodes: each });
        }
    }
    if fleet.size() == 0 {
        return Err(refuse("pools: there is no node".to_owned()));
    }
    Ok(fleet)
}

/// A fleet in which every wave has pools: those that it names, and some with the labels that it selects.
pub(super) fn made_up(strategy: &Strategy) -> Fleet {
    let mut pools: BTreeMap<Name, Vec<(Name, Name)>> = BTreeMap::new();
    for wave in strategy.waves.named() {
        pools.extend(wave.pools.iter().map(|pool| (pool.clone(), Vec::new())));
        let labels = wave.pool_selector.as_ref().map(wanted).unwrap_or_default();
        let is_there = pools.values().any(|known| *known == labels);
        if !labels.is_empty() && !is_there {
            pools.extend((0..POOLS_PER_SELECTOR).map(|nth| (format!("{}-{nth:03}", wave.name).into(), labels.clone())));
        }
    }
    for nth in 0..POOLS {
        if pools.len() >= POOLS as usize {
            break;
        }
        pools.entry(format!("pool-{nth:03}").into()).or_default();
    }
    let (count, each) = (u32::try_from(pools.len()).unwrap_or(POOLS), NODES / POOLS);
    let extra = NODES.saturating_sub(each * count);
    let mut pools: Vec<_> = pools.into_iter().map(|(name, labels)| Pool { name, labels, nodes: each }).collect();
    if let Some(last) = pools.last_mut() {
        last.nodes += extra;
    }
    Fleet { pools }
}

/// Labels with which a pool matches.
fn wanted(selector: &Selector) -> Vec<(Name, Name)> {
    let mut labels: BTreeMap<Name, Name> = selector.labels.iter().cloned().collect();
    for expression in &selector.expressions {
        match expression.operator {
            Operator::In => {
                if let Some(value) = expression.values.first() {
                    labels.entry(expression.key.clone()).or_insert_with(|| value.clone());
                }
            }
            Operator::Exists => {
                labels.entry(expression.key.clone()).or_insert_with(|| "".into());
            }
            _ => {}
        }
    }
    labels.into_iter().collect()
}
