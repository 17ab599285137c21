//! What pools give to their nodes, carried out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::node_pool::NodePool;
use futures::{StreamExt as _, stream};
use kube::Resource;
use kube::api::{GetParams, Request};
use planner::fleet::Uid;

use crate::attributes::{self, Attributes};
use crate::commit::{self, Unwritten};
use crate::context::Context;
use crate::nodes::Node;
use crate::publish;
use crate::reconcile::{Error, unless_gone};

/// How many nodes of a pool are changed at once.
const AT_ONCE: usize = 8;

/// Annotations that could not be read and were told of, by node.
#[derive(Debug, Default)]
pub(crate) struct ToldUnreadable(Mutex<HashMap<Uid, String>>);

impl ToldUnreadable {
    /// Whether this value was not told of yet.
    pub(crate) fn is_news(&self, node: Uid, value: &str) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(node, value.to_owned()).as_deref() != Some(value)
    }
}

/// Gives these nodes what `wanted` is, and takes back what else they were given. A node that cannot be changed does not stop
/// the others.
pub(crate) async fn give(context: &Context, nodes: &[Arc<Node>], wanted: &Attributes) -> Result<(), Error> {
    let changes = nodes.iter().filter_map(|node| match attributes::change(node, wanted) {
        Ok(change) => change.map(|change| (node.clone(), change)),
        Err(unreadable) => {
            publish::unreadable(context, node, &unreadable);
            None
        }
    });
    let changed = stream::iter(changes.collect::<Vec<_>>())
        .map(|(node, change)| async move {
            let ended = unless_gone(commit::node(context, &node, &change).await);
            (node, ended)
        })
        .buffer_unordered(AT_ONCE);
    let ended: Vec<_> = changed.collect().await;
    let failed = ended.into_iter().filter_map(|(node, ended)| Some((node, ended.err()?)));
    match failed.into_iter().next() {
        Some((_, Unwritten::NotLeading(reason))) => Err(reason.into()),
        Some((node, source)) => Err(Error::Node { node: node.name.to_string(), source }),
        None => Ok(()),
    }
}

/// Takes back what pools gave to nodes that name a pool that does not exist, or none (`""`).
pub(crate) async fn strip(context: &Context, pool: &str) -> Result<(), Error> {
    if !context.config.attributes.sync {
        return Ok(());
    }
    let nodes = context.nodes.of(pool);
    let nothing = Attributes::default();
    let given = |node: &&Arc<Node>| !matches!(attributes::change(node, &nothing), Ok(None));
    let nodes: Vec<_> = nodes.iter().filter(given).cloned().collect();
    // Nodes lose nothing because our view of the pools is late.
    if nodes.is_empty() || (!pool.is_empty() && exists(context, pool).await?) {
        return Ok(());
    }
    give(context, &nodes, &nothing).await
}

async fn exists(context: &Context, pool: &str) -> Result<bool, Error> {
    let request = Request::new(NodePool::url_path(&(), None)).get(pool, &GetParams::default()).map_err(Error::Ask)?;
    match context.client.request_text(request).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(false),
        Err(error) => Err(Error::Pools(error)),
    }
}
