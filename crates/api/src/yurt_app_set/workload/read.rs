//! Reading a workload: from a YurtAppSet, whose definition may be OpenYurt's open one, or from a ControllerRevision, which holds
//! anything. What cannot be read is named with its path.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{ContainerImage, Operation, Selector, Template, Tweak, TweakPatch, Tweaks, Workload, WorkloadTemplate};
use crate::names::app_set::WorkloadKind;

/// A workload that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {given} is not {allowed}")]
pub struct InvalidWorkload {
    /// The field.
    pub path: String,
    /// Its value, cut where it is long.
    pub given: String,
    /// What it may be.
    pub allowed: &'static str,
}

/// A value and where it stands. Absent is null.
#[derive(Clone)]
struct At<'a> {
    path: String,
    value: &'a Value,
}

type Read<T> = Result<T, InvalidWorkload>;

impl Workload {
    /// Reads a workload; `path` is where it stands in its object.
    pub fn read(value: &Value, path: &str) -> Read<Self> {
        let workload = At { path: path.to_owned(), value };
        workload.object()?;
        let tweaks = workload.field("workloadTweaks").list()?;
        Ok(Self {
            template: WorkloadTemplate::read(&workload.field("workloadTemplate"))?,
            tweaks: tweaks.iter().map(Tweak::read).collect::<Read<_>>()?,
        })
    }
}

impl WorkloadTemplate {
    fn read(at: &At<'_>) -> Read<Self> {
        at.object()?;
        let (deployment, stateful_set) = (at.field("deploymentTemplate"), at.field("statefulSetTemplate"));
        match (deployment.given(), stateful_set.given()) {
            (true, false) => Ok(Self { kind: WorkloadKind::Deployment, template: Template::read(&deployment)? }),
            (false, true) => Ok(Self { kind: WorkloadKind::StatefulSet, template: Template::read(&stateful_set)? }),
            (true, true) => Err(at.refuse("exactly one of deploymentTemplate and statefulSetTemplate, but both")),
            (false, false) => Err(at.refuse("exactly one of deploymentTemplate and statefulSetTemplate, but none")),
        }
    }
}

impl Template {
    fn read(at: &At<'_>) -> Read<Self> {
        at.object()?;
        let (metadata, spec) = (at.field("metadata"), at.field("spec"));
        Ok(Self {
            labels: metadata.field("labels").texts()?,
            annotations: metadata.field("annotations").texts()?,
            spec: spec.object()?.clone(),
        })
    }
}

impl Tweak {
    fn read(at: &At<'_>) -> Read<Self> {
        let selector = at.field("nodepoolSelector");
        let pools = at.field("pools").list()?;
        Ok(Self {
            pools: pools.iter().map(At::text).collect::<Read<_>>()?,
            nodepool_selector: if selector.given() { Some(selector.selector()?) } else { None },
            tweaks: Tweaks::read(&at.field("tweaks"))?,
        })
    }
}

impl Tweaks {
    fn read(at: &At<'_>) -> Read<Self> {
        let (images, patches) = (at.field("containerImages").list()?, at.field("patches").list()?);
        Ok(Self {
            replicas: at.field("replicas").replicas()?,
            container_images: images.iter().map(ContainerImage::read).collect::<Read<_>>()?,
            patches: patches.iter().map(TweakPatch::read).collect::<Read<_>>()?,
        })
    }
}

impl ContainerImage {
    fn read(at: &At<'_>) -> Read<Self> {
        Ok(Self { name: at.field("name").text()?, target_image: at.field("targetImage").text()? })
    }
}

impl TweakPatch {
    fn read(at: &At<'_>) -> Read<Self> {
        let operation = at.field("operation");
        // Absent is null: a merge patch, such as kubectl apply sends, takes nulls out of all that it writes.
        let value = || at.field("value").value.clone();
        let operation = match operation.text()?.as_str() {
            "add" => Operation::Add(value()),
            "replace" => Operation::Replace(value()),
            "remove" => Operation::Remove,
            _ => return Err(operation.refuse("add, remove or replace")),
        };
        Ok(Self { operation, path: at.field("path").text()? })
    }
}

impl<'a> At<'a> {
    fn field(&self, name: &str) -> At<'a> {
        At { path: format!("{}.{name}", self.path), value: self.value.get(name).unwrap_or(&Value::Null) }
    }

    fn given(&self) -> bool {
        !self.value.is_null()
    }

    fn refuse(&self, allowed: &'static str) -> InvalidWorkload {
        const MOST: usize = 64;
        let mut given = self.value.to_string();
        if given.len() > MOST {
            given.truncate(given.floor_char_boundary(MOST));
            given.push('…');
        }
        InvalidWorkload { path: self.path.clone(), given, allowed }
    }

    fn object(&self) -> Read<&'a Map<String, Value>> {
        self.value.as_object().ok_or_else(|| self.refuse("an object"))
    }

    fn list(&self) -> Read<Vec<At<'a>>> {
        match self.value {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) => {
                let item = |(index, value)| At { path: format!("{}[{index}]", self.path), value };
                Ok(items.iter().enumerate().map(item).collect())
            }
            _ => Err(self.refuse("a list")),
        }
    }

    fn text(&self) -> Read<String> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.refuse("a text"))
    }

    fn texts(&self) -> Read<BTreeMap<String, String>> {
        if !self.given() {
            return Ok(BTreeMap::new());
        }
        let entry = |(key, value): (&String, &'a Value)| {
            let at = At { path: format!("{}[{key}]", self.path), value };
            Ok((key.clone(), at.text()?))
        };
        self.object()?.iter().map(entry).collect()
    }

    fn replicas(&self) -> Read<Option<i32>> {
        if !self.given() {
            return Ok(None);
        }
        let count = self.value.as_i64().and_then(|count| i32::try_from(count).ok()).filter(|count| *count >= 0);
        count.map(Some).ok_or_else(|| self.refuse("an integer from 0 to 2147483647"))
    }

    fn selector(&self) -> Read<Selector> {
        serde_json::from_value(self.value.clone()).map_err(|_| self.refuse("a label selector"))
    }
}
