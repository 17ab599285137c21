//! What an HTTP request to the API server is in the API's own words.

use http::{Method, Uri};
use std::fmt;

/// What a request does, named as in RBAC rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Read one object.
    Get,
    /// Read a collection.
    List,
    /// Follow a collection, with or without its initial state.
    Watch,
    /// `POST`.
    Create,
    /// `PUT`.
    Update,
    /// `PATCH`, server-side apply included.
    Patch,
    /// `DELETE` of one object.
    Delete,
    /// `DELETE` of a collection.
    DeleteCollection,
}

impl Verb {
    /// The verb as RBAC and metrics spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }

    /// Whether the call changes something.
    pub fn is_write(self) -> bool {
        match self {
            Self::Get | Self::List | Self::Watch => false,
            Self::Create | Self::Update | Self::Patch | Self::Delete | Self::DeleteCollection => true,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One API call: verb, resource and subresource; never a name or namespace, so that labels made of it stay bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call<'a> {
    /// What is done.
    pub verb: Verb,
    /// Plural resource name, or the first path segment of what is no resource (`version`, `readyz`).
    pub resource: &'a str,
    /// Subresource, as `status`.
    pub subresource: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// Reads method and path by the rules of the API server's own request parser:
    /// `/api/{version}/…` and `/apis/{group}/{version}/…`, then `namespaces/{namespace}` if more follows it,
    /// then resource, name and subresource.
    pub fn of(method: &Method, uri: &'a Uri) -> Self {
        let mut segments = uri.path().split('/').filter(|segment| !segment.is_empty());
        let root = segments.next().unwrap_or("");
        match root {
            "api" => drop(segments.next()),
            "apis" => drop((segments.next(), segments.next())),
            _ => return Self { verb: verb_of(method, uri, true), resource: root, subresource: None },
        }
        let mut resource = segments.next().unwrap_or(root);
        let mut name = segments.next();
        let mut subresource = segments.next();
        if resource == "namespaces"
            && let Some(inner) = subresource
            && !matches!(inner, "status" | "finalize")
        {
            resource = inner;
            name = segments.next();
            subresource = segments.next();
        }
        Self { verb: verb_of(method, uri, name.is_some()), resource, subresource }
    }
}

fn verb_of(method: &Method, uri: &Uri, named: bool) -> Verb {
    match *method {
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH => Verb::Patch,
        Method::DELETE if named => Verb::Delete,
        Method::DELETE => Verb::DeleteCollection,
        _ if asks_to_watch(uri) => Verb::Watch,
        _ if named => Verb::Get,
        _ => Verb::List,
    }
}

fn asks_to_watch(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_calls() {
        for (method, uri, verb, resource, subresource) in [
            (Method::GET, "/api/v1/pods?watch=true&sendInitialEvents=true", Verb::Watch, "pods", None),
            (Method::GET, "/api/v1/pods?limit=500", Verb::List, "pods", None),
            (Method::GET, "/api/v1/namespaces/a/pods/b", Verb::Get, "pods", None),
            (Method::DELETE, "/api/v1/namespaces/a/pods/b?", Verb::Delete, "pods", None),
            (Method::DELETE, "/api/v1/namespaces/a/pods", Verb::DeleteCollection, "pods", None),
            (
                Method::PATCH,
                "/apis/drover.dev/v1alpha1/namespaces/a/fleetrollouts/b/status",
                Verb::Patch,
                "fleetrollouts",
                Some("status"),
            ),
            (Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/a/leases/b", Verb::Update, "leases", None),
            (Method::POST, "/api/v1/namespaces/a/events?", Verb::Create, "events", None),
            (Method::GET, "/api/v1/namespaces/a", Verb::Get, "namespaces", None),
            (Method::PUT, "/api/v1/namespaces/a/finalize", Verb::Update, "namespaces", Some("finalize")),
            (Method::GET, "/api/v1/nodes/n", Verb::Get, "nodes", None),
            (Method::GET, "/version", Verb::Get, "version", None),
        ] {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(Call::of(&method, &uri), Call { verb, resource, subresource }, "{method} {uri}");
        }
    }
}
