//! Fourth step: tell, from what was committed: status, events, log.

mod tell;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use api::yurt_app_set::YurtAppSetStatus;
use controller_runtime::client::Place;
use jiff::Timestamp;
use kube::Resource;
use serde_json::{Map, Value, json};

use crate::commit::Done;
use crate::context::Context;
use crate::memory::{Memory, Report};
use crate::mirrors::{SeenSet, Unreadable};
use crate::observe::{Snapshot, rival};
use crate::plan::Plan;
use crate::reconcile::Error;
use crate::status;

/// Two writes of a status are so far apart.
const STATUS_EVERY: Duration = Duration::from_millis(500);

/// What became of a status is asked for again so soon.
const CONFLICT: Duration = Duration::from_millis(100);

/// Tells of a look. Returns when to look again because there is more to tell than may be now.
pub(crate) async fn publish(
    context: &Context,
    seen: &SeenSet,
    snapshot: Snapshot,
    memory: &mut Memory,
    plan: &Plan,
    done: &Done,
) -> Result<Option<Duration>, Error> {
    let children = snapshot.children();
    let outlook = snapshot.outlook(&children);
    memory.last_seen.look(&outlook);
    let wanted = status::status(&snapshot.set, &outlook, plan, &done.failures, snapshot.now);
    tell::tell(context, seen, memory, &snapshot, plan, done, &wanted);
    memory.report = Some(report(&wanted, outlook.selection.map_or(0, |selection| selection.pools.len()), plan, done));
    if snapshot.rival.is_some() {
        // A status has one writer, and that is the other one now.
        return Ok(None);
    }
    write(context, seen, snapshot.set.status.as_ref(), &wanted, memory).await
}

/// Tells of an object that is no YurtAppSet, in its status too, where that can be read.
pub(crate) async fn unreadable(
    context: &Context,
    seen: &SeenSet,
    memory: &mut Memory,
    unreadable: &Unreadable,
) -> Result<Option<Duration>, Error> {
    tell::unreadable(context, seen, memory, unreadable);
    let before = unreadable.status.as_ref().filter(|_| rival(context).is_none());
    let Some(before) = before else { return Ok(None) };
    let wanted = status::unreadable(before, unreadable.generation, &unreadable.to_string(), Timestamp::now());
    // One that is not there yet is written whole: a definition may ask for each of its fields.
    let before = Some(before).filter(|before| **before != YurtAppSetStatus::default());
    write(context, seen, before, &wanted, memory).await
}

async fn write(
    context: &Context,
    seen: &SeenSet,
    before: Option<&YurtAppSetStatus>,
    wanted: &YurtAppSetStatus,
    memory: &mut Memory,
) -> Result<Option<Duration>, Error> {
    let Some(changed) = changed(before, wanted) else { return Ok(None) };
    let left = memory.told_at.map_or(Duration::ZERO, |at| STATUS_EVERY.saturating_sub(at.elapsed()));
    if !left.is_zero() {
        return Ok(Some(left));
    }
    let permit = context.leadership.permit()?;
    // The list of conditions is written whole: others' must be those that are there.
    let body = json!({
        "metadata": {"uid": seen.uid.to_string(), "resourceVersion": seen.version().to_string()},
        "status": changed,
    });
    let collection = api::yurt_app_set::YurtAppSet::url_path(&(), Some(&seen.namespace));
    let place = Place { collection: &collection, name: &seen.name };
    match context.writer.merge_status::<SeenSet>(&permit, place, &body).await {
        Ok(written) => {
            context.metrics.statuses.inc();
            memory.told_at = Some(Instant::now());
            context.mirrors.sets.note(written);
            Ok(None)
        }
        // Somebody changed it since; what is gone needs nothing any more. The watch tells of either.
        Err(kube::Error::Api(status)) if status.is_conflict() => Ok(Some(CONFLICT)),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
        Err(error) => Err(Error::Publish(error)),
    }
}

/// The fields of a status that are to be written; `None` if it is as it should be.
fn changed(before: Option<&YurtAppSetStatus>, wanted: &YurtAppSetStatus) -> Option<Map<String, Value>> {
    if before == Some(wanted) {
        return None;
    }
    let fields = |status: &YurtAppSetStatus| match json!(status) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let (known, wanted) = (before.map(fields).unwrap_or_default(), fields(wanted));
    let gone = known.keys().filter(|key| !wanted.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let gone: Vec<_> = gone.collect();
    let changed = wanted.into_iter().filter(|(key, value)| known.get(key) != Some(value));
    let changed: Map<_, _> = changed.chain(gone).collect();
    (!changed.is_empty()).then_some(changed)
}

fn report(wanted: &YurtAppSetStatus, pools: usize, plan: &Plan, done: &Done) -> Report {
    let mut report = Report {
        revision: wanted.current_revision.clone(),
        pools,
        held: BTreeMap::new(),
        failed: done.failures.written.len() + done.failures.deleted.len(),
    };
    for hold in plan.holds.values().chain(plan.spared.values()) {
        *report.held.entry(hold.kind()).or_default() += 1;
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_in_a_status_is_written() {
        let read = |status: Value| serde_json::from_value::<YurtAppSetStatus>(status).unwrap();
        let before =
            read(json!({"readyWorkloads": 1, "totalWorkloads": 2, "collisionCount": 1, "later": {"of": "openyurt"}}));
        assert_eq!(changed(Some(&before), &before), None);
        let after = YurtAppSetStatus { ready_workloads: 2, collision_count: None, ..before.clone() };
        assert_eq!(
            Value::from(changed(Some(&before), &after).unwrap()),
            json!({"readyWorkloads": 2, "collisionCount": null})
        );
        assert_eq!(changed(None, &before).unwrap()["later"], json!({"of": "openyurt"}));
    }
}
