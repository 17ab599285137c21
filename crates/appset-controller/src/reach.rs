//! Who is reachable, kept up to date: NodePools say so themselves, or leader-endpoints-controller is asked, over a stream.

use std::sync::{Arc, Mutex, PoisonError};

use chassis::peer::PeerError;
use futures::future::BoxFuture;
use topology::{Follow, Interest, Settings, View};

use crate::units::Reach;

/// Who is reachable at the moment.
#[derive(Debug)]
pub(crate) struct Reachable(Mutex<Arc<Reach>>);

/// What `TopologyService` tells, and what keeps listening to it.
pub(crate) struct Topology {
    view: View,
    following: BoxFuture<'static, ()>,
}

impl Topology {
    /// Asks this peer.
    ///
    /// # Errors
    /// When its address or name cannot be used.
    pub(crate) fn of(settings: &Settings) -> Result<Self, PeerError> {
        let nodes = Interest { nodes: Interest::everything().nodes, ..Interest::default() };
        let Follow { view, following } = topology::follow(settings, nodes)?;
        Ok(Self { view, following })
    }

    /// Listens for ever; `changed` is called whenever another pool is reachable, or nobody knows any more which are.
    pub(crate) async fn run(self, reachable: impl Fn(Reach) -> bool, changed: impl Fn()) {
        let Self { view, following } = self;
        let mut changes = view.subscribe();
        let telling = async {
            while changes.changed().await.is_ok() {
                if reachable(Reach::told(view.nodes())) {
                    changed();
                }
            }
        };
        futures::future::join(following, telling).await;
    }
}

impl Reachable {
    /// Nothing is known yet, if `TopologyService` is to tell; else NodePools do.
    pub(crate) fn new(told: Option<&Topology>) -> Self {
        let reach = told.map_or(Reach::Status, |topology| Reach::told(topology.view.nodes()));
        Self(Mutex::new(Arc::new(reach)))
    }

    /// Who is.
    pub(crate) fn now(&self) -> Arc<Reach> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes who is. Whether that is news.
    pub(crate) fn note(&self, reach: Reach) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = **known != reach;
        *known = Arc::new(reach);
        is_news
    }
}
