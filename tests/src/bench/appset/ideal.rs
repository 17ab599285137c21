//! The ideal client: it has the objects of all pools ready, watches one object that names the image, and when that changes applies
//! them with the new image. It knows nothing of pools, revisions, waves, status or leases, and pays for none of it. A process of
//! its own.

use std::io::Write as _;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::api::WatchEvent;
use kube::client::Body;
use serde::Deserialize;

use super::ledger::Writer;
use super::stage::ORDER_LABEL;
use crate::bench::ideal::LISTED;
use crate::bench::slim;

/// Applies under way at once, as many as appset-controller has.
const AT_ONCE: usize = 16;
/// Stands for the image in the objects that it is given.
pub(super) const IMAGE: &str = "@image@";

/// An object to apply.
#[derive(Clone, Debug, Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    name: String,
}

/// What is ordered.
#[derive(Clone, Debug, Deserialize)]
struct Order {
    #[serde(default)]
    data: Wanted,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    image: String,
}

/// Runs until it is killed. `objects`: a file with an object in each line.
pub async fn run(kubeconfig: &Path, objects: &Path) -> Result<()> {
    let client = slim::client(kubeconfig).await?;
    let text = std::fs::read_to_string(objects).with_context(|| format!("reading {}", objects.display()))?;
    let objects = text.lines().map(|line| {
        let object: Object = serde_json::from_str(line).context("reading an object")?;
        Ok((object.metadata.name, line))
    });
    let objects: Vec<(String, &str)> = objects.collect::<Result<_>>()?;
    let namespace = Writer::Ideal.namespace();
    let orders = format!("/api/v1/namespaces/{namespace}/configmaps");
    let mut events = pin!(slim::follow::<Order>(&client, &orders, Some(ORDER_LABEL)).await?);
    let mut applied = String::new();
    loop {
        let event = events.next().await.context("the watch ended")??;
        if slim::ends_list(&event) {
            writeln!(std::io::stdout(), "{LISTED}")?;
        }
        if let WatchEvent::Added(order) | WatchEvent::Modified(order) = event
            && !order.data.image.is_empty()
            && order.data.image != applied
        {
            applied = order.data.image;
            let image: Arc<str> = applied.as_str().into();
            let applies = objects.iter().map(|(name, object)| apply(&client, name, object, image.clone()));
            stream::iter(applies).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        }
    }
}

/// Applies an object; the answer, the whole object, is read off the connection and not looked at.
async fn apply(client: &Client, name: &str, object: &str, image: Arc<str>) -> Result<()> {
    let namespace = Writer::Ideal.namespace();
    let manager = api::names::app_set::FIELD_MANAGER;
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}?force=true&fieldManager={manager}");
    let request = http::Request::patch(path)
        .header(http::header::ACCEPT, "application/json")
        .header(http::header::CONTENT_TYPE, "application/apply-patch+yaml")
        .body(Body::from(object.replace(IMAGE, &image).into_bytes()))
        .context("asking for an apply")?;
    let answer = client.send(request).await.with_context(|| format!("applying {name}"))?;
    let status = answer.status();
    let mut body = answer.into_body().into_data_stream();
    let mut said = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        if !status.is_success() {
            said.extend_from_slice(&chunk);
        }
    }
    ensure!(status.is_success(), "applying {name}: {status}: {}", String::from_utf8_lossy(&said));
    Ok(())
}
