//! Ways into a cluster: kubectl, namespaces, and kubeconfigs of service accounts.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::{Cluster, kubeconfig};
use crate::paths;

/// The longest that one test or working day needs.
const TOKEN_SECONDS: i64 = 24 * 3600;
const ACCOUNT_WITHIN: Duration = Duration::from_mins(2);
const SERVED_WITHIN: Duration = Duration::from_mins(2);

impl Cluster {
    /// Runs kubectl as the administrator and returns its stdout; its stderr is in the error.
    pub async fn kubectl(&self, args: &[&str]) -> Result<String> {
        self.kubectl_with_input(args, "").await
    }

    /// Server-side applies the objects of a YAML (or JSON) text; with kinds among them, waits until they can be used.
    pub async fn apply(&self, manifests: &str) -> Result<()> {
        let args = ["apply", "--server-side", "--force-conflicts", "--field-manager=drover-xtask", "-f", "-"];
        let applied = self.kubectl_with_input(&args, manifests).await?;
        let kinds: Vec<&str> =
            applied.split_whitespace().filter(|word| word.starts_with("customresourcedefinition")).collect();
        if kinds.is_empty() {
            return Ok(());
        }
        let wait = [&["wait", "--for=condition=Established", "--timeout=120s"], kinds.as_slice()].concat();
        self.kubectl(&wait).await?;
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.rsplit('/').next().unwrap_or(kind)).collect();
        self.await_served(&kinds.join(",")).await
    }

    /// Waits until the API server serves these kinds: a moment after it says that they are established.
    async fn await_served(&self, kinds: &str) -> Result<()> {
        let deadline = Instant::now() + SERVED_WITHIN;
        while let Err(error) = self.kubectl(&["get", kinds, "--all-namespaces", "--output=name"]).await {
            ensure!(Instant::now() < deadline, "{kinds} are not served after {SERVED_WITHIN:?}: {error:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Runs kubectl as the administrator with `input` on its stdin.
    pub async fn kubectl_with_input(&self, args: &[&str], input: &str) -> Result<String> {
        let mut child = Command::new(&self.kubectl)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting kubectl")?;
        let mut stdin = child.stdin.take().context("kubectl has no stdin")?;
        let feed = async move {
            // kubectl may refuse its arguments before it has read; its stderr says why.
            let _ = stdin.write_all(input.as_bytes()).await;
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), feed);
        let output = output.context("waiting for kubectl")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "kubectl {}: {}", args.join(" "), errors.trim());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Makes a namespace, unless it is there, and waits until pods can be made in it.
    pub async fn namespace(&self, name: &str) -> Result<()> {
        let client = self.client()?;
        let namespace = Namespace {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            ..Namespace::default()
        };
        match Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await {
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            made => {
                made.with_context(|| format!("making namespace {name}"))?;
            }
        }
        await_account(&Api::namespaced(client, name), "default").await
    }

    /// The path of a kubeconfig by which a process is this `ServiceAccount` and nothing more. The token lasts 24 h.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let path = self.scratch()?.join(format!("{namespace}-{name}.kubeconfig"));
        self.write_kubeconfig(namespace, name, &path).await?;
        Ok(path)
    }

    /// Writes a kubeconfig by which a process is this `ServiceAccount`, with a token of its own that lasts 24 h.
    pub async fn write_kubeconfig(&self, namespace: &str, name: &str, path: &Path) -> Result<()> {
        let token = self.service_account_token(namespace, name, &[]).await?;
        paths::write(path, kubeconfig::with_token(&self.config, &token))
    }

    /// Makes a `ServiceAccount`, unless it is there; its namespace must be.
    pub async fn service_account(&self, namespace: &str, name: &str) -> Result<()> {
        let account = ServiceAccount {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            ..ServiceAccount::default()
        };
        match Api::namespaced(self.client()?, namespace).create(&PostParams::default(), &account).await {
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            made => made.map(drop).with_context(|| format!("making ServiceAccount {namespace}/{name}")),
        }
    }

    /// A token by which a process calls Drover's services as this `ServiceAccount`; it lasts 24 h.
    pub async fn caller_token(&self, namespace: &str, name: &str) -> Result<String> {
        self.service_account_token(namespace, name, &["drover"]).await
    }

    /// A token of a `ServiceAccount` for `audiences`; none: for the API server itself.
    pub async fn service_account_token(&self, namespace: &str, name: &str, audiences: &[&str]) -> Result<String> {
        self.token(namespace, name, audiences, None).await
    }

    /// A token by which a pod of a `ServiceAccount` calls Drover's services: it ends with the pod, and says on which
    /// node it is.
    pub async fn pod_token(&self, namespace: &str, name: &str, pod: &str) -> Result<String> {
        let pod = BoundObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            name: Some(pod.to_owned()),
            uid: None,
        };
        self.token(namespace, name, &["drover"], Some(pod)).await
    }

    async fn token(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[&str],
        bound: Option<BoundObjectReference>,
    ) -> Result<String> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client()?, namespace);
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                audiences: Some(audiences.iter().map(|audience| (*audience).to_owned()).collect()),
                expiration_seconds: Some(TOKEN_SECONDS),
                bound_object_ref: bound,
            }),
            ..TokenRequest::default()
        };
        let answer = accounts.create_token_request(name, &PostParams::default(), &request).await;
        let answer = answer.with_context(|| format!("asking for a token of {namespace}/{name}"))?;
        answer.status.and_then(|status| status.token).context("a token request without an answer")
    }
}

/// Waits until the controller-manager has made a namespace's account.
pub(super) async fn await_account(accounts: &Api<ServiceAccount>, name: &str) -> Result<()> {
    let deadline = Instant::now() + ACCOUNT_WITHIN;
    while accounts.get_opt(name).await.context("reading a ServiceAccount")?.is_none() {
        ensure!(Instant::now() < deadline, "no ServiceAccount {name} after {ACCOUNT_WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
