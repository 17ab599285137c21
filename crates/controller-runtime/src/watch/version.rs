//! Resource versions as the numbers they are.

use serde::{Deserialize, Deserializer, de};
use std::fmt;

/// A resource version. Kubernetes promises since 1.35 that those of one resource are decimal numbers that can be
/// compared (KEP-5504); backed by etcd they always were. As a number it takes 8 bytes per cached object and orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ResourceVersion(pub u64);

/// What a watch needs to know of a decoded object: where to go on from after it.
pub trait Versioned {
    /// `metadata.resourceVersion` of this object.
    fn resource_version(&self) -> ResourceVersion;
}

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for ResourceVersion {
    /// From the decimal text that the API uses.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Decimal;

        impl de::Visitor<'_> for Decimal {
            type Value = ResourceVersion;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal resource version")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map(ResourceVersion).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(Decimal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_in_text() {
        let read = |text| serde_json::from_str::<ResourceVersion>(text);
        assert_eq!(read("\"1042\"").unwrap(), ResourceVersion(1042));
        assert!(read("\"99\"").unwrap() < read("\"100\"").unwrap());
        assert!(read("\"abc\"").unwrap_err().to_string().contains("decimal resource version"));
        assert!(read("7").is_err());
    }
}
