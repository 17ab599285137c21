//! The rules of a plan: those that its target names, those of a file, or those that hold where none are named.

use std::path::Path;

use api::annotations::BadAnnotation;
use api::daemon_set::DaemonSet;
use api::names;
use api::rollout_strategy::{RolloutStrategy, Strategy, StrategyError};
use api::yurt_app_set::YurtAppSet;
use appset_controller::budgets;
use kube::{Api, ResourceExt as _};
use planner::strategy as plan;

use crate::call::{Call, CallError};
use crate::reach::Cluster;
use crate::simulate;

/// Whose rules.
#[derive(Debug, Clone)]
pub enum Rules {
    /// Of a RolloutStrategy in the cluster.
    Named(Box<RolloutStrategy>),
    /// Of a file.
    File(Box<Strategy>),
    /// Of a target that names none.
    Implied(Box<Strategy>),
}

/// Why there are no rules.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The file is not one.
    #[error("{0}")]
    File(String),
    /// The RolloutStrategy that the target names is not there.
    #[error(
        "the RolloutStrategy {name:?} that {target} names is not there: its runs are held until it is\n→ apply it first, or use --strategy FILE"
    )]
    Missing {
        /// Its name.
        name: String,
        /// Who names it.
        target: String,
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
    named(cluster, &daemon_set.metadata.namespace, name, format!("ds/{}", daemon_set.metadata.name)).await
}

/// The rules that a YurtAppSet's runs go by.
pub async fn of_set(cluster: &Cluster, set: &YurtAppSet) -> Result<Rules, RulesError> {
    let given = set.metadata.annotations.as_ref().and_then(|annotations| annotations.get(names::STRATEGY));
    let Some(name) = api::annotations::strategy(given.map(String::as_str))? else {
        return Ok(Rules::Implied(Box::new(budgets::implied())));
    };
    named(cluster, &set.namespace().unwrap_or_default(), &name, format!("yas/{}", set.name_any())).await
}

async fn named(cluster: &Cluster, namespace: &str, name: &str, target: String) -> Result<Rules, RulesError> {
    let api: Api<RolloutStrategy> = Api::namespaced(cluster.client.clone(), namespace);
    let found = api.get_opt(name).await;
    let found =
        found.map_err(|error| Call::of("get", names::GROUP, "rolloutstrategies", Some(namespace)).failed(error))?;
    let missing = || RulesError::Missing { name: name.to_owned(), target };
    Ok(Rules::Named(Box::new(found.ok_or_else(missing)?)))
}

/// The rules of a file: a RolloutStrategy, or its spec alone.
pub fn of_file(file: &Path) -> Result<Rules, RulesError> {
    let named = simulate::strategy::read(file).map_err(|error| RulesError::File(error.to_string()))?;
    Ok(Rules::File(Box::new(named.spec)))
}
