//! What would become of a YurtAppSet.

use api::names;
use api::names::app_set::PINNED;
use api::yurt_app_set::YurtAppSet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Map, Value, json};

use super::super::manifest;
use crate::call::{Call, CallError};
use crate::commands::rollback::replacing;
use crate::reach::Cluster;
use crate::steer::MANAGER;

/// What kubectl writes down of the object that it applied last.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Of a YurtAppSet that is not there: its workloads need an owner to be tried with.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// What a pod template is changed by where no other change is meant.
const ANY: &str = "drover.dev/any-template";

/// A change that is not made.
#[derive(Debug)]
pub(crate) struct Change {
    /// The YurtAppSet as it would be.
    pub(super) set: YurtAppSet,
    /// As it is, if it is there.
    pub(super) present: Option<YurtAppSet>,
    /// What is meant.
    pub(super) what: What,
    /// Why the API server was not asked what would become of it.
    pub(super) unasked: Option<String>,
}

/// What is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Whatever else the pod template may say.
    AnyTemplate,
    /// This manifest.
    Manifest,
}

/// Why there is nothing to plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    #[error("the YurtAppSet is the same as yas/{0}: no new revision, and nothing is written")]
    Same(String),
    #[error("{name}: {source}")]
    Decode { name: String, source: serde_json::Error },
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Change {
    /// Whatever a new pod template may be.
    pub(crate) fn any_template(present: YurtAppSet) -> Self {
        let mut set = present.clone();
        for kind in ["deploymentTemplate", "statefulSetTemplate"] {
            let at = format!("/workloadTemplate/{kind}/spec/template");
            let pods = set.spec.workload.0.pointer_mut(&at).and_then(Value::as_object_mut);
            let metadata = pods.and_then(|pods| entry(pods, "metadata"));
            let annotations = metadata.and_then(|metadata| entry(metadata, "annotations"));
            annotations.into_iter().for_each(|annotations| drop(annotations.insert(ANY.to_owned(), "".into())));
        }
        Self { set, present: Some(present), what: What::AnyTemplate, unasked: None }
    }

    /// The change that applying a manifest would make. The API server is asked in a dry run, as only it knows all defaults, and
    /// what it refuses; a user who may not even do that gets the plan of the manifest as it stands.
    pub(crate) async fn of_manifest(
        cluster: &Cluster,
        mut object: Value,
        namespace: &str,
    ) -> Result<Self, ChangeError> {
        object["metadata"]["namespace"] = namespace.into();
        let name = manifest::name(&object).to_owned();
        let call = |verb| Call::of(verb, "apps.openyurt.io", "yurtappsets", Some(namespace));
        let api: Api<DynamicObject> =
            Api::namespaced_with(cluster.client.clone(), namespace, &ApiResource::erase::<YurtAppSet>(&()));
        let decode = |value: Value| {
            serde_json::from_value::<YurtAppSet>(value)
                .map_err(|source| ChangeError::Decode { name: name.clone(), source })
        };
        let present = api.get_opt(&name).await.map_err(|error| call("get").failed(error))?;
        let present = present.map(|present| decode(json!(present))).transpose()?;
        let manager = Some(MANAGER.to_owned());
        let (verb, answer) = if let Some(present) = &present {
            let params = PatchParams { dry_run: true, field_manager: manager, ..PatchParams::default() };
            ("patch", api.patch(&name, &params, &Patch::Merge(&patch(present, &object))).await)
        } else {
            let new: DynamicObject = serde_json::from_value(object.clone())
                .map_err(|source| ChangeError::Decode { name: name.clone(), source })?;
            ("create", api.create(&PostParams { dry_run: true, field_manager: manager }, &new).await)
        };
        let (set, unasked) = match answer {
            Ok(set) => (decode(json!(set))?, None),
            Err(kube::Error::Api(status)) if status.code == 403 => {
                let why = call(verb).failed(kube::Error::Api(status)).to_string();
                (unasked(decode(object)?, present.as_ref()), Some(why))
            }
            Err(error) => return Err(call(verb).failed(error).into()),
        };
        if present.as_ref().is_some_and(|present| is_same(present, &set)) {
            return Err(ChangeError::Same(name));
        }
        Ok(Self { set, present, what: What::Manifest, unasked })
    }
}

/// The merge patch that makes of a YurtAppSet what applying a manifest would: its spec, and of its metadata what the manifest says,
/// without what an earlier one said and this one does not.
fn patch(present: &YurtAppSet, object: &Value) -> Value {
    let said = |field: &str| object["metadata"][field].as_object().cloned().unwrap_or_default();
    let mut annotations = said("annotations");
    for gone in once_applied(present) {
        annotations.entry(gone).or_insert(Value::Null);
    }
    json!({
        "metadata": {"uid": present.metadata.uid, "annotations": annotations, "labels": said("labels")},
        "spec": replacing(&json!(present.spec), &object["spec"]),
    })
}

/// The annotations that whoever applied the YurtAppSet brought, which go when the manifest does not say them any more.
fn once_applied(present: &YurtAppSet) -> Vec<String> {
    let last = present.metadata.annotations.as_ref().and_then(|annotations| annotations.get(LAST_APPLIED));
    let last: Value = last.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let by_client = last["metadata"]["annotations"].as_object().into_iter().flat_map(Map::keys).cloned();
    let applies = |entry: &&ManagedFieldsEntry| entry.operation.as_deref() == Some("Apply");
    let entries = present.metadata.managed_fields.iter().flatten().filter(applies);
    let owned = entries.filter_map(|entry| entry.fields_v1.as_ref()?.0["f:metadata"]["f:annotations"].as_object());
    let by_server = owned.flat_map(Map::keys).filter_map(|key| key.strip_prefix("f:")).map(str::to_owned);
    by_client.chain(by_server).collect()
}

/// The manifest, with what is known of the YurtAppSet.
fn unasked(mut set: YurtAppSet, present: Option<&YurtAppSet>) -> YurtAppSet {
    let Some(present) = present else {
        set.metadata.uid = Some(NOBODY.to_owned());
        return set;
    };
    let gone = once_applied(present);
    let mut annotations = present.metadata.annotations.clone().unwrap_or_default();
    annotations.retain(|key, _| !gone.contains(key));
    annotations.extend(set.metadata.annotations.take().unwrap_or_default());
    set.metadata.uid.clone_from(&present.metadata.uid);
    set.metadata.generation = present.metadata.generation;
    set.metadata.annotations = Some(annotations);
    set.status.clone_from(&present.status);
    set
}

/// Whether nothing changes that a YurtAppSet's workloads or its runs depend on.
fn is_same(present: &YurtAppSet, set: &YurtAppSet) -> bool {
    let annotation = |set: &YurtAppSet, key: &str| set.metadata.annotations.as_ref()?.get(key).cloned();
    present.spec == set.spec
        && [names::STRATEGY, PINNED].into_iter().all(|key| annotation(present, key) == annotation(set, key))
}

/// An object in an object, made where there is none.
fn entry<'a>(fields: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    let value = fields.entry(key).or_insert_with(|| json!({}));
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(annotations: &Value, spec: &Value) -> YurtAppSet {
        let last = json!({"metadata": {"annotations": {"mine": "1", "drover.dev/strategy": "waves"}}}).to_string();
        let mut annotations = annotations.clone();
        annotations[LAST_APPLIED] = last.into();
        let fields = json!({"f:metadata": {"f:annotations": {".": {}, "f:theirs": {}}}});
        let metadata = json!({
            "name": "web", "namespace": "edge", "uid": "u", "generation": 3, "annotations": annotations,
            "managedFields": [{"manager": "kubectl", "operation": "Apply", "fieldsV1": fields}],
        });
        serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
    }

    #[test]
    fn an_applied_manifest_takes_away_what_an_earlier_one_brought_and_nothing_else() {
        let present = set(
            &json!({"mine": "1", "theirs": "2", "drover.dev/strategy": "waves", PINNED: "{}"}),
            &json!({"pools": ["a"], "nodepoolSelector": {"matchLabels": {"x": "y"}}, "workload": {"a": 1, "b": 2}}),
        );
        let manifest = json!({
            "metadata": {"name": "web", "annotations": {"mine": "2"}},
            "spec": {"pools": ["b"], "workload": {"a": 1}},
        });
        let patch = patch(&present, &manifest);
        // The pins are somebody else's.
        let annotations = json!({"mine": "2", "theirs": null, "drover.dev/strategy": null});
        assert_eq!(patch["metadata"]["annotations"], annotations);
        assert_eq!(patch["spec"], json!({"pools": ["b"], "nodepoolSelector": null, "workload": {"b": null}}));
        let made = unasked(serde_json::from_value(manifest).unwrap(), Some(&present));
        let annotations = made.metadata.annotations.unwrap();
        assert_eq!(annotations.keys().map(String::as_str).collect::<Vec<_>>(), [PINNED, LAST_APPLIED, "mine"]);
        assert_eq!((made.metadata.uid.as_deref(), made.metadata.generation), (Some("u"), Some(3)));
    }

    #[test]
    fn what_nothing_depends_on_is_no_change() {
        let spec = json!({"pools": ["a"]});
        let one = set(&json!({"note": "1"}), &spec);
        assert!(is_same(&one, &set(&json!({"note": "2"}), &spec)));
        assert!(!is_same(&one, &set(&json!({PINNED: "{}"}), &spec)));
        assert!(!is_same(&one, &set(&json!({}), &json!({"pools": []}))));
    }

    #[test]
    fn any_template_is_another_one_whatever_the_present_one_says() {
        for pods in [json!({}), json!({"metadata": null}), json!({"metadata": {"annotations": {"a": "b"}}})] {
            let workload = json!({"workloadTemplate": {"deploymentTemplate": {"spec": {"template": pods}}}});
            let present = set(&json!({}), &json!({"workload": workload}));
            let Change { set, .. } = Change::any_template(present.clone());
            assert_ne!(set.spec.workload, present.spec.workload);
        }
        let odd = set(&json!({}), &json!({"workload": {"workloadTemplate": 1}}));
        assert_eq!(Change::any_template(odd.clone()).set, odd);
    }
}
