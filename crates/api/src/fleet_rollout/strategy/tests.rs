use serde_json::{Value, json};

use super::*;

fn read(spec: Value) -> Strategy {
    serde_json::from_value(spec).unwrap()
}

fn parsed(spec: Value) -> Result<plan::Strategy, StrategyError> {
    plan::Strategy::try_from(&read(spec))
}

#[test]
fn the_implied_strategy_is_the_planners() {
    for budget in [plan::Amount::Percent(25), plan::Amount::Count(0)] {
        assert_eq!(plan::Strategy::try_from(&Strategy::implied(budget)), Ok(plan::Strategy::implied(budget)));
    }
}

#[test]
fn what_is_left_out_gets_its_default() {
    let strategy = read(json!({"unit": {"minReadySeconds": 5}}));
    assert_eq!(strategy.unit.progress_deadline_seconds, 1800);
    assert_eq!(strategy.failure_policy, FailurePolicy::default());
    assert_eq!(plan::Strategy::try_from(&strategy).unwrap().max_unavailable, plan::Amount::Percent(100));
}

/// The example of rollouts.md, every field of it.
#[test]
fn a_whole_strategy_is_read_parsed_and_written_back() {
    let spec = json!({
        "startPaused": true,
        "maxUnavailable": "10%",
        "slowStart": "None",
        "waves": [{
            "name": "canary",
            "pools": ["lab"],
            "poolSelector": {
                "matchLabels": {"tier": "lab"},
                "matchExpressions": [
                    {"key": "site", "operator": "NotIn", "values": ["hz"]},
                    {"key": "old", "operator": "DoesNotExist"},
                ],
            },
            "maxPools": 1,
            "maxConcurrentPools": "100%",
            "maxUnavailable": 5,
            "minUpdated": "50%",
            "onInconclusive": "Proceed",
            "soakSeconds": 600,
            "approval": "BeforeWave",
        }],
        "unit": {"maxUnavailablePerPool": "10%", "minReadySeconds": 30, "progressDeadlineSeconds": 900},
        "failurePolicy": {
            "maxFailures": 2,
            "minObserved": 4,
            "nodeLoss": {"exposureSeconds": 60, "falseHaltPerMille": 20},
            "action": "Rollback",
        },
        "offline": {"catchUp": "InWindow", "maxUnavailable": "5%", "reportAfterSeconds": 86400},
        "windows": [{
            "effect": "Deny",
            "days": ["Sat", "Sun"],
            "start": "01:00",
            "durationSeconds": 14400,
            "timeZone": "Europe/Berlin",
            "poolSelector": {},
        }],
        "dependsOn": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "gateway", "scope": "AllPools"}],
    });
    let strategy = read(spec.clone());
    assert_eq!(serde_json::to_value(&strategy).unwrap(), spec);
    let parsed = plan::Strategy::try_from(&strategy).unwrap();
    let wave = &parsed.waves.named()[0];
    assert_eq!((wave.max_pools, wave.max_unavailable), (Some(plan::Amount::Count(1)), Some(plan::Amount::Count(5))));
    assert_eq!((wave.approval, wave.on_inconclusive), (plan::Approval::BeforeWave, plan::OnInconclusive::Proceed));
    assert!(wave.matches("lab", &[]) && !wave.matches("other", &[]));
    assert!(wave.matches("other", &[("tier".into(), "lab".into())]));
    assert!(!wave.matches("other", &[("old".into(), "".into()), ("tier".into(), "lab".into())]));
    assert_eq!(parsed.windows[0].effect(), plan::Effect::Deny);
    assert_eq!((&*parsed.depends_on[0].name, parsed.depends_on[0].scope), ("gateway", plan::Scope::AllPools));
}

#[test]
fn what_cannot_be_followed_is_named_by_path_value_and_what_is_allowed() {
    let window = json!({"start": "01:00", "durationSeconds": 60, "timeZone": "UTC"});
    let with = |field: &str, value: Value| {
        let mut window = window.clone();
        window[field] = value;
        json!({"windows": [{"start": "02:00", "durationSeconds": 60, "timeZone": "UTC"}, window]})
    };
    for (spec, error) in [
        (
            with("timeZone", json!("Europe/Berln")),
            "windows[1].timeZone: \"Europe/Berln\" is no IANA time zone, such as \"UTC\" or \"Europe/Berlin\"",
        ),
        (
            with("start", json!("24:00")),
            "windows[1].start: \"24:00\" is no time of day, such as \"01:00\" or \"23:30\"",
        ),
        (with("durationSeconds", json!(59)), "windows[1].durationSeconds: 59 is not an integer from 60 to 604800"),
        (
            json!({"waves": [{"name": "a", "pools": ["p"]}, {"name": "a", "pools": ["q"]}]}),
            "waves[1].name: \"a\" is empty, stands twice",
        ),
        (json!({"waves": [{"name": "a"}]}), "waves[0]: one of pools and poolSelector must be given"),
        (
            json!({"waves": [{"name": "a", "pools": ["p"], "maxPools": "0%"}]}),
            "waves[0].maxPools: 0 is not at least 1 or 1%",
        ),
        (json!({"failurePolicy": {"minObserved": 0}}), "failurePolicy.minObserved: 0 is not an integer from 1 to 1000"),
        (
            json!({"failurePolicy": {"nodeLoss": {"falseHaltPerMille": 501}}}),
            "failurePolicy.nodeLoss.falseHaltPerMille: 501 is not an integer from 1 to 500",
        ),
    ] {
        let said = parsed(spec).unwrap_err().to_string();
        assert!(said.starts_with(error), "{said}");
    }
}
