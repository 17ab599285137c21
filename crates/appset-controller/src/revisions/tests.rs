use std::collections::HashMap;

use proptest::prelude::{prop, prop_assert_eq, proptest};
use serde_json::{Map, json};

use super::*;
use crate::render::tests::{deployment, owner, workload};

fn asked(replicas: i64) -> Value {
    workload(deployment(), json!([{"pools": ["a"], "tweaks": {"replicas": replicas}}]))
}

/// What the API server makes of a step.
fn recorded(workload: &Value, current: &Current, history: &mut Vec<Revision>) {
    match &current.record {
        Record::Kept => {}
        Record::Raise { uid, to } => {
            history.iter_mut().filter(|revision| revision.uid == *uid).for_each(|revision| revision.number = *to);
        }
        Record::Make { .. } => {
            let mut object = body(&owner(), &Map::new(), workload, current).unwrap();
            object["metadata"]["uid"] = format!("uid-{}", history.len()).into();
            history.push(Revision::read(&object));
        }
    }
}

fn record(workload: &Value, history: &mut Vec<Revision>) -> Current {
    let current = current(&owner(), workload, 0, history, 0);
    recorded(workload, &current, history);
    current
}

#[test]
fn a_revision_is_made_once_and_is_what_openyurt_reads() {
    let mut history = Vec::new();
    let made = record(&asked(1), &mut history);
    assert_eq!(made.record, Record::Make { hash: made.name["web-".len()..].to_owned(), number: 1 });
    assert_eq!(record(&asked(1), &mut history), Current { record: Record::Kept, ..made.clone() });
    let object = body(&owner(), &Map::from_iter([("team".to_owned(), json!("edge"))]), &asked(1), &made).unwrap();
    assert_eq!(object["data"]["spec"]["workload"]["$patch"], "replace");
    assert_eq!(object["metadata"]["labels"]["team"], "edge");
    assert_eq!(object["metadata"]["labels"][names::SET], "web");
    assert_eq!(body(&owner(), &Map::new(), &asked(1), &Current { record: Record::Kept, ..made }), None);
}

/// Golden: a name that changes is a new revision for every YurtAppSet.
#[test]
fn a_revision_has_the_same_name_for_ever() {
    assert_eq!(record(&asked(1), &mut Vec::new()).name, "web-5d55ec37");
}

#[test]
fn a_rollback_raises_the_number_of_the_older_revision() {
    let mut history = Vec::new();
    let [first, second] = [asked(1), asked(2)].map(|workload| record(&workload, &mut history));
    let back = record(&asked(1), &mut history);
    assert_eq!((&back.name, &back.record), (&first.name, &Record::Raise { uid: "uid-0".to_owned(), to: 3 }));
    assert_eq!(
        record(&asked(2), &mut history),
        Current { record: Record::Raise { uid: "uid-1".to_owned(), to: 4 }, ..second }
    );
    assert_eq!(history.len(), 2);
}

/// Defect 13 of OpenYurt: its types write more in one version than in another, and every pool restarts.
#[test]
fn defect_13_what_types_add_makes_no_revision() {
    let limits = |cpu: &str, memory: &str| json!({"limits": {"cpu": cpu, "memory": memory}});
    let mut user = asked(1);
    let pods = &mut user["workloadTemplate"]["deploymentTemplate"]["spec"]["template"];
    pods["spec"]["containers"][1]["resources"] = limits("0.5", "1024Mi");
    let mut go = user.clone();
    user["workloadTemplate"]["deploymentTemplate"]["spec"]["template"]["metadata"]["annotations"] = json!({});
    user["workloadTemplate"]["deploymentTemplate"]["spec"]["template"]["spec"]["containers"][1]["args"] = json!([]);
    let template = &mut go["workloadTemplate"]["deploymentTemplate"];
    template["spec"]["template"]["spec"]["containers"][1]["resources"] = limits("500m", "1Gi");
    template["spec"]["serviceName"] = json!("");
    template["metadata"]["creationTimestamp"] = Value::Null;
    template["spec"]["strategy"] = json!({});
    template["spec"]["template"]["metadata"]["creationTimestamp"] = Value::Null;
    template["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({});
    let mut openyurts = Revision::read(&json!({
        "metadata": {
            "name": "web-7d5c8c6c9", "uid": "u", "ownerReferences": [{"uid": owner().uid, "controller": true}],
        },
        "data": {"spec": {"workload": go}},
        "revision": 4,
    }));
    let found = current(&owner(), &user, 0, std::slice::from_ref(&openyurts), 0);
    assert_eq!((found.name.as_str(), found.record), ("web-7d5c8c6c9", Record::Kept));
    let mut more = user.clone();
    more["workloadTemplate"]["deploymentTemplate"]["spec"]["template"]["spec"]["containers"][1]["resources"] =
        limits("0.6", "1024Mi");
    let more = current(&owner(), &more, 0, std::slice::from_ref(&openyurts), 0);
    assert!(matches!(more.record, Record::Make { number: 5, .. }), "{more:?}");
    // OpenYurt allows names of revisions that are no label's value: on workloads they cannot be written.
    openyurts.name = "w".repeat(64);
    assert!(matches!(current(&owner(), &user, 0, &[openyurts], 0).record, Record::Make { number: 5, .. }));
}

/// Two workloads whose short hashes are the same: one of some 70,000 has the hash of another.
fn colliding() -> [Value; 2] {
    let mut seen = HashMap::new();
    for replicas in 0.. {
        let workload = json!({"x": replicas});
        if let Some(other) = seen.insert(hash(&canonical::text(&workload), 0), workload.clone()) {
            return [other, workload];
        }
    }
    unreachable!("there are only so many hashes")
}

#[test]
fn another_content_with_the_same_hash_gets_another_name() {
    let mut history = Vec::new();
    let [one, other] = colliding();
    let first = record(&one, &mut history);
    let second = record(&other, &mut history);
    assert_ne!(first.name, second.name);
    assert_eq!((first.collisions, second.collisions, history.len()), (0, 1, 2));
    // The name says how many were taken, whatever the status says.
    assert_eq!(record(&other, &mut history), Current { record: Record::Kept, ..second });
    assert_eq!(clash(&owner(), &other, &history[0]), Clash::Other);
    assert_eq!(clash(&owner(), &one, &history[0]), Clash::Ours);
    history[0].controller = None;
    assert_eq!(clash(&owner(), &one, &history[0]), Clash::Nobodys);
    history[0].controller = Some("another".to_owned());
    assert_eq!(clash(&owner(), &one, &history[0]), Clash::Other);
    assert!(
        matches!(current(&owner(), &one, 0, &history, 0).record, Record::Make { .. }),
        "what others control is not ours"
    );
}

#[test]
fn the_limit_counts_the_current_revision_and_spares_what_is_used() {
    let mut history = Vec::new();
    let names: Vec<_> = (0..5).map(|replicas| record(&asked(replicas), &mut history).name).collect();
    let surplus = |limit: i64, used: &[usize]| {
        let used = used.iter().map(|index| names[*index].as_str()).collect();
        let surplus = surplus(&owner(), &history, &used, Some(limit)).map_err(|invalid| invalid.to_string())?;
        Ok(surplus
            .iter()
            .map(|revision| names.iter().position(|name| *name == revision.name).unwrap())
            .collect::<Vec<_>>())
    };
    assert_eq!(surplus(3, &[4]), Ok(vec![0, 1]));
    assert_eq!(surplus(3, &[4, 0]), Ok(vec![1, 2]), "a pool is still at the oldest");
    assert_eq!(surplus(0, &[4]), Ok(vec![0, 1, 2, 3]));
    assert_eq!(surplus(10, &[4]), Ok(vec![]));
    // Defect 6 of OpenYurt: an index out of range, and the YurtAppSet is stuck.
    assert_eq!(
        surplus(-1, &[4]),
        Err("spec.revisionHistoryLimit: -1 is not an integer of at least 0; no revision is deleted".to_owned())
    );
}

#[test]
fn whatever_a_revision_holds_is_read() {
    for odd in
        [json!(null), json!([1]), json!({"data": 7, "metadata": {"ownerReferences": {}}}), json!({"revision": "x"})]
    {
        let revision = Revision::read(&odd);
        assert_eq!((revision.number, revision.workload.value()), (0, Value::Null));
    }
}

proptest! {
    #[test]
    fn the_newest_revision_is_that_of_the_spec_after_any_sequence(sequence in prop::collection::vec(0..4_i64, 1..12)) {
        let mut history = Vec::new();
        for replicas in sequence {
            let now = record(&asked(replicas), &mut history);
            let newest = history.iter().max_by_key(|revision| revision.number).unwrap();
            prop_assert_eq!(&newest.name, &now.name);
            prop_assert_eq!(newest.workload.value(), asked(replicas));
            prop_assert_eq!(record(&asked(replicas), &mut history).record, Record::Kept);
            let numbers: BTreeSet<_> = history.iter().map(|revision| revision.number).collect();
            prop_assert_eq!(numbers.len(), history.len(), "each number once");
        }
        prop_assert_eq!(history.len() <= 4, true);
    }
}

#[test]
fn numbers_go_on_from_those_of_runs_whose_revisions_somebody_deleted() {
    let mut history = Vec::new();
    record(&asked(1), &mut history);
    let again = current(&owner(), &asked(1), 0, &history, 3);
    assert!(matches!(again.record, Record::Raise { to: 4, .. }), "{again:?}");
    assert!(matches!(current(&owner(), &asked(2), 0, &history, 3).record, Record::Make { number: 4, .. }));
    history[0].number = 4;
    assert_eq!(current(&owner(), &asked(1), 0, &history, 4).record, Record::Kept);
}

#[test]
fn a_revision_that_an_orphaning_deletion_left_is_to_be_adopted_and_not_passed_by() {
    let mut history = Vec::new();
    let (first, second) = (record(&asked(1), &mut history), record(&asked(2), &mut history));
    history.iter_mut().for_each(|left| left.controller = None);
    let found = current(&owner(), &asked(2), 0, &history, 0);
    assert_eq!((&found.name, found.collisions), (&second.name, 0));
    assert!(matches!(found.record, Record::Make { .. }), "{found:?}");
    assert_eq!(clash(&owner(), &asked(2), &history[1]), Clash::Nobodys);
    history[1].controller = Some(owner().uid);
    assert_eq!(current(&owner(), &asked(2), 0, &history, 0).record, Record::Kept);
    assert_eq!(current(&owner(), &asked(1), 0, &history, 0).name, first.name);
}
