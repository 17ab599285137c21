//! What each kind of output says: the contract's "Leader data".

use std::collections::BTreeMap;
use std::net::IpAddr;

use api::names::pool::{self as names, data};
use controller_runtime::fleet::{Interned, intern};
use planner::election::Leader;

use super::Publication;
use super::object::{Address, AddressType, Conditions, Dialled, Endpoint, Metadata, Object, Owner, Subset};
use crate::FIELD_MANAGER;
use crate::pools::API_VERSION;

/// One address per leader, and the port at which followers dial it.
pub(super) fn endpoints(name: &str, publication: Publication<'_>) -> Object {
    let address = |leader: &Leader| Address { ip: leader.address.to_string(), node_name: Some(interned(&leader.name)) };
    let addresses: Vec<_> = publication.leaders.iter().map(address).collect();
    // The API server knows no subset without addresses.
    let subset = Subset { addresses, not_ready_addresses: Vec::new(), ports: vec![port()] };
    let mut metadata = metadata(name, publication, [(names::SKIP_MIRROR, "true".to_owned())]);
    let lock = format!(r#"{{"holderIdentity":"{FIELD_MANAGER}"}}"#);
    metadata.annotations.insert(interned(names::ELECTION_LOCK), interned(&lock));
    metadata.annotations.extend(terms(publication));
    Object {
        metadata,
        subsets: Some(Some(subset).into_iter().filter(|subset| !subset.addresses.is_empty()).collect()),
        ..Object::default()
    }
}

/// What YurtHubs read, to the byte.
pub(super) fn config_map(name: &str, publication: Publication<'_>) -> Object {
    let mut leaders: Vec<_> =
        publication.leaders.iter().map(|Leader { name, address }| format!("{name}/{address}")).collect();
    leaders.sort_unstable();
    let spec = &publication.pool.spec;
    let entries = [
        (data::LEADERS, leaders.join(",")),
        (data::POOL_SCOPED_METADATA, spec.pool_scoped().join(",")),
        (data::INTERCONNECTIVITY, spec.inter_connectivity.to_string()),
        (data::ENABLE_LEADER_ELECTION, spec.enable_leader_election.to_string()),
    ];
    Object {
        metadata: metadata(name, publication, [(names::CONFIG_MAP_NAME, name.to_owned())]),
        data: Some(entries.map(|(key, value)| (interned(key), value)).into()),
        ..Object::default()
    }
}

/// The leaders of one family of addresses.
pub(super) fn slice(name: &str, publication: Publication<'_>, family: AddressType) -> Object {
    let of_family = |leader: &&Leader| match (leader.address, family) {
        (IpAddr::V4(_), AddressType::Ipv4) | (IpAddr::V6(_), AddressType::Ipv6) => true,
        (IpAddr::V4(_) | IpAddr::V6(_), AddressType::Ipv4 | AddressType::Ipv6 | AddressType::Other) => false,
    };
    let endpoint = |leader: &Leader| Endpoint {
        addresses: vec![leader.address.to_string()],
        node_name: Some(interned(&leader.name)),
        conditions: Conditions { ready: Some(true) },
    };
    let service = names::leader_hub(publication.pool.name());
    let labels = [(names::SLICE_SERVICE_NAME, service), (names::SLICE_MANAGED_BY, FIELD_MANAGER.to_owned())];
    let mut metadata = metadata(name, publication, labels);
    metadata.annotations.extend(terms(publication));
    Object {
        metadata,
        address_type: Some(family),
        endpoints: Some(publication.leaders.iter().filter(of_family).map(endpoint).collect()),
        ports: Some(vec![port()]),
        ..Object::default()
    }
}

/// What of the pool's spec a follower has to know.
fn terms(publication: Publication<'_>) -> [(Interned, Interned); 3] {
    let spec = &publication.pool.spec;
    [
        (names::INTERCONNECTIVITY, spec.inter_connectivity.to_string()),
        (names::POOL_SCOPED_METADATA, spec.pool_scoped().join(",")),
        (names::ENABLE_LEADER_ELECTION, spec.enable_leader_election.to_string()),
    ]
    .map(|(key, value)| (interned(key), interned(&value)))
}

/// Owned by the pool, so that Kubernetes deletes it with the pool.
fn metadata<const N: usize>(name: &str, publication: Publication<'_>, labels: [(&str, String); N]) -> Metadata {
    let pool = publication.pool;
    let owner = Owner {
        api_version: interned(API_VERSION),
        kind: interned("NodePool"),
        name: pool.metadata.name.clone(),
        uid: pool.metadata.uid,
    };
    Metadata {
        name: name.to_owned(),
        labels: labels.map(|(key, value)| (interned(key), value)).into(),
        annotations: BTreeMap::new(),
        owner_references: vec![owner],
    }
}

fn port() -> Dialled {
    Dialled { name: interned(names::PORT_NAME), port: Some(names::PORT), protocol: interned("TCP") }
}

fn interned(text: &str) -> Interned {
    Interned(intern(text))
}
