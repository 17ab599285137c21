//! Restarts: the pods of a pool are replaced when what the YurtAppSet says about this pool's pods changed, and only then.
//!
//! Nothing is rendered here. What is said about a pool's pods is the template's pod template and those tweaks of the pool that
//! are not about replicas; where both are the same in two revisions, the pods must stay.

use serde_json::{Value, json};

use super::children::covers;
use super::verdict::{SetRule, SetVerdict};
use super::world::{Life, State, World, revision};

pub(super) fn judge(world: &World<'_>, verdict: &mut SetVerdict) {
    for life in world.lives() {
        // What the controller applied last, and not what somebody made of it meanwhile.
        let mut applied: Option<State<'_>> = None;
        for state in life.states.iter().filter(|state| state.is_ours && state.object.is_some()) {
            if let Some(before) = applied.filter(|before| template(before) != template(state)) {
                *verdict.restarts.entry((life.set.to_owned(), life.pool.to_owned())).or_default() += 1;
                needless(world, &life, &before, state, verdict);
            }
            applied = Some(*state);
        }
    }
}

fn needless(world: &World<'_>, life: &Life<'_>, before: &State<'_>, after: &State<'_>, verdict: &mut SetVerdict) {
    let said = |state: &State<'_>| said(world, life, revision(state));
    if let (Some(old), Some(new)) = (said(before), said(after))
        && old == new
    {
        let what = format!(
            "{} says the same about pool {} as {} does, and its pods are replaced",
            revision(after),
            life.pool,
            revision(before)
        );
        verdict.add(after.deed.received, SetRule::NeedlessRestart, &after.deed.object(), what);
    }
}

fn template<'a>(state: &State<'a>) -> Option<&'a Value> {
    state.object.and_then(|object| object.pointer("/spec/template"))
}

/// What a revision says about a pool's pods; `None` where the revision or the pool is not known.
fn said(world: &World<'_>, life: &Life<'_>, revision: &str) -> Option<Value> {
    let workload = workload(world, revision)?;
    let pool = world.line("nodepools", life.pool)?.states().iter().rev().find_map(|state| state.object)?;
    let template = &workload["workloadTemplate"];
    let kind = ["deploymentTemplate", "statefulSetTemplate"].into_iter().find(|kind| !template[kind].is_null())?;
    let tweaks = workload["workloadTweaks"].as_array().into_iter().flatten().filter(|tweak| covers(tweak, pool));
    let about_pods = tweaks.map(|tweak| json!([tweak["tweaks"]["containerImages"], tweak["tweaks"]["patches"]]));
    let about_pods: Vec<Value> = about_pods.filter(|tweak| *tweak != json!([null, null])).collect();
    Some(json!([template[kind]["spec"]["template"], about_pods]))
}

/// The workload that a revision asks for.
pub(super) fn workload<'a>(world: &World<'a>, revision: &str) -> Option<&'a Value> {
    let line = world.line("controllerrevisions", revision)?;
    let object = line.states().iter().rev().find_map(|state| state.object)?;
    object.pointer("/data/spec/workload")
}
