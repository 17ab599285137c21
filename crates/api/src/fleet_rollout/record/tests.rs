use std::collections::BTreeSet;

use jiff::Timestamp;
use planner::fleet::Uid;
use planner::rollout::{Away, Evidence, Flight, Halt, HaltReason, Held, Mark, Outcome, PoolWindow, Record, Wave};
use serde_json::{Value, json};

/// A record in which nothing is absent or empty. No `..`: a new field does not compile until it stands here, and then the
/// comparison below asks for it in the schema.
fn full() -> Record {
    let (at, uid) = (Timestamp::UNIX_EPOCH, Uid::from_u128(1));
    let flight = Flight {
        node: "n".to_owned(),
        node_uid: uid,
        pool: "p".to_owned(),
        at,
        was_down: true,
        uncontrolled: true,
        inherited: true,
        counted: true,
        first_ready: Some(at),
        left: Some(at),
        outcome: Outcome::Open,
    };
    let window = PoolWindow {
        pool: "p".to_owned(),
        opened: at,
        ready: 3,
        others: 2,
        lost: 1,
        others_lost: 1,
        pool_weights: [1.0, 2.0],
    };
    let wave = Wave {
        name: "w".to_owned(),
        pools: vec!["p".to_owned()],
        opened: Some(at),
        succeeded: Some(at),
        finished: Some(at),
        inconclusive: true,
        missed: vec!["p".to_owned()],
    };
    let mut evidence = Evidence::default();
    evidence.away.push(Away { node: "n".to_owned(), node_uid: uid, pool: "p".to_owned(), at, with_pool: true });
    evidence.windows.push(window);
    Record {
        recorded_at: Some(at),
        flights: vec![flight],
        evidence,
        halt: Some(Halt { reason: HaltReason::NodeLoss, token: "t".to_owned(), evidence: "e".to_owned(), at }),
        halts: 1,
        mark: Mark { failed: 1, missing: 1, losses: 1 },
        failed: 1,
        missing: 1,
        uncontrolled: 1,
        waves: vec![wave],
        completed: Some(at),
        held: Some(Held { kind: "k".to_owned(), about: "w".to_owned(), since: at, escalated: true }),
    }
}

fn schema() -> Value {
    let definition =
        serde_json::to_value(<crate::fleet_rollout::FleetRollout as kube::CustomResourceExt>::crd()).unwrap();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["record"]
        .clone()
}

/// What one has and the other lacks.
fn compare(path: &str, value: &Value, schema: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let properties = schema["properties"].as_object().cloned().unwrap_or_default();
            let names: BTreeSet<_> = fields.keys().chain(properties.keys()).collect();
            for name in names {
                let path = format!("{path}.{name}");
                match (fields.get(name), properties.get(name)) {
                    (Some(value), Some(schema)) => compare(&path, value, schema, found),
                    (Some(_), None) => found.push(format!("{path}: the API server would drop it")),
                    (None, _) => found.push(format!("{path}: the planner does not write it")),
                }
            }
        }
        Value::Array(values) => {
            assert!(!values.is_empty(), "{path} shows nothing");
            for value in values {
                compare(&format!("{path}[]"), value, &schema["items"], found);
            }
        }
        Value::String(_) if schema["type"] == "string" => {}
        Value::Bool(_) if schema["type"] == "boolean" => {}
        Value::Number(number) if schema["type"] == "integer" && number.is_u64() => {}
        Value::Number(_) if schema["type"] == "number" => {}
        _ => found.push(format!("{path}: {value} is no {}", schema["type"])),
    }
}

#[test]
fn the_api_server_keeps_all_that_the_planner_records() {
    let mut found = Vec::new();
    compare("record", &serde_json::to_value(full()).unwrap(), &schema(), &mut found);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_record_reads_back_as_it_was_written() {
    for record in [full(), Record::default()] {
        let written = serde_json::to_value(&record).unwrap();
        assert_eq!(serde_json::from_value::<Record>(written).unwrap(), record);
    }
}

/// What is absent is written as null: the schema must allow it there.
#[test]
fn nulls_are_allowed_where_the_planner_writes_them() {
    let (written, schema) = (serde_json::to_value(Record::default()).unwrap(), schema());
    for (name, value) in written.as_object().unwrap() {
        if value.is_null() {
            assert_eq!(schema["properties"][name]["nullable"], json!(true), "{name}");
        }
    }
}

#[test]
fn every_outcome_and_reason_is_known_to_the_schema() {
    let outcomes = [
        Outcome::Open,
        Outcome::Settled,
        Outcome::Failed,
        Outcome::Lost,
        Outcome::ReplacementMissing,
        Outcome::PreExisting,
    ];
    let listed = |outcome| match outcome {
        Outcome::Open
        | Outcome::Settled
        | Outcome::Failed
        | Outcome::Lost
        | Outcome::ReplacementMissing
        | Outcome::PreExisting => outcome,
    };
    let names: BTreeSet<_> = outcomes.map(|outcome| json!(listed(outcome)).to_string()).into();
    assert_eq!(names, variants(&schema()["properties"]["flights"]["items"]["properties"]["outcome"]));

    let reasons = [
        HaltReason::Failures,
        HaltReason::NoSlotLeft,
        HaltReason::ReplacementMissing,
        HaltReason::NodeLoss,
        HaltReason::Returned,
    ];
    let listed = |reason| match reason {
        HaltReason::Failures
        | HaltReason::NoSlotLeft
        | HaltReason::ReplacementMissing
        | HaltReason::NodeLoss
        | HaltReason::Returned => reason,
    };
    let names: BTreeSet<_> = reasons.map(|reason| json!(listed(reason)).to_string()).into();
    assert_eq!(names, variants(&schema()["properties"]["halt"]["properties"]["reason"]));
}

fn variants(schema: &Value) -> BTreeSet<String> {
    schema["enum"].as_array().unwrap().iter().map(Value::to_string).collect()
}

#[test]
fn a_record_of_the_version_that_merged_outages_is_still_read() {
    let at = "2026-11-21T12:00:00Z";
    let old = json!({"recordedAt": at, "failed": 2, "evidence": {
        "nodes": [2.0, 3.0, 4.0], "pools": [1.0, 1.0, 1.0], "lost": 1,
        "away": [{"node": "n", "nodeUid": "00000000-0000-0000-0000-000000000001", "at": at}],
        "windows": [{"pool": "p", "opened": at, "ready": 3, "lost": 1, "exposed": [[1.0, 2.0]], "unexposed": [1.0, 2.0],
                     "poolExposed": true, "poolWeights": [1.0, 2.0]}]}});
    let read: Record = serde_json::from_value(old).unwrap();
    assert_eq!((read.failed, read.evidence.nodes, read.evidence.lost), (2, [2.0, 3.0, 4.0], 1));
    assert_eq!((&*read.evidence.away[0].pool, read.evidence.windows[0].others), ("", 0), "what it does not tell");
}
