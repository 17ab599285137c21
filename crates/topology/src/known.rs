//! Answers that may not be known.

use std::fmt;
use std::time::Duration;

/// An answer, if it is recent enough to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Known<T> {
    /// So it is, or was so recently that it may be acted upon.
    Known(T),
    /// Nobody knows at the moment. No reason to disrupt anything.
    Unknown(Unknown),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// How old the last knowledge is; none if there never was any.
    pub age: Option<Duration>,
    /// What went wrong last, if anything did.
    pub cause: Option<String>,
}

impl<T> Known<T> {
    /// The answer, if there is one.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(answer) => Some(answer),
            Self::Unknown(_) => None,
        }
    }

    /// Whether there is an answer.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// Goes on with an answer.
    pub fn map<U>(self, go_on: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Self::Known(answer) => Known::Known(go_on(answer)),
            Self::Unknown(unknown) => Known::Unknown(unknown),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.age {
            Some(age) => write!(f, "the topology was last known {} s ago", age.as_secs())?,
            None => f.write_str("the topology is not known yet")?,
        }
        match &self.cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unknown_says_why() {
        let mut unknown = Unknown { age: None, cause: None };
        assert_eq!(unknown.to_string(), "the topology is not known yet");
        unknown = Unknown { age: Some(Duration::from_millis(45_900)), cause: Some("connection refused".to_owned()) };
        assert_eq!(unknown.to_string(), "the topology was last known 45 s ago (connection refused)");
        assert_eq!(Known::<u8>::Unknown(unknown.clone()).map(|n| n + 1), Known::Unknown(unknown));
        assert_eq!(Known::Known(1).map(|n| n + 1).known(), Some(2));
    }
}
