//! Rules of runs by strategies, each broken beside a run that comes as close as is right.

use serde_json::{Value, json};

use super::super::Rule;
use super::broken;
use super::story::{RUN, Story};

/// The canary p1, then the rest; everything at once.
fn canary(more: &Value) -> Value {
    let mut wave = json!({"name": "canary", "pools": ["p1"]});
    extend(&mut wave, more);
    json!({"waves": [wave]})
}

fn extend(value: &mut Value, more: &Value) {
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
}

/// Two pools of two nodes; the canary is restarted at once and has settled at 1,560.
fn with_canary_done(strategy: &Value) -> Story {
    let mut story = Story::in_waves(&[2, 2], strategy);
    story.restart(500, "agent", "n1");
    story.restart(510, "agent", "n2");
    story
}

/// What is broken when n3, of the rest, starts at this time.
fn rest_at(at: i64, strategy: &Value, change: impl FnOnce(&mut Story)) -> Vec<Rule> {
    let mut story = with_canary_done(strategy);
    change(&mut story);
    story.restart(at, "agent", "n3");
    broken(&story.verdict())
}

#[test]
fn a_wave_waits_for_the_success_of_the_one_before() {
    let strategy = canary(&json!({}));
    assert_eq!(rest_at(1_570, &strategy, |_| {}), []);
    assert_eq!(rest_at(1_550, &strategy, |_| {}), [Rule::WaveOrder], "n2 settles at 1,560");
    let mut story = Story::in_waves(&[2, 2], &strategy);
    story.restart(500, "agent", "n1");
    story.restart(5_000, "agent", "n3");
    assert_eq!(broken(&story.verdict()), [Rule::WaveOrder], "n2 was never restarted");
    let mut away = Story::in_waves(&[4, 2], &strategy);
    away.node_ready(300, "n4", false);
    (1..=3).for_each(|n| away.restart(500 + n, "agent", &format!("n{n}")));
    away.restart(1_600, "agent", "n5");
    assert_eq!(broken(&away.verdict()), [], "nobody waits for a node that is away");
}

#[test]
fn a_failed_unit_is_a_verdict_but_not_in_a_small_wave() {
    let after_failure = |sizes: &[u32]| {
        let mut story = Story::in_waves(sizes, &canary(&json!({})));
        for n in 2..=sizes[0] {
            story.restart(500, "agent", &format!("n{n}"));
        }
        story.restart(500, "agent", "n1");
        story.set_ready(560, "agent", "n1", false);
        story.change_pod(570, "agent", "n1", |pod| pod["status"]["containerStatuses"] = super::crash());
        // In trouble for failed_after, 3 s.
        story.restart(3_700, "agent", &format!("n{}", sizes[0] + 1));
        broken(&story.verdict())
    };
    assert_eq!(after_failure(&[3, 2]), []);
    assert_eq!(after_failure(&[2, 2]), [Rule::WaveOrder]);
}

#[test]
fn a_wave_soaks_unless_somebody_promotes_it_or_the_run_is_a_way_back() {
    let strategy = canary(&json!({"soakSeconds": 2}));
    assert_eq!(rest_at(3_570, &strategy, |_| {}), []);
    assert_eq!(rest_at(3_540, &strategy, |_| {}), [Rule::WaveOrder]);
    let promoted = |through: &'static str| {
        move |story: &mut Story| story.change_run(1_000, |run| run["spec"]["promotedThrough"] = json!(through))
    };
    assert_eq!(rest_at(1_570, &strategy, promoted("canary")), []);
    assert_eq!(rest_at(1_550, &strategy, promoted("canary")), [Rule::WaveOrder], "a promotion is no success");
    assert_eq!(rest_at(1_570, &strategy, promoted("rest")), [], "that is the canary and more");
    assert_eq!(rest_at(1_570, &strategy, promoted("other")), [Rule::WaveOrder]);
    let back = |story: &mut Story| {
        story.change_run(101, |run| run["spec"]["rollbackOf"] = json!({"name": "agent-c", "number": 1}));
    };
    assert_eq!(rest_at(1_570, &strategy, back), []);
    assert_eq!(rest_at(1_550, &strategy, back), [Rule::WaveOrder], "a way back goes through the waves too");
}

#[test]
fn a_wave_waits_for_approval() {
    for point in ["AfterWave", "BeforeWave"] {
        let mut strategy = canary(&json!({}));
        let second = json!({"name": "second", "pools": ["p2"]});
        strategy["waves"].as_array_mut().unwrap().push(second);
        let (at, wave) = if point == "AfterWave" { (0, "canary") } else { (1, "second") };
        strategy["waves"][at]["approval"] = json!(point);
        let decided = |run: &'static str, decision: &'static str| {
            move |story: &mut Story| story.decide(2_000, run, wave, point, decision)
        };
        assert_eq!(rest_at(2_010, &strategy, decided(RUN, "Approved")), []);
        assert_eq!(rest_at(1_990, &strategy, decided(RUN, "Approved")), [Rule::NotApproved], "{point}");
        assert_eq!(rest_at(2_010, &strategy, decided(RUN, "Rejected")), [Rule::NotApproved]);
        assert_eq!(rest_at(2_010, &strategy, decided("another", "Approved")), [Rule::NotApproved]);
        assert_eq!(rest_at(2_010, &strategy, |_| {}), [Rule::NotApproved]);
    }
    let approved = canary(&json!({"approval": "BeforeWave"}));
    assert_eq!(rest_at(2_010, &approved, |_| {})[..2], [Rule::NotApproved, Rule::NotApproved], "not even the canary");
}

#[test]
fn a_wave_with_min_updated_waits_for_as_many() {
    let next_at = |at, restarted: u32| {
        let mut story = Story::in_waves(&[4, 2], &canary(&json!({"minUpdated": "75%"})));
        (1..=restarted).for_each(|n| story.restart(500, "agent", &format!("n{n}")));
        story.restart(at, "agent", "n5");
        broken(&story.verdict())
    };
    assert_eq!(next_at(1_560, 3), []);
    assert_eq!(next_at(1_540, 3), [Rule::WaveOrder]);
    assert_eq!(next_at(1_560, 2), [Rule::WaveOrder]);
}

#[test]
fn a_wave_that_nobody_can_judge_holds_or_is_passed_over_at_its_deadline() {
    let next_at = |at, on_inconclusive: &str| {
        let mut strategy = canary(&json!({"onInconclusive": on_inconclusive}));
        strategy["unit"] = json!({"progressDeadlineSeconds": 5});
        let mut story = Story::in_waves(&[2, 2], &strategy);
        ["n1", "n2"].iter().for_each(|node| story.node_ready(-500, node, false));
        story.restart(at, "agent", "n3");
        broken(&story.verdict())
    };
    assert_eq!(next_at(5_150, "Proceed"), []);
    assert_eq!(next_at(5_050, "Proceed"), [Rule::WaveOrder], "the wave opened at 100");
    assert_eq!(next_at(9_000, "Hold"), [Rule::WaveOrder]);
}

#[test]
fn waves_take_pools_by_name_label_and_limit() {
    let strategy = |wave: Value| json!({"waves": [wave]});
    let first = |node: &str, strategy: &Value, change: fn(&mut Story)| {
        let mut story = Story::in_waves(&[1, 1, 1], strategy);
        for pool in ["p1", "p2"] {
            story.label(-40_000, pool, &json!({"tier": "lab"}));
        }
        change(&mut story);
        story.restart(2_000, "agent", node);
        broken(&story.verdict())
    };
    let lab = json!({"name": "lab", "poolSelector": {"matchLabels": {"tier": "lab"}}});
    assert_eq!(first("n1", &strategy(lab.clone()), |_| {}), []);
    assert_eq!(first("n2", &strategy(lab.clone()), |_| {}), []);
    assert_eq!(first("n3", &strategy(lab.clone()), |_| {}), [Rule::WaveOrder]);
    // Who judges does not know when a wave opened: either may be right.
    let renamed = |story: &mut Story| story.label(1_000, "p3", &json!({"tier": "lab"}));
    assert_eq!(first("n3", &strategy(lab.clone()), renamed), []);
    let mut one = lab.clone();
    one["maxPools"] = json!(1);
    assert_eq!(first("n2", &strategy(one.clone()), |_| {}), [Rule::WaveOrder], "p1 comes first by name");
    assert_eq!(first("n1", &strategy(one), |_| {}), []);
    for (operator, values, right) in [
        ("In", json!(["lab", "x"]), true),
        ("NotIn", json!(["lab"]), false),
        ("Exists", json!([]), true),
        ("DoesNotExist", json!([]), false),
    ] {
        let expression = json!({"key": "tier", "operator": operator, "values": values});
        let wave = json!({"name": "lab", "poolSelector": {"matchExpressions": [expression]}});
        assert_eq!(first("n1", &strategy(wave), |_| {}).is_empty(), right, "{operator}");
    }
}

#[test]
fn a_pool_that_turns_up_after_its_wave_has_opened_is_in_a_later_one() {
    let next = |joined: &str| {
        let lab = json!({"name": "lab", "poolSelector": {"matchLabels": {"tier": "lab"}}});
        let mut story = Story::in_waves(&[2, 3], &json!({"waves": [lab]}));
        story.label(-40_000, "p1", &json!({"tier": "lab"}));
        story.label(-40_000, "late", &json!({"tier": "lab"}));
        story.restart(500, "agent", "n1");
        story.restart(510, "agent", "n2");
        story.join(600, "n5", joined);
        story.restart(1_700, "agent", "n3");
        broken(&story.verdict())
    };
    assert_eq!(next("late"), [], "nobody waits for it");
    assert_eq!(next("p1"), [Rule::WaveOrder], "who joins a pool of the open wave is waited for");
}

#[test]
fn a_named_strategys_budget_beats_the_annotations() {
    let two = |name: Option<&str>| {
        let mut story = Story::in_waves(&[6], &json!({}));
        story.begin_run(150, name, Some(&json!({"maxUnavailable": 1})));
        story.restart(500, "agent", "n1");
        story.restart(510, "agent", "n2");
        broken(&story.verdict())
    };
    assert_eq!(two(Some("strict")), [Rule::Budget]);
    assert_eq!(two(None), [], "the annotation allows all");
}

#[test]
fn nothing_starts_while_the_strategy_is_missing() {
    let starts_at = |at| {
        let mut story = Story::in_waves(&[2], &json!({}));
        story.begin_run(100, Some("missing"), None);
        story.change_run(2_000, |run| run["spec"]["strategy"] = json!({}));
        story.restart(at, "agent", "n1");
        broken(&story.verdict())
    };
    assert_eq!(starts_at(2_010), []);
    assert_eq!(starts_at(1_500), [Rule::NotAsked]);
}

#[test]
fn waves_and_pools_have_budgets_of_their_own() {
    let starts = |strategy: &Value, nodes: &[&str]| {
        let mut story = Story::in_waves(&[5, 5], strategy);
        for (at, node) in (500..).zip(nodes) {
            story.restart(at, "agent", node);
        }
        broken(&story.verdict())
    };
    let both = |more: Value| {
        let mut wave = json!({"name": "both", "poolSelector": {}});
        extend(&mut wave, &more);
        json!({"maxUnavailable": "50%", "waves": [wave]})
    };
    let wave = both(json!({"maxUnavailable": "20%"}));
    assert_eq!(starts(&wave, &["n1", "n2"]), []);
    assert_eq!(starts(&wave, &["n1", "n2", "n3"]), [Rule::WaveBudget]);
    // Without one of its own a wave has the run's share, of its own units.
    let canary = json!({"maxUnavailable": "40%", "waves": [{"name": "canary", "pools": ["p1"]}]});
    assert_eq!(starts(&canary, &["n1", "n2"]), []);
    assert_eq!(starts(&canary, &["n1", "n2", "n3"]), [Rule::WaveBudget]);
    let mut pool = both(json!({}));
    pool["unit"] = json!({"maxUnavailablePerPool": "20%"});
    assert_eq!(starts(&pool, &["n1", "n6"]), []);
    assert_eq!(starts(&pool, &["n1", "n2"]), [Rule::PoolBudget]);
}

#[test]
fn units_that_break_in_waves_that_wait_are_forgiven_after_the_deadline() {
    let starts_at = |at| {
        let strategy = json!({
            "maxUnavailable": 1,
            "waves": [{"name": "canary", "pools": ["p1"]}],
            "unit": {"progressDeadlineSeconds": 5},
        });
        let mut story = Story::in_waves(&[2, 2], &strategy);
        story.set_ready(-500, "agent", "n3", false);
        story.restart(at, "agent", "n1");
        broken(&story.verdict())
    };
    assert_eq!(starts_at(5_050), [Rule::Budget]);
    assert_eq!(starts_at(5_150), []);
}

#[test]
fn who_lets_a_halted_run_go_on_takes_its_broken_units_as_they_are() {
    let next_at = |at, token: &str| {
        let mut story = Story::in_waves(&[20], &json!({"maxUnavailable": "10%"}));
        for node in ["n1", "n2"] {
            story.restart(500, "agent", node);
            story.set_ready(560, "agent", node, false);
            story.change_pod(570, "agent", node, |pod| pod["status"]["containerStatuses"] = super::crash());
        }
        let halt = json!({"reason": "Failures", "token": "halt-1", "evidence": "two of two failed"});
        story.change_run(3_800, |run| run["status"] = json!({"halt": halt}));
        story.change_run(5_000, |run| {
            run["spec"]["resumeToken"] = json!(token);
            run["status"] = json!({});
        });
        story.restart(at, "agent", "n3");
        broken(&story.verdict())
    };
    assert_eq!(next_at(5_010, "halt-1"), []);
    assert_eq!(next_at(4_900, "halt-1"), [Rule::Budget]);
    assert_eq!(next_at(5_010, "halt-0"), [Rule::Budget], "the token of another halt");
}

#[test]
fn pools_of_a_wave_take_turns() {
    let starts = |second: &str, at| {
        let wave = json!({"name": "both", "poolSelector": {}, "maxConcurrentPools": "50%"});
        let mut story = Story::in_waves(&[2, 2], &json!({"waves": [wave]}));
        story.restart(500, "agent", "n1");
        story.restart(at, "agent", second);
        broken(&story.verdict())
    };
    assert_eq!(starts("n2", 600), [], "the same pool");
    assert_eq!(starts("n3", 1_500), [Rule::ConcurrentPools]);
    assert_eq!(starts("n3", 1_560), [], "n1 has settled");
}

#[test]
fn what_is_caught_up_has_a_budget_of_its_own() {
    let starts = |told: bool| {
        let mut strategy = canary(&json!({}));
        strategy["offline"] = json!({"maxUnavailable": 1});
        let mut story = Story::in_waves(&[4, 2], &strategy);
        ["n3", "n4"].iter().for_each(|node| story.node_ready(-500, node, false));
        story.restart(500, "agent", "n1");
        story.restart(510, "agent", "n2");
        ["n3", "n4"].iter().for_each(|node| story.node_ready(2_000, node, true));
        if told {
            story.change_run(2_500, |run| {
                run["status"] = json!({"waves": [{"name": "canary", "state": "Succeeded", "updated": 2, "failed": 0}]});
            });
        }
        story.restart(3_500, "agent", "n3");
        story.restart(3_510, "agent", "n4");
        broken(&story.verdict())
    };
    assert_eq!(starts(true), [Rule::CatchUpBudget]);
    assert_eq!(starts(false), [], "who judges cannot know that the wave had succeeded before");
}

#[test]
fn nothing_starts_outside_of_windows() {
    // The story begins on Thursday, 1 January 2026, at midnight UTC.
    let window = |more: Value| {
        let mut window = json!({"effect": "Allow", "start": "00:00", "durationSeconds": 60, "timeZone": "UTC"});
        extend(&mut window, &more);
        json!({"windows": [window]})
    };
    let start_at = |at, strategy: &Value| {
        let mut story = Story::in_waves(&[2], strategy);
        story.label(-40_000, "p1", &json!({"tier": "lab"}));
        story.restart(at, "agent", "n1");
        broken(&story.verdict())
    };
    assert_eq!(start_at(59_900, &window(json!({}))), []);
    assert_eq!(start_at(60_100, &window(json!({}))), [], "decided before it closed");
    assert_eq!(start_at(60_300, &window(json!({}))), [Rule::Window]);
    let deny = window(json!({"effect": "Deny"}));
    assert_eq!(start_at(59_700, &deny), [Rule::Window]);
    assert_eq!(start_at(60_000, &deny), []);
    for (more, right) in [
        (json!({"start": "01:00", "timeZone": "Europe/Berlin"}), true),
        (json!({"start": "01:00"}), false),
        (json!({"days": ["Thu"]}), true),
        (json!({"days": ["Fri", "Wed"]}), false),
        (json!({"days": ["Wed"], "durationSeconds": 86_401}), true),
        (json!({"start": "23:59", "durationSeconds": 120}), true),
        (json!({"start": "01:00", "poolSelector": {"matchLabels": {"tier": "shop"}}}), true),
        (json!({"start": "01:00", "poolSelector": {"matchLabels": {"tier": "lab"}}}), false),
    ] {
        assert_eq!(start_at(900, &window(more.clone())).is_empty(), right, "{more}");
    }
}

#[test]
fn who_was_away_may_be_caught_up_outside_of_windows_that_allow() {
    let returns = |nodes: u32, catch_up: &str| {
        let window = json!({"effect": "Allow", "start": "00:00", "durationSeconds": 60, "timeZone": "UTC"});
        let mut story = Story::in_waves(&[nodes], &json!({"windows": [window], "offline": {"catchUp": catch_up}}));
        story.node_ready(-500, "n1", false);
        (2..=nodes).for_each(|n| story.restart(500, "agent", &format!("n{n}")));
        story.node_ready(70_000, "n1", true);
        story.restart(80_000, "agent", "n1");
        broken(&story.verdict())
    };
    assert_eq!(returns(4, "Always"), []);
    assert_eq!(returns(4, "InWindow"), [Rule::Window]);
    assert_eq!(returns(3, "Always"), [Rule::Window], "two of three are no verdict: the wave was never finished");
}
