//! What is deployed is what a cluster accepts.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use xtask::paths;
use xtask::process::Spec;
use xtask::supervisor::Exit;

use super::{cluster, says};

#[tokio::test]
async fn the_kustomize_base_passes_a_server_side_dry_run() -> Result<()> {
    let cluster = cluster().await?;
    cluster.namespace(api::rbac::NAMESPACE).await?;
    let base = paths::workspace().join("deploy/leader-endpoints-controller").display().to_string();
    let args = ["apply", "--server-side", "--dry-run=server", "--force-conflicts", "--output=name", "-k", &base];
    let applied = cluster.kubectl(&args).await?;
    says(
        &applied,
        &[
            "namespace/drover-system",
            "serviceaccount/leader-endpoints-controller",
            "clusterrole.rbac.authorization.k8s.io/drover-leader-endpoints-controller",
            "clusterrolebinding.rbac.authorization.k8s.io/drover-leader-endpoints-controller",
            "role.rbac.authorization.k8s.io/drover-leader-endpoints-controller",
            "rolebinding.rbac.authorization.k8s.io/drover-leader-endpoints-controller",
            "validatingadmissionpolicy.admissionregistration.k8s.io/nodepools-with-nodes.drover.dev",
            "validatingadmissionpolicybinding.admissionregistration.k8s.io/nodepools-with-nodes.drover.dev",
            "validatingadmissionpolicy.admissionregistration.k8s.io/nodes-between-nodepools.drover.dev",
            "priorityclass.scheduling.k8s.io/drover",
            "service/leader-endpoints-controller",
            "deployment.apps/leader-endpoints-controller",
            "poddisruptionbudget.policy/leader-endpoints-controller",
            "configmap/leader-endpoints-controller-",
        ],
    );
    // On a cluster with OpenYurt nothing of OpenYurt's is touched.
    assert!(!applied.contains("customresourcedefinition"), "{applied}");
    // It was a dry run: there is no Deployment.
    let deployments = cluster.kubectl(&["get", "deployments", "--all-namespaces", "--output=name"]).await?;
    assert_eq!(deployments.trim(), "");
    Ok(())
}

#[tokio::test]
async fn what_is_deployed_as_configuration_is_taken() -> Result<()> {
    let file = paths::workspace().join("deploy/leader-endpoints-controller/leader-endpoints-controller.toml");
    let process = Spec::service("leader-endpoints-controller")?;
    let process = process.flag("config", file.display()).arg("--print-config").start().await?;
    let exit = tokio::time::timeout(super::LONG, process.wait()).await.context("it does not end")?;
    let output = process.output();
    assert_eq!(exit, Exit::Code(0), "{output}");
    says(&output, &["listen = \"0.0.0.0:9090\"", "certificate = \"/etc/drover-tls/tls.crt\""]);
    Ok(())
}

/// An alert on a metric that nobody has never fires.
#[test]
fn alerts_are_about_metrics_that_services_have() -> Result<()> {
    for (service, least) in [("leader-endpoints-controller", 7), ("appset-controller", 4)] {
        let alerts = std::fs::read_to_string(paths::workspace().join(format!("deploy/alerts/{service}.yaml")))?;
        let is_name = |byte: char| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == '_';
        let named = alerts.split(|byte| !is_name(byte)).filter_map(|word| word.strip_prefix("drover_"));
        let endings = ["_total", "_bucket", "_info"];
        let named: BTreeSet<&str> =
            named.map(|name| endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)).collect();
        let mut sources = String::new();
        for name in ["chassis", "controller-runtime", service] {
            read_sources(&paths::workspace().join("crates").join(name).join("src"), &mut sources)?;
        }
        assert!(named.len() >= least, "{service}: {named:?}");
        let unknown: Vec<_> = named.iter().filter(|name| !sources.contains(&format!("\"{name}\""))).collect();
        assert!(unknown.is_empty(), "{service}: {unknown:?}");
    }
    Ok(())
}

fn read_sources(folder: &Path, into: &mut String) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            read_sources(&path, into)?;
        } else {
            into.push_str(&std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

/// The API server's own check of the policies' expressions found nothing to warn of.
#[tokio::test]
async fn the_policies_type_check() -> Result<()> {
    let cluster = cluster().await?;
    let read = ["get", "validatingadmissionpolicies", "--output=json"];
    let policies = tests::fixture::eventually("the policies to be checked", super::LONG, async || {
        let list: Value = serde_json::from_str(&cluster.kubectl(&read).await?)?;
        let policies = list["items"].as_array().context("a list")?.clone();
        let checked = policies.iter().all(|of| of["status"]["observedGeneration"] == of["metadata"]["generation"]);
        Ok(checked.then_some(policies))
    })
    .await?;
    assert_eq!(policies.len(), 2);
    for policy in policies {
        let warnings = &policy["status"]["typeChecking"]["expressionWarnings"];
        assert!(warnings.is_null(), "{}: {warnings}", policy["metadata"]["name"]);
    }
    Ok(())
}
