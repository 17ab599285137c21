//! Endpoints, ConfigMaps and EndpointSlices as far as leaders are concerned: one shape, of which each kind uses a part.

use std::collections::BTreeMap;

use controller_runtime::fleet::{Interned, intern};
use controller_runtime::watch::ResourceVersion;
use planner::fleet::{Name, Uid};
use serde::{Deserialize, Serialize};

use crate::FIELD_MANAGER;
use crate::nodes::or_default;

/// Ends the name of the slice with IPv4 addresses.
pub(super) const IPV4: &str = "-ipv4";
/// Ends the name of the slice with IPv6 addresses.
pub(super) const IPV6: &str = "-ipv6";
/// Begins the name of every output.
const PREFIX: &str = "leader-hub-";

/// An output as the API server has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "Frame")]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) uid: Uid,
    pub(super) version: ResourceVersion,
    /// The pool that its name names.
    pub(super) pool: Option<Name>,
    /// We have written it.
    pub(crate) ours: bool,
    pub(super) object: Object,
}

/// What an output says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object {
    pub(super) metadata: Metadata,
    /// Of a ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<BTreeMap<Interned, String>>,
    /// Of Endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subsets: Option<Vec<Subset>>,
    /// Of an EndpointSlice, as is the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) address_type: Option<AddressType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) endpoints: Option<Vec<Endpoint>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ports: Option<Vec<Dialled>>,
}

/// Of an object's metadata, what we write.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) labels: BTreeMap<Interned, String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) annotations: BTreeMap<Interned, Interned>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) owner_references: Vec<Owner>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Owner {
    pub(super) api_version: Interned,
    pub(super) kind: Interned,
    pub(super) name: Interned,
    pub(super) uid: Uid,
}

/// The family of a slice's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum AddressType {
    #[serde(rename = "IPv4")]
    Ipv4,
    #[serde(rename = "IPv6")]
    Ipv6,
    #[serde(rename = "FQDN", other)]
    Other,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subset {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) addresses: Vec<Address>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub(super) not_ready_addresses: Vec<Address>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) ports: Vec<Dialled>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Address {
    pub(super) ip: String,
    #[serde(default)]
    pub(super) node_name: Option<Interned>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Endpoint {
    pub(super) addresses: Vec<String>,
    #[serde(default)]
    pub(super) node_name: Option<Interned>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) conditions: Conditions,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Conditions {
    #[serde(default)]
    pub(super) ready: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Dialled {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) name: Interned,
    pub(super) port: Option<u16>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) protocol: Interned,
}

impl Object {
    /// Whether `seen` says everything that this says.
    pub(super) fn is_met_by(&self, seen: &Self) -> bool {
        let Self { metadata, data, subsets, address_type, endpoints, ports } = self;
        let Metadata { name: _, labels, annotations, owner_references } = metadata;
        let there = &seen.metadata;
        let owned = |owner: &Owner| there.owner_references.iter().any(|known| known.uid == owner.uid);
        let data_of = |object: &BTreeMap<Interned, String>, key| object.get(key).cloned();
        labels.iter().all(|(key, value)| there.labels.get(key) == Some(value))
            && annotations.iter().all(|(key, value)| there.annotations.get(key) == Some(value))
            && owner_references.iter().all(owned)
            && data
                .iter()
                .flatten()
                .all(|(key, value)| seen.data.as_ref().and_then(|data| data_of(data, key)).as_ref() == Some(value))
            && sorted_subsets(subsets.as_deref()) == sorted_subsets(seen.subsets.as_deref())
            && address_type == &seen.address_type
            && sorted(endpoints.as_deref()) == sorted(seen.endpoints.as_deref())
            && sorted(ports.as_deref()) == sorted(seen.ports.as_deref())
    }
}

/// The API server keeps the addresses of a subset in an order of its own.
fn sorted_subsets(subsets: Option<&[Subset]>) -> Vec<Subset> {
    let sorted_subset = |subset: &Subset| Subset {
        addresses: sorted(Some(&subset.addresses)),
        not_ready_addresses: sorted(Some(&subset.not_ready_addresses)),
        ports: sorted(Some(&subset.ports)),
    };
    subsets.unwrap_or_default().iter().map(sorted_subset).collect()
}

fn sorted<T: Clone + Ord>(items: Option<&[T]>) -> Vec<T> {
    let mut items = items.unwrap_or_default().to_vec();
    items.sort_unstable();
    items
}

/// An output as the API server writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame {
    metadata: FrameMetadata,
    #[serde(default)]
    data: Option<BTreeMap<Interned, String>>,
    #[serde(default)]
    subsets: Option<Vec<Subset>>,
    #[serde(default)]
    address_type: Option<AddressType>,
    #[serde(default)]
    endpoints: Option<Vec<Endpoint>>,
    #[serde(default)]
    ports: Option<Vec<Dialled>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameMetadata {
    name: String,
    uid: Uid,
    resource_version: ResourceVersion,
    #[serde(default, deserialize_with = "or_default")]
    labels: BTreeMap<Interned, String>,
    #[serde(default, deserialize_with = "or_default")]
    annotations: BTreeMap<Interned, Interned>,
    #[serde(default, deserialize_with = "or_default")]
    owner_references: Vec<Owner>,
    #[serde(default, deserialize_with = "or_default")]
    managed_fields: Vec<ManagedFields>,
}

#[derive(Deserialize)]
struct ManagedFields {
    #[serde(default)]
    manager: Interned,
}

impl From<Frame> for Seen {
    fn from(frame: Frame) -> Self {
        let Frame { metadata, data, subsets, address_type, endpoints, ports } = frame;
        let FrameMetadata { name, uid, resource_version, labels, annotations, owner_references, managed_fields } =
            metadata;
        let pool = name.strip_prefix(PREFIX).and_then(|rest| match address_type {
            None => Some(rest),
            Some(_) => rest.strip_suffix(IPV4).or_else(|| rest.strip_suffix(IPV6)),
        });
        let metadata = Metadata { name: name.clone(), labels, annotations, owner_references };
        Self {
            uid,
            version: resource_version,
            pool: pool.map(intern),
            ours: managed_fields.iter().any(|entry| &*entry.manager.0 == FIELD_MANAGER),
            object: Object { metadata, data, subsets, address_type, endpoints, ports },
            name,
        }
    }
}
