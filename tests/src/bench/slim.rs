//! Objects as slim as a client can want them, and their watch: what the ideal clients and the null controller run on.

use std::path::Path;

use anyhow::{Context as _, Result};
use futures::{Stream, StreamExt as _};
use kube::api::{Request, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// On the bookmark that ends the list with which a watch begins.
const LIST_ENDS: &str = "k8s.io/initial-events-end";
/// Longer than any benchmark; the API server ends a watch after it.
const WATCH_SECONDS: u32 = 3_600;

/// A pod, a node or a DaemonSet, without the 99 % of it that nobody here needs.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Slim {
    /// Its name and UID.
    pub(super) metadata: Metadata,
    #[serde(default)]
    status: Status,
}

/// Which object it is.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Metadata {
    /// Its name.
    pub(super) name: Box<str>,
    /// Its UID.
    pub(super) uid: Box<str>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Deserialize)]
struct Condition {
    r#type: ConditionType,
    status: Truth,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum ConditionType {
    Ready,
    #[serde(other)]
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Truth {
    True,
    #[serde(other)]
    Other,
}

impl Slim {
    /// Its Ready condition is True.
    pub(super) fn is_ready(&self) -> bool {
        self.status.conditions.iter().any(|it| it.r#type == ConditionType::Ready && it.status == Truth::True)
    }
}

/// The client of a kubeconfig, as kube makes it.
pub(super) async fn client(kubeconfig: &Path) -> Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig).context("reading the kubeconfig")?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Everything at `path` now, then every change.
pub(super) async fn follow<T: Clone + DeserializeOwned + 'static>(
    client: &Client,
    path: &str,
    labels: Option<&str>,
) -> Result<impl Stream<Item = Result<WatchEvent<T>>> + use<T>> {
    watch(client, path, labels, WatchParams::default().initial_events(), "").await
}

/// Every change at `path` after this version.
pub(super) async fn follow_from<T: Clone + DeserializeOwned + 'static>(
    client: &Client,
    path: &str,
    version: &str,
) -> Result<impl Stream<Item = Result<WatchEvent<T>>> + use<T>> {
    watch(client, path, None, WatchParams::default(), version).await
}

async fn watch<T: Clone + DeserializeOwned + 'static>(
    client: &Client,
    path: &str,
    labels: Option<&str>,
    params: WatchParams,
    version: &str,
) -> Result<impl Stream<Item = Result<WatchEvent<T>>> + use<T>> {
    let params = WatchParams { label_selector: labels.map(str::to_owned), timeout: Some(WATCH_SECONDS), ..params };
    let request = Request::new(path).watch(&params, version).context("asking for a watch")?;
    let events = client.request_events::<T>(request).await.with_context(|| format!("watching {path}"))?;
    Ok(events.map(|event| Ok(event?)))
}

/// Whether the list with which a watch begins is complete.
pub(super) fn ends_list<T>(event: &WatchEvent<T>) -> bool {
    matches!(event, WatchEvent::Bookmark(bookmark) if bookmark.metadata.annotations.contains_key(LIST_ENDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_true_ready_condition_is_ready() {
        let slim = |conditions: &str| -> Slim {
            let text = format!(
                r#"{{"metadata":{{"name":"a","uid":"u","labels":{{}}}},"status":{{"conditions":{conditions}}}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        assert!(
            slim(r#"[{"type":"Initialized","status":"False"},{"type":"Ready","status":"True","reason":"x"}]"#)
                .is_ready()
        );
        assert!(
            !slim(r#"[{"type":"ContainersReady","status":"True"},{"type":"Ready","status":"Unknown"}]"#).is_ready()
        );
        assert!(!slim("[]").is_ready());
    }
}
