//! What leader-endpoints-controller can be told.

use chassis::workers::WorkerSetting;
use chassis::{About, Flag, Period, Refused, ServiceConfig};
use controller_runtime::client::Kube;
use controller_runtime::lease::Lease;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::topology::Settings as TopologySettings;

/// Everything leader-endpoints-controller can be told, beside what every service can.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Config {
    /// How many pools are worked on at once: 1 to 256, or auto. AdminService.SetWorkers changes it at run time.
    pub workers: WorkerSetting,
    /// Who elects: elect (Drover), follow (another controller; Drover only publishes), or auto (follow while yurt-manager
    /// lives and does it, else elect).
    pub mode: Mode,
    /// Where the leaders are published. The RBAC of deploy/ is for kube-system.
    pub working_namespace: String,
    /// In which objects the leaders are published.
    pub outputs: Outputs,
    /// The labels, annotations and taints that a pool gives to its nodes.
    pub attributes: Attributes,
    /// The API server.
    pub kube: Kube,
    /// The election of the one replica that acts.
    pub lease: Lease,
    /// OpenYurt's own manager, which elects leaders too while it lives.
    pub yurt_manager: YurtManager,
    /// `TopologyService`: who is in which pool, and who is reachable.
    pub topology: TopologySettings,
}

/// Who elects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Another controller while it lives and does so, else Drover.
    #[default]
    Auto,
    /// Drover.
    Elect,
    /// Another controller.
    Follow,
}

/// In which objects the leaders of a pool are published. One that is switched off is deleted where Drover wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outputs {
    /// Endpoints leader-hub-POOL.
    pub endpoints: bool,
    /// ConfigMap leader-hub-POOL, which YurtHubs read.
    pub config_map: bool,
    /// EndpointSlices leader-hub-POOL-ipv4 and leader-hub-POOL-ipv6.
    pub endpoint_slice: bool,
}

/// The labels, annotations and taints that a pool gives to its nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    /// Give them, and take them back from nodes that leave. Always off while another controller elects: it does the same.
    pub sync: bool,
}

/// OpenYurt's own manager.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct YurtManager {
    /// Namespace of its Lease.
    pub namespace: String,
    /// Name of its Lease.
    pub lease: String,
    /// How long it may leave the leaders of a pool wrong before Drover elects for that pool (mode auto).
    pub patience: Period<1_000, 3_600_000>,
}

impl ServiceConfig for Config {
    const ABOUT: About = About {
        service: "leader-endpoints-controller",
        version: env!("CARGO_PKG_VERSION"),
        summary: "Elects the leaders of each node pool and publishes them where edges read them.",
    };

    const FLAGS: &'static [Flag] = &[
        Flag {
            name: "workers",
            aliases: &[
                "concurrent-hubleader-workers",
                "concurrent-hubleaderconfig-workers",
                "concurrent-nodepool-workers",
            ],
            key: "workers",
            help: "How many pools are worked on at once: 1 to 256, or auto",
        },
        Flag { name: "mode", aliases: &[], key: "mode", help: "Who elects: auto, elect or follow" },
        Flag {
            name: "working-namespace",
            aliases: &[],
            key: "working_namespace",
            help: "Where the leaders are published",
        },
        Flag {
            name: "sync-attributes",
            aliases: &["enable-sync-nodepool-configurations"],
            key: "attributes.sync",
            help: "Whether nodes get the labels, annotations and taints of their pool: true or false",
        },
        Flag { name: "kubeconfig", aliases: &[], key: "kube.kubeconfig", help: "Kubeconfig file" },
    ];

    fn check(&self) -> Result<(), Refused> {
        let valid = |name: &str| {
            let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            let edges = !name.starts_with('-') && !name.ends_with('-');
            (1..=63).contains(&name.len()) && edges && name.bytes().all(inside)
        };
        if !valid(&self.working_namespace) {
            return Err(Refused {
                key: "working_namespace",
                value: self.working_namespace.clone(),
                allowed: "the name of a namespace: 1 to 63 lower-case letters, digits and dashes".to_owned(),
            });
        }
        self.lease.check(self.kube.write_timeout.get())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: WorkerSetting::default(),
            mode: Mode::default(),
            working_namespace: "kube-system".to_owned(),
            outputs: Outputs::default(),
            attributes: Attributes { sync: true },
            kube: Kube::default(),
            lease: Lease::named(crate::FIELD_MANAGER),
            yurt_manager: YurtManager::default(),
            topology: TopologySettings::default(),
        }
    }
}

impl Default for Outputs {
    /// Nothing reads the EndpointSlices yet.
    fn default() -> Self {
        Self { endpoints: true, config_map: true, endpoint_slice: false }
    }
}

impl Default for YurtManager {
    /// A patience of 30 s: yurt-manager acts within a second of what it notices at all.
    fn default() -> Self {
        Self {
            namespace: "kube-system".to_owned(),
            lease: "yurt-manager".to_owned(),
            patience: Period::of_millis::<30_000>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_pass_and_a_bad_namespace_is_named() {
        let config = Config::default();
        assert_eq!(config.check(), Ok(()));
        let refused = Config { working_namespace: "Kube System".to_owned(), ..config }.check().unwrap_err();
        assert_eq!((refused.key, refused.value.as_str()), ("working_namespace", "Kube System"));
    }
}
