//! The calls of `TopologyService`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chassis::feed::{Feed, Selection};
use chassis::grpc::MAX_REQUEST_BYTES;
use futures::Stream;
use proto::topology::v1::topology_service_server::{TopologyService, TopologyServiceServer};
use proto::topology::v1::{
    GetPoolRequest, GetPoolResponse, ListPoolsRequest, ListPoolsResponse, Pool, PoolSelector, WatchNodesRequest,
    WatchNodesResponse, WatchPoolsRequest, WatchPoolsResponse,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, async_trait};

use super::access::{Shown, Sight};
use super::watch::{self, Row, Terms};
use super::{Metrics, Settings, Topology, select};

/// `TopologyService` of one replica.
pub(crate) struct Service {
    topology: Topology,
    settings: Settings,
    terms: Arc<Terms>,
}

type Messages<M> = Pin<Box<dyn Stream<Item = Result<M, Status>> + Send>>;

impl Service {
    /// Serves `topology` until `stopping`. `source_age` says how old its mirrors are at most.
    pub(crate) fn new(
        topology: Topology,
        settings: Settings,
        metrics: Metrics,
        source_age: impl Fn() -> Duration + Send + Sync + 'static,
        stopping: CancellationToken,
    ) -> Self {
        let (heartbeat, lasts) = (settings.heartbeat.get(), settings.watch_age.get());
        let terms = Arc::new(Terms { heartbeat, lasts, source_age: Box::new(source_age), stopping, metrics });
        Self { topology, settings, terms }
    }

    /// The service to be added to a process.
    pub(crate) fn into_server(self) -> TopologyServiceServer<Self> {
        TopologyServiceServer::new(self).max_decoding_message_size(MAX_REQUEST_BYTES)
    }

    /// What the caller may see.
    fn sight<T>(&self, request: &Request<T>) -> Result<Sight, Status> {
        if !self.topology.is_listed() {
            return Err(Status::unavailable(
                "this replica has not seen all pools and nodes yet: ask again, or another",
            ));
        }
        Sight::of(request, &self.settings, &self.topology)
    }

    fn watch<R: Row>(
        &self,
        feed: &Feed<R>,
        selection: Selection<R>,
        shown: Shown,
        token: &[u8],
    ) -> Result<Response<Messages<R::Message>>, Status> {
        let cursor = feed.follow(selection, token);
        let cursor = cursor.map_err(|error| Status::invalid_argument(format!("resume_token: {error}")))?;
        Ok(Response::new(Box::pin(watch::stream(cursor, shown, self.terms.clone()))))
    }
}

#[async_trait]
impl TopologyService for Service {
    type WatchPoolsStream = Messages<WatchPoolsResponse>;
    type WatchNodesStream = Messages<WatchNodesResponse>;

    async fn list_pools(&self, request: Request<ListPoolsRequest>) -> Result<Response<ListPoolsResponse>, Status> {
        let sight = self.sight(&request)?;
        let selector = request.into_inner().selector.unwrap_or_default();
        let selection = select::pools(&selector)?;
        sight.pools(&selector)?;
        let pools = self.topology.0.pools.read(&selection);
        Ok(Response::new(ListPoolsResponse { pools: pools.into_iter().map(|(_, row)| Pool::clone(&row.0)).collect() }))
    }

    async fn get_pool(&self, request: Request<GetPoolRequest>) -> Result<Response<GetPoolResponse>, Status> {
        let sight = self.sight(&request)?;
        let name = request.into_inner().name;
        if name.is_empty() {
            return Err(Status::invalid_argument("name is empty: give the name of a NodePool"));
        }
        sight.pools(&PoolSelector { names: vec![name.clone()], ..PoolSelector::default() })?;
        match self.topology.0.pools.get(&name) {
            Some(row) => Ok(Response::new(GetPoolResponse { pool: Some(Pool::clone(&row.0)) })),
            None => Err(Status::not_found(format!("there is no NodePool {name}"))),
        }
    }

    async fn watch_pools(
        &self,
        request: Request<WatchPoolsRequest>,
    ) -> Result<Response<Self::WatchPoolsStream>, Status> {
        let sight = self.sight(&request)?;
        let WatchPoolsRequest { selector, resume_token } = request.into_inner();
        let selector = selector.unwrap_or_default();
        let selection = select::pools(&selector)?;
        self.watch(&self.topology.0.pools, selection, sight.pools(&selector)?, &resume_token)
    }

    async fn watch_nodes(
        &self,
        request: Request<WatchNodesRequest>,
    ) -> Result<Response<Self::WatchNodesStream>, Status> {
        let sight = self.sight(&request)?;
        let WatchNodesRequest { selector, resume_token } = request.into_inner();
        let selector = selector.unwrap_or_default();
        let selection = select::nodes(&selector)?;
        self.watch(&self.topology.0.nodes, selection, sight.nodes(&selector)?, &resume_token)
    }
}
