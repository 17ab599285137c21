//! The accounts of callers.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A service account, written `namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Account {
    namespace: String,
    name: String,
}

/// A text that is no account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a service account: give {ALLOWED}")]
pub struct AccountError(String);

const ALLOWED: &str = "NAMESPACE/NAME, such as drover-system/drover-admin";

impl Account {
    /// The account of this name in a namespace.
    ///
    /// # Errors
    /// When either is no name of a Kubernetes object: lower-case letters, digits, `-` and, in the account's name, `.`.
    pub fn new(namespace: &str, name: &str) -> Result<Self, AccountError> {
        let is_name = |text: &str, extra: &[u8]| {
            let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || extra.contains(&byte);
            !text.is_empty() && text.len() <= 253 && text.bytes().all(allowed)
        };
        if is_name(namespace, b"-") && is_name(name, b"-.") {
            Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
        } else {
            Err(AccountError(format!("{namespace}/{name}")))
        }
    }

    /// The account of who looks after Drover, unless the configuration says otherwise.
    pub(crate) fn drover_admin() -> Self {
        Self { namespace: "drover-system".to_owned(), name: "drover-admin".to_owned() }
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its name in the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl TryFrom<String> for Account {
    type Error = AccountError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.split_once('/') {
            Some((namespace, name)) => Self::new(namespace, name),
            None => Err(AccountError(text)),
        }
    }
}

impl From<Account> for String {
    fn from(account: Account) -> Self {
        account.to_string()
    }
}

impl JsonSchema for Account {
    fn schema_name() -> Cow<'static, str> {
        "Account".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "x-allowed": ALLOWED})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_as_they_are_written() {
        for text in ["drover-system/drover-admin", "a/b.c", "kube-system/x-1"] {
            assert_eq!(Account::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        for text in ["", "a", "/b", "a/", "a/b/c", "A/b", "a.b/c", "a b/c", "system:serviceaccount:a:b"] {
            let error = Account::try_from(text.to_owned()).unwrap_err().to_string();
            assert!(error.contains("NAMESPACE/NAME"), "{error}");
        }
    }
}
