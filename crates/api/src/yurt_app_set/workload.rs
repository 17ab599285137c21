//! What runs in each pool: a template, and tweaks of it for some pools.

mod read;

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Selector, schema};
use crate::names::app_set::WorkloadKind;

pub use read::InvalidWorkload;

/// `spec.workload` as its user wrote it.
#[derive(Serialize, Deserialize, Debug, Clone, Default, PartialEq)]
#[serde(transparent)]
pub struct RawWorkload(pub Value);

/// `spec.workload`, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// What every pool gets.
    pub template: WorkloadTemplate,
    /// What is different in some pools, in the order in which it is applied.
    pub tweaks: Vec<Tweak>,
}

/// The template of every pool's workload.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadTemplate {
    /// What it is a template of.
    pub kind: WorkloadKind,
    /// What it says.
    pub template: Template,
}

/// What a template says. Everything else in its metadata is without effect.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Template {
    /// The workload's labels.
    pub labels: BTreeMap<String, String>,
    /// The workload's annotations.
    pub annotations: BTreeMap<String, String>,
    /// The workload's spec, judged by the API server.
    pub spec: Map<String, Value>,
}

/// What is different in some pools.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tweak {
    /// The pools by name.
    pub pools: Vec<String>,
    /// The pools by the labels of their NodePools; `None` is no pool.
    pub nodepool_selector: Option<Selector>,
    /// What is different there.
    pub tweaks: Tweaks,
}

/// What can be different in a pool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tweaks {
    /// How many pods the workload has.
    pub replicas: Option<i32>,
    /// The images of containers and init containers.
    pub container_images: Vec<ContainerImage>,
    /// Operations on the whole workload.
    pub patches: Vec<TweakPatch>,
}

/// The image of the containers of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerImage {
    /// The container's name.
    pub name: String,
    /// Its image.
    pub target_image: String,
}

/// One operation of RFC 6902.
#[derive(Debug, Clone, PartialEq)]
pub struct TweakPatch {
    /// What is done.
    pub operation: Operation,
    /// Where, as a JSON pointer (RFC 6901).
    pub path: String,
}

/// What is done at a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Put this there, beside what a list has. Null takes away what is there.
    Add(Value),
    /// Take away what is there. A value, which OpenYurt lets pass, is without effect.
    Remove,
    /// Put this in the place of what is there. Null takes it away.
    Replace(Value),
}

impl RawWorkload {
    /// The workload; `path` is where it stands in its object.
    pub fn read(&self, path: &str) -> Result<Workload, InvalidWorkload> {
        Workload::read(&self.0, path)
    }
}

impl JsonSchema for RawWorkload {
    fn schema_name() -> Cow<'static, str> {
        "Workload".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schema::workload(generator)
    }
}
