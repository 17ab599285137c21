//! One pool: a step, a hold, or nothing.

use std::collections::HashMap;

use api::names::app_set as names;
use api::yurt_app_set::InvalidSelector;

use super::known::{self, Found};
use super::target::{Aim, Targets};
use super::{Action, Body, Cause, Hold, Input, Plan, Read, Released, Standing, Step, Trial};
use crate::adopt;
use crate::children::{Family, Member};
use crate::drift::Difference;
use crate::pools::{Pool, Selection};
use crate::render::Rendered;

/// What a pool waits for that no run knows of yet.
const NOT_YET: &str = "the run has not looked at it yet";

/// Plans a pool that is chosen.
pub(super) fn plan(plan: &mut Plan, input: &Input<'_>, targets: &mut Targets<'_>, family: &Family<'_>, pool: &Pool) {
    let member = family.members.get(pool.name.as_str()).copied();
    if let Some(member) = member.filter(|member| member.child.leaving) {
        plan.holds.insert(pool.name.clone(), Hold::Leaving(member.child.name.clone()));
        return;
    }
    if let Some((state, found)) = targets.recall(pool) {
        return recalled(plan, input, targets, pool, member, state, found);
    }
    let Aim { rendered, revision, hold, kept } = targets.aim(pool);
    let pinned = kept.is_some();
    let standing = standing(input).filter(|_| pinned);
    let hold = if pinned { standing.or(hold) } else { held(input, targets, pool) };
    let wanted = rendered.as_ref().map(|rendered| match member {
        Some(member) => write(input, rendered, &revision, member),
        None => Some(Action::Create { body: Body::of(&rendered.body) }),
    });
    let state =
        member.filter(|_| !pinned).map(|member| known::state(pool, member, input.stubborn.get(&member.child.uid)));
    let action = match (hold, wanted) {
        // It is what it is to be, whatever else holds.
        (_, Some(None)) => {
            state.into_iter().for_each(|state| plan.known.note(pool, state, Found::Done));
            None
        }
        (Some(hold), wanted) => {
            let (waits, wanted) = (wanted.is_some(), wanted.flatten());
            try_later(plan, rendered.as_ref().filter(|_| !pinned), wanted.as_ref());
            // What has no turn as long as its name is another's is not told to wait for one.
            let taken = || wanted.as_ref().and_then(|action| taken(input, family, action));
            let hold = if matches!(hold, Hold::Wave(_)) { taken().unwrap_or(hold) } else { hold };
            plan.holds.insert(pool.name.clone(), hold);
            let repaired = match member {
                Some(member) => repair(input, targets, pool, member),
                None => remake(plan, input, targets, family, pool),
            };
            if let (Some(state), Some(rendered), true, None) = (state, &rendered, waits, &repaired) {
                plan.known.note(pool, state, Found::Waits(rendered.tweaks.clone()));
            }
            repaired
        }
        (None, wanted) => {
            let wanted = wanted.flatten();
            try_later(plan, rendered.as_ref().filter(|_| !pinned), wanted.as_ref());
            let permitted = wanted.and_then(|action| permitted(plan, input, family, pool, action));
            if let (Some(state), Some(rendered), Some(action)) = (state, &rendered, &permitted) {
                plan.known.note(pool, state, Found::Writes(rendered.tweaks.clone(), action.clone()));
            }
            permitted
        }
    };
    if let Some(kept) = kept {
        plan.holds.entry(pool.name.clone()).or_insert(kept);
    }
    plan.steps.extend(action.map(|action| Step { pool: pool.name.clone(), action }));
}

/// Plans a pool of which what the last plan found still counts.
fn recalled(
    plan: &mut Plan,
    input: &Input<'_>,
    targets: &mut Targets<'_>,
    pool: &Pool,
    member: Option<Member<'_>>,
    state: u64,
    found: Found,
) {
    let (found, action) = match (found, held(input, targets, pool)) {
        (Found::Done, _) => (Some(Found::Done), None),
        (Found::Waits(tweaks), None) => {
            plan.left_out = true;
            (Some(Found::Waits(tweaks)), None)
        }
        (Found::Writes(tweaks, action), None) => (Some(Found::Writes(tweaks, action.clone())), Some(action)),
        (found, Some(hold)) => {
            plan.holds.insert(pool.name.clone(), hold);
            match found {
                Found::Writes(tweaks, _) => {
                    let repaired = member.and_then(|member| repair(input, targets, pool, member));
                    (repaired.is_none().then_some(Found::Waits(tweaks)), repaired)
                }
                found => (Some(found), None),
            }
        }
    };
    found.into_iter().for_each(|found| plan.known.note(pool, state, found));
    plan.steps.extend(action.map(|action| Step { pool: pool.name.clone(), action }));
}

/// Plans a YurtAppSet of which nobody can say in which pools it is: none gets or loses a workload or changes it.
pub(super) fn unselectable(plan: &mut Plan, input: &Input<'_>, family: &Family<'_>, why: &InvalidSelector) {
    let nowhere = Selection::default();
    let mut targets = Targets::new(input, &nowhere, family);
    let pools: HashMap<&str, &Pool> = input.pools.iter().map(|pool| (pool.name.as_str(), pool)).collect();
    for (name, member) in &family.members {
        plan.holds.insert((*name).to_owned(), Hold::Unselectable(why.clone()));
        let pool = pools.get(name).filter(|_| !member.child.leaving);
        let action = pool.and_then(|pool| repair(input, &mut targets, pool, *member));
        plan.steps.extend(action.map(|action| Step { pool: (*name).to_owned(), action }));
    }
}

/// A workload is made only where nothing is in the way, as far as anybody can see.
fn permitted(plan: &mut Plan, input: &Input<'_>, family: &Family<'_>, pool: &Pool, action: Action) -> Option<Action> {
    let hold = match taken(input, family, &action) {
        Some(taken) => taken,
        // A mirror that is behind does not show the workload that OpenYurt made, and that has another name.
        None if input.read == Read::Mirror && matches!(action, Action::Create { .. }) => {
            plan.confirm = true;
            Hold::Unconfirmed
        }
        None => return Some(action),
    };
    plan.holds.insert(pool.name.clone(), hold);
    None
}

/// Who has the name of what would be made, if it is known that somebody has it.
fn taken(input: &Input<'_>, family: &Family<'_>, action: &Action) -> Option<Hold> {
    let Action::Create { body } = action else { return None };
    let name = body.name();
    match family.named(name) {
        Some(other) if other.leaving => Some(Hold::Leaving(name.to_owned())),
        Some(_) => Some(Hold::NameTaken(name.to_owned())),
        None if input.read == Read::Mirror && input.occupied.contains(name) => Some(Hold::NameTaken(name.to_owned())),
        None => None,
    }
}

/// Notes what an API server may refuse.
fn try_later(plan: &mut Plan, rendered: Option<&Rendered>, action: Option<&Action>) {
    let (Some(rendered), Some(body)) = (rendered, action.and_then(Action::brings)) else { return };
    let changes = matches!(action, Some(Action::Apply { .. }));
    let trial = plan.trials.entry(rendered.tweaks.clone());
    let trial = trial.or_insert_with(|| Trial { pools: Vec::new(), body: body.clone(), changes });
    if changes && !trial.changes {
        (trial.body, trial.changes) = (body.clone(), true);
    }
    trial.pools.push(rendered.pool.clone());
}

/// What is held keeps being what it was.
fn repair(input: &Input<'_>, targets: &mut Targets<'_>, pool: &Pool, member: Member<'_>) -> Option<Action> {
    if input.standing != Standing::Acting {
        return None;
    }
    let (rendered, revision) = targets.own(member.child, pool)?;
    write(input, &rendered, &revision, member).filter(Action::repairs)
}

/// A workload that somebody deleted is made again as it was, where that can still be made: it is a repair, and no upgrade.
fn remake(
    plan: &mut Plan,
    input: &Input<'_>,
    targets: &mut Targets<'_>,
    family: &Family<'_>,
    pool: &Pool,
) -> Option<Action> {
    let may = input.standing == Standing::Acting && family.former.is_empty();
    let revision = input.last_seen.of(pool).filter(|_| may)?;
    let body = Body::of(&targets.older(revision, pool)?.body);
    permitted(plan, input, family, pool, Action::Create { body })
}

fn standing(input: &Input<'_>) -> Option<Hold> {
    match &input.standing {
        Standing::Acting => None,
        Standing::Held(why) => Some(Hold::Standing(why.clone())),
    }
}

/// Why a pool may not get the newest revision.
fn held(input: &Input<'_>, targets: &Targets<'_>, pool: &Pool) -> Option<Hold> {
    standing(input).or_else(|| targets.refusal(&pool.name)).or_else(|| wave(&input.released, &pool.name))
}

fn wave(released: &Released, pool: &str) -> Option<Hold> {
    match released {
        Released::These { waits, .. } if !released.lets(pool) => {
            Some(Hold::Wave(waits.get(pool).map_or(NOT_YET, String::as_str).to_owned()))
        }
        Released::All | Released::Unbound | Released::These { .. } => None,
    }
}

/// What to write so that a workload is what was rendered; `None` if it is.
fn write(input: &Input<'_>, rendered: &Rendered, revision: &str, member: Member<'_>) -> Option<Action> {
    let child = member.child;
    let same_revision = child.revision.as_deref() == Some(revision);
    let adopt::Body { body, restarts, by_hand } = adopt::body(rendered, child, same_revision);
    let known = child.annotations.contains_key(names::TEMPLATE);
    let sealed = body["metadata"]["annotations"][names::RENDERED].as_str();
    let cause = if member.orphan || !known {
        Cause::Adopted
    } else if by_hand {
        Cause::Drifted(vec!["spec.template".to_owned()])
    } else if child.annotations.get(names::RENDERED).map(String::as_str) != sealed {
        Cause::Changed
    } else {
        let left = input.stubborn.get(&child.uid);
        let is_left = |difference: &Difference| left.is_some_and(|left| left.contains(difference));
        let drifted = child.differences(&body).into_iter().filter(|difference| !is_left(difference));
        let drifted: Vec<String> = drifted.map(|difference| difference.path).collect();
        (!drifted.is_empty()).then_some(Cause::Drifted(drifted))?
    };
    let convert = adopt::must_convert(child, &body);
    Some(Action::Apply { body: Body::of(&body), uid: child.uid.clone(), cause, restarts, convert })
}
