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
    /// As many pods, the first ones, an update leaves as they are.
    partition: i64,
    pool: Option<Box<str>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(default)]
    replicas: Option<i64>,
    #[serde(default)]
    selector: Option<Selector>,
    #[serde(default)]
    update_strategy: Option<UpdateStrategy>,
}

/// Of a StatefulSet.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateStrategy {
    #[serde(default)]
    r#type: Option<Box<str>>,
    #[serde(default)]
    rolling_update: Option<RollingUpdate>,
}

#[derive(Default, Deserialize)]
struct RollingUpdate {
    #[serde(default)]
    partition: Option<i64>,
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

    /// How many of so many pods stay as they are when their template changes: those below a StatefulSet's `partition`, and all where
    /// somebody replaces them by hand (`OnDelete`).
    pub fn left_alone(&self, replicas: i64) -> i64 {
        self.partition.clamp(0, replicas.max(0))
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
        Self { text: "null".into(), replicas: None, partition: 0, pool: None }
    }
}

impl From<Box<RawValue>> for Spec {
    fn from(raw: Box<RawValue>) -> Self {
        let text: Box<str> = raw.into();
        let Head { replicas, selector, update_strategy } = serde_json::from_str(&text).unwrap_or_default();
        let pool = selector.and_then(|selector| selector.labels).and_then(|labels| labels.pool);
        let partition = update_strategy.as_ref().map_or(0, UpdateStrategy::partition);
        Self { text, replicas, partition, pool }
    }
}

impl UpdateStrategy {
    fn partition(&self) -> i64 {
        let by_hand = self.r#type.as_deref() == Some("OnDelete");
        let rolling = || self.rolling_update.as_ref()?.partition;
        if by_hand { i64::MAX } else { rolling().unwrap_or_default() }
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
