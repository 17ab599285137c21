//! Annotations on DaemonSets and YurtAppSets, OpenYurt's and Drover's, parsed once.

use std::collections::BTreeMap;

use planner::strategy::Amount;

use crate::amount::{self, IntOrPercent};
use crate::names;

/// The annotation `apps.openyurt.io/update-strategy`: how a DaemonSet's pods are upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateStrategy {
    /// Drover restarts pods inside the budget. Written `auto` (OpenYurt v1.1) or `AdvancedRollingUpdate` (since v1.3).
    Auto,
    /// A pod is restarted when somebody at its node consents. Written `OTA`.
    Ota,
}

/// An annotation whose value cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("annotation {key}: {value:?} is not {allowed}")]
pub struct BadAnnotation {
    /// The annotation's key.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// What is allowed instead.
    pub allowed: &'static str,
}

impl UpdateStrategy {
    /// Reads an annotation's value, in any case.
    pub fn parse(value: &str) -> Result<Self, BadAnnotation> {
        match value.to_ascii_lowercase().as_str() {
            "auto" | "advancedrollingupdate" => Ok(Self::Auto),
            "ota" => Ok(Self::Ota),
            _ => Err(BadAnnotation {
                key: names::UPDATE_STRATEGY,
                value: value.to_owned(),
                allowed: "auto, AdvancedRollingUpdate or OTA",
            }),
        }
    }
}

/// The strategy that annotations ask for; `None` when they ask for none.
pub fn update_strategy(annotations: &BTreeMap<String, String>) -> Result<Option<UpdateStrategy>, BadAnnotation> {
    annotations.get(names::UPDATE_STRATEGY).map(|value| UpdateStrategy::parse(value)).transpose()
}

/// The budget without an annotation: OpenYurt's default.
pub const DEFAULT_MAX_UNAVAILABLE: Amount = Amount::Percent(10);

/// The budget that annotations set: of the reachable nodes, how many may be down at once. 10 % when they set none; `0` and
/// `0%` stop (OpenYurt silently makes them 10 %). More than 100 % is refused: it reads like a mistake.
pub fn max_unavailable(annotations: &BTreeMap<String, String>) -> Result<Amount, BadAnnotation> {
    let Some(value) = annotations.get(names::MAX_UNAVAILABLE) else {
        return Ok(DEFAULT_MAX_UNAVAILABLE);
    };
    match value.parse() {
        Ok(IntOrPercent(amount)) => Ok(amount),
        Err(_) => Err(BadAnnotation { key: names::MAX_UNAVAILABLE, value: value.clone(), allowed: amount::ALLOWED }),
    }
}

/// The longest name of an object (a DNS subdomain, RFC 1123).
const MAX_NAME: usize = 253;

/// The RolloutStrategy that a target's annotation names; `None` when it names none. A name that no object can have is refused
/// like any other bad value.
pub fn strategy(value: Option<&str>) -> Result<Option<String>, BadAnnotation> {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        let ends = [label.bytes().next(), label.bytes().next_back()];
        ends.into_iter().all(|end| end.is_some_and(is_inner))
            && label.bytes().all(|byte| is_inner(byte) || byte == b'-')
    };
    match value {
        Some(name) if name.len() > MAX_NAME || !name.split('.').all(is_label) => {
            let allowed = "the name of a RolloutStrategy in the same namespace";
            Err(BadAnnotation { key: names::STRATEGY, value: name.to_owned(), allowed })
        }
        name => Ok(name.map(ToOwned::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotated(key: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(key.to_owned(), value.to_owned())])
    }

    #[test]
    fn strategies_are_read_in_any_case() {
        let read = |value| update_strategy(&annotated("apps.openyurt.io/update-strategy", value));
        for value in ["auto", "Auto", "AdvancedRollingUpdate", "advancedrollingupdate"] {
            assert_eq!(read(value), Ok(Some(UpdateStrategy::Auto)), "{value}");
        }
        assert_eq!(read("ota"), Ok(Some(UpdateStrategy::Ota)));
        assert_eq!(update_strategy(&BTreeMap::new()), Ok(None));
    }

    #[test]
    fn an_unknown_strategy_is_refused_by_key_value_and_what_is_allowed() {
        for value in ["", "RollingUpdate", "auto "] {
            let refusal = update_strategy(&annotated("apps.openyurt.io/update-strategy", value)).unwrap_err();
            assert_eq!(
                refusal.to_string(),
                format!(
                    "annotation apps.openyurt.io/update-strategy: {value:?} is not auto, AdvancedRollingUpdate or OTA"
                )
            );
        }
    }

    #[test]
    fn budgets_are_read_and_a_zero_means_zero() {
        let read = |value| max_unavailable(&annotated("apps.openyurt.io/max-unavailable", value));
        assert_eq!(read("25%"), Ok(Amount::Percent(25)));
        assert_eq!(read("3"), Ok(Amount::Count(3)));
        assert_eq!(read("0"), Ok(Amount::Count(0)));
        assert_eq!(read("0%"), Ok(Amount::Percent(0)));
        assert_eq!(max_unavailable(&BTreeMap::new()), Ok(Amount::Percent(10)));
        assert_eq!(
            read("150%").unwrap_err().to_string(),
            "annotation apps.openyurt.io/max-unavailable: \"150%\" is not an integer from 0 to 2147483647 or a percentage \
             from 0% to 100%"
        );
    }

    #[test]
    fn a_strategy_is_named_by_what_can_be_a_name() {
        let longest = "a".repeat(MAX_NAME);
        for (name, is_one) in [
            ("in-waves", true),
            ("v1.in-waves", true),
            (&longest, true),
            ("", false),
            ("-a", false),
            ("a.", false),
            ("A", false),
            (&format!("{longest}a"), false),
        ] {
            assert_eq!(strategy(Some(name)).is_ok(), is_one, "{name:?}");
        }
        assert_eq!(strategy(None), Ok(None));
    }
}
