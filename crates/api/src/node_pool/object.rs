//! The object itself.

use std::borrow::Cow;

use k8s_openapi::ClusterResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

use super::{NodePoolDefinition, NodePoolSpec, NodePoolStatus};

/// A NodePool. Unlike the type that is derived for its definition it reads without a spec too, as OpenYurt's definition
/// allows: one object must not keep a whole list from being read.
#[derive(Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(default)]
pub struct NodePool {
    /// Name, labels and so on.
    pub metadata: ObjectMeta,
    /// What is asked.
    pub spec: NodePoolSpec,
    /// What is known.
    pub status: Option<NodePoolStatus>,
}

impl NodePool {
    /// A NodePool without a status.
    pub fn new(name: &str, spec: NodePoolSpec) -> Self {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        Self { metadata, spec, status: None }
    }
}

impl Resource for NodePool {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        NodePoolDefinition::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        NodePoolDefinition::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        NodePoolDefinition::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        NodePoolDefinition::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Serialize for NodePool {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { metadata, spec, status } = self;
        let mut object = serializer.serialize_struct("NodePool", 5)?;
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
