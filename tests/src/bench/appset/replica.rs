//! The objects that the ideal client applies: those that the controller applied, as the audit log has them, in another namespace.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result};
use api::names::app_set as names;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ledger::Writer;

/// As long as the label that names a YurtAppSet, in whose place it is.
const LABEL: &str = "bench.drover.dev/stands-for-yas";

/// The audit log's words about a call, as far as they matter here.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "objectRef")]
    target: Target,
    user: User,
    #[serde(default, rename = "requestURI")]
    uri: String,
    #[serde(default, rename = "requestObject")]
    body: Value,
}

#[derive(Deserialize)]
struct Target {
    /// Empty for collections.
    #[serde(default)]
    name: String,
    #[serde(default)]
    subresource: String,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

/// The newest object that the controller applied under each name, of those in the log until now; `owner` (kind `ConfigMap`) owns
/// them instead of the YurtAppSet.
pub(super) fn replicas(log: &Path, owner: &Owner) -> Result<BTreeMap<String, Value>> {
    let file = File::open(log).with_context(|| format!("opening {}", log.display()))?;
    let (user, mut found) = (Writer::Controller.user(), BTreeMap::new());
    for line in BufReader::new(file).lines() {
        let line = line.context("reading the audit log")?;
        // Most lines are of somebody else and much longer than what this finds.
        if !line.contains(r#""resource":"deployments""#) || !line.contains(&user) || !line.ends_with('}') {
            continue;
        }
        let Event { target, user: by, uri, mut body } =
            serde_json::from_str(&line).context("reading an audit event")?;
        let applied = by.username == user && target.subresource.is_empty() && !uri.contains("dryRun=");
        if applied && body.is_object() {
            owner.take_over(&mut body);
            found.insert(target.name, body);
        }
    }
    Ok(found)
}

/// Who owns the ideal client's workloads, so that their objects are as long as the controller's.
pub(super) struct Owner {
    /// Its name.
    pub(super) name: String,
    /// Its UID.
    pub(super) uid: String,
}

impl Owner {
    fn take_over(&self, body: &mut Value) {
        if let Some(metadata) = body["metadata"].as_object_mut() {
            metadata.insert("namespace".to_owned(), Writer::Ideal.namespace().into());
            // A precondition on an object in the other namespace.
            metadata.remove("uid");
            metadata.remove("resourceVersion");
            let owner = json!([{
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": self.name,
                "uid": self.uid,
                "controller": true,
                "blockOwnerDeletion": true,
            }]);
            metadata.insert("ownerReferences".to_owned(), owner);
            // The controller watches the workloads of YurtAppSets by this label: it would hold these in its memory too.
            if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut)
                && let Some(set) = labels.remove(names::SET)
            {
                labels.insert(LABEL.to_owned(), set);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_applied_last_under_a_name_is_taken_over() {
        let call = |user: &str, query: &str, replicas: u32| {
            let uri = format!("/apis/apps/v1/namespaces/bench/deployments/web-a?{query}");
            json!({
                "user": {"username": user}, "requestURI": uri,
                "objectRef": {"resource": "deployments", "name": "web-a"},
                "requestObject": {
                    "metadata": {"name": "web-a", "namespace": "bench", "uid": "1", "labels": {names::SET: "web"}},
                    "spec": {"replicas": replicas},
                },
            })
        };
        let user = Writer::Controller.user();
        let calls = [
            call(&user, "force=true", 1),
            call(&user, "force=true", 2),
            call(&user, "dryRun=All", 3),
            call("somebody", "force=true", 4),
            json!({"user": {"username": user}, "objectRef": {"resource": "deployments"}}),
        ];
        let path = std::env::temp_dir().join(format!("drover-replicas-{}", std::process::id()));
        std::fs::write(&path, calls.map(|call| format!("{call}\n")).concat()).unwrap();
        let found = replicas(&path, &Owner { name: "order".to_owned(), uid: "2".to_owned() }).unwrap();
        std::fs::remove_file(&path).unwrap();
        let body = &found["web-a"];
        assert_eq!((found.len(), &body["spec"]["replicas"]), (1, &json!(2)));
        assert_eq!(body["metadata"]["namespace"], "ideal");
        assert_eq!((&body["metadata"]["labels"], LABEL.len()), (&json!({LABEL: "web"}), names::SET.len()));
        assert_eq!(
            (&body["metadata"]["uid"], &body["metadata"]["ownerReferences"][0]["uid"]),
            (&Value::Null, &json!("2"))
        );
    }
}
