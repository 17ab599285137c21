//! `drover plan` for a YurtAppSet.

mod advise;
mod change;
mod foretell;
mod model;
mod trials;
mod view;

use std::collections::BTreeMap;
use std::path::Path;

use api::fleet_rollout::FleetRollout;
use api::fleet_rollout::strategy::Strategy;
use api::yurt_app_set::YurtAppSet;
use appset_controller::budgets;
use planner::strategy::Timing;

use self::change::What;
use self::foretell::Known;
use self::model::SetPlan;
use self::trials::Tried;
use crate::app_set::{self, AppSet};
use crate::commands::Failure;
use crate::reach::Cluster;
use crate::snapshot::{Freshness, PlannedError};
use crate::strategy::{self, Rules};
use crate::target::{FindError, Kind, Target, history};
use crate::text::count;

pub(crate) use self::change::Change;

/// A YurtAppSet that would not become what it says.
#[derive(Debug, thiserror::Error)]
#[error("{0} would not get what the YurtAppSet asks for until somebody does something\n→ the reasons are above")]
pub(super) struct Refused(String);

/// What a change would do. Nothing is written.
pub(super) async fn plan(
    cluster: &Cluster,
    change: &Change,
    file: Option<&Path>,
    timing: &Timing,
) -> Result<SetPlan, Failure> {
    let mut app_set = app_set::around(cluster, change.set.clone(), Freshness::Exact).await?;
    let runs = runs(cluster, &change.set).await?;
    let (strategy, rules) = rules(cluster, &app_set, &runs, file).await?;
    let parsed = budgets::rules(&strategy).map_err(PlannedError::from)?;
    app_set.ask_dependencies(cluster, &parsed.strategy, timing, Freshness::Exact).await;
    let course = app_set::Change { runs: &runs, rules: &parsed, paused: strategy.start_paused, timing };
    let tried = match change.what {
        // Nothing of it is to be taken or refused.
        What::AnyTemplate => Tried::default(),
        What::Manifest => {
            let trials = app_set.plan_writes_of(course, &BTreeMap::new()).trials;
            trials::run(cluster, &app_set.namespace(), &trials).await
        }
    };
    let planned = app_set.plan_change(course, app_set.plan_writes_of(course, &tried.refused));
    let known = Known {
        app_set: &app_set,
        change,
        planned: &planned,
        strategy: &strategy,
        rules,
        last: runs.last(),
        needless: file.is_some() && app_set.run_that_stays(&runs).is_some(),
        tried: &tried,
    };
    Ok(known.foretell())
}

/// Whether every pool would get what is asked for, sooner or later.
pub(super) fn verdict(plan: &SetPlan) -> Result<(), Refused> {
    let pools = plan.refusals();
    match plan.refused.as_slice() {
        [] => Ok(()),
        [_, ..] => Err(Refused(if pools > 0 { count(pools, "pool") } else { "no pool".to_owned() })),
    }
}

/// The strategy of the run, and whose that is.
async fn rules(
    cluster: &Cluster,
    app_set: &AppSet,
    runs: &[FleetRollout],
    file: Option<&Path>,
) -> Result<(Strategy, String), Failure> {
    if let Some(run) = app_set.run_that_stays(runs) {
        let missing = || PlannedError::NoStrategy { name: run.spec.strategy_name.clone() };
        return Ok((run.spec.strategy.clone().ok_or_else(missing)?, "the rules of its run".to_owned()));
    }
    let rules = match file {
        Some(file) => strategy::of_file(file)?,
        None => strategy::of_set(cluster, &app_set.set).await?,
    };
    let title = match &rules {
        Rules::Implied(_) => "no strategy".to_owned(),
        Rules::Named(_) | Rules::File(_) => super::title(&rules),
    };
    Ok((rules.strategy().clone(), title))
}

/// The runs of a YurtAppSet, oldest first: not those of another one that had its name before.
async fn runs(cluster: &Cluster, set: &YurtAppSet) -> Result<Vec<FleetRollout>, Failure> {
    let namespace = set.metadata.namespace.clone().unwrap_or_default();
    let name = set.metadata.name.clone().unwrap_or_default();
    let there = Cluster { namespace, ..cluster.clone() };
    let uid = set.metadata.uid.as_deref().unwrap_or_default();
    match history(&there, &Target { kind: Some(Kind::YurtAppSet), name }).await {
        Ok(mut runs) => {
            runs.retain(|run| run.spec.target_ref.uid == uid);
            Ok(runs)
        }
        Err(FindError::Nothing { .. } | FindError::Unrun { .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
