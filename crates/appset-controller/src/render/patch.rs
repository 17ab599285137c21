//! The patches of all tweaks that are about a pool, as one patch of RFC 6902.

use api::yurt_app_set::{Operation, TweakPatch};
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation, RemoveOperation, ReplaceOperation};
use serde_json::Value;

use super::{PATH, RenderError};
use crate::pools::Pool;

/// What stands for the pool's name.
const POOL: &str = "{{nodepool-name}}";

/// Operations with their places in the YurtAppSet.
#[derive(Debug, Default)]
pub(super) struct Patches<'a> {
    operations: Vec<(usize, usize, &'a TweakPatch)>,
}

/// Whether all paths can be read. `tweak` is where the tweak stands.
pub(super) fn check(patches: &[TweakPatch], tweak: &str) -> Result<(), RenderError> {
    for (index, patch) in patches.iter().enumerate() {
        pointer(&patch.path).map_err(|why| RenderError::Pointer {
            path: format!("{tweak}.tweaks.patches[{index}].path"),
            given: patch.path.clone(),
            why,
        })?;
    }
    Ok(())
}

impl<'a> Patches<'a> {
    /// Adds those of the tweak at this place.
    pub(super) fn extend(&mut self, tweak: usize, patches: &'a [TweakPatch]) {
        self.operations.extend(patches.iter().enumerate().map(|(index, patch)| (tweak, index, patch)));
    }

    /// Applies all of them, in order. If one does not apply, the object is worth nothing any more.
    pub(super) fn apply(&self, object: &mut Value, pool: &Pool) -> Result<(), RenderError> {
        for (tweak, index, patch) in &self.operations {
            // One by one, so that the one that fails is known. They are one patch all the same: an object is used after all or none.
            let refuse = |at: &str, why: String| RenderError::Patch {
                path: format!("{PATH}.workloadTweaks[{tweak}].tweaks.patches[{index}]"),
                operation: word(&patch.operation),
                at: at.to_owned(),
                pool: pool.name.clone(),
                why,
            };
            let at = patch.path.replace(POOL, &escaped(&pool.name));
            let path = pointer(&at).map_err(|why| refuse(&at, why))?;
            let operation = match &patch.operation {
                Operation::Add(value) => PatchOperation::Add(AddOperation { path, value: named(value, &pool.name) }),
                Operation::Remove => PatchOperation::Remove(RemoveOperation { path }),
                Operation::Replace(value) => {
                    PatchOperation::Replace(ReplaceOperation { path, value: named(value, &pool.name) })
                }
            };
            json_patch::patch_unsafe(object, &[operation]).map_err(|error| {
                let there = object.pointer(&at).is_some();
                refuse(&at, if there { error.kind.to_string() } else { format!("{}, nothing is there", error.kind) })
            })?;
        }
        Ok(())
    }
}

fn word(operation: &Operation) -> &'static str {
    match operation {
        Operation::Add(_) => "add",
        Operation::Remove => "remove",
        Operation::Replace(_) => "replace",
    }
}

fn pointer(text: &str) -> Result<PointerBuf, String> {
    PointerBuf::parse(text).map_err(|error| error.to_string())
}

/// A pool's name inside a JSON pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A value with the pool's name in all its texts, keys among them.
fn named(value: &Value, pool: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace(POOL, pool)),
        Value::Array(items) => items.iter().map(|item| named(item, pool)).collect(),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| (key.replace(POOL, pool), named(value, pool));
            Value::Object(fields.iter().map(field).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
