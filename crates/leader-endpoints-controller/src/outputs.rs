//! The objects in which a pool's leaders are published: what they say, and whether one says it.

mod object;
mod render;

use api::names::pool as names;
use controller_runtime::mirror::Mirrored;
use controller_runtime::watch::{ResourceVersion, Versioned, WatchTarget};
use k8s_openapi::api::core::v1::{ConfigMap, Endpoints};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Resource;
use planner::election::Leader;
use planner::fleet::{Name, Uid};
use prometheus_client::encoding::EncodeLabelValue;
use serde::Serialize;
use serde_json::Value;

use crate::FIELD_MANAGER;
use crate::config::Outputs;
use crate::pools::Pool;
pub(crate) use object::Seen;

/// A label's longest value.
const LABEL: usize = 63;
/// An object's longest name.
const NAME: usize = 253;

/// An object per pool. The order is the order in which they are named to users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Output {
    Endpoints,
    ConfigMap,
    /// An EndpointSlice has addresses of one family.
    SliceIpv4,
    SliceIpv6,
}

/// An output as it should be.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) output: Output,
    pub(crate) name: String,
    object: object::Object,
}

/// What a pool publishes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publication<'a> {
    pub(crate) pool: &'a Pool,
    /// By name.
    pub(crate) leaders: &'a [Leader],
}

/// An output that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {name}: {limit} takes {most} characters, this has {have}; choose a pool name of at most {pool}", have = name.len(), pool = most - (name.len() - pool_len))]
pub(crate) struct TooLong {
    kind: &'static str,
    name: String,
    limit: &'static str,
    most: usize,
    pool_len: usize,
}

impl Output {
    pub(crate) const ALL: [Self; 4] = [Self::Endpoints, Self::ConfigMap, Self::SliceIpv4, Self::SliceIpv6];

    /// Whether it is switched on.
    pub(crate) fn is_on(self, outputs: &Outputs) -> bool {
        match self {
            Self::Endpoints => outputs.endpoints,
            Self::ConfigMap => outputs.config_map,
            Self::SliceIpv4 | Self::SliceIpv6 => outputs.endpoint_slice,
        }
    }

    /// Its kind.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Endpoints => "Endpoints",
            Self::ConfigMap => "ConfigMap",
            Self::SliceIpv4 | Self::SliceIpv6 => "EndpointSlice",
        }
    }

    /// Its name for a pool.
    pub(crate) fn name(self, pool: &str) -> String {
        let name = names::leader_hub(pool);
        match self {
            Self::Endpoints | Self::ConfigMap => name,
            Self::SliceIpv4 => name + object::IPV4,
            Self::SliceIpv6 => name + object::IPV6,
        }
    }

    /// The path of its collection.
    pub(crate) fn collection(self, namespace: &str) -> String {
        match self {
            Self::Endpoints => Endpoints::url_path(&(), Some(namespace)),
            Self::ConfigMap => ConfigMap::url_path(&(), Some(namespace)),
            Self::SliceIpv4 | Self::SliceIpv6 => EndpointSlice::url_path(&(), Some(namespace)),
        }
    }

    /// What to watch for it: the label that every one of them bears. One that lost it has, as far as we see, been deleted.
    pub(crate) fn watched(self, namespace: &str) -> WatchTarget {
        let selector = match self {
            Self::Endpoints => names::SKIP_MIRROR.to_owned(),
            Self::ConfigMap => names::CONFIG_MAP_NAME.to_owned(),
            Self::SliceIpv4 | Self::SliceIpv6 => format!("{}={FIELD_MANAGER}", names::SLICE_MANAGED_BY),
        };
        WatchTarget::at(self.collection(namespace)).labels(selector)
    }

    /// The output as the pool's publication wants it.
    pub(crate) fn wanted(self, publication: Publication<'_>) -> Result<Wanted, TooLong> {
        let pool = publication.pool.name();
        let name = self.name(pool);
        self.check(pool, &name)?;
        let object = match self {
            Self::Endpoints => render::endpoints(&name, publication),
            Self::ConfigMap => render::config_map(&name, publication),
            Self::SliceIpv4 => render::slice(&name, publication, object::AddressType::Ipv4),
            Self::SliceIpv6 => render::slice(&name, publication, object::AddressType::Ipv6),
        };
        Ok(Wanted { output: self, name, object })
    }

    /// An object's name, and the label that repeats it, have longest values.
    fn check(self, pool: &str, name: &str) -> Result<(), TooLong> {
        let (limit, most, name) = match self {
            Self::Endpoints => ("a name", NAME, name.to_owned()),
            Self::ConfigMap => (names::CONFIG_MAP_NAME, LABEL, name.to_owned()),
            Self::SliceIpv4 | Self::SliceIpv6 => (names::SLICE_SERVICE_NAME, LABEL, names::leader_hub(pool)),
        };
        if name.len() <= most {
            return Ok(());
        }
        Err(TooLong { kind: self.kind(), name, limit, most, pool_len: pool.len() })
    }
}

impl Wanted {
    /// Whether an object says everything that this says. Labels, annotations, data and owners that others added are no
    /// difference, and neither is the order of addresses.
    pub(crate) fn is_met_by(&self, seen: &Seen) -> bool {
        self.object.is_met_by(&seen.object)
    }

    /// The object, to be applied.
    pub(crate) fn body(&self) -> Value {
        let mut body = serde_json::to_value(&self.object).unwrap_or_default();
        let api_version = match self.output {
            Output::Endpoints | Output::ConfigMap => "v1",
            Output::SliceIpv4 | Output::SliceIpv6 => "discovery.k8s.io/v1",
        };
        body["apiVersion"] = api_version.into();
        body["kind"] = self.output.kind().into();
        body
    }
}

impl Versioned for Seen {
    fn resource_version(&self) -> ResourceVersion {
        self.version
    }
}

impl Mirrored for Seen {
    type Owner = Name;

    fn uid(&self) -> Uid {
        self.uid
    }

    fn belongs_to(&self) -> Option<Name> {
        self.pool.clone()
    }

    fn is_like(&self, older: &Self) -> bool {
        self.object == older.object
    }
}

impl EncodeLabelValue for Output {
    /// Both slices are one kind of output.
    fn encode(&self, encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&self.kind(), encoder)
    }
}

#[cfg(test)]
pub(crate) mod tests;
