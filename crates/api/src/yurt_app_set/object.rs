//! The object itself.

use std::borrow::Cow;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

use super::{YurtAppSetDefinition, YurtAppSetSpec, YurtAppSetStatus};
use crate::or_default;

/// A YurtAppSet. Unlike the type that is derived for its definition it reads without a spec too, as OpenYurt's definition
/// allows: one object must not keep a whole list from being read.
#[derive(Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(default)]
pub struct YurtAppSet {
    /// Name, labels and so on.
    pub metadata: ObjectMeta,
    /// What is asked.
    #[serde(deserialize_with = "or_default")]
    pub spec: YurtAppSetSpec,
    /// What is known.
    pub status: Option<YurtAppSetStatus>,
}

impl YurtAppSet {
    /// A YurtAppSet without a status.
    pub fn new(namespace: &str, name: &str, spec: YurtAppSetSpec) -> Self {
        let (name, namespace) = (Some(name.to_owned()), Some(namespace.to_owned()));
        let metadata = ObjectMeta { name, namespace, ..ObjectMeta::default() };
        Self { metadata, spec, status: None }
    }
}

impl Resource for YurtAppSet {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        YurtAppSetDefinition::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        YurtAppSetDefinition::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        YurtAppSetDefinition::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        YurtAppSetDefinition::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Serialize for YurtAppSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { metadata, spec, status } = self;
        let mut object = serializer.serialize_struct("YurtAppSet", 5)?;
        object.serialize_field("apiVersion", &Self::api_version(&()))?;
        object.serialize_field("kind", &Self::kind(&()))?;
        object.serialize_field("metadata", metadata)?;
        object.serialize_field("spec", spec)?;
        match status {
            Some(status) => object.serialize_field("status", status)?,
            None => object.skip_field("status")?,
        }
        object.end()
    }
}
