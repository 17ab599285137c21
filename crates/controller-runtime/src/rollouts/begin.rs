//! The run of a target's newest revision: found, continued, or begun; and the end of those before it.

use std::sync::Arc;

use api::fleet_rollout::{DesiredState, FleetRollout, FleetRolloutSpec, FleetRolloutStatus, Phase, Revision, Strategy};
use api::names::{condition, reason};
use jiff::Timestamp;
use kube::ResourceExt;
use planner::fleet::Uid;
use planner::rollout::Run;

use super::objects::{self, End, is_completed};
use super::rollout::uid;
use super::{Desk, Error, Letters, Rollout, Rules, Target, status};
use crate::events::{Note, Severity};

/// What a target's newest revision is, and how its run goes if it has none yet.
#[derive(Debug)]
pub struct Beginning {
    /// The revision.
    pub revision: Revision,
    /// It is the only one: there is nothing to go back to, and nothing that was well before.
    pub first: bool,
    /// The strategy of a target that names none.
    pub implied: Strategy,
    /// The failed revision from which a rollback of the target's spec led here.
    pub rollback_of: Option<Revision>,
}

impl Desk {
    /// The run of the target's newest revision: what its object remembers of it, or else what the run before it hands on,
    /// `before` being that as this process remembers it. Older runs are over by then.
    ///
    /// # Errors
    /// When something cannot be read or written; what was done is found by the next attempt.
    pub async fn begin(
        &self,
        target: Target<'_>,
        beginning: Beginning,
        before: Option<&Rollout>,
    ) -> Result<Rollout, Error> {
        let number = beginning.revision.number;
        let mut runs = self.rollouts.of(&target.uid);
        runs.retain(|run| self.kind.is_of(run));
        let older: Vec<_> =
            runs.iter().filter(|run| run.spec.revision.number < number).map(|run| told(run, before)).collect();
        let object = match runs.iter().find(|run| run.spec.revision.number == number) {
            Some(object) if object.spec.revision == beginning.revision => object.clone(),
            known => {
                // Somebody deleted all revisions, so that their numbers begin again.
                self.make_way(known.map(|known| &**known)).await?;
                Arc::new(self.create(target, beginning, &older).await?)
            }
        };
        let run = recorded(&object).unwrap_or_else(|| {
            let last = older.iter().max_by_key(|run| run.spec.revision.number);
            let recorded = if before.is_none() { last.and_then(recorded) } else { None };
            let run = Run::begin(before.map(|before| &before.run).or(recorded.as_ref()));
            match failed_before(&object.spec.revision.name, &older) {
                None => run,
                Some(evidence) => {
                    let note = Note::Said(evidence.clone());
                    self.events.record(&self.about(target), Severity::Warning, reason::HALTED, note);
                    run.returned(evidence, Timestamp::now())
                }
            }
        });
        let last_completed = last_completed(&older, &object.spec.revision.name).map(ToOwned::to_owned);
        self.retire(&object, &older, target.history).await?;
        Ok(Rollout {
            began: object.metadata.creation_timestamp.as_ref().map_or_else(Timestamp::now, |made| made.0),
            rolled_back: false,
            published: object.status.clone(),
            rules: Rules::of(&object),
            object,
            run,
            last_completed,
            report: None,
            publishing: false,
            looked_at: None,
            written: Letters::default(),
        })
    }

    /// The revision that this target's last run is of: that with the highest number.
    pub fn last(&self, target: Uid) -> Option<Revision> {
        let runs = self.rollouts.of(&target);
        let own = runs.iter().filter(|run| self.kind.is_of(run)).map(|run| &run.spec.revision);
        own.max_by_key(|revision| revision.number).cloned()
    }

    /// Makes the run's object once more if somebody deleted it. Its memory is in this process.
    pub(super) async fn restore(&self, rollout: &mut Rollout) -> Result<(), Error> {
        // What was made is in the mirror from then on. A status that is being written will not find the object either.
        let is_lost = self.rollouts.is_listed() && self.rollouts.get(uid(&rollout.object)).is_none();
        if is_lost && !rollout.publishing { self.create_again(rollout).await } else { Ok(()) }
    }

    /// The run's object once more.
    pub(super) async fn create_again(&self, rollout: &mut Rollout) -> Result<(), Error> {
        let lost = &rollout.object;
        let namespace = lost.metadata.namespace.clone().unwrap_or_default();
        let made = self.make(&namespace, lost.spec.clone()).await?;
        tracing::warn!(run = made.metadata.name, "somebody deleted the run: it is made again, and goes on");
        rollout.object = Arc::new(made);
        (rollout.published, rollout.looked_at) = (None, None);
        Ok(())
    }

    async fn make(&self, namespace: &str, spec: FleetRolloutSpec) -> Result<FleetRollout, Error> {
        let _permit = self.leadership.permit()?;
        let made = objects::create(&self.client, namespace, spec).await.map_err(Error::Create)?;
        self.rollouts.note(made.clone());
        Ok(made)
    }

    /// Deletes the run of another revision that has the number, and so the name, of one that begins.
    async fn make_way(&self, other: Option<&FleetRollout>) -> Result<(), Error> {
        let Some(other) = other else { return Ok(()) };
        let _permit = self.leadership.permit()?;
        tracing::warn!(
            run = other.metadata.name,
            revision = other.spec.revision.name,
            "another revision has its number"
        );
        objects::delete(&self.client, other).await.map_err(Error::Retire)?;
        self.rollouts.note_deleted(uid(other));
        Ok(())
    }

    /// The object of a run that begins now.
    async fn create(
        &self,
        target: Target<'_>,
        beginning: Beginning,
        older: &[FleetRollout],
    ) -> Result<FleetRollout, Error> {
        let Beginning { revision, first, implied, rollback_of } = beginning;
        let mut strategy = match target.strategy {
            Some(name) => self.look_up(target, name).await?,
            None => Some(implied),
        };
        if let (Some(failed), None) = (&rollback_of, &strategy) {
            // Whoever took the strategy away does not keep a bad release from being taken back.
            let failed = older.iter().find(|run| run.spec.revision.number == failed.number);
            strategy = failed.and_then(|run| run.spec.strategy.clone());
        }
        // What never had another revision has nothing to start, and what goes back must not wait.
        let waits = strategy.as_ref().is_some_and(|strategy| strategy.start_paused);
        let is_paused = waits && rollback_of.is_none() && !first;
        let spec = FleetRolloutSpec {
            target_ref: self.target_ref(target),
            revision,
            strategy,
            strategy_name: target.strategy.map(ToOwned::to_owned),
            rollback_of,
            desired_state: if is_paused { DesiredState::Paused } else { DesiredState::Running },
            promoted_through: None,
            resume_token: None,
        };
        let created = self.make(target.namespace, spec).await?;
        tracing::info!(run = created.metadata.name, "run begins");
        Ok(created)
    }

    /// Older runs are over, and beyond the history limit they go.
    async fn retire(&self, newest: &FleetRollout, older: &[FleetRollout], keep: usize) -> Result<(), Error> {
        let (client, manager) = (&self.client, self.kind.manager);
        for run in older {
            let known = self.rollouts.get(uid(run)).and_then(|known| Some(known.status.as_ref()?.phase));
            if matches!(known, Some(Phase::Completed | Phase::Superseded | Phase::RolledBack)) {
                continue;
            }
            let _permit = self.leadership.permit()?;
            let ended = match (&run.status, &newest.spec.rollback_of) {
                // A Completed run stays so, or becomes so again: it is where a rollback leads to.
                (Some(status), _) if is_completed(run) => {
                    let mut status = FleetRolloutStatus { phase: Phase::Completed, ..status.clone() };
                    status.conditions.retain(|known| known.type_ != condition::HELD);
                    objects::publish(client, manager, run, &status).await
                }
                (_, Some(failed)) if failed.number == run.spec.revision.number => {
                    objects::end(client, manager, run, End::RolledBack, Timestamp::now()).await
                }
                _ => objects::end(client, manager, run, End::Superseded, Timestamp::now()).await,
            };
            ended.map_err(Error::Retire)?;
        }
        let _permit = self.leadership.permit()?;
        objects::prune(client, older, keep).await.map_err(Error::Retire)
    }
}

/// Rule 6: halted is sticky across returns of the same revision. What was seen when this one halted, if it did; so whoever
/// undoes a rollback (GitOps) restarts nothing.
pub fn failed_before(revision: &str, older: &[FleetRollout]) -> Option<String> {
    let same = older.iter().filter(|run| run.spec.revision.name == revision);
    let last = same.max_by_key(|run| run.spec.revision.number)?;
    let halt = last.status.as_ref()?.halt.as_ref()?;
    Some(format!("this revision failed in {}: {}", last.name_any(), halt.evidence))
}

/// Rule 12: the revision of the last Completed run of another one than the newest.
fn last_completed<'a>(older: &'a [FleetRollout], newest: &str) -> Option<&'a str> {
    let completed = older.iter().filter(|run| is_completed(run) && run.spec.revision.name != newest);
    completed.max_by_key(|run| run.spec.revision.number).map(|run| run.spec.revision.name.as_str())
}

/// An older run as it is. The status of the last one is written behind, and its watch lags behind that.
fn told(run: &FleetRollout, before: Option<&Rollout>) -> FleetRollout {
    let mut run = run.clone();
    if let Some(before) = before.filter(|before| before.object.metadata.uid == run.metadata.uid) {
        let status = |report| status::status(before, report, Timestamp::now());
        run.status = before.report.as_ref().map(status).or_else(|| before.published.clone());
    }
    run
}

fn recorded(object: &FleetRollout) -> Option<Run> {
    Some(Run::restore(object.status.as_ref()?.record.as_ref()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(revision: &str, number: i64, phase: Phase) -> FleetRollout {
        let spec = json!({
            "targetRef": {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "u"},
            "revision": {"name": revision, "number": number},
        });
        let spec: FleetRolloutSpec = serde_json::from_value(spec).unwrap();
        let status = Some(FleetRolloutStatus { phase, ..FleetRolloutStatus::default() });
        FleetRollout { status, ..FleetRollout::new("a-run", spec) }
    }

    #[test]
    fn a_rollback_leads_to_the_last_completed_run_of_another_revision() {
        let older = [
            run("agent-a", 1, Phase::Completed),
            run("agent-b", 2, Phase::Completed),
            run("agent-c", 3, Phase::Superseded),
            run("agent-d", 4, Phase::Completed),
        ];
        assert_eq!(last_completed(&older, "agent-d"), Some("agent-b"));
        assert_eq!(last_completed(&older, "agent-e"), Some("agent-d"));
        assert_eq!(last_completed(&older[2..3], "agent-e"), None);
    }

    #[test]
    fn what_completed_stays_completed_though_it_was_held_or_paused_since_but_not_if_it_failed() {
        let since = |phase: Phase, halt: serde_json::Value| {
            let completed = json!({
                "type": condition::COMPLETED, "status": "True", "reason": "AllReachableUnitsDone", "message": "",
                "lastTransitionTime": "2026-11-22T00:00:00Z",
            });
            let mut run = run("agent-a", 1, phase);
            run.status.as_mut().unwrap().conditions = vec![serde_json::from_value(completed).unwrap()];
            run.status.as_mut().unwrap().halt = serde_json::from_value(halt).unwrap();
            is_completed(&run)
        };
        let halt = json!({"reason": "Failures", "token": "t", "evidence": "e"});
        assert!(since(Phase::Held, json!(null)) && since(Phase::Paused, json!(null)));
        assert!(!since(Phase::Halted, halt.clone()) && !since(Phase::Aborted, halt));
        assert!(!is_completed(&run("agent-a", 1, Phase::Held)));
    }
}
