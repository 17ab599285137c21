//! Log filters in configuration.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// Which log events are written: a level, or `target=level`, several separated by commas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Directives(String);

/// A text that is no list of directives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a log filter ({why}): give {ALLOWED}")]
pub struct DirectivesError {
    given: String,
    why: String,
}

const ALLOWED: &str = "error, warn, info, debug, trace or off, alone or as target=level, separated by commas, such as \"info,controller_runtime=debug\"";

impl Directives {
    /// Everything from `info` up.
    pub fn info() -> Self {
        Self("info".to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Directives {
    type Err = DirectivesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |why: String| DirectivesError { given: text.to_owned(), why };
        if text.trim().is_empty() {
            return Err(refused("empty".to_owned()));
        }
        EnvFilter::builder().parse(text).map(|_| Self(text.to_owned())).map_err(|error| refused(error.to_string()))
    }
}

impl fmt::Display for Directives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Directives {
    type Error = DirectivesError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Directives> for String {
    fn from(directives: Directives) -> Self {
        directives.0
    }
}

impl JsonSchema for Directives {
    fn schema_name() -> Cow<'static, str> {
        "Directives".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "x-allowed": ALLOWED})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_checked() {
        for text in ["info", "warn,kube=debug", "off", "[span{pool=a}]=trace"] {
            assert_eq!(text.parse::<Directives>().unwrap().as_str(), text);
        }
        for text in ["", "kube=loud", "info,=,"] {
            let error = text.parse::<Directives>().unwrap_err().to_string();
            assert!(error.contains("error, warn, info"), "{error}");
        }
    }
}
