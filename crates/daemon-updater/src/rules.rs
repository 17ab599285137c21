//! By which rules a run goes: those of a RolloutStrategy as it was when the run began, or the implied ones of a DaemonSet that
//! names none.
//!
//! What a run once was given it keeps: neither editing the RolloutStrategy nor removing the annotation changes it. A run whose
//! strategy is missing or not valid has none, and nothing starts until it has.

use std::sync::Arc;

use api::fleet_rollout::{self, FleetRollout};
use api::names::reason;
use controller_runtime::events::{Note, Severity};
use controller_runtime::rollouts;
use controller_runtime::rollouts::strategies::{self, Unusable};
use planner::rollout::Hold;
use planner::strategy::{Amount, Strategy};

use crate::admit::Target;
use crate::context::{Context, Current};
use crate::publish::subject;
use crate::reconcile::Error;

/// The rules of a run.
#[derive(Debug)]
pub(crate) struct Rules {
    strategy: Strategy,
    source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// The DaemonSet names no strategy: the budget is its annotation's, at every moment.
    Implied,
    /// A RolloutStrategy, whose budget beats the annotation.
    Named,
    /// There is none that can be followed, for this reason.
    Missing(String),
}

/// How a new run is to go.
#[derive(Debug)]
pub(crate) struct Given {
    /// Absent while the named one cannot be followed.
    pub(crate) strategy: Option<fleet_rollout::Strategy>,
    /// The RolloutStrategy that it is taken from.
    pub(crate) name: Option<String>,
}

/// The strategy of a run that begins now. The API server is asked, with quorum: a watch may lag behind that of DaemonSets, and
/// who edits a strategy and then the template means the edited one.
pub(crate) async fn give(context: &Context, target: &Target) -> Result<Given, Error> {
    let Some(name) = &target.strategy else {
        return Ok(Given { strategy: Some(context.config.rollout.implied(target.budget)), name: None });
    };
    let found = strategies::get(&context.client, &target.namespace, name).await.map_err(Error::Strategy)?;
    Ok(Given { strategy: found.ok(), name: Some(name.clone()) })
}

/// Gives a run without a strategy that which the DaemonSet names, once it can be followed. Until then the reason is told.
pub(crate) async fn complete(context: &Context, target: &Target, current: &mut Current) -> Result<(), Error> {
    if current.object.spec.strategy.is_some() {
        if current.rules.hold().is_some() {
            current.rules = Rules::of(&current.object);
        }
        return Ok(());
    }
    // Removing the annotation loosens nothing: the run goes on waiting for what it began with.
    let Some(name) = target.strategy.clone().or_else(|| current.object.spec.strategy_name.clone()) else {
        return Ok(());
    };
    match named(context, target, &name) {
        Ok(strategy) => {
            let _permit = context.leadership.permit()?;
            let given = rollouts::give_strategy(&context.client, &current.object, &name, &strategy).await;
            let object = given.map_err(Error::GiveStrategy)?;
            tracing::info!(run = object.metadata.name, strategy = name, "the run has its strategy");
            current.rules = Rules::of(&object);
            current.object = Arc::new(object.clone());
            context.rollouts.note(object);
        }
        Err(why) => {
            let source = Source::Missing(why.to_string());
            if current.rules.source != source && !is_told(&current.object, &why) {
                let about = subject(&target.namespace, &target.name, target.uid);
                let note = Note::Said(format!("{why}; nothing is restarted until it is corrected"));
                context.events.record(&about, Severity::Warning, reason::INVALID_STRATEGY, note);
            }
            current.rules.source = source;
        }
    }
    Ok(())
}

impl Rules {
    /// The rules in a run's object.
    pub(crate) fn of(object: &FleetRollout) -> Self {
        let missing =
            |why: String| Self { strategy: Strategy::implied(Amount::Count(0)), source: Source::Missing(why) };
        let Some(snapshot) = &object.spec.strategy else {
            return missing("the run has none, and its target names none".to_owned());
        };
        let source = if object.spec.strategy_name.is_some() { Source::Named } else { Source::Implied };
        // It was valid when it was taken: only another build, with other time zones, may think otherwise.
        Strategy::try_from(snapshot).map_or_else(|why| missing(why.to_string()), |strategy| Self { strategy, source })
    }

    /// As they are now that the DaemonSet's annotation says this budget.
    pub(crate) fn now(&mut self, budget: Amount) -> &Strategy {
        if self.source == Source::Implied {
            self.strategy.max_unavailable = budget;
        }
        &self.strategy
    }

    /// Whether they can ask of the world more than nodes and pods.
    pub(crate) fn ask_for_facts(&self) -> bool {
        self.source == Source::Named
    }

    /// Why nothing starts under them.
    pub(crate) fn hold(&self) -> Option<Hold> {
        match &self.source {
            Source::Implied | Source::Named => None,
            Source::Missing(why) => Some(Hold::InvalidStrategy { why: why.clone() }),
        }
    }
}

fn named(context: &Context, target: &Target, name: &str) -> Result<fleet_rollout::Strategy, Unusable> {
    strategies::look_up(&context.strategies, &target.namespace, name)
}

/// Whether the run's status says so already: a restart is no news.
fn is_told(object: &FleetRollout, why: &Unusable) -> bool {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    let why = why.to_string();
    conditions.into_iter().any(|known| known.type_ == api::names::condition::HELD && known.message.contains(&why))
}
