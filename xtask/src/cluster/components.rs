//! The processes of the control plane and their flags.

use std::path::PathBuf;

use super::layout::Layout;
use super::signing;
use crate::paths;
use crate::supervisor::Program;
use crate::tools::Tools;

/// One process of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// The store.
    Etcd,
    /// The API server.
    ApiServer,
    /// The controllers: DaemonSets, node lifecycle, garbage collection, service accounts, …
    ControllerManager,
    /// The scheduler.
    Scheduler,
    /// Every node's kubelet.
    Kwok,
}

/// What the flags depend on besides files.
#[derive(Clone, Debug)]
pub(super) struct Flags {
    pub(super) api_port: u16,
    pub(super) lease_seconds: u32,
    pub(super) grace_seconds: u32,
}

impl Component {
    /// The program to run.
    pub(super) fn program(self, tools: &Tools, layout: &Layout, flags: &Flags) -> Program {
        match self {
            Self::Etcd => etcd(tools, layout),
            Self::ApiServer => api_server(tools, layout, flags),
            Self::ControllerManager => controller_manager(tools, layout, flags),
            Self::Scheduler => scheduler(tools, layout),
            Self::Kwok => kwok(tools, layout, flags),
        }
    }

    /// Its log.
    pub(super) fn log(self, layout: &Layout) -> PathBuf {
        layout.logs().join(match self {
            Self::Etcd => "etcd.log",
            Self::ApiServer => "apiserver.log",
            Self::ControllerManager => "controller-manager.log",
            Self::Scheduler => "scheduler.log",
            Self::Kwok => "kwok.log",
        })
    }
}

impl Flags {
    /// The API server's URL.
    pub(super) fn server(&self) -> String {
        format!("https://127.0.0.1:{}", self.api_port)
    }
}

fn etcd(tools: &Tools, layout: &Layout) -> Program {
    let program = Program::new(&tools.etcd, Component::Etcd.log(layout))
        .flag("data-dir", layout.etcd.display())
        // A socket in a directory of ours: no port to lose to somebody else, and no other user can open it.
        .flag("listen-client-urls", layout.etcd_url())
        // Told to clients that ask for members, which the API server does not, and must look like host and port.
        .flag("advertise-client-urls", "http://127.0.0.1:1")
        // A single member has no peers: any free port will do.
        .flag("listen-peer-urls", "http://127.0.0.1:0")
        .flag("log-level", "warn");
    if layout.durable { program } else { program.arg("--unsafe-no-fsync") }
}

fn api_server(tools: &Tools, layout: &Layout, flags: &Flags) -> Program {
    let pki = layout.pki();
    Program::new(&tools.kube_apiserver, Component::ApiServer.log(layout))
        .flag("etcd-servers", layout.etcd_url())
        .flag("bind-address", "127.0.0.1")
        .flag("secure-port", flags.api_port)
        // There is no service network that could lead to loopback.
        .flag("endpoint-reconciler-type", "none")
        .flag("service-cluster-ip-range", "10.0.0.0/16")
        .flag("tls-cert-file", pki.join("apiserver.crt").display())
        .flag("tls-private-key-file", pki.join("apiserver.key").display())
        .flag("client-ca-file", pki.join("ca.crt").display())
        .flag("service-account-issuer", signing::ISSUER)
        .flag("service-account-key-file", pki.join("sa.pub").display())
        .flag("service-account-signing-key-file", pki.join("sa.key").display())
        .flag("authorization-mode", "Node,RBAC")
        .flag("allow-privileged", true)
        .flag("max-requests-inflight", 3_000)
        .flag("max-mutating-requests-inflight", 1_000)
        .flag("audit-policy-file", pki.join("audit-policy.json").display())
        .flag("audit-log-path", layout.audit_log().display())
        // Written before the response is: whoever has seen the effect can read the event.
        .flag("audit-log-mode", "blocking")
        // In MiB; the default rotates away what a long run must be judged by.
        .flag("audit-log-maxsize", 1_000_000)
}

fn controller_manager(tools: &Tools, layout: &Layout, flags: &Flags) -> Program {
    let pki = layout.pki();
    let kubeconfig = pki.join("controller-manager.kubeconfig");
    Program::new(&tools.kube_controller_manager, Component::ControllerManager.log(layout))
        .flag("kubeconfig", kubeconfig.display())
        .flag("secure-port", 0)
        .flag("leader-elect", false)
        // Each controller under its own name: the audit log then tells them apart.
        .flag("use-service-account-credentials", true)
        .flag("service-account-private-key-file", pki.join("sa.key").display())
        .flag("root-ca-file", pki.join("ca.crt").display())
        .flag("kube-api-qps", 500)
        .flag("kube-api-burst", 1_000)
        .flag("concurrent-daemonset-syncs", 10)
        .flag("node-monitor-period", "1s")
        .flag("node-monitor-grace-period", format_args!("{}s", flags.grace_seconds))
        // NoExecute taints without the throttle for large outages, so that tests need not wait for it.
        .flag("node-eviction-rate", 100)
        .flag("secondary-node-eviction-rate", 100)
        .flag("large-cluster-size-threshold", 0)
}

fn scheduler(tools: &Tools, layout: &Layout) -> Program {
    Program::new(&tools.kube_scheduler, Component::Scheduler.log(layout))
        .flag("kubeconfig", layout.pki().join("scheduler.kubeconfig").display())
        .flag("secure-port", 0)
        .flag("leader-elect", false)
        .flag("kube-api-qps", 500)
        .flag("kube-api-burst", 1_000)
}

fn kwok(tools: &Tools, layout: &Layout, flags: &Flags) -> Program {
    Program::new(&tools.kwok, Component::Kwok.log(layout))
        .flag("kubeconfig", layout.pki().join("kwok.kubeconfig").display())
        .flag("config", paths::workspace().join("deploy/local/kwok-stages.yaml").display())
        .flag("manage-nodes-with-label-selector", "drover.dev/offline!=true")
        .flag("node-lease-duration-seconds", flags.lease_seconds)
        // Room for a pod network of the largest fleets.
        .flag("cidr", "10.64.0.0/10")
}
