//! Certificate authorities of this host: the cluster's own, and that of Drover's services. What they sign.

use std::path::Path;

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use super::kubeconfig;
use crate::paths;

/// An authority, as long as its cluster or test lives.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl Authority {
    /// An authority of its own, which nobody else trusts.
    pub fn new() -> Result<Self> {
        let mut params = named("drover-local", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().context("generating the authority's key")?;
        Ok(Self(CertifiedIssuer::self_signed(params, key).context("signing the authority's certificate")?))
    }

    /// Its certificate in PEM, for those who are to trust it.
    pub fn certificate(&self) -> String {
        self.0.pem()
    }

    /// A client that the API server knows as `user` of `group`.
    pub(super) fn client(&self, user: &str, group: Option<&str>) -> Result<Identity> {
        let mut params = named(user, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    /// A server known as `name` to people, and by its host names and addresses to clients.
    pub fn server(&self, name: &str, hosts: &[&str]) -> Result<Identity> {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).with_context(|| format!("naming {name}"))?;
        params.distinguished_name = named(name, None).distinguished_name;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Result<Identity> {
        let key = KeyPair::generate().context("generating a key")?;
        let certificate = params.signed_by(&key, &self.0).context("signing a certificate")?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// The names under which Drover's services are called on this host.
pub const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Writes what a service needs to serve gRPC over TLS on this host: its certificate (`tls.crt`, `tls.key`, named as in
/// a Secret of Kubernetes) and the authority that signed it (`ca.crt`).
pub fn write_server(dir: &Path, authority: &Authority, name: &str) -> Result<()> {
    let server = authority.server(name, &LOCAL_HOSTS)?;
    paths::write(&dir.join("ca.crt"), authority.certificate())?;
    paths::write(&dir.join("tls.crt"), server.certificate)?;
    paths::write(&dir.join("tls.key"), server.key)
}

/// Writes the authority, the API server's certificate, the service accounts' keys and the kubeconfigs of the
/// administrator and the components. `server` is the API server's URL.
pub(super) fn write(dir: &Path, admin: &Path, server: &str) -> Result<()> {
    let authority = Authority::new()?;
    paths::write(&dir.join("ca.crt"), authority.certificate())?;
    let api_server = authority.server("kube-apiserver", &["127.0.0.1", "localhost", "kubernetes.default.svc"])?;
    paths::write(&dir.join("apiserver.crt"), api_server.certificate)?;
    paths::write(&dir.join("apiserver.key"), api_server.key)?;
    // A kept cluster keeps its tokens valid.
    if !dir.join("sa.key").exists() {
        let accounts = KeyPair::generate().context("generating the service accounts' key")?;
        paths::write(&dir.join("sa.key"), accounts.serialize_pem())?;
        paths::write(&dir.join("sa.pub"), accounts.public_key_pem())?;
    }
    let masters = Some("system:masters");
    for (file, user, group) in [
        (admin.to_owned(), "drover:admin", masters),
        (dir.join("controller-manager.kubeconfig"), "system:kube-controller-manager", None),
        (dir.join("scheduler.kubeconfig"), "system:kube-scheduler", None),
        // kwok is every node's kubelet at once, which no built-in role describes.
        (dir.join("kwok.kubeconfig"), "drover:kwok", masters),
    ] {
        let identity = authority.client(user, group)?;
        paths::write(&file, kubeconfig::with_certificate(server, &authority.certificate(), &identity))?;
    }
    Ok(())
}

fn named(user: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, user);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params
}
