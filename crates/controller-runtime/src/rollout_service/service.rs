//! The calls of `RolloutService`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chassis::Standing;
use chassis::feed::{self, Selection};
use chassis::grpc::MAX_REQUEST_BYTES;
use futures::Stream;
use proto::rollout::v1::rollout_service_server::{RolloutService, RolloutServiceServer};
use proto::rollout::v1::{
    GetRequest, GetResponse, ListRequest, ListResponse, Pool, Rollout, WatchRequest, WatchResponse,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, async_trait};

use super::row::Row;
use super::select::{Pools, selection};
use super::settings::{BATCH, PACE};
use super::watch::{Process, Watch};
use super::{Served, Settings};

/// Pools in one answer: with two holds of 500 characters each, these are 3 MB of the 4 MiB that clients take.
const MOST_POOLS: usize = 2_000;

/// Rollouts on a page, at most and by default.
const LARGEST_PAGE: usize = 500;
const PAGE: usize = 100;

/// `RolloutService` of one replica.
pub struct Service {
    served: Served,
    terms: feed::Terms,
    process: Arc<Process>,
}

impl Service {
    /// Serves what is in `served` until `stopping`. `source_age` says how old the mirrors are at most, `standing` who leads.
    pub fn new(
        served: Served,
        settings: &Settings,
        source_age: impl Fn() -> Duration + Send + Sync + 'static,
        standing: impl Fn() -> Standing + Send + Sync + 'static,
        stopping: CancellationToken,
    ) -> Self {
        let (heartbeat, lasts) = (settings.heartbeat.get(), settings.watch_age.get());
        let terms = feed::Terms { pace: PACE, batch: BATCH, heartbeat, lasts, stopping };
        let process = Process { source_age: Box::new(source_age), standing: Box::new(standing) };
        Self { served, terms, process: Arc::new(process) }
    }

    /// The service to be added to a process.
    pub fn into_server(self) -> RolloutServiceServer<Self> {
        RolloutServiceServer::new(self).max_decoding_message_size(MAX_REQUEST_BYTES)
    }

    /// # Errors
    /// UNAVAILABLE until every rollout is known.
    fn served(&self) -> Result<&Served, Status> {
        if !self.served.is_listed() {
            return Err(Status::unavailable("this replica has not seen all rollouts yet: ask again, or another"));
        }
        Ok(&self.served)
    }
}

#[async_trait]
impl RolloutService for Service {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let feed = &self.served()?.0.feed;
        let GetRequest { namespace, name } = request.into_inner();
        for (field, value) in [("namespace", &namespace), ("name", &name)] {
            if value.is_empty() {
                return Err(Status::invalid_argument(format!(
                    "{field} is empty: a FleetRollout has namespace and name"
                )));
            }
        }
        let Some(Row::Rollout(target, rollout)) = feed.get(&format!("{namespace}/{name}")) else {
            return Err(Status::not_found(format!("there is no FleetRollout {name} in namespace {namespace}")));
        };
        let of_it = |row: Row| match row {
            Row::Pool(_, pool) if pool.rollout == name => Some(Pool::clone(&pool)),
            Row::Pool(..) | Row::Rollout(..) => None,
        };
        let rows = feed.read(&Selection::all().in_groups([target]));
        let mut pools: Vec<_> = rows.into_iter().filter_map(|(_, row)| of_it(row)).collect();
        let more_pools = u32::try_from(pools.len().saturating_sub(MOST_POOLS)).unwrap_or(u32::MAX);
        pools.truncate(MOST_POOLS);
        Ok(Response::new(GetResponse { rollout: Some(Rollout::clone(&rollout)), pools, more_pools }))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        let feed = &self.served()?.0.feed;
        let ListRequest { selector, page_size, page_token } = request.into_inner();
        let size = match usize::try_from(page_size) {
            Ok(0) => PAGE,
            Ok(size) if size <= LARGEST_PAGE => size,
            _ => {
                let message = format!("page_size is {page_size}: from 0 (for {PAGE}) to {LARGEST_PAGE} is allowed");
                return Err(Status::invalid_argument(message));
            }
        };
        let selection = selection(&selector.unwrap_or_default(), Pools::LeftOut)?;
        let mut rollouts: Vec<_> = feed.read(&selection).into_iter().filter_map(|(_, row)| rollout(row)).collect();
        rollouts.sort_by(|a, b| place(a).cmp(&place(b)));
        if !page_token.is_empty() {
            let Some(after) = page_token.split_once('/') else {
                let message = format!("page_token is {page_token:?}: give the next_page_token of the page before");
                return Err(Status::invalid_argument(message));
            };
            rollouts.retain(|rollout| place(rollout) > after);
        }
        let is_last = rollouts.len() <= size;
        rollouts.truncate(size);
        let next = rollouts.last().filter(|_| !is_last).map(|last| format!("{}/{}", last.namespace, last.name));
        let rollouts = rollouts.iter().map(|rollout| Rollout::clone(rollout)).collect();
        Ok(Response::new(ListResponse { rollouts, next_page_token: next.unwrap_or_default() }))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let served = self.served()?;
        let WatchRequest { selector, pools, resume_token } = request.into_inner();
        let pools = if pools { Pools::Wanted } else { Pools::LeftOut };
        let selection = selection(&selector.unwrap_or_default(), pools)?;
        self.process.may_tell(pools)?;
        let cursor = served.0.feed.follow(selection, &resume_token);
        let cursor = cursor.map_err(|error| Status::invalid_argument(format!("resume_token: {error}")))?;
        let watch = Watch { pools, process: self.process.clone() };
        Ok(Response::new(Box::pin(feed::stream(cursor, watch, self.terms.clone()))))
    }
}

fn rollout(row: Row) -> Option<Arc<Rollout>> {
    match row {
        Row::Rollout(_, rollout) => Some(rollout),
        Row::Pool(..) => None,
    }
}

/// By which rollouts are ordered.
fn place(rollout: &Arc<Rollout>) -> (&str, &str) {
    (&rollout.namespace, &rollout.name)
}
