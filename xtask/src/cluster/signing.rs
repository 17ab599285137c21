//! Tokens that the API server would never issue, signed as it signs: what is wrong with them is then not the signature.

use anyhow::{Context as _, Result, anyhow};
use k8s_openapi::ByteString;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use super::Cluster;

/// The issuer of the cluster's tokens.
pub(super) const ISSUER: &str = "https://kubernetes.default.svc";

impl Cluster {
    /// A JSON web token with these claims, signed with the key of this cluster's service accounts.
    pub fn sign_token(&self, claims: &Value) -> Result<String> {
        let pem = std::fs::read(self.own()?.layout.pki().join("sa.key")).context("reading the accounts' key")?;
        let key = rcgen::KeyPair::from_pem(std::str::from_utf8(&pem)?).context("reading the accounts' key")?;
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.serialized_der(), &random)
            .map_err(|error| anyhow!("using the accounts' key: {error}"))?;
        let header = json!({"alg": "ES256", "typ": "JWT"});
        let signed =
            format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
        let signature = key.sign(&random, signed.as_bytes()).map_err(|error| anyhow!("signing: {error}"))?;
        Ok(format!("{signed}.{}", base64url(signature.as_ref())))
    }

    /// The claims of a `ServiceAccount`'s token for the audience `drover` that began and ends then, in seconds since
    /// 1970.
    pub async fn token_claims(&self, namespace: &str, name: &str, from: i64, until: i64) -> Result<Value> {
        let accounts: kube::Api<k8s_openapi::api::core::v1::ServiceAccount> =
            kube::Api::namespaced(self.client()?, namespace);
        let account = accounts.get(name).await.with_context(|| format!("reading ServiceAccount {namespace}/{name}"))?;
        let uid = account.metadata.uid.context("an account without UID")?;
        Ok(json!({
            "iss": ISSUER,
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
            "aud": ["drover"],
            "iat": from,
            "nbf": from,
            "exp": until,
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}},
        }))
    }
}

/// Base64url without padding (RFC 7515, 2), from the base64 of Kubernetes' own type.
fn base64url(bytes: &[u8]) -> String {
    let encoded = json!(ByteString(bytes.to_vec()));
    encoded.as_str().unwrap_or_default().trim_end_matches('=').replace('+', "-").replace('/', "_")
}
