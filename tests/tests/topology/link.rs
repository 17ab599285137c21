//! The link between a client and its server: it can be cut, and lead to another server.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use chassis::peer::{Peer, PeerAddress};
use tests::fixture::Service;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections made to an address of its own.
pub(super) struct Link {
    address: SocketAddr,
    /// Where to; none: the link is cut.
    target: Arc<watch::Sender<Option<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    /// A link that leads nowhere yet.
    pub(super) async fn new() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, target) = (listener.local_addr()?, Arc::new(watch::Sender::new(None)));
        let task = tokio::spawn(accept(listener, target.subscribe()));
        Ok(Self { address, target, task })
    }

    /// Leads to this server from now on; connections to another break.
    pub(super) async fn lead_to(&self, service: &Service) -> Result<()> {
        self.target.send_replace(Some(service.addresses().await?.grpc));
        Ok(())
    }

    /// Breaks all connections and takes no more.
    pub(super) fn cut(&self) {
        self.target.send_replace(None);
    }

    /// How `service`, or another of the same authority, is called over this link.
    pub(super) async fn peer(&self, service: &Service, token: &str) -> Result<Peer> {
        let address = PeerAddress::try_from(format!("https://{}", self.address)).context("the link's address")?;
        Ok(Peer { address, ..service.peer(token).await? })
    }
}

async fn accept(listener: TcpListener, target: watch::Receiver<Option<String>>) {
    while let Ok((client, _)) = listener.accept().await {
        let mut target = target.clone();
        let Some(to) = target.borrow_and_update().clone() else { continue };
        tokio::spawn(async move {
            tokio::select! {
                () = forward(client, to) => {}
                _ = target.changed() => {}
            }
        });
    }
}

async fn forward(mut client: TcpStream, to: String) {
    let Ok(mut server) = TcpStream::connect(to).await else { return };
    // It ends as its ends do.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}
