//! The cluster's own certificate authority and what it signs.

use std::path::Path;

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use super::kubeconfig;
use crate::paths;

/// An authority that lives as long as its cluster.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A client certificate and its key, in PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Result<Self> {
        let mut params = named("drover-local", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().context("generating the authority's key")?;
        Ok(Self(CertifiedIssuer::self_signed(params, key).context("signing the authority's certificate")?))
    }

    pub(super) fn certificate(&self) -> String {
        self.0.pem()
    }

    /// A client that the API server knows as `user` of `group`.
    pub(super) fn client(&self, user: &str, group: Option<&str>) -> Result<Identity> {
        let mut params = named(user, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn server(&self) -> Result<Identity> {
        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
        let mut params = CertificateParams::new(names).context("naming the API server")?;
        params.distinguished_name = named("kube-apiserver", None).distinguished_name;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Result<Identity> {
        let key = KeyPair::generate().context("generating a key")?;
        let certificate = params.signed_by(&key, &self.0).context("signing a certificate")?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// Writes the authority, the API server's certificate, the service accounts' keys and the kubeconfigs of the administrator
/// and the components. `server` is the API server's URL.
pub(super) fn write(dir: &Path, admin: &Path, server: &str) -> Result<()> {
    let authority = Authority::new()?;
    paths::write(&dir.join("ca.crt"), authority.certificate())?;
    let api_server = authority.server()?;
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
