//! The layers of a configuration, and where each value comes from.

use std::ffi::OsString;
use std::path::Path;

use figment::error::Kind;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};
use serde::de::DeserializeOwned;

use super::flags::Given;
use super::schema::{Outside, Shape};
use super::{Config, ConfigError, Refused, ServiceConfig};

/// All layers of a configuration, the later ones over the earlier ones.
pub(super) struct Layers {
    merged: Figment,
    shape: Shape,
}

/// A value that was given as a text, on its own.
struct Single {
    given: Given,
    value: Value,
}

const PREFIX: &str = "DROVER_";

/// Separates the section from the key, in the name of an environment variable.
const SEPARATOR: &str = "__";

impl Layers {
    pub(super) fn new<C: ServiceConfig>(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        flags: Vec<Given>,
    ) -> Result<Self, ConfigError> {
        let shape = Shape::of::<C>();
        let mut merged =
            Figment::from(Serialized::defaults(Config::default())).merge(Serialized::defaults(C::default()));
        if let Some(path) = file {
            merged = merged.merge(readable(path)?);
        }
        for given in environment.into_iter().filter_map(variable).chain(flags) {
            let value = shape.value(&given.key, &given.value);
            merged = merged.merge(Single { given, value });
        }
        Ok(Self { merged, shape })
    }

    /// # Errors
    /// At the first key that neither [`Config`] nor the service has.
    pub(super) fn refuse_unknown_keys(&self) -> Result<(), ConfigError> {
        match self.shape.unknown(&self.keys()?) {
            None => Ok(()),
            Some(unknown) => Err(ConfigError::UnknownKey {
                key: unknown.key,
                origin: self.origin(unknown.tag),
                known: unknown.known,
            }),
        }
    }

    /// # Errors
    /// At the first number that is out of the range which its schema gives.
    pub(super) fn refuse_out_of_range(&self) -> Result<(), ConfigError> {
        match self.shape.outside(&self.keys()?) {
            None => Ok(()),
            Some(Outside { key, tag, value, allowed }) => Err(ConfigError::Value {
                key,
                origin: self.origin(tag),
                reason: format!("`{value}` is not allowed: give {allowed}"),
            }),
        }
    }

    /// The part of the configuration that a type knows.
    pub(super) fn extract<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        self.merged.extract().map_err(|error| self.error(error))
    }

    /// The error for a value that only the whole shows to be wrong.
    pub(super) fn refused(&self, refused: &Refused) -> ConfigError {
        let tag = self.merged.find_value(refused.key).map(|value| value.tag());
        ConfigError::Value {
            key: refused.key.to_owned(),
            origin: self.origin(tag.unwrap_or(Tag::Default)),
            reason: refused.to_string(),
        }
    }

    /// All keys, merged.
    fn keys(&self) -> Result<Dict, ConfigError> {
        let mut data = self.merged.data().map_err(|error| self.error(error))?;
        Ok(data.remove(&Profile::Default).unwrap_or_default())
    }

    fn error(&self, error: figment::Error) -> ConfigError {
        let key = error.path.join(".");
        let tag = self.merged.find_value(&key).map(|value| value.tag());
        ConfigError::Value { origin: self.origin(tag.unwrap_or(Tag::Default)), key, reason: reason(error.kind) }
    }

    fn origin(&self, tag: Tag) -> String {
        match self.merged.get_metadata(tag) {
            None => "default".to_owned(),
            Some(metadata) => match &metadata.source {
                Some(Source::File(path)) => format!("in {}", path.display()),
                Some(Source::Code(_)) => "default".to_owned(),
                _ => metadata.name.to_string(),
            },
        }
    }
}

impl Provider for Single {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.given.by.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let nested = figment::util::nest(&self.given.key, self.value.clone());
        Ok(Profile::Default.collect(nested.into_dict().unwrap_or_default()))
    }
}

/// The file, once it is known that it can be read.
fn readable(path: &Path) -> Result<impl Provider, ConfigError> {
    let file = Toml::file_exact(path);
    match file.data() {
        Ok(_) => Ok(file),
        Err(error) => Err(ConfigError::File { path: path.to_owned(), reason: error.to_string() }),
    }
}

/// `DROVER_SECTION__KEY` as `section.key`, `DROVER__KEY` as `key`; nothing for other variables.
fn variable((name, value): (OsString, OsString)) -> Option<Given> {
    let name = name.into_string().ok()?;
    let path = name.strip_prefix(PREFIX)?;
    if !name.contains(SEPARATOR) {
        return None;
    }
    let key = path.trim_start_matches('_').to_ascii_lowercase();
    Some(Given {
        key: key.replace(SEPARATOR, "."),
        value: value.to_string_lossy().into_owned(),
        by: format!("environment variable {name}"),
    })
}

/// What a value's type has to say about it. Types that check themselves name the value and what is
/// allowed; for the others, this does.
fn reason(kind: Kind) -> String {
    match kind {
        Kind::Message(message) => message,
        Kind::InvalidType(given, expected) | Kind::InvalidValue(given, expected) => {
            format!("{given} is not allowed: give {expected}")
        }
        Kind::UnknownVariant(given, allowed) => {
            format!("`{given}` is not allowed: give one of {}", allowed.join(", "))
        }
        Kind::UnknownField(given, known) => {
            format!("unknown key `{given}`: there are {}", known.join(", "))
        }
        Kind::MissingField(name) => format!("`{name}` is missing"),
        other => other.to_string(),
    }
}
