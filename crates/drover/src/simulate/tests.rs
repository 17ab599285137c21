//! The picture to the letter, and every error by its field.

use planner::strategy::{Amount, Strategy};
use sim::trial::Trial;

use super::strategy::parse;
use super::*;

fn refused(text: &str) -> String {
    match parse("s.yaml", text) {
        Err(error) => error.to_string(),
        Ok(named) => match Strategy::try_from(&named.spec) {
            Err(error) => named.refuse(&error).to_string(),
            Ok(_) => "nothing".to_owned(),
        },
    }
}

#[test]
fn a_strategy_is_read_whole_or_its_spec_alone() {
    let whole =
        "{apiVersion: drover.dev/v1alpha1, kind: RolloutStrategy, metadata: {name: steady}, spec: {maxUnavailable: 5}}";
    let (whole, alone) = (parse("s.yaml", whole).unwrap(), parse("-", "maxUnavailable: 5").unwrap());
    assert_eq!((whole.title.as_str(), alone.title.as_str()), ("steady", "stdin"));
    assert_eq!(whole.spec, alone.spec);
    assert_eq!(Strategy::try_from(&alone.spec).unwrap().max_unavailable, Amount::Count(5));
    assert!(parse("s.yaml", "").is_ok(), "nothing said is the default");
}

#[test]
fn what_is_wrong_is_named_by_its_field_its_value_and_what_is_allowed() {
    for (text, error) in [
        ("slowStart: Fast", "s.yaml: slowStart: \"Fast\" is not one of Doubling, None"),
        ("maxUnavailable: ten", "s.yaml: maxUnavailable: \"ten\" is not an integer from 0"),
        ("maxUnavailabel: 1", "s.yaml: maxUnavailabel: no such field; there are dependsOn,"),
        (
            "waves: [{name: a, pools: [x], soakSeconds: -1}]",
            "s.yaml: waves[0].soakSeconds: -1 is not an integer from 0 to",
        ),
        ("waves: [{pools: [x]}]", "s.yaml: waves[0].name is missing"),
        ("waves: {name: a}", "s.yaml: waves: {\"name\":\"a\"} is not a list"),
        ("waves: [{name: a}]", "s.yaml: waves[0]: one of pools and poolSelector must be given"),
        ("startPaused: maybe", "s.yaml: startPaused: \"maybe\" is not true or false"),
        (
            "windows: [{effect: Allow, start: \"25:00\", durationSeconds: 60, timeZone: UTC}]",
            "s.yaml: windows[0].start: \"25:00\"",
        ),
        ("{kind: RolloutStrategy, spec: {waves: [{name: rest, pools: [x]}]}}", "s.yaml: spec.waves[0].name: \"rest\""),
        ("{kind: DaemonSet, spec: {}}", "s.yaml: kind: \"DaemonSet\" is not \"RolloutStrategy\""),
        ("just words", "s.yaml: the strategy: \"just words\" is not a list of fields"),
        ("a: [", "s.yaml is not YAML"),
    ] {
        let found = refused(text);
        assert!(found.starts_with(error), "{text}: {found}");
    }
}

#[test]
fn a_fleet_is_read_and_refused_by_its_field() {
    let text = "pools: [{name: lab, labels: {tier: lab}, nodes: 3}, {name: shop, nodes: 2, count: 2}]";
    let fleet = fleet::parse("f.yaml", text).unwrap();
    let names: Vec<_> = fleet.pools.iter().map(|pool| &*pool.name).collect();
    assert_eq!((names, fleet.size()), (vec!["lab", "shop-000", "shop-001"], 7));
    for (text, error) in [
        ("pools: [{name: a, nodes: 1}, {name: a, nodes: 1}]", "f.yaml: pools[1].name: \"a\" stands twice"),
        ("pools: [{name: a, nodes: 1, count: 0}]", "f.yaml: pools[0].count: 0 is not"),
        ("pools: [{name: a, nodes: 100001}]", "f.yaml: pools[0]: 100001 nodes"),
        ("pools: []", "f.yaml: pools: there is no node"),
        ("pools: [{name: a, size: 1}]", "f.yaml: "),
    ] {
        let found = fleet::parse("f.yaml", text).unwrap_err().to_string();
        assert!(found.starts_with(error), "{text}: {found}");
    }
}

#[test]
fn a_fleet_that_is_made_up_has_pools_for_every_wave() {
    let text = "waves: [{name: canary, pools: [lab]}, {name: early, poolSelector: {matchLabels: {tier: shop}}}]";
    let strategy = Strategy::try_from(&parse("-", text).unwrap().spec).unwrap();
    let fleet = fleet::made_up(&strategy);
    assert_eq!((fleet.size(), fleet.pools.len()), (1000, 100));
    for wave in strategy.waves.named() {
        assert!(fleet.pools.iter().any(|pool| wave.matches(&pool.name, &pool.labels)), "{}", wave.name);
    }
}

/// Trials of 40 nodes, so that they are quick without optimisation too.
fn summary(text: &str, release: Kind, seeds: u32) -> Summary {
    let named = parse("steady.yaml", text).unwrap();
    let fleet = fleet::parse("f.yaml", "pools: [{name: lab, nodes: 4}, {name: shop, nodes: 6, count: 6}]").unwrap();
    let strategy = Strategy::try_from(&named.spec).unwrap();
    let trial = Trial { release: release.release(), offline: 10, ..Trial::of(strategy, fleet, 1) };
    let outcomes = trials::run(&trial, seeds, false);
    let summary = Summary::of(&trial, &named.title, "from f.yaml", release, &outcomes).with_notes(&named.spec);
    summary.with_timeline(&trial, &trials::again(&trial, &outcomes))
}

/// What is drawn is what is written; `UPDATE=1` writes anew what is drawn.
fn compare(name: &str, summary: &Summary) {
    let lines = summary.lines().into_iter().chain(chart::lines(summary, 80));
    let drawn: String = lines.map(|line| line.plain() + "\n").collect();
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/simulate/tests/{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &drawn).unwrap();
    }
    assert!(drawn.lines().all(|line| line.chars().count() <= 80), "too wide:\n{drawn}");
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(drawn, written, "{name}.txt is drawn otherwise; if that is right: UPDATE=1");
}

const STEADY: &str = "
maxUnavailable: 25%
waves:
- {name: canary, pools: [lab], soakSeconds: 120, approval: AfterWave}
- {name: typo, pools: [shpo-001]}
";

#[test]
fn the_picture_of_a_good_run() {
    compare("good", &summary(STEADY, Kind::Good, 5));
}

#[test]
fn the_picture_of_a_run_that_takes_nodes_away() {
    compare("node-killing", &summary(STEADY, Kind::NodeKilling, 5));
}

#[test]
fn a_run_that_waits_for_ever_says_for_what() {
    let summary = summary("maxUnavailable: 0", Kind::Good, 1);
    assert_eq!((summary.unfinished, summary.completed), (1, 0));
    assert_eq!(summary.waits_for.as_deref(), Some("maxUnavailable of the run is 0"));
}

#[test]
fn percentages_and_spans_are_read_and_shown() {
    assert_eq!((percent("30%"), percent("7")), (Ok(30), Ok(7)));
    assert!(percent("101%").is_err() && percent("many").is_err());
    let spans = [0, 45, 60, 65, 7_800, 273_600].map(chart::span);
    assert_eq!(spans, ["0s", "45s", "1m", "1m 5s", "2h 10m", "3d 4h"]);
}
