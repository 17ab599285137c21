//! Keeps a view up to date.

use std::sync::Arc;

use chassis::follow::{Followed, Line, Settings, Source, follow as follow_source};
use chassis::peer::PeerError;
use futures::future::BoxFuture;
use proto::topology::v1::{NodeSelector, PoolSelector};

use crate::streams::{Nodes, Pools};
use crate::view::View;

/// What is to be followed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interest {
    /// Which pools; none: what is asked of pools is unknown.
    pub pools: Option<PoolSelector>,
    /// Which nodes; none: what is asked of nodes is unknown.
    pub nodes: Option<NodeSelector>,
}

/// A view, and what keeps it up to date.
#[must_use]
pub struct Follow {
    /// What is known.
    pub view: View,
    /// Follows for ever; to be spawned. When it is dropped, the view grows old.
    pub following: BoxFuture<'static, ()>,
}

impl Interest {
    /// All pools and all nodes.
    pub fn everything() -> Self {
        Self { pools: Some(PoolSelector::default()), nodes: Some(NodeSelector::default()) }
    }
}

/// Follows the topology. Must be called within a tokio runtime.
///
/// # Errors
/// When the peer's address or name cannot be used.
pub fn follow(settings: &Settings, interest: Interest) -> Result<Follow, PeerError> {
    let line = Arc::new(Line::to(&settings.peer)?);
    let view = View::new(settings.unknown_after.get());
    let mut parts: Vec<BoxFuture<'static, ()>> = Vec::new();
    if let Some(selector) = interest.pools {
        parts.push(Box::pin(part(Pools(selector), view.pools_followed(), line.clone(), settings.clone())));
    }
    if let Some(selector) = interest.nodes {
        parts.push(Box::pin(part(Nodes(selector), view.nodes_followed(), line, settings.clone())));
    }
    let following = Box::pin(async move {
        futures::future::join_all(parts).await;
    });
    Ok(Follow { view, following })
}

async fn part<S: Source>(source: S, followed: Followed<S::Row>, line: Arc<Line>, settings: Settings) {
    let following = follow_source(&source, &followed, &line, settings.silence());
    futures::future::join(following, followed.wake_when_unknown()).await;
}
