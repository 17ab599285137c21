//! By which rules a run goes: those of a RolloutStrategy as it was when the run began, or the implied ones of a target that names
//! none.
//!
//! What a run once was given it keeps: neither editing the RolloutStrategy nor removing the annotation changes it. A run whose
//! strategy is missing or not valid has none, and nothing starts until it has.

use std::sync::Arc;

use api::fleet_rollout::{self, FleetRollout};
use api::names::{condition, reason};
use planner::rollout::Hold;
use planner::strategy::{Amount, Strategy};

use super::strategies::{self, Unusable};
use super::{Desk, Error, Rollout, Target, objects};
use crate::events::{Note, Severity};

/// The rules of a run.
#[derive(Debug)]
pub struct Rules {
    strategy: Strategy,
    source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// The target names no strategy: the budget is what the target itself says, at every moment.
    Implied,
    /// A RolloutStrategy, whose budget beats the target's.
    Named,
    /// There is none that can be followed, for this reason.
    Missing(String),
}

impl Desk {
    /// Makes a run whose object somebody deleted whole again, and gives one without a strategy that which its target names, once it can be
    /// followed. Until then the reason is told.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn complete(&self, target: Target<'_>, rollout: &mut Rollout) -> Result<(), Error> {
        self.restore(rollout).await?;
        if rollout.object.spec.strategy.is_some() {
            if rollout.rules.hold().is_some() {
                rollout.rules = Rules::of(&rollout.object);
            }
            return Ok(());
        }
        // Removing the annotation loosens nothing: the run goes on waiting for what it began with.
        let Some(name) = target.strategy.map(ToOwned::to_owned).or_else(|| rollout.object.spec.strategy_name.clone())
        else {
            return Ok(());
        };
        match strategies::look_up(&self.strategies, self.kind, target, &name) {
            Ok(strategy) => {
                let _permit = self.leadership.permit()?;
                let given = objects::give_strategy(&self.client, &rollout.object, &name, &strategy).await;
                let object = given.map_err(Error::GiveStrategy)?;
                tracing::info!(run = object.metadata.name, strategy = name, "the run has its strategy");
                rollout.rules = Rules::of(&object);
                rollout.object = Arc::new(object.clone());
                self.rollouts.note(object);
            }
            Err(why) => {
                let source = Source::Missing(why.to_string());
                if rollout.rules.source != source && !is_told(&rollout.object, &why) {
                    let note = Note::Said(format!("{why}; nothing is restarted until it is corrected"));
                    self.events.record(&self.about(target), Severity::Warning, reason::INVALID_STRATEGY, note);
                }
                rollout.rules.source = source;
            }
        }
        Ok(())
    }

    /// The strategy of this name for a run that begins now; `None` while it cannot be followed. The API server is asked, with
    /// quorum: a watch may lag behind that of the targets, and who edits a strategy and then the target means the edited one.
    pub(super) async fn look_up(
        &self,
        target: Target<'_>,
        name: &str,
    ) -> Result<Option<fleet_rollout::Strategy>, Error> {
        let found = strategies::get(&self.client, self.kind, target, name).await.map_err(Error::Strategy)?;
        Ok(found.ok())
    }
}

impl Rules {
    /// The rules in a run's object.
    pub(super) fn of(object: &FleetRollout) -> Self {
        let missing =
            |why: String| Self { strategy: Strategy::implied(Amount::Count(0)), source: Source::Missing(why) };
        let Some(snapshot) = &object.spec.strategy else {
            return missing("the run has none, and its target names none".to_owned());
        };
        let source = if object.spec.strategy_name.is_some() { Source::Named } else { Source::Implied };
        // It was valid when it was taken: only another build, with other time zones, may think otherwise.
        Strategy::try_from(snapshot).map_or_else(|why| missing(why.to_string()), |strategy| Self { strategy, source })
    }

    /// As they are now that the target itself asks for this budget.
    pub fn now(&mut self, budget: Amount) -> &Strategy {
        if self.source == Source::Implied {
            self.strategy.max_unavailable = budget;
        }
        &self.strategy
    }

    /// As the run's object has them.
    pub fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// Whether they are those of a RolloutStrategy, which can ask of the world more than units.
    pub fn are_named(&self) -> bool {
        self.source == Source::Named
    }

    /// Why nothing starts under them.
    pub fn hold(&self) -> Option<Hold> {
        match &self.source {
            Source::Implied | Source::Named => None,
            Source::Missing(why) => Some(Hold::InvalidStrategy { why: why.clone() }),
        }
    }
}

/// Whether the run's status says so already: a restart is no news.
fn is_told(object: &FleetRollout, why: &Unusable) -> bool {
    let conditions = object.status.iter().flat_map(|status| &status.conditions);
    let why = why.to_string();
    conditions.into_iter().any(|known| known.type_ == condition::HELD && known.message.contains(&why))
}
