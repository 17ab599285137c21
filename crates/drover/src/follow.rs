//! Following a target's runs: woken by every change of one of them, and once in a while.

use std::time::{Duration, Instant};

use api::fleet_rollout::FleetRollout;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::Api;
use kube::api::{WatchEvent, WatchParams};

use crate::reach::Cluster;

/// A watch that ended is not begun again at once.
const AGAIN: Duration = Duration::from_secs(1);

/// The changes of `FleetRollout`s in a namespace.
pub struct Changes {
    api: Api<FleetRollout>,
    params: WatchParams,
    stream: Option<BoxStream<'static, Result<WatchEvent<FleetRollout>, kube::Error>>>,
    begun: Option<Instant>,
}

impl Changes {
    /// Of the runs of this target.
    pub fn of(cluster: &Cluster, namespace: &str, target: &str) -> Self {
        let api = Api::namespaced(cluster.client.clone(), namespace);
        let params = WatchParams::default().fields(&format!("spec.targetRef.name={target}"));
        Self { api, params, stream: None, begun: None }
    }

    /// Of all runs that are meant: `None` is every namespace.
    pub fn everywhere(cluster: &Cluster, namespace: Option<&str>) -> Self {
        let api = match namespace {
            Some(namespace) => Api::namespaced(cluster.client.clone(), namespace),
            None => Api::all(cluster.client.clone()),
        };
        Self { api, params: WatchParams::default(), stream: None, begun: None }
    }

    /// Waits for a change, at most so long. Without a watch (the user may not, or it broke) only the time passes: who looks
    /// again sees what happened.
    pub async fn wait(&mut self, most: Duration) {
        let limit = tokio::time::sleep(most);
        tokio::pin!(limit);
        loop {
            if self.stream.is_none() && self.begun.is_none_or(|begun| begun.elapsed() >= AGAIN) {
                self.begun = Some(Instant::now());
                // From now on: what was before was just looked at.
                let begun = self.api.watch(&self.params, "").await;
                self.stream = begun.ok().map(|stream| stream.into_stream().boxed());
            }
            let Some(stream) = &mut self.stream else {
                limit.await;
                return;
            };
            tokio::select! {
                () = &mut limit => return,
                event = stream.next() => match event {
                    Some(Ok(WatchEvent::Added(_) | WatchEvent::Modified(_) | WatchEvent::Deleted(_))) => return,
                    Some(Ok(WatchEvent::Bookmark(_))) => {}
                    Some(Ok(WatchEvent::Error(_)) | Err(_)) | None => self.stream = None,
                },
            }
        }
    }
}
