//! Nodes as the watch sends them, as far as pools need them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use api::names;
use controller_runtime::fleet::{Interned, intern};
use controller_runtime::mirror::Mirrored;
use controller_runtime::watch::{ResourceVersion, Versioned};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Taint;
use planner::election::Member;
use planner::fleet::{Name, Uid};
use serde::{Deserialize, Deserializer};

/// A node.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "Frame")]
pub(crate) struct Node {
    pub(crate) name: Name,
    pub(crate) uid: Uid,
    pub(crate) version: ResourceVersion,
    /// The pool that its label names; empty without one.
    pub(crate) pool: Name,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<Interned, Interned>,
    pub(crate) taints: Vec<Taint>,
    /// Its condition Ready is True.
    pub(crate) ready: bool,
    /// Since when it has been seen so, by our clock.
    pub(crate) since: Timestamp,
    /// The stamp of that condition, by whatever clock: only compared, to notice breaks that were not shown.
    stamp: Option<Timestamp>,
    /// Its first InternalIP.
    pub(crate) address: Option<IpAddr>,
}

impl Node {
    /// The node as a candidate.
    pub(crate) fn member(&self) -> Member<'_> {
        Member { name: &self.name, ready: self.ready, address: self.address, labels: &self.labels }
    }

    /// The value of an annotation.
    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.iter().find(|(known, _)| &*known.0 == key).map(|(_, value)| &*value.0)
    }
}

impl Versioned for Node {
    fn resource_version(&self) -> ResourceVersion {
        self.version
    }
}

impl Mirrored for Node {
    type Owner = Name;

    fn uid(&self) -> Uid {
        self.uid
    }

    fn belongs_to(&self) -> Option<Name> {
        Some(self.pool.clone())
    }

    /// Heartbeats change its version and nothing else.
    fn is_like(&self, older: &Self) -> bool {
        let Self { name, uid, version: _, pool, labels, annotations, taints, ready, since, stamp: _, address } = self;
        (name, uid, pool, labels, annotations)
            == (&older.name, &older.uid, &older.pool, &older.labels, &older.annotations)
            && (taints, ready, since, address) == (&older.taints, &older.ready, &older.since, &older.address)
    }

    fn succeed(&mut self, older: &Self) {
        if (self.ready, self.stamp) == (older.ready, older.stamp) {
            self.since = older.since;
        }
    }
}

/// A node as the API server writes it. Absent and null are alike.
#[derive(Deserialize)]
struct Frame {
    metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    spec: Spec,
    #[serde(default, deserialize_with = "or_default")]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Interned,
    uid: Uid,
    resource_version: ResourceVersion,
    #[serde(default, deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    annotations: BTreeMap<Interned, Interned>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Spec {
    #[serde(deserialize_with = "or_default")]
    taints: Vec<Taint>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "or_default")]
    addresses: Vec<Address>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    r#type: Interned,
    status: Interned,
    #[serde(default)]
    last_transition_time: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Address {
    r#type: Interned,
    address: String,
}

impl From<Frame> for Node {
    fn from(frame: Frame) -> Self {
        let Frame { metadata, spec, status } = frame;
        let ready = status.conditions.iter().find(|condition| &*condition.r#type.0 == "Ready");
        let mut internal = status.addresses.iter().filter(|address| &*address.r#type.0 == "InternalIP");
        Self {
            name: metadata.name.0,
            uid: metadata.uid,
            version: metadata.resource_version,
            pool: intern(metadata.labels.get(names::POOL).map_or("", String::as_str)),
            labels: metadata.labels,
            annotations: metadata.annotations,
            taints: spec.taints,
            ready: ready.is_some_and(|condition| &*condition.status.0 == "True"),
            since: Timestamp::now(),
            stamp: ready.and_then(|condition| condition.last_transition_time),
            address: internal.find_map(|address| address.address.parse().ok()),
        }
    }
}

/// Reads null like an absent field.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A node of a pool, Ready, with this address; `with` is merged into it.
    pub(crate) fn node(name: &str, pool: &str, address: &str) -> Value {
        json!({
            "metadata": {
                "name": name,
                "uid": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
                "resourceVersion": "7",
                "labels": {"apps.openyurt.io/nodepool": pool},
                "annotations": {},
            },
            "spec": {},
            "status": {
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
                "addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}],
            },
        })
    }

    fn read(value: Value) -> Node {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_node_is_read_whatever_it_lacks() {
        let whole = read(node("a", "shop", "fd00::1"));
        assert_eq!((&*whole.pool, whole.ready, whole.address), ("shop", true, "fd00::1".parse().ok()));
        let metadata = json!({"name": "b", "uid": whole.uid.to_string(), "resourceVersion": "1", "labels": null});
        let bare = read(json!({"metadata": metadata, "spec": null, "status": {"conditions": null}}));
        assert_eq!((&*bare.pool, bare.ready, bare.address), ("", false, None));
    }

    #[test]
    fn an_address_that_cannot_be_read_is_none() {
        assert_eq!(read(node("a", "shop", "somewhere")).address, None);
    }

    #[test]
    fn a_sighting_lasts_until_readiness_breaks_even_if_the_break_was_not_shown() {
        let first = read(node("a", "shop", "10.0.0.1"));
        let mut same = read(node("a", "shop", "10.0.0.1"));
        same.since += jiff::SignedDuration::from_secs(5);
        let mut broken = same.clone();
        broken.stamp = Some("2026-01-01T00:01:00Z".parse().unwrap());
        same.succeed(&first);
        assert_eq!(same.since, first.since);
        assert!(same.is_like(&first));
        broken.succeed(&first);
        assert_ne!(broken.since, first.since);
        assert!(!broken.is_like(&first), "its readers have to look again");
    }
}
