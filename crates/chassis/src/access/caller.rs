//! The caller of a method.

use std::sync::Arc;

use tonic::{Request, Status};

use super::Account;

/// Who calls, as its token proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its service account.
    pub account: Account,
    /// The id of its token, by which the API server's audit log knows it too. It opens nothing.
    pub credential: Option<String>,
    /// The node its token is bound to: that of its pod.
    pub node: Option<Bound>,
    /// The pod its token is bound to, in the account's namespace.
    pub pod: Option<Bound>,
}

/// An object that a token is bound to: it ends with the object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bound {
    /// The object's name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

impl Caller {
    /// A caller with nothing but an account.
    pub fn new(account: Account) -> Self {
        Self { account, credential: None, node: None, pod: None }
    }

    /// The caller of a request.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when nobody asked who calls, as with methods that are open on this host.
    pub fn of<T>(request: &Request<T>) -> Result<&Self, Status> {
        let known = request.extensions().get::<Arc<Self>>().map(Arc::as_ref);
        known.ok_or_else(|| Status::unauthenticated("nobody is known to call"))
    }

    /// Checks that the caller speaks for this node, because its token is bound to it.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` when the token is bound to another node, or to none.
    pub fn must_be_on(&self, node: &str) -> Result<(), Status> {
        match &self.node {
            Some(own) if own.name == node => Ok(()),
            Some(own) => Err(Status::permission_denied(format!(
                "{} calls from node {} and may not speak for node {node}",
                self.account, own.name
            ))),
            None => Err(Status::permission_denied(format!(
                "{} calls with a token that is bound to no node and may not speak for node {node}",
                self.account
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn a_caller_speaks_for_its_own_node_only() {
        let mut caller = Caller::new(Account::new("edge", "hub").unwrap());
        let refused = caller.must_be_on("node-1").unwrap_err();
        assert!(refused.code() == Code::PermissionDenied && refused.message().contains("no node"), "{refused}");
        caller.node = Some(Bound { name: "node-1".to_owned(), uid: "1".to_owned() });
        caller.must_be_on("node-1").unwrap();
        let refused = caller.must_be_on("node-2").unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert!(refused.message().contains("from node node-1"), "{refused}");
    }
}
