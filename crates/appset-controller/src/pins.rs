//! Pools that are pinned to a revision, by one annotation of the YurtAppSet: `{"pool": "revision"}`.

use std::collections::BTreeMap;

use api::names::app_set::PINNED;
use api::yurt_app_set::YurtAppSet;

/// An annotation that cannot be read: nobody can say which pools are pinned, so none may change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "metadata.annotations[{PINNED}]: {given:?} is not a JSON object of pools and names of revisions such as {{\"pool\": \"web-1\"}}"
)]
pub struct InvalidPins {
    given: String,
}

/// The pools of a YurtAppSet that are pinned, and to which revision. An empty annotation pins none.
pub fn pins(set: &YurtAppSet) -> Result<BTreeMap<String, String>, InvalidPins> {
    let annotation = set.metadata.annotations.iter().flatten().find(|(key, _)| *key == PINNED);
    match annotation {
        None => Ok(BTreeMap::new()),
        Some((_, text)) if text.trim().is_empty() => Ok(BTreeMap::new()),
        Some((_, text)) => serde_json::from_str(text).map_err(|_| InvalidPins { given: text.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_pins_pools_or_is_refused_with_what_it_may_be() {
        let read = |text: &str| {
            let mut set = YurtAppSet::default();
            set.metadata.annotations = Some([(PINNED.to_owned(), text.to_owned())].into());
            pins(&set).map_err(|invalid| invalid.to_string())
        };
        assert_eq!(read(r#"{"a": "web-1"}"#), Ok([("a".to_owned(), "web-1".to_owned())].into()));
        assert_eq!((read(" "), pins(&YurtAppSet::default())), (Ok(BTreeMap::new()), Ok(BTreeMap::new())));
        for odd in ["{", "[]", r#"{"a": 1}"#, "null"] {
            let refused = read(odd).unwrap_err();
            assert!(refused.starts_with("metadata.annotations[drover.dev/pinned-revisions]: "), "{refused}");
        }
    }
}
