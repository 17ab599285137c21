//! The command line of a service.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::ServiceConfig;

/// A flag that sets a key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Its name without dashes.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// The key, as in `lease.duration`.
    pub key: &'static str,
    /// What `--help` says about it; the key's own documentation is in the reference.
    pub help: &'static str,
}

/// What a command line says.
#[derive(Debug)]
pub(super) struct CommandLine {
    pub(super) file: Option<PathBuf>,
    pub(super) addresses_file: Option<PathBuf>,
    pub(super) print_config: bool,
    /// Values by key, in the order in which they apply.
    pub(super) values: Vec<Given>,
}

/// A value that was given by flag.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) key: String,
    pub(super) value: String,
    /// How it was given, as in `--shutdown-grace`.
    pub(super) by: String,
}

/// The flags that every service has.
const COMMON: [Flag; 7] = [
    common("admin-listen", "admin.listen", "Where to serve probes and metrics"),
    common("grpc-listen", "grpc.listen", "Where to serve gRPC"),
    common("grpc-deadline", "grpc.deadline", "How long a gRPC call may take"),
    common("shutdown-grace", "shutdown.grace", "How long work may go on after SIGTERM"),
    common("log", "telemetry.log", "Which log events to write"),
    common("log-format", "telemetry.format", "How to write log events: json or text"),
    common("otlp-endpoint", "telemetry.otlp_endpoint", "Where to send traces"),
];

const CONFIG: &str = "config";
const SET: &str = "set";
const PRINT_CONFIG: &str = "print-config";
const ADDRESSES_FILE: &str = "addresses-file";

/// Reads a command line.
///
/// # Errors
/// When it is not understood, and when it asks for help or the version: the error then says so.
pub(super) fn parse<C: ServiceConfig>(args: impl IntoIterator<Item = OsString>) -> Result<CommandLine, clap::Error> {
    let matches = command::<C>().try_get_matches_from(args)?;
    let path = |id| matches.get_one::<PathBuf>(id).cloned();
    Ok(CommandLine {
        file: path(CONFIG),
        addresses_file: path(ADDRESSES_FILE),
        print_config: matches.get_flag(PRINT_CONFIG),
        values: values::<C>(&matches),
    })
}

/// Every flag of a service that sets a key.
pub(super) fn all<C: ServiceConfig>() -> impl Iterator<Item = &'static Flag> {
    COMMON.iter().chain(C::FLAGS)
}

const fn common(name: &'static str, key: &'static str, help: &'static str) -> Flag {
    Flag { name, aliases: &[], key, help }
}

fn command<C: ServiceConfig>() -> Command {
    let own = [
        Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Configuration file (TOML); --print-config shows what it may hold"),
        Arg::new(SET)
            .long(SET)
            .value_name("KEY=VALUE")
            .action(ArgAction::Append)
            .value_parser(key_and_value)
            .help("Set any key of the configuration, as in shutdown.grace=5s"),
        Arg::new(PRINT_CONFIG)
            .long(PRINT_CONFIG)
            .action(ArgAction::SetTrue)
            .help("Print the effective configuration with its documentation, and end"),
        Arg::new(ADDRESSES_FILE)
            .long(ADDRESSES_FILE)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Write the addresses listened on to a file, as JSON"),
    ];
    let keys = all::<C>().map(|flag| {
        Arg::new(flag.name)
            .long(flag.name)
            .visible_aliases(flag.aliases.iter().copied())
            .value_name("VALUE")
            .help(format!("{} ({})", flag.help, flag.key))
    });
    Command::new(C::ABOUT.service).version(C::ABOUT.version).about(C::ABOUT.summary).args(own).args(keys)
}

/// Specific flags win over `--set`.
fn values<C: ServiceConfig>(matches: &ArgMatches) -> Vec<Given> {
    let set = matches.get_many::<(String, String)>(SET).unwrap_or_default().map(|(key, value)| Given {
        key: key.clone(),
        value: value.clone(),
        by: format!("--{SET} {key}"),
    });
    let flags = all::<C>().filter_map(|flag| {
        matches.get_one::<String>(flag.name).map(|value| Given {
            key: flag.key.to_owned(),
            value: value.clone(),
            by: format!("--{}", flag.name),
        })
    });
    set.chain(flags).collect()
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("give KEY=VALUE".to_owned()),
    }
}
