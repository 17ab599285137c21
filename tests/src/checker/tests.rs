//! A checker that cannot fail is a defect: each rule is broken here, beside a run that comes as close as is right.

mod late;
mod story;
mod waves;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};

use self::story::{Fence, Story, ms, rules};
use super::{AuditLog, Call, Ending, Rule, Verdict};

fn broken(verdict: &Verdict) -> Vec<Rule> {
    verdict.violations.iter().map(|violation| violation.rule).collect()
}

/// The status of containers that crash over and over.
fn crash() -> Value {
    let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    json!([{"name": "c", "state": waiting, "image": "", "imageID": "", "ready": false, "restartCount": 3}])
}

#[test]
fn starts_up_to_the_budget_are_right_and_one_more_is_not() {
    let mut story = Story::released(10, "20%");
    story.restart(500, "agent", "n1");
    story.restart(510, "agent", "n2");
    assert_eq!(broken(&story.verdict()), []);
    let mut right = story;
    // n1 was Ready at 550 and has settled 1 s later.
    right.restart(1_560, "agent", "n3");
    let verdict = right.verdict();
    assert_eq!((broken(&verdict), verdict.deletes, verdict.most_started), (vec![], 3, 2));

    let mut wrong = Story::released(10, "20%");
    for (at, node) in [(500, "n1"), (510, "n2"), (1_400, "n3")] {
        wrong.restart(at, "agent", node);
    }
    let verdict = wrong.verdict();
    assert_eq!(broken(&verdict), [Rule::Budget], "{verdict}");
    assert_eq!((verdict.most_started, verdict.most_down), (3, 3));
    assert!(verdict.violations[0].what.starts_with("3 down with this start"), "{verdict}");
}

#[test]
fn the_denominator_is_the_reachable_units() {
    let run = |deletes: &[&str]| {
        let mut story = Story::released(10, "20%");
        for away in ["n6", "n7", "n8", "n9", "n10"] {
            story.node_ready(100, away, false);
        }
        for (at, node) in (500..).zip(deletes) {
            story.restart(at, "agent", node);
        }
        story.verdict()
    };
    assert_eq!(broken(&run(&["n1"])), []);
    assert_eq!(broken(&run(&["n1", "n2"])), [Rule::Denominator], "2 of 10 is right, of 5 it is not");
    assert_eq!(broken(&run(&["n1", "n2", "n3"])), [Rule::Denominator, Rule::Budget]);
}

#[test]
fn a_unit_that_is_down_adds_nothing_but_not_without_bound() {
    let run = |deletes: &[&str]| {
        let mut story = Story::released(10, "20%");
        for node in ["n1", "n2", "n3", "n4"] {
            story.set_ready(-500, "agent", node, false);
        }
        for (at, node) in (500..).zip(deletes) {
            story.delete_only(at, "agent", node, Fence::Uid);
            story.add_pod(at + 20, "agent", node);
        }
        story.verdict()
    };
    assert_eq!(broken(&run(&["n1", "n2"])), []);
    assert_eq!(broken(&run(&["n1", "n2", "n3"])), [Rule::Budget], "a third one under way");
    assert_eq!(broken(&run(&["n5"])), [Rule::Budget], "a healthy one while four are down");
}

#[test]
fn a_unit_that_was_broken_before_leaves_down_when_it_is_broken_after() {
    let next_at = |broken_at, at| {
        let mut story = Story::released(10, "10%");
        story.set_ready(broken_at, "agent", "n1", false);
        story.delete_only(500, "agent", "n1", Fence::Uid);
        story.add_pod(520, "agent", "n1");
        story.change_pod(600, "agent", "n1", |pod| pod["status"]["containerStatuses"] = crash());
        story.restart(at, "agent", "n2");
        broken(&story.verdict())
    };
    // In trouble for failed_after, 3 s.
    assert_eq!(next_at(-500, 3_500), [Rule::Budget]);
    assert_eq!(next_at(-500, 3_650), []);
    assert_eq!(next_at(370, 3_650), [], "so lately that who started it may have known or not");
}

#[test]
fn a_pod_that_took_the_revision_by_itself_and_broke_stays_down() {
    let mut story = Story::released(10, "10%");
    story.vanish(500, "agent", "n1");
    story.add_pod(510, "agent", "n1");
    story.change_pod(530, "agent", "n1", |pod| pod["status"]["containerStatuses"] = crash());
    story.restart(4_500, "agent", "n2");
    assert_eq!(broken(&story.verdict()), [Rule::Budget]);
}

#[test]
fn a_unit_that_failed_stays_down() {
    let next_at = |at| {
        let mut story = Story::released(20, "10%");
        for (from, node) in [(500, "n1"), (505, "n2")] {
            story.delete_only(from, "agent", node, Fence::Uid);
            story.add_pod(from + 20, "agent", node);
            story.change_pod(from + 40, "agent", node, |pod| pod["status"]["containerStatuses"] = crash());
        }
        story.restart(at, "agent", "n3");
        broken(&story.verdict())
    };
    assert_eq!(next_at(3_000), [Rule::Budget]);
    assert_eq!(next_at(4_000), [Rule::Budget], "with the verdict Failed");
}

#[test]
fn nodes_that_are_away_cordoned_or_just_back_get_no_start() {
    let delete_at = |at, change: fn(&mut Story)| {
        let mut story = Story::released(10, "20%");
        change(&mut story);
        story.delete_only(at, "agent", "n1", Fence::Uid);
        broken(&story.verdict())
    };
    let leave = |story: &mut Story| story.node_ready(1_000, "n1", false);
    assert_eq!(delete_at(1_150, leave), []);
    assert_eq!(delete_at(1_250, leave), [Rule::NotReady]);
    let cordon = |story: &mut Story| story.cordon(1_000, "n1");
    assert_eq!(delete_at(1_150, cordon), []);
    assert_eq!(delete_at(1_250, cordon), [Rule::Cordoned]);
    let flap = |story: &mut Story| {
        story.node_ready(500, "n1", false);
        story.node_ready(1_000, "n1", true);
    };
    assert_eq!(delete_at(1_900, flap), [Rule::NotReachable]);
    assert_eq!(delete_at(2_010, flap), []);
}

#[test]
fn every_deletion_is_fenced() {
    for (fence, expected) in
        [(Fence::Uid, vec![]), (Fence::None, vec![Rule::NoUid]), (Fence::WrongUid, vec![Rule::NoUid])]
    {
        let mut story = Story::released(10, "20%");
        story.delete_only(500, "agent", "n1", fence);
        assert_eq!(broken(&story.verdict()), expected);
    }
}

#[test]
fn a_deletion_without_an_answer_counts_when_it_was_done() {
    let asked = |code, done: bool| {
        let mut story = Story::released(10, "10%");
        story.ask(500, "agent", "n1", Fence::Uid, code);
        if done {
            let stamp = json!("2026-01-01T00:00:00Z");
            story.change_pod(510, "agent", "n1", |pod| pod["metadata"]["deletionTimestamp"] = stamp);
            story.vanish(520, "agent", "n1");
        }
        // A second one is above the budget if the first was done.
        story.restart(600, "agent", "n2");
        let verdict = story.verdict();
        (verdict.deletes, broken(&verdict))
    };
    assert_eq!(asked(504, true), (2, vec![Rule::Budget]));
    assert_eq!(asked(504, false), (1, vec![]));
    assert_eq!(asked(409, false), (1, vec![]));
}

#[test]
fn units_at_the_newest_revision_are_not_touched() {
    let mut story = Story::released(10, "20%");
    story.restart(500, "agent", "n1");
    story.restart(5_000, "agent", "n1");
    assert_eq!(broken(&story.verdict()), [Rule::AtNewest]);

    // A rollback makes the old revision the newest: who has not heard of it yet may still move a unit off it.
    let rolled_back = |delay: i64| {
        let mut story = Story::released(10, "20%");
        story.revision(1_000, "agent", "a", 3);
        story.delete_only(1_000 + delay, "agent", "n1", Fence::Uid);
        broken(&story.verdict())
    };
    assert_eq!(rolled_back(150), []);
    assert_eq!(rolled_back(250), [Rule::AtNewest]);
}

#[test]
fn nothing_moves_to_a_superseded_revision() {
    let unobserved = |delay: i64| {
        let mut story = Story::released(10, "20%");
        story.change_set(1_000, "agent", |set| set["metadata"]["generation"] = json!(2));
        story.delete_only(1_000 + delay, "agent", "n1", Fence::Uid);
        broken(&story.verdict())
    };
    assert_eq!(unobserved(150), []);
    assert_eq!(unobserved(250), [Rule::Superseded]);
}

#[test]
fn only_what_asks_for_it_is_upgraded() {
    type Change = fn(&mut Value);
    let changes: [Change; 5] = [
        |set| set["metadata"]["annotations"]["apps.openyurt.io/update-strategy"] = json!("OTA"),
        |set| set["metadata"]["annotations"]["apps.openyurt.io/max-unavailable"] = json!("many"),
        |set| set["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
        |set| set["spec"]["updateStrategy"]["type"] = json!("RollingUpdate"),
        |set| set["metadata"]["annotations"] = json!({}),
    ];
    for change in changes {
        let mut story = Story::released(10, "20%");
        story.change_set(-300, "agent", change);
        story.delete_only(500, "agent", "n1", Fence::Uid);
        assert!(story.verdict().broken().contains(&Rule::NotAsked));
    }
}

#[test]
fn a_node_has_one_activation_at_a_time() {
    let second_at = |at| {
        let mut story = Story::released(10, "20%");
        story.add_set(-40_000, "sensor", "20%");
        story.revision(0, "sensor", "b", 2);
        story.restart(500, "agent", "n1");
        story.restart(at, "sensor", "n1");
        broken(&story.verdict())
    };
    assert_eq!(second_at(1_500), [Rule::NodeBusy]);
    assert_eq!(second_at(1_560), []);
}

#[test]
fn who_lost_the_lease_writes_no_more_than_was_in_flight() {
    let writes_after = |count: i64| {
        let mut story = Story::released(10, "50%");
        story.lease(0, "host_1");
        story.restart(500, "agent", "n1");
        story.credential = "two".to_owned();
        story.lease(1_000, "host_2");
        story.credential = "one".to_owned();
        for n in 0..count {
            story.restart(1_100 + n, "agent", &format!("n{}", n + 2));
        }
        story.judged(Ending::Open, &super::Rules { in_flight: 1, ..rules() })
    };
    let verdict = writes_after(1);
    assert_eq!((broken(&verdict), verdict.handovers, verdict.stale_writes), (vec![], 1, 1));
    assert_eq!(broken(&writes_after(2)), [Rule::TwoLeaders]);
}

#[test]
fn giving_the_lease_back_and_taking_it_again_is_no_handover() {
    let mut story = Story::released(10, "50%");
    story.lease(0, "host_1");
    story.lease(400, "");
    story.restart(450, "agent", "n1");
    story.lease(500, "host_1");
    let verdict = story.verdict();
    assert_eq!((broken(&verdict), verdict.handovers, verdict.stale_writes), (vec![], 0, 0));
}

#[test]
fn in_the_end_all_reachable_units_are_done_and_nothing_is_written() {
    let ending = |at| Ending::Done { at: ms(at), quiet: SignedDuration::from_secs(2) };
    let mut story = Story::released(2, "1");
    story.restart(500, "agent", "n1");
    assert_eq!(broken(&story.judged(ending(5_000), &rules())), [Rule::NotDone]);
    let mut away = Story::released(2, "1");
    away.restart(500, "agent", "n1");
    away.node_ready(600, "n2", false);
    assert_eq!(broken(&away.judged(ending(5_000), &rules())), [], "nobody waits for a node that is offline");
    story.restart(2_000, "agent", "n2");
    assert_eq!(broken(&story.judged(ending(5_000), &rules())), []);
    assert_eq!(broken(&story.judged(ending(3_000), &rules())), [Rule::NotQuiet]);
    let event = json!({"resource": "events", "namespace": "edge", "name": "agent.1"});
    story.call(4_000, "create", &event, 201, &json!({}), &json!({}));
    assert_eq!(broken(&story.judged(ending(5_000), &rules())), [Rule::NotQuiet]);
    story.lease(9_000, "host_1");
    assert_eq!(broken(&story.judged(ending(10_000), &rules())), [], "renewing a Lease is no noise");
}

#[test]
fn nodes_lost_with_a_revision_are_counted_and_hold_their_slot_until_the_brake_ends() {
    let next_at = |at| {
        let mut story = Story::released(10, "10%");
        story.restart(500, "agent", "n1");
        story.node_ready(1_000, "n1", false);
        story.restart(at, "agent", "n2");
        story.verdict()
    };
    let verdict = next_at(6_050);
    assert_eq!(broken(&verdict), []);
    assert_eq!(verdict.lost_with("agent"), BTreeSet::from(["n1".to_owned()]));
    assert_eq!(broken(&next_at(5_900)), [Rule::Budget]);
}

#[test]
fn a_unit_whose_pod_is_not_replaced_stays_down() {
    let next_at = |at| {
        let mut story = Story::released(10, "2");
        story.delete_only(500, "agent", "n1", Fence::Uid);
        story.delete_only(501, "agent", "n2", Fence::Uid);
        story.restart(at, "agent", "n3");
        broken(&story.verdict())
    };
    // Gone at 510, missing 4 s later; its unit stays down all the same.
    assert_eq!(next_at(4_000), [Rule::Budget]);
    assert_eq!(next_at(4_600), [Rule::Budget], "a unit without a pod is down, whatever its verdict");
}

#[test]
fn a_pod_that_took_the_revision_by_itself_takes_a_slot() {
    let next_at = |at| {
        let mut story = Story::released(10, "10%");
        story.vanish(1_000, "agent", "n1");
        story.add_pod(1_010, "agent", "n1");
        story.set_ready(1_050, "agent", "n1", true);
        story.restart(at, "agent", "n2");
        broken(&story.verdict())
    };
    assert_eq!(next_at(1_600), [Rule::Budget]);
    assert_eq!(next_at(2_060), []);
}

#[test]
fn a_node_that_returns_is_caught_up_and_the_delay_is_told() {
    let mut story = Story::released(10, "10%");
    story.node_ready(-900, "n1", false);
    story.node_ready(3_000, "n1", true);
    story.restart(4_100, "agent", "n1");
    let verdict = story.verdict();
    assert_eq!(verdict.returns, [("n1".to_owned(), SignedDuration::from_millis(100))]);
    assert_eq!(broken(&verdict), []);
}

#[test]
fn calls_are_counted_once_and_only_the_updaters() {
    let mut story = Story::released(10, "20%");
    story.restart(500, "agent", "n1");
    let target = json!({"resource": "fleetrollouts", "subresource": "status", "namespace": "edge", "name": "agent-r2"});
    story.call(600, "patch", &target, 200, &json!({}), &json!({}));
    story.call(
        700,
        "delete",
        &json!({"resource": "pods", "namespace": "other", "name": "x"}),
        200,
        &json!({}),
        &json!({}),
    );
    let calls = story.verdict().calls;
    let expected = [("delete pods".to_owned(), 1), ("patch fleetrollouts/status".to_owned(), 1)];
    assert_eq!(calls.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_dry_run_is_no_write() {
    let event = |query: &str| {
        let line = json!({
            "stage": "ResponseComplete", "verb": "patch", "user": {"username": "u"}, "responseStatus": {"code": 200},
            "requestURI": format!("/apis/apps/v1/namespaces/dryRun=All/deployments/d?{query}"),
            "objectRef": {"resource": "deployments", "namespace": "n", "name": "d"},
            "requestReceivedTimestamp": "2026-01-01T00:00:00.000001Z", "stageTimestamp": "2026-01-01T00:00:00.000002Z",
        });
        Call::parse(&line.to_string()).unwrap().unwrap()
    };
    let (trial, write) = (event("fieldManager=m&dryRun=All&force=true"), event("fieldManager=m&force=true"));
    assert_eq!((trial.is_write(), trial.kind()), (false, "dry run: patch deployments".to_owned()));
    assert_eq!((write.is_write(), write.kind()), (true, "patch deployments".to_owned()));
}

#[test]
fn a_watch_is_one_call_and_an_unfinished_line_is_read_later() {
    let event = |stage: &str| {
        format!(
            r#"{{"stage":"{stage}","verb":"watch","user":{{"username":"u"}},"objectRef":{{"resource":"pods"}},"responseStatus":{{"code":200}},"requestReceivedTimestamp":"2026-01-01T00:00:00.000001Z","stageTimestamp":"2026-01-01T00:00:00.000002Z"}}"#
        )
    };
    assert!(Call::parse(&event("ResponseStarted")).unwrap().is_some());
    assert!(Call::parse(&event("ResponseComplete")).unwrap().is_none());
    assert!(Call::parse("{").is_err());

    let dir = std::env::temp_dir().join(format!("drover-audit-{}", std::process::id()));
    let line = event("ResponseStarted");
    std::fs::write(&dir, format!("{line}\n{}", &line[..20])).unwrap();
    let mut log = AuditLog::new(&dir);
    assert_eq!(log.read().unwrap().len(), 1);
    std::fs::write(&dir, format!("{line}\n{line}\n")).unwrap();
    assert_eq!(log.read().unwrap().len(), 2);
    std::fs::remove_file(&dir).unwrap();
}
