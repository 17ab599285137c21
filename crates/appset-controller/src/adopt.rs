//! Workloads that OpenYurt made, taken over where they are: no pod restarts and nothing is made anew.
//!
//! Such a workload keeps its name and selector for ever, and its pod template, with OpenYurt's label of the revision in it, until the
//! YurtAppSet asks for another one in this pool. The template is kept as it is, not as it should be: where a patch did not do in
//! OpenYurt what it says (defect 5), what it says is done with the next change, as a change that is rolled out. Replicas that somebody
//! set through the subresource `scale`, such as an autoscaler, are kept in the same way, until the YurtAppSet asks for others.

use api::names::app_set as names;
use serde_json::{Map, Value, json};

use crate::canonical::Hash;
use crate::children::Child;
use crate::drift;
use crate::render::{Rendered, annotate, drop_nulls, seal};

/// What is applied to a workload that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// The whole object.
    pub body: Value,
    /// Its pods restart by it.
    pub restarts: bool,
    /// Its pods were kept as OpenYurt left them, and somebody changed them by hand since.
    pub by_hand: bool,
}

/// What becomes of a workload's pod template.
enum Pods {
    /// It is what is rendered.
    Rendered,
    /// It stays as OpenYurt left it; this is its hash.
    Kept(Hash),
    /// It is what is rendered with OpenYurt's label of this revision.
    Labelled(String),
}

/// What to apply to a workload, so that it is what is rendered as far as it can be. `same_revision`: the workload was made from the
/// revision that is rendered, by OpenYurt or by Drover.
pub fn body(rendered: &Rendered, child: &Child, same_revision: bool) -> Body {
    let mut body = rendered.body.clone();
    let spec = child.spec.value();
    let recorded = child.annotations.get(names::TEMPLATE).map(String::as_str);
    if rendered.name() != child.name {
        body["metadata"]["name"] = child.name.as_str().into();
        keep_fixed(&mut body, &spec, same_revision);
    }
    keep_replicas(&mut body, child);
    // What a version before this one recorded of the same template stays recorded: an upgrade of Drover writes nothing.
    let recorded = recorded.map(|recorded| (recorded, rendered.is_of(recorded)));
    if let Some((recorded, true)) = recorded {
        annotate(&mut body, names::TEMPLATE, recorded);
    }
    let live = &spec["template"];
    let wanted = &rendered.body["spec"]["template"];
    let was_kept = child.annotations.contains_key(names::KEPT_TEMPLATE);
    let (kept, labelled) = match pods(rendered, child, live, same_revision) {
        Pods::Rendered => (false, false),
        Pods::Kept(hash) => {
            body["spec"]["template"] = live.clone();
            annotate(&mut body, names::KEPT_TEMPLATE, &hash.to_string());
            (true, true)
        }
        Pods::Labelled(revision) => {
            body["spec"]["template"] = with_revision(wanted, &revision);
            (false, true)
        }
    };
    // What is left out now shows only in what was recorded; where nothing was, nothing but the label can be left out.
    let others = recorded.is_some_and(|(_, same)| !same);
    let unlabelled = revision_on_pods(live).is_some() && !labelled;
    let let_go = was_kept && !kept;
    let restarts =
        others || unlabelled || let_go || !drift::differences("", &body["spec"]["template"], live).is_empty();
    let by_hand = let_go && !others;
    drop_nulls(&mut body);
    seal(&mut body);
    Body { body, restarts, by_hand }
}

fn pods(rendered: &Rendered, child: &Child, live: &Value, same_revision: bool) -> Pods {
    let Some(revision) = revision_on_pods(live) else { return Pods::Rendered };
    let recorded = child.annotations.get(names::TEMPLATE);
    let labelled = || with_revision(&rendered.body["spec"]["template"], revision);
    let unchanged = match recorded {
        Some(recorded) => rendered.is_of(recorded),
        None => same_revision || drift::differences("", &labelled(), live).is_empty(),
    };
    let hash = Hash::of(live);
    let as_left = recorded.is_none() || child.annotations.get(names::KEPT_TEMPLATE) == Some(&hash.to_string());
    match (unchanged, as_left) {
        (false, _) => Pods::Rendered,
        (true, true) => Pods::Kept(hash),
        // There is nothing left to keep but the label.
        (true, false) => Pods::Labelled(revision.to_owned()),
    }
}

/// What is not done as the YurtAppSet asks for it, of workloads that keep the replicas with which they were adopted.
pub fn kept_replicas<'a>(children: impl Iterator<Item = &'a Child>) -> Option<String> {
    let mut keep = children.filter(|child| child.annotations.contains_key(names::KEPT_REPLICAS));
    let Child { kind, name, .. } = keep.next()?;
    let more = Some(keep.count()).filter(|more| *more > 0).map_or_else(String::new, |more| format!(" and {more} more"));
    let kind = kind.as_str();
    Some(format!(
        "the replicas of {kind} {name}{more} stay as an autoscaler or kubectl scale set them before Drover took it over, until the \
         YurtAppSet asks for others"
    ))
}

/// Whether who owns the fields of a workload has to be changed before this is applied: yurt-manager owns some, or Drover owns replicas
/// that the YurtAppSet leaves out now. Server-side apply alone would set such replicas to Kubernetes' default, 1, where an autoscaler
/// is to have them.
pub fn must_convert(child: &Child, body: &Value) -> bool {
    child.managers.yurt_manager || (child.managers.replicas && leaves_replicas(body))
}

/// The merge patch that changes who owns the fields of a workload, of this version of it; `None` if there is nothing to change.
pub fn conversion(object: &Value, body: &Value) -> Option<Value> {
    let metadata = &object["metadata"];
    let managed_fields = converted(&metadata["managedFields"], body)?;
    let (uid, version) = (&metadata["uid"], &metadata["resourceVersion"]);
    Some(json!({"metadata": {"uid": uid, "resourceVersion": version, "managedFields": managed_fields}}))
}

fn leaves_replicas(body: &Value) -> bool {
    body.pointer("/spec/replicas").is_none()
}

/// The `managedFields` of a workload in which what yurt-manager wrote is what Drover applied, so that what is not asked for any more
/// goes away. Replicas that the YurtAppSet leaves out are nobody's afterwards, and stay what they are. `None` if it is so already.
fn converted(managed_fields: &Value, body: &Value) -> Option<Value> {
    let entries = managed_fields.as_array()?;
    let whole = |entry: &Value| entry["subresource"].as_str().unwrap_or_default().is_empty();
    let theirs =
        |entry: &Value| entry["manager"] == names::YURT_MANAGER && entry["operation"] == "Update" && whole(entry);
    let ours =
        |entry: &Value| entry["manager"] == names::FIELD_MANAGER && entry["operation"] == "Apply" && whole(entry);
    let lets_go =
        |entry: &&Value| ours(entry) && leaves_replicas(body) && !entry["fieldsV1"]["f:spec"]["f:replicas"].is_null();
    let last = entries.iter().rfind(|entry| theirs(entry)).or_else(|| entries.iter().find(lets_go))?;
    let mut fields = Map::new();
    for entry in entries.iter().filter(|entry| theirs(entry) || ours(entry)) {
        unite(&mut fields, entry["fieldsV1"].as_object());
    }
    // The name prefix was for the API server when it made the object.
    for (part, field) in
        [("f:metadata", "f:generateName")].into_iter().chain(leaves_replicas(body).then_some(("f:spec", "f:replicas")))
    {
        if let Some(part) = fields.get_mut(part).and_then(Value::as_object_mut) {
            part.remove(field);
        }
    }
    let mut entry = json!({
        "manager": names::FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    });
    if let Some(time) = last.get("time") {
        entry["time"] = time.clone();
    }
    let others = entries.iter().filter(|entry| !theirs(entry) && !ours(entry)).cloned();
    Some(others.chain([entry]).collect())
}

/// OpenYurt's label of the revision in a pod template.
fn revision_on_pods(template: &Value) -> Option<&str> {
    template.pointer("/metadata/labels")?.get(names::REVISION)?.as_str()
}

fn with_revision(template: &Value, revision: &str) -> Value {
    let mut labelled = template.clone();
    if let Some(labels) = labelled.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.insert(names::REVISION.to_owned(), revision.into());
    }
    labelled
}

/// Keeps the selector, which nobody can change, and the other fields of a StatefulSet that cannot be changed, as they are written there.
/// Where another revision asks for something else in one of these, that is tried, so that the API server says what it has against it.
fn keep_fixed(body: &mut Value, live: &Value, same_revision: bool) {
    let Some(spec) = body.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let left_out = [
        ("selector", Value::Null),
        ("serviceName", json!("")),
        ("volumeClaimTemplates", json!([])),
        ("podManagementPolicy", json!("OrderedReady")),
    ];
    for (field, left_out) in left_out {
        let Some(there) = live.get(field) else { continue };
        let asked = spec.get(field).unwrap_or(&left_out);
        let is_other = field != "selector" && !drift::differences(field, asked, there).is_empty();
        if same_revision || !is_other {
            spec.insert(field.to_owned(), there.clone());
        }
    }
}

/// Leaves replicas to whoever set them before the workload was adopted, as long as the YurtAppSet asks for as many as it did then.
fn keep_replicas(body: &mut Value, child: &Child) {
    let Some(asked) = body.pointer("/spec/replicas").map(Value::to_string) else { return };
    let keeps = match child.annotations.get(names::KEPT_REPLICAS) {
        Some(then) => *then == asked,
        None => child.managers.scaled && !child.annotations.contains_key(names::TEMPLATE),
    };
    if let Some(spec) = body.get_mut("spec").and_then(Value::as_object_mut).filter(|_| keeps) {
        spec.remove("replicas");
        annotate(body, names::KEPT_REPLICAS, &asked);
    }
}

/// Adds a set of fields, as `managedFields` writes them, to another.
fn unite(fields: &mut Map<String, Value>, more: Option<&Map<String, Value>>) {
    for (key, value) in more.into_iter().flatten() {
        let there = fields.entry(key.clone()).or_insert_with(|| json!({}));
        if let Some(there) = there.as_object_mut() {
            unite(there, value.as_object());
        }
    }
}

#[cfg(test)]
mod tests;
