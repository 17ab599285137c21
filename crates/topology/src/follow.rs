//! Keeps a view up to date.

mod stream;

use std::sync::Arc;
use std::time::Duration;

use chassis::peer::PeerError;
use futures::future::BoxFuture;
use proto::topology::v1::{NodeSelector, PoolSelector};

use crate::line::Line;
use crate::settings::Settings;
use crate::view::View;
use stream::{Nodes, Pools};

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
    let unknown_after = settings.unknown_after.get();
    let view = View::new(unknown_after);
    let mut parts: Vec<BoxFuture<'static, ()>> = Vec::new();
    let silence = settings.silence();
    if let Some(selector) = interest.pools {
        parts.push(Box::pin(stream::follow(Pools(selector), view.clone(), line.clone(), silence)));
        parts.push(Box::pin(wake_when_unknown(view.clone(), unknown_after, View::pools_age)));
    }
    if let Some(selector) = interest.nodes {
        parts.push(Box::pin(stream::follow(Nodes(selector), view.clone(), line, silence)));
        parts.push(Box::pin(wake_when_unknown(view.clone(), unknown_after, View::nodes_age)));
    }
    let following = Box::pin(async move {
        futures::future::join_all(parts).await;
    });
    Ok(Follow { view, following })
}

/// Wakes the subscribers when what was known becomes unknown; who makes it known again wakes them too.
async fn wake_when_unknown(view: View, after: Duration, age: fn(&View) -> Option<Duration>) {
    /// A limit is passed, not reached.
    const PAST: Duration = Duration::from_millis(1);
    let left = || age(&view).and_then(|age| after.checked_sub(age));
    let mut changes = view.subscribe();
    loop {
        if let Some(known_for) = left() {
            tokio::time::sleep(known_for + PAST).await;
            if left().is_none() {
                view.wake();
            }
        } else if changes.changed().await.is_err() {
            return;
        }
    }
}
