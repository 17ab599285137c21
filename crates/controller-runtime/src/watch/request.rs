//! What to watch, and the requests for it.

use super::ResourceVersion;
use http::Request;
use kube::{Resource, client::Body};
use std::{fmt::Write as _, time::Duration};

/// How long a watch may be silent. The API server sends a bookmark about every minute; this is `watch_stale` of rollouts.md.
const SILENT_AFTER: Duration = Duration::from_secs(90);

/// Objects per page where the server offers no streaming lists: at 3.5 KB a pod, a page is 350 KB.
const PAGE: u32 = 100;

/// A collection to watch and how.
#[derive(Debug, Clone)]
pub struct WatchTarget {
    path: String,
    labels: Option<String>,
    fields: Option<String>,
    pub(super) silent_after: Duration,
    pub(super) optional: bool,
    pub(super) skip: Option<fn(&[u8]) -> bool>,
}

impl WatchTarget {
    /// A collection by its path, as `/api/v1/pods` or `/apis/apps/v1/namespaces/a/daemonsets`.
    pub fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), labels: None, fields: None, silent_after: SILENT_AFTER, optional: false, skip: None }
    }

    /// All objects of a kind, in one namespace or in all.
    pub fn of<K: Resource<DynamicType = ()>>(namespace: Option<&str>) -> Self {
        Self::at(K::url_path(&(), namespace))
    }

    /// Only objects whose labels match this selector.
    #[must_use]
    pub fn labels(mut self, selector: impl Into<String>) -> Self {
        self.labels = Some(selector.into());
        self
    }

    /// Only objects whose fields match this selector.
    #[must_use]
    pub fn fields(mut self, selector: impl Into<String>) -> Self {
        self.fields = Some(selector.into());
        self
    }

    /// How long not a byte may arrive before the connection counts as dead; 90 s unless told.
    #[must_use]
    pub fn silent_after(mut self, silence: Duration) -> Self {
        self.silent_after = silence;
        self
    }

    /// The cluster may not know this kind: then there are no objects of it, which is a complete list, until it does.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Leaves out a change whose raw frame (`{"type":"MODIFIED","object":{…}}`) makes `skip` true, before it is decoded.
    /// Only for changes that cannot matter: the caller will never learn of them.
    #[must_use]
    pub fn skip(mut self, skip: fn(&[u8]) -> bool) -> Self {
        self.skip = Some(skip);
        self
    }

    /// The path of the collection.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Present state as a stream, then changes. No resource version: a consistent read, never an old cache.
    pub(super) fn streaming_list(&self) -> Result<Request<Body>, http::Error> {
        self.get("watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan")
    }

    /// Changes after a version.
    pub(super) fn changes_since(&self, version: ResourceVersion) -> Result<Request<Body>, http::Error> {
        self.get(&format!("watch=true&allowWatchBookmarks=true&resourceVersion={version}"))
    }

    /// One page of a consistent list.
    pub(super) fn page(&self, token: Option<&str>) -> Result<Request<Body>, http::Error> {
        let mut query = format!("limit={PAGE}");
        if let Some(token) = token {
            query.push_str("&continue=");
            escape(&mut query, token);
        }
        self.get(&query)
    }

    fn get(&self, query: &str) -> Result<Request<Body>, http::Error> {
        let mut uri = format!("{}?{query}", self.path);
        for (name, selector) in [("labelSelector", &self.labels), ("fieldSelector", &self.fields)] {
            if let Some(selector) = selector {
                uri.push('&');
                uri.push_str(name);
                uri.push('=');
                escape(&mut uri, selector);
            }
        }
        Request::get(uri).header(http::header::ACCEPT, "application/json").body(Body::empty())
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn escape(into: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::{apps::v1::DaemonSet, core::v1::Pod};

    #[test]
    fn requests_name_collection_version_and_selectors() {
        let target = WatchTarget::of::<Pod>(None).labels("app in (a,b)").fields("spec.nodeName!=");
        let uri = |request: Result<Request<Body>, http::Error>| request.unwrap().uri().to_string();
        let selectors = "labelSelector=app%20in%20%28a%2Cb%29&fieldSelector=spec.nodeName%21%3D";
        assert_eq!(
            uri(target.streaming_list()),
            format!(
                "/api/v1/pods?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&{selectors}"
            )
        );
        let plain = WatchTarget::of::<DaemonSet>(Some("ns"));
        assert_eq!(
            uri(plain.changes_since(ResourceVersion(5))),
            "/apis/apps/v1/namespaces/ns/daemonsets?watch=true&allowWatchBookmarks=true&resourceVersion=5"
        );
        assert_eq!(uri(plain.page(Some("a=b"))), "/apis/apps/v1/namespaces/ns/daemonsets?limit=100&continue=a%3Db");
        assert!(WatchTarget::at("no path\n").streaming_list().is_err());
    }
}
