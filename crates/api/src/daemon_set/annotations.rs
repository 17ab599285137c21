//! A DaemonSet's annotations, without those of others: `last-applied-configuration` alone is as large as the object.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};

/// Where the annotations that Drover reads begin.
const PREFIXES: [&str; 2] = ["apps.openyurt.io/", "drover.dev/"];

/// Reads annotations that Drover may read; null is none.
pub(super) fn ours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    deserializer.deserialize_option(Ours)
}

struct Ours;

impl<'de> Visitor<'de> for Ours {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("annotations")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut ours = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if PREFIXES.iter().any(|prefix| key.starts_with(prefix)) {
                ours.insert(key, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(ours)
    }
}
