use std::fs;

use serde::Deserialize;

use super::*;
use crate::workers::WorkerSetting;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Herd {
    /// How many dogs work at once.
    workers: WorkerSetting,
    /// What each dog is called for.
    calls: std::collections::BTreeMap<String, u32>,
    /// The night.
    night: Night,
}

/// The night.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Night {
    /// When to look again.
    ///
    /// Wolves like regularity.
    watch: Period<1_000, 3_600_000>,
    /// The shepherd's name.
    shepherd: Option<String>,
    /// Opens the gate.
    #[schemars(extend("writeOnly" = true))]
    password: String,
    /// Sheep allowed to be missing.
    #[schemars(range(min = 0, max = 9))]
    missing: u8,
}

impl Default for Night {
    fn default() -> Self {
        Self { watch: Period::of_millis::<60_000>(), shepherd: None, password: "moon".to_owned(), missing: 0 }
    }
}

impl ServiceConfig for Herd {
    const ABOUT: About = About { service: "herd", version: "1.2.3", summary: "Keeps sheep." };

    const FLAGS: &'static [Flag] =
        &[Flag { name: "workers", aliases: &["concurrent-dogs"], key: "workers", help: "How many dogs work at once" }];
}

fn start(args: &[&str], environment: &[(&str, &str)]) -> Result<Startup<Herd>, ConfigError> {
    let args = std::iter::once(&"herd").chain(args).map(OsString::from);
    let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    load(args, environment)
}

fn loaded(args: &[&str], environment: &[(&str, &str)]) -> Loaded<Herd> {
    match start(args, environment) {
        Ok(Startup::Run(loaded)) => *loaded,
        other => panic!("{other:?}"),
    }
}

fn refused(args: &[&str], environment: &[(&str, &str)]) -> String {
    start(args, environment).unwrap_err().to_string()
}

fn printed(args: &[&str], environment: &[(&str, &str)]) -> String {
    match start(args, environment) {
        Ok(Startup::Print(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("herd.toml");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn each_layer_wins_over_those_before_it() {
    let (_folder, path) = file("workers = 5\n[night]\nwatch = '10s'\nmissing = 1\n");
    let defaults = loaded(&[], &[]);
    assert_eq!(defaults.service, Herd::default());
    assert_eq!(defaults.process, Config::default());

    let from_file = loaded(&["--config", &path], &[]);
    assert_eq!(from_file.service.workers.to_string(), "5");
    assert_eq!(from_file.service.night.watch.to_string(), "10s");

    let variables = [("DROVER__WORKERS", "6"), ("DROVER_NIGHT__WATCH", "20")];
    let from_environment = loaded(&["--config", &path], &variables);
    assert_eq!(from_environment.service.workers.to_string(), "6");
    assert_eq!(from_environment.service.night.watch.to_string(), "20s");
    assert_eq!(from_environment.service.night.missing, 1);

    let flags = ["--config", &path, "--workers=auto", "--set", "night.watch=30s"];
    let from_flags = loaded(&flags, &variables);
    assert_eq!(from_flags.service.workers, WorkerSetting::Auto);
    assert_eq!(from_flags.service.night.watch.to_string(), "30s");
}

#[test]
fn with_tls_other_hosts_may_be_listened_to() {
    let variables =
        [("DROVER_GRPC__TLS__CERTIFICATE", "/tls/tls.crt"), ("DROVER_ACCESS__ADMINS", "[\"ops/ann\", \"ops/bob\"]")];
    let settings = loaded(&["--grpc-listen=[::]:9090", "--set=grpc.tls.key=/tls/tls.key"], &variables);
    assert!(!settings.process.grpc.listen.is_loopback());
    let admins: Vec<_> = settings.process.access.admins.iter().map(ToString::to_string).collect();
    assert_eq!(admins, ["ops/ann", "ops/bob"]);
    assert!(
        settings.text.contains("[grpc.tls]") && settings.text.contains("key = \"/tls/tls.key\""),
        "{}",
        settings.text
    );
    assert!(settings.text.contains("admins = [\"ops/ann\", \"ops/bob\"]"), "{}", settings.text);
}

#[test]
fn aliases_set_the_same_key() {
    let settings = loaded(&["--concurrent-dogs", "7", "--shutdown-grace", "1s"], &[]);
    assert_eq!(settings.service.workers.to_string(), "7");
    assert_eq!(settings.process.shutdown.grace.to_string(), "1s");
}

#[test]
fn variables_without_two_underscores_are_not_ours() {
    let settings = loaded(&[], &[("DROVER_HERD_PORT", "tcp://10.0.0.1:80"), ("DROVER_WORKERS", "9"), ("PATH", "/bin")]);
    assert_eq!(settings.service, Herd::default());
}

#[test]
fn texts_stay_texts_even_if_they_look_like_numbers() {
    let settings = loaded(&["--set", "night.password=[1]"], &[("DROVER_NIGHT__SHEPHERD", "007")]);
    assert_eq!(settings.service.night.shepherd.as_deref(), Some("007"));
    assert_eq!(settings.service.night.password, "[1]");
}

#[test]
fn unknown_keys_are_refused_in_every_layer() {
    let (_folder, path) = file("[night]\nwatches = '10s'\n");
    let message = refused(&["--config", &path], &[]);
    assert!(message.contains("unknown key `night.watches`") && message.contains(&path), "{message}");
    assert!(message.contains("`night` has missing, password, shepherd, watch"), "{message}");
    let message = refused(&[], &[("DROVER_NIHGT__WATCH", "10s")]);
    assert!(message.contains("unknown key `nihgt` (environment variable DROVER_NIHGT__WATCH)"), "{message}");
    let message = refused(&["--set", "shutdown.graze=1s"], &[]);
    assert!(message.contains("unknown key `shutdown.graze` (--set shutdown.graze)"), "{message}");
    assert!(refused(&["--nights", "3"], &[]).contains("--nights"));
}

#[test]
fn bad_values_name_key_value_origin_and_range() {
    let (_folder, path) = file("[night]\nwatch = 7200\n");
    for (args, environment, expected) in [
        (
            &["--config", path.as_str()][..],
            &[][..],
            &["night.watch", "herd.toml", "`7200`", "a duration from 1s to 1h"][..],
        ),
        (&["--workers", "300"], &[], &["workers", "--workers", "`300`", "1 to 256, or `auto`"]),
        (&[], &[("DROVER__WORKERS", "0")], &["workers", "environment variable DROVER__WORKERS", "`0`", "1 to 256"]),
        (
            &["--grpc-listen=0.0.0.0:9090"],
            &[],
            &["grpc.listen", "--grpc-listen", "`0.0.0.0:9090`", "TLS", "grpc.tls.key", "127.0.0.1"],
        ),
        (&["--set=grpc.tls.certificate=/a"], &[], &["grpc.tls.certificate", "`/a`", "grpc.tls.key"]),
        (&["--set=grpc.tls.key=/a"], &[], &["grpc.tls.key", "`/a`", "grpc.tls.certificate"]),
        (&["--set=access.admins=[\"admin\"]"], &[], &["access.admins", "`admin`", "NAMESPACE/NAME"]),
        (&["--set=access.calls_per_second=0"], &[], &["access.calls_per_second", "`0`", "1 to 100000"]),
        (&["--log-format=xml"], &[], &["telemetry.format", "--log-format", "`xml`", "json, text"]),
        (&["--set=night.missing=12"], &[], &["night.missing", "--set night.missing", "`12`", "0 to 9"]),
        (&["--set=night.missing=many"], &[], &["night.missing", "many", "u8"]),
        (&["--set=telemetry.trace_share=2"], &[], &["telemetry.trace_share", "`2`", "from 0 to 1"]),
    ] {
        let message = refused(args, environment);
        for part in expected {
            assert!(message.contains(part), "no {part} in: {message}");
        }
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let message = refused(&["--config", "/no/such/file.toml"], &[]);
    assert!(message.contains("/no/such/file.toml"), "{message}");
    let (_folder, path) = file("workers = = 3");
    assert!(refused(&["--config", &path], &[]).contains(&path));
}

#[test]
fn the_printed_configuration_is_documented_hides_secrets_and_can_be_loaded() {
    let text = printed(&["--print-config", "--workers", "4", "--set", "calls={Rex=2}"], &[]);
    for part in [
        "# How many dogs work at once.\n# Allowed: 1 to 256, or \"auto\".\n# Environment: DROVER__WORKERS; flag: --workers; flag: --concurrent-dogs\nworkers = 4\n",
        "# When to look again.\n#\n# Wolves like regularity.\n# Allowed: a duration from 1s to 1h",
        "# Environment: DROVER_NIGHT__SHEPHERD\n# shepherd =\n",
        "password = \"(secret)\"",
        "# Allowed: 0 to 9.",
        "# Environment: DROVER__CALLS\ncalls = { Rex = 2 }\n",
        "[telemetry]",
    ] {
        assert!(text.contains(part), "no {part} in:\n{text}");
    }
    assert!(!text.contains("moon"));
    let (_folder, path) = file(&text);
    let again = loaded(&["--config", &path], &[]);
    assert_eq!(again.service.workers.to_string(), "4");
    assert_eq!(again.service.calls["Rex"], 2);
    assert_eq!(again.process, Config::default());
}

#[test]
fn help_and_version_are_printed_and_not_errors() {
    assert!(printed(&["--help"], &[]).contains("concurrent-dogs"));
    assert_eq!(printed(&["--version"], &[]), "herd 1.2.3\n");
}
