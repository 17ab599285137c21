//! Kubeconfig files. Written as JSON, which is YAML.

use std::path::Path;

use anyhow::{Context as _, Result};
use k8s_openapi::ByteString;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use super::pki::Identity;

/// A user who proves itself by a certificate.
pub(super) fn with_certificate(server: &str, authority: &str, identity: &Identity) -> String {
    let user = json!({
        "client-certificate-data": base64(identity.certificate.as_bytes()),
        "client-key-data": base64(identity.key.as_bytes()),
    });
    text(server, authority, &user)
}

/// A user who proves itself by a token, of the cluster that `config` is for.
pub(super) fn with_token(config: &kube::Config, token: &str) -> String {
    let authority: String = config.root_cert.iter().flatten().map(|der| pem_of(der)).collect();
    text(config.cluster_url.to_string().trim_end_matches('/'), &authority, &json!({ "token": token }))
}

/// The client configuration of a kubeconfig file.
pub(super) async fn load(path: &Path) -> Result<kube::Config> {
    let file = Kubeconfig::read_from(path).with_context(|| format!("reading {}", path.display()))?;
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
    config.with_context(|| format!("using {}", path.display()))
}

/// An empty authority leaves the judgement of the server to the system's.
fn text(server: &str, authority: &str, user: &Value) -> String {
    let mut cluster = json!({ "server": server });
    if !authority.is_empty() {
        cluster["certificate-authority-data"] = base64(authority.as_bytes());
    }
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "drover", "cluster": cluster}],
        "users": [{"name": "drover", "user": user}],
        "contexts": [{"name": "drover", "context": {"cluster": "drover", "user": "drover"}}],
        "current-context": "drover",
    });
    format!("{config:#}\n")
}

/// As Kubernetes' own types encode bytes in JSON.
fn base64(bytes: &[u8]) -> Value {
    json!(ByteString(bytes.to_vec()))
}

/// RFC 7468: base64 in lines of 64.
fn pem_of(der: &[u8]) -> String {
    let encoded = base64(der);
    let encoded = encoded.as_str().unwrap_or_default().as_bytes();
    let lines: Vec<_> = encoded.chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
