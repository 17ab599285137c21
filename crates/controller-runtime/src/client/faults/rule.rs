//! The grammar of one rule.

use crate::client::{Call, Verb};
use std::{ops::RangeInclusive, time::Duration};

/// One rule: what happens to which of which calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) action: Action,
    /// Ordinals among the matching calls, from 1.
    pub(super) which: RangeInclusive<u64>,
    pub(super) calls: Calls,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    KillBefore,
    KillAfter,
    Drop,
    Lose,
    Hang,
    Delay(Duration),
    Lag(Duration),
    Status(u16),
}

/// A set of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Calls {
    verbs: Verbs,
    resource: Option<String>,
    subresource: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verbs {
    Any,
    Read,
    Write,
    One(Verb),
}

/// Why fault rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// The variable is not UTF-8.
    #[error("DROVER_FAULTS is not text: {0:?}")]
    NotText(String),
    /// A rule lacks its action or ordinal.
    #[error("DROVER_FAULTS: {0:?} is not ACTION:WHICH[:CALLS]")]
    Shape(String),
    /// An action is none of those known.
    #[error(
        "DROVER_FAULTS: action {0:?} is none of kill-before, kill-after, drop, lose, hang, delay-MS, lag-MS, status-CODE (400 to 599)"
    )]
    Action(String),
    /// An ordinal is none.
    #[error("DROVER_FAULTS: {0:?} is none of N, N-M, N+ and *, counted from 1")]
    Which(String),
    /// A verb is none of those known.
    #[error("DROVER_FAULTS: {0:?} is no RBAC verb and none of read, write, any")]
    Verb(String),
}

impl Rule {
    pub(super) fn parse(text: &str) -> Result<Self, FaultError> {
        let mut parts = text.split(':').map(str::trim);
        let (Some(action), Some(which), calls, None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(FaultError::Shape(text.to_owned()));
        };
        Ok(Self {
            action: Action::parse(action)?,
            which: parse_which(which)?,
            calls: Calls::parse(calls.unwrap_or("write"))?,
        })
    }
}

impl Action {
    fn parse(text: &str) -> Result<Self, FaultError> {
        let unknown = || FaultError::Action(text.to_owned());
        match text {
            "kill-before" => Ok(Self::KillBefore),
            "kill-after" => Ok(Self::KillAfter),
            "drop" => Ok(Self::Drop),
            "lose" => Ok(Self::Lose),
            "hang" => Ok(Self::Hang),
            _ => match text.split_once('-') {
                Some((kind @ ("delay" | "lag"), millis)) => {
                    let wait = millis.parse().map(Duration::from_millis).map_err(|_| unknown())?;
                    Ok(if kind == "lag" { Self::Lag(wait) } else { Self::Delay(wait) })
                }
                Some(("status", code)) => {
                    code.parse().ok().filter(|code| (400..600).contains(code)).map(Self::Status).ok_or_else(unknown)
                }
                _ => Err(unknown()),
            },
        }
    }
}

fn parse_which(text: &str) -> Result<RangeInclusive<u64>, FaultError> {
    let wrong = || FaultError::Which(text.to_owned());
    let ordinal = |text: &str| text.parse().ok().filter(|nth| *nth >= 1).ok_or_else(wrong);
    if text == "*" {
        Ok(1..=u64::MAX)
    } else if let Some(from) = text.strip_suffix('+') {
        Ok(ordinal(from)?..=u64::MAX)
    } else if let Some((from, to)) = text.split_once('-') {
        Ok(ordinal(from)?..=ordinal(to)?)
    } else {
        ordinal(text).map(|nth| nth..=nth)
    }
}

impl Calls {
    fn parse(text: &str) -> Result<Self, FaultError> {
        let mut parts = text.splitn(3, '/');
        let verb = parts.next().unwrap_or_default();
        let part = |part: Option<&str>| part.filter(|part| *part != "*").map(str::to_owned);
        Ok(Self { verbs: Verbs::parse(verb)?, resource: part(parts.next()), subresource: part(parts.next()) })
    }

    pub(super) fn contains(&self, call: Call<'_>) -> bool {
        self.verbs.contains(call, self.resource.is_some())
            && self.resource.as_deref().is_none_or(|resource| resource == call.resource)
            && self.subresource.as_deref().is_none_or(|subresource| call.subresource == Some(subresource))
    }
}

impl Verbs {
    fn parse(text: &str) -> Result<Self, FaultError> {
        const ALL: [Verb; 8] = [
            Verb::Get,
            Verb::List,
            Verb::Watch,
            Verb::Create,
            Verb::Update,
            Verb::Patch,
            Verb::Delete,
            Verb::DeleteCollection,
        ];
        match text {
            "any" => Ok(Self::Any),
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            _ => ALL
                .into_iter()
                .find(|verb| verb.as_str() == text)
                .map(Self::One)
                .ok_or_else(|| FaultError::Verb(text.to_owned())),
        }
    }

    fn contains(self, call: Call<'_>, resource_named: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Read => !call.verb.is_write(),
            Self::Write => call.verb.is_write() && (resource_named || call.resource != "leases"),
            Self::One(verb) => verb == call.verb,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let rule = Rule::parse("delay-250:2-4:patch/fleetrollouts/status").unwrap();
        assert_eq!(rule.action, Action::Delay(Duration::from_millis(250)));
        assert_eq!(rule.which, 2..=4);
        let patch = |resource, subresource| rule.calls.contains(Call { verb: Verb::Patch, resource, subresource });
        assert!(patch("fleetrollouts", Some("status")));
        assert!(!patch("fleetrollouts", None));
        assert!(!patch("pods", Some("status")));
        assert_eq!(Rule::parse("hang:3+").unwrap().which, 3..=u64::MAX);
        assert_eq!(Rule::parse("lose:*").unwrap().which, 1..=u64::MAX);
        assert_eq!(Rule::parse("lag-1500:*:watch").unwrap().action, Action::Lag(Duration::from_millis(1_500)));
    }

    #[test]
    fn wrong_rules_say_what_is_wrong() {
        for (text, complaint) in [
            ("drop", "not ACTION:WHICH[:CALLS]"),
            ("explode:1", "action \"explode\""),
            ("status-200:1", "action \"status-200\""),
            ("drop:0", "counted from 1"),
            ("drop:x", "counted from 1"),
            ("drop:1:destroy/pods", "no RBAC verb"),
        ] {
            let error = Rule::parse(text).unwrap_err().to_string();
            assert!(error.contains(complaint), "{text}: {error}");
        }
    }
}
