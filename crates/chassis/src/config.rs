//! Configuration of a service: from defaults, a file, the environment and flags, in that order.
//!
//! A later layer wins key by key. A key nobody knows is refused in every layer, and so is a value
//! that its type refuses; the error names the key, the value, where it was given and what is
//! allowed.
//!
//! | layer | example |
//! |---|---|
//! | defaults | [`Default`] of [`Config`] and of the service's own type |
//! | TOML file | `--config drover.toml` with `[shutdown]`, `grace = "5s"` |
//! | environment | `DROVER_SHUTDOWN__GRACE=5s`; a key without a section: `DROVER__WORKERS=3` |
//! | flags | `--shutdown-grace 5s`, or any key as `--set shutdown.grace=5s` |
//!
//! Only variables whose name holds two underscores in a row are read: Kubernetes gives every pod
//! variables such as `DROVER_DAEMON_UPDATER_PORT` for the services of its namespace.

mod address;
mod directives;
mod flags;
mod layers;
mod period;
mod reference;
mod schema;
mod sections;

use std::ffi::OsString;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use address::{AddressError, Endpoint, Listen};
pub use directives::{Directives, DirectivesError};
pub use flags::Flag;
pub use period::{Period, PeriodError};
pub use sections::{Access, Admin, Config, Grpc, LogFormat, Share, ShareError, Shutdown, Telemetry, Tls};

use crate::About;
use layers::Layers;

/// A service's own configuration, beside the sections that every service has ([`Config`]).
///
/// Each field is a key or a section of the same file; its doc comment is its documentation in the
/// reference. What `#[schemars(range(..))]` says of a number is checked. A field of a type that checks
/// itself (as [`Period`] does) puts what it allows into its schema as `x-allowed`. A secret is marked
/// `#[schemars(extend("writeOnly" = true))]` and never shown.
pub trait ServiceConfig: Default + Serialize + DeserializeOwned + JsonSchema {
    /// Who the service is.
    const ABOUT: About;

    /// Flags for keys of this configuration, beside those that every service has.
    const FLAGS: &'static [Flag] = &[];

    /// Checks what no single value shows.
    ///
    /// # Errors
    /// When values contradict each other.
    fn check(&self) -> Result<(), Refused> {
        Ok(())
    }
}

/// A value that is refused after all values were read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not allowed: give {allowed}")]
pub struct Refused {
    /// The key, as in `lease.renew`.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// What would be allowed, as in `less than half of lease.duration (7500ms)`.
    pub allowed: String,
}

/// The configuration of a process.
#[derive(Clone, Debug)]
pub struct Loaded<C> {
    /// The sections that every service has.
    pub process: Config,
    /// The service's own keys and sections.
    pub service: C,
    /// The whole as a documented TOML file, without secrets.
    pub text: String,
    /// Where to write the addresses that are listened on (`--addresses-file`).
    pub addresses_file: Option<PathBuf>,
}

/// What a command line asks for.
#[derive(Clone, Debug)]
pub enum Startup<C> {
    /// Run the service.
    Run(Box<Loaded<C>>),
    /// Print this text and end: `--help`, `--version`, `--print-config`.
    Print(String),
}

/// Why a process cannot start with what it was given.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The command line is not understood.
    #[error("{0}")]
    Usage(#[from] clap::Error),
    /// The file cannot be read, or is no TOML.
    #[error("configuration file {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key that nobody knows.
    #[error("unknown key `{key}` ({origin}): {known}")]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it was given.
        origin: String,
        /// The keys there are.
        known: String,
    },
    /// A value that is not allowed.
    #[error("{key} ({origin}): {reason}")]
    Value {
        /// The key.
        key: String,
        /// Where the value was given.
        origin: String,
        /// The value and what is allowed.
        reason: String,
    },
}

/// Reads the configuration of a service from its command line, of which the first word is the
/// program, and the environment.
///
/// # Errors
/// When anything given is not understood or not allowed; nothing has been started then.
pub fn load<C: ServiceConfig>(
    args: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Startup<C>, ConfigError> {
    let command = match flags::parse::<C>(args) {
        Ok(command) => command,
        Err(shown) if !shown.use_stderr() => return Ok(Startup::Print(shown.to_string())),
        Err(error) => return Err(error.into()),
    };
    let layers = Layers::new::<C>(command.file.as_deref(), environment, command.values)?;
    layers.refuse_unknown_keys()?;
    let process: Config = layers.extract()?;
    let service: C = layers.extract()?;
    layers.refuse_out_of_range()?;
    process.check().map_err(|refused| layers.refused(&refused))?;
    service.check().map_err(|refused| layers.refused(&refused))?;
    let text = reference::render::<C>(&process, &service);
    Ok(if command.print_config {
        Startup::Print(text)
    } else {
        Startup::Run(Box::new(Loaded { process, service, text, addresses_file: command.addresses_file }))
    })
}

/// The documented configuration file of a service, with every default.
pub fn default_file<C: ServiceConfig>() -> String {
    reference::render::<C>(&Config::default(), &C::default())
}

#[cfg(test)]
mod tests;
