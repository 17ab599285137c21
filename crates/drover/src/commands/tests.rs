use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::{Drover, Parser as _};

fn refused(line: &str) -> (ErrorKind, String) {
    let error = Drover::try_parse_from(line.split_whitespace()).expect_err(line);
    (error.kind(), error.to_string())
}

#[test]
fn the_commands_are_well_formed_and_each_has_examples() {
    let mut command = Drover::command();
    command.clone().debug_assert();
    command.build();
    for command in command.get_subcommands() {
        let name = command.get_name();
        if ["version", "completions", "help", "simulate"].contains(&name) {
            continue;
        }
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(after.contains("Examples:\n  drover "), "{name} has examples");
        assert!(command.get_about().is_some(), "{name} says what it does");
    }
}

#[test]
fn what_does_not_fit_together_is_refused_by_name() {
    for (line, kind, words) in [
        ("drover status agent -A", ErrorKind::ArgumentConflict, "--all-namespaces"),
        ("drover status -A -n edge", ErrorKind::ArgumentConflict, "--all-namespaces"),
        ("drover status -w -o json", ErrorKind::ArgumentConflict, "--watch"),
        ("drover status pod/x", ErrorKind::ValueValidation, "kind \"pod\" is not one of ds"),
        ("drover status -o xml", ErrorKind::InvalidValue, "json, yaml"),
        ("drover status --timing brake=soon", ErrorKind::ValueValidation, "not a duration"),
        ("drover plan", ErrorKind::MissingRequiredArgument, "--file"),
        ("drover plan agent -f agent.yaml", ErrorKind::ArgumentConflict, "--file"),
        ("drover pause", ErrorKind::MissingRequiredArgument, "<TARGET>"),
        ("drover approve", ErrorKind::MissingRequiredArgument, "<TARGET>"),
        ("drover rollback agent --to-revision last", ErrorKind::ValueValidation, "--to-revision"),
        ("drover stat", ErrorKind::InvalidSubcommand, "status"),
    ] {
        let (found, text) = refused(line);
        assert!(found == kind && text.contains(words), "{line}: {found:?} {text}");
    }
}

#[test]
fn as_a_plugin_it_speaks_kubectls_words() {
    for (called, usage) in
        [("/usr/bin/drover", "Usage: drover pause"), ("/usr/bin/kubectl-drover", "Usage: kubectl drover pause")]
    {
        let line = super::named([called, "pause", "--help"].map(Into::into));
        let help = Drover::try_parse_from(line).expect_err("help").to_string();
        assert!(help.contains(usage), "{help}");
    }
}
