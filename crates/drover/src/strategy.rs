//! The rules of a plan: those that a DaemonSet names, those of a file, or those that its annotations imply.

use std::path::Path;

use api::annotations::BadAnnotation;
use api::daemon_set::DaemonSet;
use api::names;
use api::rollout_strategy::{RolloutStrategy, Strategy, StrategyError};
use kube::Api;
use planner::strategy as plan;
use serde_json::Value;

use crate::call::{Call, CallError};
use crate::reach::Cluster;

/// Whose rules.
#[derive(Debug, Clone)]
pub enum Rules {
    /// Of a RolloutStrategy in the cluster.
    Named(Box<RolloutStrategy>),
    /// Of a file.
    File(Box<Strategy>),
    /// Of the DaemonSet's annotations.
    Implied(Box<Strategy>),
}

/// Why there are no rules.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The file cannot be read.
    #[error("{file}: {source}")]
    Read {
        /// Its path.
        file: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not a strategy.
    #[error("{file} is no RolloutStrategy: {why}")]
    Parse {
        /// Its path.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// The RolloutStrategy that the DaemonSet names is not there.
    #[error(
        "the RolloutStrategy {name:?} that ds/{daemon_set} names is not there: its runs are held until it is\n→ apply it first, or use --strategy FILE"
    )]
    Missing {
        /// Its name.
        name: String,
        /// The DaemonSet.
        daemon_set: String,
    },
    /// An annotation cannot be followed.
    #[error(transparent)]
    Annotation(#[from] BadAnnotation),
    /// The API server said no.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Rules {
    /// The strategy.
    pub fn strategy(&self) -> &Strategy {
        match self {
            Self::Named(object) => &object.spec,
            Self::File(strategy) | Self::Implied(strategy) => strategy,
        }
    }

    /// As the planner takes it.
    pub fn parsed(&self) -> Result<plan::Strategy, StrategyError> {
        plan::Strategy::try_from(self.strategy())
    }
}

/// The rules that a DaemonSet's runs go by.
pub async fn of_daemon_set(cluster: &Cluster, daemon_set: &DaemonSet) -> Result<Rules, RulesError> {
    let annotations = &daemon_set.metadata.annotations;
    let Some(name) = annotations.get(names::STRATEGY) else {
        let budget = api::annotations::max_unavailable(annotations)?;
        return Ok(Rules::Implied(Box::new(Strategy::implied(budget))));
    };
    let namespace = &daemon_set.metadata.namespace;
    let api: Api<RolloutStrategy> = Api::namespaced(cluster.client.clone(), namespace);
    let found = api.get_opt(name).await;
    let found =
        found.map_err(|error| Call::of("get", names::GROUP, "rolloutstrategies", Some(namespace)).failed(error))?;
    let missing = || RulesError::Missing { name: name.clone(), daemon_set: daemon_set.metadata.name.clone() };
    Ok(Rules::Named(Box::new(found.ok_or_else(missing)?)))
}

/// The rules of a file: a RolloutStrategy, or its spec alone.
pub fn of_file(file: &Path) -> Result<Rules, RulesError> {
    let shown = file.display().to_string();
    let text = crate::file::read(file).map_err(|source| RulesError::Read { file: shown.clone(), source })?;
    parse(&text).map(|strategy| Rules::File(Box::new(strategy))).map_err(|why| RulesError::Parse { file: shown, why })
}

/// Reads a RolloutStrategy, or its spec alone. What it has no field for is refused: a misspelt limit is no limit.
pub fn parse(text: &str) -> Result<Strategy, String> {
    let object: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let spec = match object.get("kind").and_then(Value::as_str) {
        Some("RolloutStrategy") => object.get("spec").cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        Some(other) => return Err(format!("its kind is {other}")),
        None => object,
    };
    let strategy: Strategy = serde_json::from_value(spec.clone()).map_err(|error| error.to_string())?;
    match unknown(&spec, &serde_json::to_value(&strategy).unwrap_or_default(), "") {
        Some(field) => Err(format!("it has an unknown field {field}")),
        None => Ok(strategy),
    }
}

/// The first field of `given` that `understood` lost. A null is no field.
fn unknown(given: &Value, understood: &Value, path: &str) -> Option<String> {
    match (given, understood) {
        (Value::Object(given), Value::Object(understood)) => given.iter().find_map(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            match understood.get(key) {
                Some(known) => unknown(value, known, &path),
                // Left out when it is what it is by default.
                None if is_empty(value) => None,
                None => Some(path),
            }
        }),
        (Value::Array(given), Value::Array(understood)) => {
            let pairs = given.iter().zip(understood).enumerate();
            pairs.into_iter().find_map(|(at, (given, understood))| unknown(given, understood, &format!("{path}[{at}]")))
        }
        _ => None,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_is_read_from_the_object_or_its_spec_alone() {
        let spec = "maxUnavailable: 5%\nwaves:\n- {name: canary, pools: [lab], soakSeconds: 60}\n";
        let object = "apiVersion: drover.dev/v1alpha1\nkind: RolloutStrategy\nmetadata: {name: careful}\nspec:\n  maxUnavailable: 5%\n  waves: [{name: canary, pools: [lab], soakSeconds: 60}]\n";
        let strategy = parse(spec).unwrap();
        assert_eq!((strategy.waves.len(), strategy.waves[0].soak_seconds), (1, 60));
        assert_eq!(parse(object).unwrap(), strategy);
    }

    #[test]
    fn a_misspelt_field_and_a_foreign_object_are_refused() {
        for (text, words) in [
            ("maxUnavailble: 5%\n", "unknown field maxUnavailble"),
            ("waves: [{name: a, pools: [x], soakSecs: 5}]\n", "unknown field waves[0].soakSecs"),
            ("kind: DaemonSet\n", "its kind is DaemonSet"),
            ("maxUnavailable: lots\n", "lots"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
