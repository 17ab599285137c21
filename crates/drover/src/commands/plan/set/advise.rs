//! What a user should know of a change besides what becomes of each pool.

use api::fleet_rollout::strategy::{FailureAction, SlowStart};
use api::fleet_rollout::{FleetRollout, Phase};
use api::names;
use planner::rollout::Plan;
use planner::strategy::{Amount, Scope};

use super::super::words::amount;
use super::change::Change;
use super::foretell::Known;
use super::model::{Revision, RevisionState};
use crate::app_set::{is_behind, notices};
use crate::progress::sentence;
use crate::text::count;

impl Known<'_> {
    /// What holds for the whole run.
    pub(super) fn limits(&self, plan: &Plan) -> Vec<String> {
        let (given, parsed, reachable) = (self.strategy, &self.planned.strategy, plan.report.counts.reachable);
        let mut limits = Vec::new();
        limits.push(match given.max_unavailable {
            Some(most) => format!(
                "{} of {reachable} reachable pools may be under change or down at once",
                most.0.allowed(reachable)
            ),
            None => "the pools of a wave in parallel, where it says nothing else".to_owned(),
        });
        if given.slow_start == Some(SlowStart::Doubling) {
            limits.push(format!("slow start from {}", given.failure_policy.min_observed));
        }
        if let Some(most) = given.unit.max_unavailable_per_pool {
            limits.push(format!("of the pods of a workload {} may be missing", amount(most.0)));
        }
        if !given.windows.is_empty() {
            limits.push(format!("only in its {}", count(given.windows.len(), "window")));
        }
        for dependency in &parsed.depends_on {
            let place = match dependency.scope {
                Scope::SamePool => "in the same pool",
                Scope::AllPools => "in all pools",
            };
            limits.push(format!("after {} {} {place}", dependency.kind, dependency.name));
        }
        let failed = match given.failure_policy.max_failures.0 {
            Amount::Count(0) => "a pool has failed".to_owned(),
            most => format!("more than {} of its pools have failed", amount(most)),
        };
        limits.push(match given.failure_policy.action {
            _ if *given == appset_controller::budgets::implied() => "a pool that fails stops no other".to_owned(),
            FailureAction::Pause => format!("it halts when {failed}"),
            FailureAction::Rollback => format!("all go back when {failed}"),
        });
        limits
    }

    /// What is odd about it, or about the YurtAppSet as it is.
    pub(super) fn warnings(&self, run: Option<&Plan>, revision: Option<&Revision>) -> Vec<String> {
        let Change { present, unasked, .. } = self.change;
        let mut warnings: Vec<String> = unasked
            .iter()
            .map(|why| {
                format!(
                    "the manifest is taken as it stands, as the API server was not asked about it: {}",
                    why.lines().next().unwrap_or_default()
                )
            })
            .collect();
        let children = self.app_set.children();
        if let Ok(selection) = &self.app_set.outlook(&children).selection {
            let missing = selection.unknown.iter().map(|name| format!("spec.pools: there is no NodePool {name}"));
            warnings.extend(missing);
            if selection.pools.is_empty() {
                warnings.push("it chooses no pool".to_owned());
            }
        }
        warnings.extend(self.planned.writes.complaints.iter().cloned());
        let stays = revision.is_some_and(|revision| revision.state == RevisionState::Kept);
        for wave in run.iter().filter(|_| !stays).flat_map(|plan| &plan.report.waves) {
            if wave.counts.desired == 0 {
                warnings.push(format!("wave {:?} matches no pool of it: the run passes it by", wave.name));
            }
        }
        if stays {
            let named = self.app_set.set.metadata.annotations.as_ref().and_then(|all| all.get(names::STRATEGY));
            let run = self.last.filter(|run| run.spec.strategy_name.as_ref() != named);
            if run.is_some() || self.needless {
                warnings.push(
                    "its run keeps the rules that it began with: another strategy is for the next revision".to_owned(),
                );
            }
        }
        match (present, self.last) {
            (Some(present), _) if is_behind(present) => warnings
                .push("nobody has looked at the YurtAppSet as it is now: is appset-controller running?".to_owned()),
            (Some(present), None) => warnings.extend(notices(present, false).pop()),
            (Some(_), Some(_)) | (None, _) => {}
        }
        warnings.extend(self.last.and_then(|run| under_way(run, stays)));
        warnings
    }
}

/// What is to be known of the run until then, unless it is done.
fn under_way(run: &FleetRollout, stays: bool) -> Option<String> {
    let status = run.status.clone().unwrap_or_default();
    let (number, phase) = (run.spec.revision.number, status.phase);
    let then =
        if stays { "it goes on" } else { "it would be superseded at once, and what is under way keeps its slots" };
    let over = matches!(phase, Phase::Completed | Phase::Superseded);
    let said = || sentence(&status);
    (!over).then(|| match phase {
        Phase::Held | Phase::Halted => format!("revision {number} is {phase:?} ({}): {then}", said()),
        _ => format!("revision {number} is {phase:?}: {then}"),
    })
}
