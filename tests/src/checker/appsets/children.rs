//! The workloads themselves: one per set and pool, none deleted that should be there, each write at the one it was meant for.

use api::fleet_rollout::strategy::PoolSelector;
use serde_json::Value;

use super::Judge;
use super::deed::{Deed, text};
use super::verdict::{SetRule, SetVerdict, Start};
use super::world::{Life, World};
use crate::checker::places::{Labels, selects};

/// What the controller may write in a namespace beside workloads.
const MAY_WRITE: [&str; 6] =
    ["approvalrequests", "controllerrevisions", "deployments", "events", "fleetrollouts", "statefulsets"];

pub(super) fn judge(judge: &Judge, world: &World<'_>, verdict: &mut SetVerdict) {
    let lives = world.lives();
    for life in &lives {
        one_child(life, &lives, world, verdict);
        starts(life, verdict);
    }
    for deed in world.ours() {
        let is_status = deed.resource == "yurtappsets" && deed.subresource == "status";
        if !MAY_WRITE.contains(&deed.resource.as_str()) && !is_status {
            verdict.add(deed.received, SetRule::NotOurs, &deed.object(), "nothing that it may write".to_owned());
        }
        if matches!(deed.resource.as_str(), "deployments" | "statefulsets") {
            fenced(deed, verdict);
            of_a_set(judge, deed, &lives, world, verdict);
        }
    }
}

fn one_child(life: &Life<'_>, lives: &[Life<'_>], world: &World<'_>, verdict: &mut SetVerdict) {
    let made = life.made();
    let by_us = world.ours().any(|deed| std::ptr::eq(deed, made));
    let same = |other: &&Life<'_>| other.uid != life.uid && (other.set_uid, other.pool) == (life.set_uid, life.pool);
    let beside = lives.iter().filter(same).find(|other| other.is_there(made.received));
    if let Some(other) = beside.filter(|_| by_us) {
        let what = format!("{} has {} already in pool {}", life.set, other.name, life.pool);
        verdict.add(made.received, SetRule::OneChild, &made.object(), what);
    }
}

fn starts(life: &Life<'_>, verdict: &mut SetVerdict) {
    let made = life.made();
    for (state, revision) in life.starts() {
        verdict.starts.push(Start {
            at: state.deed.received,
            set: life.set.to_owned(),
            pool: life.pool.to_owned(),
            revision: revision.to_owned(),
            is_first: std::ptr::eq(state.deed, made),
        });
    }
    verdict.starts.sort_by_key(|start| start.at);
}

fn fenced(deed: &Deed, verdict: &mut SetVerdict) {
    let has = |pointers: &[&str]| pointers.iter().any(|pointer| !text(&deed.request, pointer).is_empty());
    let is_fenced = match deed.verb.as_str() {
        "delete" => has(&["/preconditions/uid"]),
        _ => deed.code == 201 || has(&["/metadata/uid", "/metadata/resourceVersion"]),
    };
    if !is_fenced {
        verdict.add(deed.received, SetRule::NoUid, &deed.object(), "it would hit whatever has the name".to_owned());
    }
}

/// Whether it is a YurtAppSet's workload, and, where it is deleted, of a pool that is not chosen or has another one.
fn of_a_set(judge: &Judge, deed: &Deed, lives: &[Life<'_>], world: &World<'_>, verdict: &mut SetVerdict) {
    let mine = |life: &&Life<'_>| life.name == deed.name && life.made().resource == deed.resource;
    let Some(life) = lives.iter().filter(mine).rfind(|life| life.made().received <= deed.received) else {
        verdict.add(deed.received, SetRule::NotOurs, &deed.object(), "no YurtAppSet's".to_owned());
        return;
    };
    let pair = |other: &&Life<'_>| other.uid != life.uid && (other.set_uid, other.pool) == (life.set_uid, life.pool);
    let is_surplus = lives.iter().filter(pair).any(|other| other.is_there(deed.received));
    if deed.verb == "delete" && !is_surplus && chosen(judge, deed, life, world) {
        let what = format!("pool {} is chosen by {}", life.pool, life.set);
        verdict.add(deed.received, SetRule::Deleted, &deed.object(), what);
    }
}

/// Whether its pool was surely chosen: by all that may have been believed.
fn chosen(judge: &Judge, deed: &Deed, life: &Life<'_>, world: &World<'_>) -> bool {
    let set = world.line("yurtappsets", life.set);
    let pool = world.line("nodepools", life.pool);
    let (Some(set), Some(pool)) = (set, pool) else { return false };
    set.believable(deed.received, judge.lag).all(|set| {
        pool.believable(deed.received, judge.lag)
            .all(|pool| set.zip(pool).is_some_and(|(set, pool)| chooses(set, pool)))
    })
}

/// Whether a YurtAppSet is about a NodePool.
pub(super) fn chooses(set: &Value, pool: &Value) -> bool {
    set["metadata"]["deletionTimestamp"].is_null() && covers(&set["spec"], pool)
}

/// Whether something with `pools` and `nodepoolSelector` is about a NodePool.
pub(super) fn covers(choice: &Value, pool: &Value) -> bool {
    let named = choice["pools"].as_array().into_iter().flatten().any(|name| *name == pool["metadata"]["name"]);
    let selector = serde_json::from_value::<Option<PoolSelector>>(choice["nodepoolSelector"].clone()).ok().flatten();
    let labels: Labels = serde_json::from_value(pool["metadata"]["labels"].clone()).unwrap_or_default();
    named || selector.is_some_and(|selector| selects(&selector, &labels))
}
