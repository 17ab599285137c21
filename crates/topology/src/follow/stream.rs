//! One of the two streams: asked for, read, resumed.

use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use chassis::peer::Channel;
use proto::topology::v1::topology_service_client::TopologyServiceClient;
use proto::topology::v1::{
    NodeSelector, PoolSelector, WatchNodesRequest, WatchNodesResponse, WatchPoolsRequest, WatchPoolsResponse,
};
use tonic::{Code, Status, Streaming};

use crate::backoff;
use crate::line::Line;
use crate::model::{Node, Pool};
use crate::table::{Malformed, Message, Row, Taken};
use crate::view::{Side, View};

pub(super) struct Pools(pub(super) PoolSelector);

pub(super) struct Nodes(pub(super) NodeSelector);

/// What is followed on a stream.
pub(super) trait Kind: Send + Sync {
    const NAME: &'static str;
    type Row: Row + Send;
    type Response: Send;

    fn ask(
        &self,
        channel: Channel,
        resume_token: Vec<u8>,
    ) -> impl Future<Output = Result<Streaming<Self::Response>, Status>> + Send;

    fn message(response: Self::Response) -> Message<Self::Row>;

    fn side(view: &View) -> MutexGuard<'_, Side<Self::Row>>;
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("{}: {}", .0.code(), .0.message())]
    Refused(Status),
    #[error("nothing was heard for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("the server does not keep to the protocol: {0}")]
    Malformed(#[from] Malformed),
    #[error("the server ended the stream")]
    InOrder,
}

/// Follows for ever.
pub(super) async fn follow<K: Kind>(kind: K, view: View, line: Arc<Line>, silence: Duration) {
    // In a row, this attempt included; none once the view is whole.
    let mut failures = 0;
    loop {
        failures += 1;
        let (number, channel) = line.channel();
        let ended = read(&kind, &view, channel, silence, &mut failures).await;
        if let Err(error) = line.hang_up(number) {
            tracing::warn!(%error, "no fresh connection can be prepared");
        }
        if failures == 0 && matches!(ended, Ended::InOrder) {
            tokio::time::sleep(backoff::moment()).await;
        } else {
            note_trouble::<K>(&view, &ended);
            tokio::time::sleep(backoff::after(failures.max(1))).await;
        }
    }
}

/// Reads one stream to its end.
async fn read<K: Kind>(kind: &K, view: &View, channel: Channel, silence: Duration, failures: &mut u32) -> Ended {
    let token = K::side(view).table.begin();
    let mut stream = match tokio::time::timeout(silence, kind.ask(channel, token)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(refused)) => return Ended::Refused(refused),
        Err(_) => return Ended::Silent(silence),
    };
    loop {
        let response = match tokio::time::timeout(silence, stream.message()).await {
            Ok(Ok(Some(response))) => response,
            Ok(Ok(None)) => return Ended::InOrder,
            Ok(Err(broken)) => return Ended::Refused(broken),
            Err(_) => return Ended::Silent(silence),
        };
        match take::<K>(view, K::message(response)) {
            Ok(Taken::Partly) => {}
            Ok(Taken::Heard | Taken::Changed) => *failures = 0,
            Err(malformed) => return malformed.into(),
        }
    }
}

/// Takes in a message, and wakes who waits for what it brings.
fn take<K: Kind>(view: &View, message: Message<K::Row>) -> Result<Taken, Malformed> {
    let now = Instant::now();
    let mut side = K::side(view);
    let known = |side: &Side<K::Row>| side.table.age(now).is_some_and(|age| age <= view.unknown_after());
    let was_known = known(&side);
    let taken = side.table.take(message, now)?;
    if taken != Taken::Partly && side.trouble.take().is_some() {
        tracing::info!(watched = K::NAME, things = side.table.rows().len(), "the topology is followed");
    }
    let wakes = taken == Taken::Changed || known(&side) != was_known;
    drop(side);
    if wakes {
        view.wake();
    }
    Ok(taken)
}

fn note_trouble<K: Kind>(view: &View, ended: &Ended) {
    let (trouble, mut side) = (ended.to_string(), K::side(view));
    if ended.loses_place() {
        side.table.lose_place();
    }
    if side.trouble.as_ref() != Some(&trouble) {
        tracing::warn!(watched = K::NAME, trouble, "the topology is not followed at the moment");
    }
    side.trouble = Some(trouble);
}

impl Ended {
    /// Whether to begin anew rather than where it ended.
    fn loses_place(&self) -> bool {
        match self {
            Self::Refused(status) => status.code() == Code::InvalidArgument,
            Self::Malformed(_) => true,
            Self::Silent(_) | Self::InOrder => false,
        }
    }
}

impl Kind for Pools {
    const NAME: &'static str = "pools";
    type Row = Pool;
    type Response = WatchPoolsResponse;

    async fn ask(&self, channel: Channel, resume_token: Vec<u8>) -> Result<Streaming<WatchPoolsResponse>, Status> {
        let request = WatchPoolsRequest { selector: Some(self.0.clone()), resume_token };
        Ok(TopologyServiceClient::new(channel).watch_pools(request).await?.into_inner())
    }

    fn message(WatchPoolsResponse { changed, removed, mark }: WatchPoolsResponse) -> Message<Pool> {
        Message { changed: changed.into_iter().map(Pool::from).collect(), removed, mark }
    }

    fn side(view: &View) -> MutexGuard<'_, Side<Pool>> {
        view.pools_side()
    }
}

impl Kind for Nodes {
    const NAME: &'static str = "nodes";
    type Row = Node;
    type Response = WatchNodesResponse;

    async fn ask(&self, channel: Channel, resume_token: Vec<u8>) -> Result<Streaming<WatchNodesResponse>, Status> {
        let request = WatchNodesRequest { selector: Some(self.0.clone()), resume_token };
        Ok(TopologyServiceClient::new(channel).watch_nodes(request).await?.into_inner())
    }

    fn message(WatchNodesResponse { changed, removed, mark }: WatchNodesResponse) -> Message<Node> {
        Message { changed: changed.into_iter().map(Node::from).collect(), removed, mark }
    }

    fn side(view: &View) -> MutexGuard<'_, Side<Node>> {
        view.nodes_side()
    }
}
