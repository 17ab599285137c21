//! Somebody who types `drover`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tests::fixture::{Scene, eventually};
use tokio::process::Command;
use xtask::process::Spec;

use super::LONG;

/// A user, in the namespace of a scene.
pub(crate) struct User {
    kubeconfig: PathBuf,
    namespace: String,
    /// What the service's durations are on this cluster.
    timing: Vec<String>,
}

/// What the program said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl User {
    /// The cluster's administrator.
    pub(crate) fn administrator(scene: &Scene<'_>) -> Self {
        let timing = &scene.bed.pace.timing;
        let settings = [
            ("reachable_after", timing.reachable_after),
            ("node_monitor_grace", timing.node_monitor_grace),
            ("settle_margin", timing.settle_margin),
            ("failed_after", timing.failed_after),
        ];
        Self {
            kubeconfig: scene.bed.cluster.kubeconfig().to_owned(),
            namespace: scene.namespace.clone(),
            timing: settings.map(|(key, value)| format!("--timing={key}={}ms", value.as_millis())).into(),
        }
    }

    /// The administrator of a cluster, in this namespace, where no node's durations matter.
    pub(crate) fn at(kubeconfig: &Path, namespace: &str) -> Self {
        Self { kubeconfig: kubeconfig.to_owned(), namespace: namespace.to_owned(), timing: Vec::new() }
    }

    /// A user with these rules in the scene's namespace (as a Role has them) and none elsewhere.
    pub(crate) async fn with_rules(scene: &Scene<'_>, name: &str, rules: &Value) -> Result<Self> {
        let (cluster, namespace) = (&scene.bed.cluster, &scene.namespace);
        cluster.service_account(namespace, name).await?;
        let group = "rbac.authorization.k8s.io";
        let role = serde_json::json!({
            "apiVersion": format!("{group}/v1"), "kind": "Role",
            "metadata": {"name": name, "namespace": namespace}, "rules": rules,
        });
        let binding = serde_json::json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": namespace},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        });
        cluster.apply(&format!("{role}\n---\n{binding}")).await?;
        let kubeconfig = cluster.service_account_kubeconfig(namespace, name).await?;
        let user = Self { kubeconfig, ..Self::administrator(scene) };
        user.await_rights(scene, rules).await?;
        Ok(user)
    }

    /// Waits until the API server knows the user, and the first of these rules: it learns of both some time after they are
    /// there, and of all of a Role at once.
    async fn await_rights(&self, scene: &Scene<'_>, rules: &Value) -> Result<()> {
        let kubeconfig = self.kubeconfig.display().to_string();
        let text = |pointer: &str| rules.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (verb, group) = (text("/0/verbs/0"), text("/0/apiGroups/0"));
        let resource = format!("{}.{group}", text("/0/resources/0"));
        let question = match verb {
            "" => vec!["auth", "whoami"],
            verb => vec!["auth", "can-i", verb, &resource, "--namespace", &self.namespace],
        };
        let question = [&["--kubeconfig", kubeconfig.as_str()], question.as_slice()].concat();
        let answered = async || Ok(scene.bed.cluster.kubectl(&question).await.ok());
        eventually("the user's rights", LONG, answered).await.map(drop)
    }

    /// Types a command.
    pub(crate) async fn types(&self, args: &[&str]) -> Result<Answer> {
        let program = Spec::service("drover")?.program();
        let mut command = Command::new(program.path);
        command
            .args(args)
            .args(["--namespace", &self.namespace])
            .env("KUBECONFIG", &self.kubeconfig)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let Ok(output) = tokio::time::timeout(LONG, command.output()).await else {
            bail!("drover {} did not end within {LONG:?}", args.join(" "));
        };
        let output = output.context("starting drover")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Answer { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) })
    }

    /// Types a command that runs the planner, with the service's durations.
    pub(crate) async fn types_timed(&self, args: &[&str]) -> Result<Answer> {
        let timing: Vec<&str> = self.timing.iter().map(String::as_str).collect();
        self.types(&[args, &timing].concat()).await
    }

    /// Types a command that must work; what it says.
    pub(crate) async fn does(&self, args: &[&str]) -> Result<String> {
        self.types(args).await?.done(args)
    }

    /// The same with the service's durations.
    pub(crate) async fn asks(&self, args: &[&str]) -> Result<String> {
        self.types_timed(args).await?.done(args)
    }

    /// Types a command that must not work; what it says to that.
    pub(crate) async fn is_refused(&self, args: &[&str]) -> Result<String> {
        let answer = self.types(args).await?;
        ensure!(answer.code == Some(1), "drover {} was not refused: {answer:?}", args.join(" "));
        Ok(answer.err)
    }
}

impl Answer {
    fn done(self, args: &[&str]) -> Result<String> {
        ensure!(self.code == Some(0), "drover {}: {self:?}", args.join(" "));
        Ok(self.out)
    }
}

/// Every one of these words is said.
pub(crate) fn says(text: &str, words: &[&str]) -> Result<()> {
    for word in words {
        ensure!(text.contains(word), "{word:?} is not said in:\n{text}");
    }
    Ok(())
}
