//! The two streams, as they are asked for and read.

use std::time::Duration;

use chassis::follow::Source;
use chassis::follow::table::{Mark, Message, Row};
use chassis::peer::Channel;
use proto::topology::v1::topology_service_client::TopologyServiceClient;
use proto::topology::v1::{
    self as messages, NodeSelector, PoolSelector, WatchNodesRequest, WatchNodesResponse, WatchPoolsRequest,
    WatchPoolsResponse,
};
use tonic::{Status, Streaming};

use crate::model::{Node, Pool};

pub(crate) struct Pools(pub(crate) PoolSelector);

pub(crate) struct Nodes(pub(crate) NodeSelector);

impl Source for Pools {
    const WATCHED: &'static str = "pools";
    type Row = Pool;
    type Response = WatchPoolsResponse;

    async fn ask(&self, channel: Channel, resume_token: Vec<u8>) -> Result<Streaming<WatchPoolsResponse>, Status> {
        let request = WatchPoolsRequest { selector: Some(self.0.clone()), resume_token };
        Ok(TopologyServiceClient::new(channel).watch_pools(request).await?.into_inner())
    }

    fn message(WatchPoolsResponse { changed, removed, mark }: WatchPoolsResponse) -> Message<Pool> {
        Message { changed: changed.into_iter().map(Pool::from).collect(), removed, mark: mark.map(read) }
    }
}

impl Source for Nodes {
    const WATCHED: &'static str = "nodes";
    type Row = Node;
    type Response = WatchNodesResponse;

    async fn ask(&self, channel: Channel, resume_token: Vec<u8>) -> Result<Streaming<WatchNodesResponse>, Status> {
        let request = WatchNodesRequest { selector: Some(self.0.clone()), resume_token };
        Ok(TopologyServiceClient::new(channel).watch_nodes(request).await?.into_inner())
    }

    fn message(WatchNodesResponse { changed, removed, mark }: WatchNodesResponse) -> Message<Node> {
        Message { changed: changed.into_iter().map(Node::from).collect(), removed, mark: mark.map(read) }
    }
}

impl Row for Node {
    fn name(&self) -> &str {
        &self.name
    }

    fn group(&self) -> Option<&str> {
        self.pool.as_deref()
    }
}

impl Row for Pool {
    fn name(&self) -> &str {
        &self.name
    }

    fn group(&self) -> Option<&str> {
        None
    }
}

fn read(mark: messages::Mark) -> Mark {
    let reset = mark.reset() != messages::Reset::Unspecified;
    let messages::Mark { resume_token, synced, reset: _, source_age } = mark;
    Mark { resume_token, synced, reset, source_age: source_age.and_then(|age| Duration::try_from(age).ok()) }
}
