//! What `drover status` shows, as text anyone can read: `tests/views/*.txt`. `UPDATE=1 cargo test -p drover` writes them anew.

use std::path::Path;

use api::fleet_rollout::{Attention, HaltStatus, Phase, WaveState};
use drover::eta::Eta;
use drover::progress::{Held, Pods, Pool, PoolUnit, Progress, State, Units, Wave};
use drover::text::Line;
use drover::view::{Extent, view};
use jiff::{SignedDuration, Timestamp};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn units(desired: u32, updated: u32, settled: u32, down: u32) -> Units {
    Units { desired, updated, settled, down: Some(down), ..Units::default() }
}

fn held(kind: &str, units: u32, sentence: &str) -> Held {
    Held { kind: kind.to_owned(), units, sentence: sentence.to_owned() }
}

fn pool(name: &str, units: Units, holds: Vec<Held>) -> Pool {
    Pool { name: name.to_owned(), units, holds, needs_attention: false, unit: None }
}

fn wave(name: &str, state: WaveState, units: Units, pools: Vec<Pool>) -> Wave {
    Wave { name: name.to_owned(), state, updated: units.updated, failed: units.failed, units: Some(units), pools }
}

fn run(phase: Phase, sentence: &str, units: Units, waves: Vec<Wave>) -> Progress {
    Progress {
        namespace: "edge".to_owned(),
        name: "agent-0f3a9c1e-r7".to_owned(),
        kind: "DaemonSet".to_owned(),
        target: "agent".to_owned(),
        revision: 7,
        revision_name: "agent-6d8f9c7b4".to_owned(),
        phase,
        sentence: sentence.to_owned(),
        wave: Some("early".to_owned()),
        units,
        waves,
        apart: Vec::new(),
        notices: Vec::new(),
        eta: None,
        halt: None,
        attention: Vec::new(),
        began: Some(NOW - SignedDuration::from_mins(8)),
        unseen: None,
    }
}

fn in_the_middle() -> Progress {
    let budget = "2 of 2 allowed units of the pool are down";
    let slow = "slow start waits for 6 units under way to settle, 6 may be";
    let early = vec![
        pool(
            "berlin",
            units(20, 8, 6, 2),
            vec![held("Budget", 10, budget), held("Offline", 2, "its node is not Ready")],
        ),
        pool("hamburg", units(15, 15, 15, 0), Vec::new()),
        pool("munich", units(15, 0, 0, 0), vec![held("SlowStart", 15, slow)]),
    ];
    let canary = units(3, 3, 3, 0);
    let waves = vec![
        wave("canary", WaveState::Succeeded, canary, vec![pool("lab", canary, Vec::new())]),
        wave("early", WaveState::Open, Units { offline: 2, ..units(50, 23, 21, 2) }, early),
        wave(
            "rest",
            WaveState::Waiting,
            Units { offline: 4, ..units(947, 0, 0, 0) },
            vec![pool("others", units(947, 0, 0, 0), Vec::new())],
        ),
    ];
    let sentence =
        "wave \"early\" (2 of 3): 26 of 1000 units updated, 24 settled, 6 offline; 2 of 5 allowed units are down";
    let all = Units { offline: 6, ..units(1000, 26, 24, 2) };
    Progress { eta: Some(Eta { p50_seconds: 720, p90_seconds: 1140 }), ..run(Phase::Progressing, sentence, all, waves) }
}

fn golden(name: &str, lines: &[Line]) {
    let text: String = lines.iter().map(|line| line.plain() + "\n").collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/views/{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        assert!(std::fs::write(&path, &text).is_ok(), "{} can be written", path.display());
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, known, "{} differs: UPDATE=1 writes it anew", path.display());
}

fn shown(run: &Progress, width: usize, pools: Option<usize>) -> Vec<Line> {
    let lines = view(run, NOW, Extent { width, pools });
    for line in &lines {
        assert!(line.width() <= width, "{:?} is wider than {width}", line.plain());
    }
    lines
}

#[test]
fn a_run_in_the_middle() {
    golden("progressing", &shown(&in_the_middle(), 80, None));
    golden("progressing-wide", &shown(&in_the_middle(), 110, None));
}

#[test]
fn every_width_holds_every_line() {
    for width in 66..=120 {
        shown(&in_the_middle(), width, None);
    }
}

#[test]
fn one_wave_of_many_pools_on_a_small_terminal() {
    let pools: Vec<Pool> = (1..=40)
        .map(|n| {
            let done = n % 4 == 0;
            let down = u32::from(n == 7 || n == 33);
            let units = if done { units(5, 5, 5, 0) } else { units(5, down, 0, down) };
            let wait = held("Budget", 5 - down, "2 of 2 allowed units of the run are down");
            pool(&format!("pool-{n}"), units, if done { Vec::new() } else { vec![wait] })
        })
        .collect();
    let all = units(200, 52, 50, 2);
    let sentence = "52 of 200 units updated, 50 settled, 0 offline; 2 of 2 allowed units are down";
    let run = run(Phase::Progressing, sentence, all, vec![wave("all", WaveState::Open, all, pools)]);
    golden("many-pools", &shown(&run, 80, Some(8)));
}

#[test]
fn a_wave_that_waits_for_approval() {
    let canary = units(3, 3, 3, 0);
    let sentence = "held: wave \"early\" waits for approval to open; wave \"canary\" (1 of 3): 3 of 1000 units updated, 3 settled, 6 offline";
    let waves = vec![
        wave("canary", WaveState::Succeeded, canary, vec![pool("lab", canary, Vec::new())]),
        wave("early", WaveState::Waiting, units(50, 0, 0, 0), Vec::new()),
        wave("rest", WaveState::Waiting, units(947, 0, 0, 0), Vec::new()),
    ];
    golden("awaiting-approval", &shown(&run(Phase::AwaitingApproval, sentence, units(1000, 3, 3, 0), waves), 80, None));
}

#[test]
fn a_wave_without_pools_is_loud() {
    let waves = vec![
        wave("canary", WaveState::Succeeded, units(0, 0, 0, 0), Vec::new()),
        wave("rest", WaveState::Open, units(9, 1, 0, 1), vec![pool("lab", units(9, 1, 0, 1), Vec::new())]),
    ];
    golden("empty-wave", &shown(&run(Phase::Progressing, "1 of 9 units updated", units(9, 1, 0, 1), waves), 80, None));
}

#[test]
fn a_halt_shows_its_evidence_and_the_ways_out() {
    let failed = Units { failed: 2, ..units(3, 3, 0, 3) };
    let sentence = "halted: 3 exposed nodes lost with none settled; wave \"canary\" (1 of 2): 3 of 100 units updated, 0 settled, 3 offline; fix and change the template, or set spec.resumeToken to \"h1\" to go on";
    let lab = Pool { needs_attention: true, ..pool("lab", failed, vec![held("Halted", 1, "the run is halted")]) };
    let waves = vec![
        wave("canary", WaveState::Open, failed, vec![lab]),
        wave("rest", WaveState::Waiting, units(97, 0, 0, 0), Vec::new()),
    ];
    let halt = HaltStatus { reason: "NodeLoss".into(), token: "h1".into(), evidence: "3 exposed nodes lost".into() };
    let attention = vec![Attention { pool: "lab".into(), hold: "the run is halted".into() }];
    let all = Units { offline: 3, failed: 2, ..units(100, 3, 0, 3) };
    let run = Progress { halt: Some(halt), attention, ..run(Phase::Halted, sentence, all, waves) };
    golden("halted", &shown(&run, 80, None));
}

#[test]
fn what_may_not_be_read_is_said() {
    let mut run = in_the_middle();
    run.units.down = None;
    for wave in &mut run.waves {
        (wave.units, wave.pools) = (None, Vec::new());
    }
    run.eta = None;
    run.unseen = Some("you may not list nodes: nodes is forbidden".to_owned());
    golden("without-rights", &shown(&run, 80, None));
}

#[test]
fn long_names_keep_both_ends_and_the_columns() {
    let long = "plant-north-building-17-line-assembly-4-cells";
    let waves = vec![wave(long, WaveState::Open, units(9, 1, 0, 1), vec![pool(long, units(9, 1, 0, 1), Vec::new())])];
    let run = Progress {
        target: long.to_owned(),
        revision_name: format!("{long}-6d8f9c7b4"),
        ..run(Phase::Progressing, "1 of 9 units updated", units(9, 1, 0, 1), waves)
    };
    golden("long-names", &shown(&run, 80, None));
}

#[test]
fn a_completed_run_is_short() {
    let all = Units { offline: 4, ..units(1000, 996, 996, 0) };
    let pools = vec![
        pool("berlin", units(996, 996, 996, 0), Vec::new()),
        pool("far-away", Units { offline: 4, ..units(4, 0, 0, 0) }, vec![held("Offline", 4, "its node is not Ready")]),
    ];
    let sentence = "all reachable units run 6d8f9c7b4; 4 others are caught up when they return";
    let run = run(Phase::Completed, sentence, all, vec![wave("all", WaveState::Succeeded, all, pools)]);
    golden("completed", &shown(&run, 80, None));
}

/// A pool of a YurtAppSet, with so many pods updated and available of three.
fn unit_pool(name: &str, state: State, pods: Option<(i64, i64)>) -> Pool {
    let counts = match state {
        State::Updated => units(1, 1, 1, 0),
        State::InProgress => units(1, 1, 0, 1),
        State::Failed => Units { failed: 1, ..units(1, 1, 0, 0) },
        State::Broken => units(1, 1, 0, 0),
        State::NotReachable => Units { offline: 1, offline_to_do: Some(1), ..units(1, 0, 0, 0) },
        State::Waiting => units(1, 0, 0, 0),
    };
    let trouble = format!("ReplicaSet \"web-{name}-4c100a68-7d9f\" has timed out progressing.");
    let workload = pods.map(|(updated, available)| Pods {
        kind: "Deployment",
        name: format!("web-{name}-4c100a68"),
        revision: "web-5d9c7b".to_owned(),
        desired: 3,
        updated,
        available,
        trouble: (state == State::Failed).then_some(trouble),
    });
    let holds = match state {
        State::Waiting => vec![held("ConcurrentPools", 1, "3 pools of its wave are under change, 3 may be")],
        State::NotReachable => vec![held("Offline", 1, "none of its nodes is Ready")],
        State::Updated | State::InProgress | State::Failed | State::Broken => Vec::new(),
    };
    Pool { unit: Some(PoolUnit { state, workload }), ..pool(name, counts, holds) }
}

fn of_pools() -> Progress {
    let early = vec![
        unit_pool("berlin", State::Updated, Some((3, 3))),
        unit_pool("bonn", State::InProgress, Some((2, 2))),
        unit_pool("hamburg", State::Failed, Some((1, 2))),
        unit_pool("kiel", State::Broken, Some((3, 0))),
        unit_pool("munich", State::NotReachable, Some((0, 0))),
        unit_pool("ulm", State::Waiting, Some((0, 3))),
        unit_pool("vienna", State::Waiting, None),
    ];
    let canary = units(2, 2, 2, 0);
    let lab = vec![unit_pool("lab-1", State::Updated, Some((3, 3))), unit_pool("lab-2", State::Updated, Some((3, 3)))];
    let open = Units { offline: 1, failed: 1, offline_to_do: Some(1), ..units(7, 4, 1, 1) };
    let waves = vec![
        wave("canary", WaveState::Succeeded, canary, lab),
        wave("early", WaveState::Open, open, early),
        wave("rest", WaveState::Waiting, units(11, 0, 0, 0), Vec::new()),
    ];
    let sentence = "wave \"early\" (2 of 3): 6 of 20 pools updated, 3 settled, 1 offline, 1 failed; 1 under change";
    let all = Units { offline: 1, failed: 1, offline_to_do: Some(1), ..units(20, 6, 3, 1) };
    let mut pinned = unit_pool("zurich", State::Waiting, Some((3, 3)));
    pinned.holds = vec![held("pinned", 1, "is pinned to revision web-77c4")];
    Progress {
        name: "web-0f3a9c1e-r7".to_owned(),
        kind: "YurtAppSet".to_owned(),
        target: "web".to_owned(),
        revision_name: "web-5d9c7b".to_owned(),
        apart: vec![pinned],
        ..run(Phase::Progressing, sentence, all, waves)
    }
}

#[test]
fn a_set_pool_by_pool() {
    golden("pools", &shown(&of_pools(), 80, None));
    golden("pools-wide", &shown(&of_pools(), 110, None));
    for width in 66..=120 {
        shown(&of_pools(), width, Some(3));
    }
}

#[test]
fn a_set_whose_newest_spec_has_no_run_says_so() {
    let refused = "AppUpdated is False (UpdateWorkloadError): lab-1: spec.workload.workloadTweaks[0].patches[0]: there is no /spec/x";
    let waves = vec![wave("all", WaveState::Succeeded, units(2, 2, 2, 0), Vec::new())];
    let run = Progress {
        notices: vec![
            "its newest spec has no run, for the reason below; what is shown is the run before it".to_owned(),
            refused.to_owned(),
        ],
        apart: Vec::new(),
        ..Progress { waves, units: units(2, 2, 2, 0), phase: Phase::Completed, ..of_pools() }
    };
    golden("refused-spec", &shown(&run, 80, None));
}
