//! A peer that serves `RolloutService` for one YurtAppSet, at a place that the updater was told before anybody was there.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::{Stream, stream};
use proto::rollout::v1::rollout_service_server::{RolloutService, RolloutServiceServer};
use proto::rollout::v1::{
    GetRequest, GetResponse, ListRequest, ListResponse, Mark, Pool, Revision, Rollout, Target, UpToDate, WatchRequest,
    WatchResponse,
};
use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, async_trait};

/// How often it tells everything anew.
const HEARTBEAT: Duration = Duration::from_millis(300);

/// A port that nobody else is given: connections to it are refused until somebody listens.
pub(super) struct Site {
    address: SocketAddr,
    /// Bound, and never listened on.
    _reserved: TcpSocket,
}

/// A server on a runtime of its own. When it is dropped, its connections break as those of a killed process.
pub(super) struct Peer {
    appset: AppSet,
    killed: CancellationToken,
    thread: Option<std::thread::JoinHandle<Result<()>>>,
}

/// Where the YurtAppSet `till` of a namespace is up to date.
#[derive(Clone)]
struct AppSet {
    namespace: String,
    pools: Arc<Mutex<BTreeMap<String, UpToDate>>>,
}

impl Site {
    pub(super) fn reserve() -> Result<Self> {
        let socket = socket(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self { address: socket.local_addr()?, _reserved: socket })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves there that the YurtAppSet `till` in a namespace is so far in these pools.
    pub(super) fn serve(&self, namespace: &str, pools: &[(String, UpToDate)]) -> Result<Peer> {
        let appset =
            AppSet { namespace: namespace.to_owned(), pools: Arc::new(Mutex::new(pools.iter().cloned().collect())) };
        let (killed, served) = (CancellationToken::new(), appset.clone());
        let (until, socket) = (killed.clone(), socket(self.address)?);
        let thread = std::thread::Builder::new().name("peer".to_owned()).spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let incoming = TcpIncoming::from(socket.listen(16)?);
                let server = tonic::transport::Server::builder().add_service(RolloutServiceServer::new(served));
                tokio::select! {
                    end = server.serve_with_incoming(incoming) => Ok(end?),
                    () = until.cancelled() => Ok(()),
                }
            })
        });
        Ok(Peer { appset, killed, thread: Some(thread.context("starting the peer")?) })
    }
}

impl Peer {
    /// From now on it is so far in this pool.
    pub(super) fn set(&self, pool: String, up_to_date: UpToDate) {
        self.appset.pools.lock().unwrap_or_else(PoisonError::into_inner).insert(pool, up_to_date);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.killed.cancel();
        // A server that failed has failed the test otherwise.
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

impl AppSet {
    /// Everything, as a message that leaves nothing out.
    fn told(&self) -> WatchResponse {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let rollout = Rollout {
            namespace: self.namespace.clone(),
            name: "till-r1".to_owned(),
            target: Some(Target { kind: "YurtAppSet".to_owned(), name: "till".to_owned(), ..Target::default() }),
            revision: Some(Revision { number: 1, ..Revision::default() }),
            up_to_date: UpToDate::No.into(),
            pools: u32::try_from(pools.len()).ok(),
            ..Rollout::default()
        };
        let pool = |(name, up_to_date): (String, UpToDate)| Pool {
            namespace: self.namespace.clone(),
            rollout: "till-r1".to_owned(),
            name,
            up_to_date: up_to_date.into(),
            ..Pool::default()
        };
        WatchResponse {
            rollouts: vec![rollout],
            pools: pools.into_iter().map(pool).collect(),
            removed: Vec::new(),
            mark: Some(Mark { resume_token: vec![1], synced: true, ..Mark::default() }),
        }
    }
}

#[async_trait]
impl RolloutService for AppSet {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn get(&self, _: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        Err(Status::unimplemented("nobody asks a single time"))
    }

    async fn list(&self, _: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        Err(Status::unimplemented("nobody asks a single time"))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let token = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        if !token.is_some_and(|token| token.starts_with("Bearer ")) {
            return Err(Status::unauthenticated("no token"));
        }
        let WatchRequest { selector, pools, .. } = request.into_inner();
        let targets = selector.unwrap_or_default().targets;
        let is_till = targets.iter().any(|target| target.kind == "YurtAppSet" && target.name == "till");
        if !pools || !is_till {
            return Err(Status::invalid_argument(format!("unexpected: pools {pools}, targets {targets:?}")));
        }
        let told = stream::unfold(self.clone(), |appset| async move {
            tokio::time::sleep(HEARTBEAT).await;
            Some((Ok(appset.told()), appset))
        });
        Ok(Response::new(Box::pin(told)))
    }
}

/// A socket bound to an address that another one may be bound to as well.
fn socket(address: SocketAddr) -> Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address).with_context(|| format!("binding {address}"))?;
    Ok(socket)
}
