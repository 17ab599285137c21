//! Calls of the API server that fail, and what the user can do about it.

use std::fmt;

use api::names;

/// What was asked of the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The verb, as RBAC names it.
    pub verb: &'static str,
    /// The resource, as RBAC names it.
    pub resource: &'static str,
    /// Its API group; empty for the core group.
    pub group: &'static str,
    /// In this namespace; `None`: in all, or the resource has none.
    pub namespace: Option<String>,
}

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub struct CallError {
    call: Call,
    #[source]
    source: Box<kube::Error>,
}

impl Call {
    /// A call about one of Drover's own kinds.
    pub fn drover(verb: &'static str, resource: &'static str, namespace: Option<&str>) -> Self {
        Self { verb, resource, group: names::GROUP, namespace: namespace.map(str::to_owned) }
    }

    /// A call about a kind of another group.
    pub fn of(verb: &'static str, group: &'static str, resource: &'static str, namespace: Option<&str>) -> Self {
        Self { verb, resource, group, namespace: namespace.map(str::to_owned) }
    }

    /// The ClusterRole of `deploy/rollouts/user-roles.yaml` that allows it.
    fn ready_made(&self) -> &'static str {
        match (self.group, self.verb, self.resource) {
            (names::GROUP, "get" | "list" | "watch", _) => " (it is in ClusterRole drover-view)",
            (names::GROUP, "patch", "fleetrollouts") => " (it is in ClusterRole drover-edit)",
            (names::GROUP, "patch", "approvalrequests") => " (it is in ClusterRole drover-approver)",
            _ => "",
        }
    }

    /// Its failure.
    pub fn failed(self, error: kube::Error) -> CallError {
        CallError { call: self, source: Box::new(error) }
    }
}

impl CallError {
    /// The user may not do it.
    pub fn is_forbidden(&self) -> bool {
        matches!(&*self.source, kube::Error::Api(status) if status.code == 403)
    }

    /// There is no such object, or no such kind.
    pub fn is_not_found(&self) -> bool {
        matches!(&*self.source, kube::Error::Api(status) if status.code == 404)
    }

    /// The object changed in the meantime.
    pub fn is_conflict(&self) -> bool {
        matches!(&*self.source, kube::Error::Api(status) if status.code == 409)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        self.namespace.as_ref().map_or(Ok(()), |namespace| write!(f, " in namespace {namespace}"))
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = &self.call;
        match &*self.source {
            // RBAC says it in these words; an admission policy or webhook says its own.
            kube::Error::Api(status) if status.code == 403 && status.message.contains(" cannot ") => {
                let (verb, resource, group) = (call.verb, call.resource, call.group);
                let role = if call.namespace.is_some() { "Role" } else { "ClusterRole" };
                write!(
                    f,
                    "you may not {call}: {}\n→ ask for a {role} with verb {verb} on {resource} of API group {group:?}{}",
                    status.message,
                    call.ready_made()
                )
            }
            kube::Error::Api(status) if status.code == 401 => {
                write!(
                    f,
                    "the cluster does not know who you are\n→ log in again, or check the user of the kubeconfig's context"
                )
            }
            kube::Error::Api(status) if status.code == 404 && is_kind_unknown(&status.message) => {
                let (resource, group) = (call.resource, call.group);
                write!(
                    f,
                    "this cluster does not know {resource}.{group}\n→ install Drover's definitions: kubectl apply -f deploy/crds"
                )
            }
            kube::Error::Api(status) if status.code == 409 => {
                write!(
                    f,
                    "somebody changed it at the same time: {}\n→ look at it again, then try again",
                    status.message
                )
            }
            kube::Error::Api(status) => write!(f, "cannot {call}: {}", status.message),
            kube::Error::SerdeError(error) => {
                write!(
                    f,
                    "cannot {call}: the answer cannot be read ({error})\n→ is this drover as new as the cluster's Drover?"
                )
            }
            other => {
                let mut cause: &dyn std::error::Error = other;
                while let Some(next) = cause.source() {
                    cause = next;
                }
                write!(
                    f,
                    "cannot {call}: the API server does not answer ({cause})\n→ does `kubectl cluster-info` work?"
                )
            }
        }
    }
}

/// The API server's words for a path that it does not serve. A missing object is named instead.
fn is_kind_unknown(message: &str) -> bool {
    message.is_empty()
        || message.contains("the server could not find the requested resource")
        || message.contains("404 page not found")
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn failed(code: u16, reason: &str, message: &str) -> String {
        let status = Status { code, reason: reason.to_owned(), message: message.to_owned(), ..Status::default() };
        Call::drover("list", "fleetrollouts", Some("edge")).failed(kube::Error::Api(Box::new(status))).to_string()
    }

    #[test]
    fn every_refusal_says_what_to_do_next() {
        for (text, words) in [
            (
                failed(403, "Forbidden", "User \"eve\" cannot list resource"),
                vec!["you may not list fleetrollouts.drover.dev in namespace edge", "→ ask for a Role with verb list"],
            ),
            (failed(401, "Unauthorized", "Unauthorized"), vec!["who you are", "→ log in again"]),
            (
                failed(404, "NotFound", "404 page not found\n"),
                vec!["does not know fleetrollouts", "→ install", "deploy/crds"],
            ),
            (failed(404, "NotFound", "fleetrollouts \"x\" not found"), vec!["cannot list", "\"x\" not found"]),
            (failed(409, "Conflict", "the object has been modified"), vec!["at the same time", "→ look at it again"]),
            (failed(403, "Forbidden", "policy says no"), vec!["cannot list", "policy says no"]),
        ] {
            for word in words {
                assert!(text.contains(word), "{text:?} says {word:?}");
            }
        }
    }
}
