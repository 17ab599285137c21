//! A workload's spec, as text.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The spec of a workload as the API server sent it. It is looked into when a workload is compared with what it should be, and kept
/// for all the time between: as text it takes a tenth of the memory of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spec {
    text: Box<str>,
    replicas: Option<i64>,
    pool: Option<Box<str>>,
}

#[derive(Default, Deserialize)]
struct Head {
    #[serde(default)]
    replicas: Option<i64>,
    #[serde(default)]
    selector: Option<Selector>,
}

#[derive(Default, Deserialize)]
struct Selector {
    #[serde(default, rename = "matchLabels")]
    labels: Option<Labels>,
}

#[derive(Default, Deserialize)]
struct Labels {
    #[serde(default, rename = "apps.openyurt.io/pool-name")]
    pool: Option<Box<str>>,
}

impl Spec {
    /// How many pods it asks for, if it says so.
    pub const fn replicas(&self) -> Option<i64> {
        self.replicas
    }

    /// The pool that its selector names.
    pub fn pool(&self) -> Option<&str> {
        self.pool.as_deref()
    }

    /// All of it.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Default for Spec {
    /// None at all.
    fn default() -> Self {
        Self { text: "null".into(), replicas: None, pool: None }
    }
}

impl From<Box<RawValue>> for Spec {
    fn from(raw: Box<RawValue>) -> Self {
        let text: Box<str> = raw.into();
        let Head { replicas, selector } = serde_json::from_str(&text).unwrap_or_default();
        let pool = selector.and_then(|selector| selector.labels).and_then(|labels| labels.pool);
        Self { text, replicas, pool }
    }
}

#[cfg(test)]
mod tests {
    use api::names::app_set as names;
    use serde_json::json;

    use super::*;

    fn spec(value: &Value) -> Spec {
        serde_json::from_value::<Box<RawValue>>(value.clone()).unwrap().into()
    }

    #[test]
    fn it_tells_its_pool_and_replicas_and_is_given_back_whole() {
        let value =
            json!({"replicas": 3, "selector": {"matchLabels": {"app": "web", names::POOL_NAME: "a"}}, "x": [1]});
        let read = spec(&value);
        assert_eq!((read.replicas(), read.pool(), read.value()), (Some(3), Some("a"), value));
        for odd in [json!(null), json!("x"), json!({"replicas": "3"})] {
            assert_eq!((spec(&odd).replicas(), spec(&odd).pool(), spec(&odd).value()), (None, None, odd));
        }
        assert_eq!(Spec::default(), spec(&Value::Null));
    }
}
