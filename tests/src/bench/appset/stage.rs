//! Where it is measured: a cluster with pools of one node, the controller with a `YurtAppSet`, and the ideal client with its order.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use api::node_pool::{NodePool, NodePoolSpec};
use api::rbac::{APPSET_CONTROLLER, NAMESPACE};
use api::yurt_app_set::YurtAppSet;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use xtask::cluster::{Cluster, ClusterSpec};
use xtask::nodes::Fleet;
use xtask::process::{Process, Spec};

use super::course::Course;
use super::ideal;
use super::ledger::{Ledger, Writer};
use super::replica::{Owner, replicas};
use crate::bench::ideal::LISTED;
use crate::checker::AuditLog;

/// The controller's account.
pub(super) const ACCOUNT: &str = APPSET_CONTROLLER.account;
/// The ideal client's namespace and account.
pub(super) const IDEAL: &str = "ideal";
/// The `YurtAppSet`.
pub(super) const SET: &str = "web";
/// The `ConfigMap` that orders the ideal client.
pub(super) const ORDER: &str = "order";
/// By this label it finds it.
pub(super) const ORDER_LABEL: &str = "drover.dev/bench=order";

/// kwok renews a lease after a quarter of its length: 1,000 nodes write 1.7 times a second beside what is measured.
const LEASE_SECONDS: u32 = 2_400;
const GRACE_SECONDS: u32 = 2_500;
/// How many NodePools are made at once.
const PARALLEL: usize = 32;
/// Listing takes a moment.
const READY_WITHIN: Duration = Duration::from_mins(1);
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// Manifests under `deploy/`, in this order.
const MANIFESTS: [&str; 8] = [
    "deploy/crds/approvalrequests.drover.dev.yaml",
    "deploy/crds/fleetrollouts.drover.dev.yaml",
    "deploy/crds/nodepools.apps.openyurt.io.yaml",
    "deploy/crds/rolloutstrategies.drover.dev.yaml",
    "deploy/crds/yurtappsets.apps.openyurt.io.yaml",
    "deploy/drover-system/namespace.yaml",
    "deploy/appset-controller/service-account.yaml",
    "deploy/appset-controller/rbac.yaml",
];

/// A cluster with pools.
pub(super) struct Stage {
    /// The cluster.
    pub(super) cluster: Cluster,
    /// How many pools there are.
    pub(super) pools: u32,
    /// What was released last by each writer's object, in the order of [`Writer::ALL`].
    released: [u32; 2],
}

/// Who writes, running.
pub(super) struct Troupe {
    /// The controller.
    pub(super) controller: Process,
    ideal: Child,
}

impl Stage {
    /// Starts a cluster with so many pools of one node.
    pub(super) async fn set(pools: u32) -> Result<Self> {
        let cluster = Cluster::start(ClusterSpec::new(0, 1).lease(LEASE_SECONDS, GRACE_SECONDS)).await?;
        for manifest in MANIFESTS {
            let path = xtask::paths::workspace().join(manifest);
            let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            cluster.apply(&text).await?;
        }
        for writer in Writer::ALL {
            cluster.namespace(writer.namespace()).await?;
        }
        cluster.apply(&ideal_account()).await?;
        cluster.nodes()?.create(&Fleet::new(pools, pools)).await?;
        let api: &Api<NodePool> = &Api::all(cluster.client()?);
        let made = (1..=pools).map(|pool| NodePool::new(&format!("pool-{pool}"), NodePoolSpec::default()));
        let made = stream::iter(made).map(async |pool| api.create(&PostParams::default(), &pool).await);
        made.buffer_unordered(PARALLEL).try_collect::<Vec<_>>().await.context("making NodePools")?;
        Ok(Self { cluster, pools, released: [1; 2] })
    }

    /// Longer than anything takes with so many pools on a busy machine.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_mins(2) + self.pools * Duration::from_millis(300)
    }

    /// What the audit log tells.
    pub(super) fn ledger(&self) -> Result<Ledger> {
        Ok(Ledger::new(AuditLog::new(self.audit_log()?)))
    }

    /// The image that a writer was last told to bring.
    pub(super) fn image(&self, writer: Writer) -> String {
        image(self.released[writer as usize])
    }

    /// Starts the controller and the ideal client; back when both have made their workloads and are at rest.
    pub(super) async fn engage(&self, program: &Path, course: &Course) -> Result<Troupe> {
        let controller = self.start_controller(program).await?;
        let made = async {
            let sets: Api<YurtAppSet> = Api::namespaced(self.cluster.client()?, Writer::Controller.namespace());
            let set = serde_json::from_value(app_set(&image(1))).context("the YurtAppSet")?;
            sets.create(&PostParams::default(), &set).await.context("making the YurtAppSet")?;
            self.await_rolled_out(course, Writer::Controller).await?;
            self.ledger()?.await_quiet(Writer::Controller, super::QUIET, self.patience()).await
        };
        if let Err(error) = made.await {
            bail!("{error:#}; the end of its output:\n{}", last_lines(&controller.output()));
        }
        let ideal = self.start_ideal().await?;
        self.order(Writer::Ideal, &image(1)).await?;
        self.await_rolled_out(course, Writer::Ideal).await?;
        Ok(Troupe { controller, ideal })
    }

    /// Waits until every pool of a writer runs what it was last told to bring.
    pub(super) async fn await_rolled_out(&self, course: &Course, writer: Writer) -> Result<()> {
        course.await_rolled_out(writer.namespace(), &self.image(writer), self.pools, self.patience()).await
    }

    /// Tells a writer to bring the next image.
    pub(super) async fn release(&mut self, writer: Writer) -> Result<()> {
        let next = self.released[writer as usize] + 1;
        self.order(writer, &image(next)).await?;
        self.released[writer as usize] = next;
        Ok(())
    }

    async fn order(&self, writer: Writer, image: &str) -> Result<()> {
        let (client, params) = (self.cluster.client()?, PatchParams::default());
        let told = match writer {
            Writer::Controller => {
                let sets: Api<YurtAppSet> = Api::namespaced(client, writer.namespace());
                sets.patch(SET, &params, &Patch::Merge(app_set(image))).await.map(drop)
            }
            Writer::Ideal => {
                let orders: Api<ConfigMap> = Api::namespaced(client, writer.namespace());
                orders.patch(ORDER, &params, &Patch::Merge(json!({"data": {"image": image}}))).await.map(drop)
            }
        };
        told.with_context(|| format!("telling the {} of {image}", writer.name()))
    }

    async fn start_controller(&self, program: &Path) -> Result<Process> {
        let kubeconfig = self.cluster.service_account_kubeconfig(NAMESPACE, ACCOUNT).await?;
        Spec::new(program)
            .flag("kubeconfig", kubeconfig.display())
            .env("DROVER_ADMIN__LISTEN", "127.0.0.1:0")
            .env("DROVER_GRPC__LISTEN", "127.0.0.1:0")
            .env("DROVER_TELEMETRY__FORMAT", "json")
            .start()
            .await
    }

    /// Starts the ideal client with what the controller has applied until now.
    async fn start_ideal(&self) -> Result<Child> {
        let orders: Api<ConfigMap> = Api::namespaced(self.cluster.client()?, IDEAL);
        let order = orders.create(&PostParams::default(), &serde_json::from_value(order())?).await?;
        let owner = Owner { name: ORDER.to_owned(), uid: order.uid().context("a ConfigMap without a UID")? };
        let objects = replicas(self.audit_log()?, &owner)?;
        ensure!(objects.len() == self.pools as usize, "{} applies in the audit log", objects.len());
        let lines = objects.values().map(|object| format!("{object}\n").replace(&image(1), ideal::IMAGE));
        let file = self.cluster.scratch()?.join("objects");
        std::fs::write(&file, lines.collect::<String>()).with_context(|| format!("writing {}", file.display()))?;
        let kubeconfig = self.cluster.service_account_kubeconfig(IDEAL, IDEAL).await?;
        let this: PathBuf = std::env::current_exe().context("finding this program")?;
        let mut child = Command::new(this)
            .arg("appset-ideal")
            .args([kubeconfig, file])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting the ideal client")?;
        let mut output = BufReader::new(child.stdout.take().context("a child without stdout")?).lines();
        let line = tokio::time::timeout(READY_WITHIN, output.next_line()).await;
        let line = line.context("the ideal client does not list")??;
        ensure!(line.as_deref() == Some(LISTED), "the ideal client says {line:?}");
        Ok(child)
    }

    fn audit_log(&self) -> Result<&Path> {
        self.cluster.audit_log().context("a cluster without an audit log")
    }
}

impl Troupe {
    /// The process of a writer.
    pub(super) fn pid(&self, writer: Writer) -> Result<i32> {
        match writer {
            Writer::Controller => {
                let ended = self.controller.exit();
                ensure!(ended.is_none(), "the controller has ended");
                Ok(self.controller.pid())
            }
            Writer::Ideal => Ok(i32::try_from(self.ideal.id().context("the ideal client has ended")?)?),
        }
    }

    /// Ends both.
    pub(super) async fn end(mut self) -> Result<()> {
        self.ideal.kill().await.context("ending the ideal client")?;
        self.controller.terminate(GONE_WITHIN).await.map(drop)
    }
}

/// The end of a log.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn image(version: u32) -> String {
    format!("registry.example/web:v{version}")
}

/// One replica in every pool; each pool is told its name, as users of OpenYurt do.
fn app_set(image: &str) -> Value {
    let container = json!({
        "name": "web",
        "image": image,
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": "POOL", "value": ""}, {"name": "LOG_LEVEL", "value": "info"}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    });
    let template = json!({
        "metadata": {"labels": {"app": SET}},
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": {"app": SET}},
            "template": {"metadata": {"labels": {"app": SET}}, "spec": {"containers": [container]}},
        },
    });
    let path = "/spec/template/spec/containers/0/env/0/value";
    let told = json!({"path": path, "operation": "replace", "value": "{{nodepool-name}}"});
    json!({
        "apiVersion": "apps.openyurt.io/v1beta1",
        "kind": "YurtAppSet",
        "metadata": {"name": SET},
        "spec": {
            "nodepoolSelector": {},
            "workload": {
                "workloadTemplate": {"deploymentTemplate": template},
                "workloadTweaks": [{"nodepoolSelector": {}, "tweaks": {"patches": [told]}}],
            },
        },
    })
}

fn order() -> Value {
    let (key, value) = ORDER_LABEL.split_once('=').unwrap_or_default();
    json!({"metadata": {"name": ORDER, "labels": {key: value}}})
}

fn ideal_account() -> String {
    let (rbac, names) = ("rbac.authorization.k8s.io", json!({"namespace": IDEAL, "name": IDEAL}));
    let items = json!([
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": names},
        {
            "apiVersion": format!("{rbac}/v1"), "kind": "Role", "metadata": names,
            "rules": [
                {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"]},
                // An owner that blocks the deletion of what it owns.
                {"apiGroups": [""], "resources": ["configmaps/finalizers"], "verbs": ["update"]},
                {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create", "patch"]},
            ],
        },
        {
            "apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding", "metadata": names,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": IDEAL},
            "subjects": [{"kind": "ServiceAccount", "namespace": IDEAL, "name": IDEAL}],
        },
    ]);
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}
