//! Where services find each other, whether they are there or not.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tokio::net::TcpSocket;
use xtask::cluster::Authority;

use super::bed::Bed;

/// What was not confirmed for so long is unknown to who asked.
const UNKNOWN_AFTER: &str = "3s";

/// Where a service serves, as often as it is started, and by what the other one calls it.
pub(crate) struct Place {
    address: SocketAddr,
    /// With its certificate, the authority of that, and a token of who calls it.
    folder: PathBuf,
    /// Bound, and never listened on: nobody else is given the port.
    _reserved: TcpSocket,
}

impl Place {
    /// A port for the service `name`, and what `caller` needs to call it.
    pub(crate) async fn reserve(bed: &Bed, name: &str, caller: &str) -> Result<Self> {
        let cluster = &bed.testbed.cluster;
        let folder = cluster.scratch()?.join(format!("place-of-{name}"));
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        xtask::cluster::write_server(&folder, &Authority::new()?, name)?;
        std::fs::write(folder.join("token"), cluster.caller_token(api::rbac::NAMESPACE, caller).await?)?;
        let reserved = TcpSocket::new_v4()?;
        reserved.set_reuseaddr(true)?;
        reserved.bind(SocketAddr::from(([127, 0, 0, 1], 0))).context("reserving a port")?;
        Ok(Self { address: reserved.local_addr()?, folder, _reserved: reserved })
    }

    /// What tells the service to serve there, with a heartbeat of what is served under this key of its configuration.
    pub(crate) fn served(&self, key: &str) -> Vec<(String, String)> {
        let file = |name: &str| self.folder.join(name).display().to_string();
        vec![
            ("DROVER_GRPC__LISTEN".to_owned(), self.address.to_string()),
            ("DROVER_GRPC__TLS__CERTIFICATE".to_owned(), file("tls.crt")),
            ("DROVER_GRPC__TLS__KEY".to_owned(), file("tls.key")),
            (format!("DROVER_{key}__HEARTBEAT"), "300ms".to_owned()),
        ]
    }

    /// What tells the other service to ask there.
    pub(crate) fn called(&self, peer: &str) -> Vec<(String, String)> {
        let file = |name: &str| self.folder.join(name).display().to_string();
        let key = |field: &str| format!("DROVER_PEERS__{peer}__{field}");
        vec![
            (key("PEER__ADDRESS"), format!("https://{}", self.address)),
            (key("PEER__AUTHORITY"), file("ca.crt")),
            (key("PEER__TOKEN"), file("token")),
            (key("UNKNOWN_AFTER"), UNKNOWN_AFTER.to_owned()),
        ]
    }
}
