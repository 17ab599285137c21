//! What a watch costs an edge: the bytes that come over its connection, TLS and HTTP framing not counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::api::{Request, WatchParams};
use kube::client::Body;
use tokio::task::JoinHandle;

/// On the bookmark that ends the list with which a watch begins.
const LIST_ENDS: &[u8] = b"k8s.io/initial-events-end";
/// Longer than any benchmark; the API server ends a watch after it.
const WATCH_SECONDS: u32 = 3_600;

/// What is watched.
#[derive(Clone, Debug)]
pub(super) struct Collection {
    /// Its path.
    pub(super) path: &'static str,
    /// Only the object of this name.
    pub(super) name: Option<String>,
}

/// A watch in progress.
pub(super) struct Watched {
    bytes: Arc<AtomicU64>,
    reader: JoinHandle<()>,
}

impl Watched {
    /// Begins to watch; back when the list with which it begins is there. Only what comes after it is counted.
    pub(super) async fn begin(client: &Client, what: Collection) -> Result<Self> {
        let params = WatchParams { timeout: Some(WATCH_SECONDS), ..WatchParams::default().initial_events() };
        let params = match &what.name {
            Some(name) => params.fields(&format!("metadata.name={name}")),
            None => params,
        };
        let request = Request::new(what.path).watch(&params, "").context("asking for a watch")?;
        let response = client.send(request.map(Body::from)).await.with_context(|| format!("watching {}", what.path))?;
        ensure!(response.status().is_success(), "watching {}: {}", what.path, response.status());
        let mut body = response.into_body();
        let mut begun = Vec::new();
        while !begun.windows(LIST_ENDS.len()).any(|bytes| bytes == LIST_ENDS) {
            // Nobody looks twice at what came long before.
            begun.drain(..begun.len().saturating_sub(LIST_ENDS.len()));
            begun.extend(chunk(&mut body).await.context("a watch that ends with its list")?);
        }
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = bytes.clone();
        let reader = tokio::spawn(async move {
            while let Some(chunk) = chunk(&mut body).await {
                counted.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            }
        });
        Ok(Self { bytes, reader })
    }

    /// Ends it: the bytes that came.
    pub(super) fn end(self) -> u64 {
        self.reader.abort();
        self.bytes.load(Ordering::Relaxed)
    }
}

/// The next bytes; `None` at the end, good or bad.
async fn chunk(body: &mut Body) -> Option<Vec<u8>> {
    loop {
        if let Ok(data) = body.frame().await?.ok()?.into_data() {
            return Some(data.to_vec());
        }
    }
}
