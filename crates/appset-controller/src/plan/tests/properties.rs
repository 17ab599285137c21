//! What holds after any sequence of specs, good and bad, whatever is interrupted.

use proptest::prelude::{Just, ProptestConfig, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::render::Renderer;
use crate::render::tests::{deployment, workload};
use crate::revisions::Revision;

const POOLS: [&str; 4] = ["a", "b", "c", "d"];

/// What a user writes.
#[derive(Debug, Clone)]
struct Spec {
    pools: Vec<&'static str>,
    selector: Option<Value>,
    workload: Value,
    limit: Option<i64>,
}

/// What happens beside it.
#[derive(Debug, Clone)]
enum Accident {
    None,
    /// A crash after so many writes.
    Crash(usize),
    /// Somebody changes a workload by hand.
    Hand,
    /// OpenYurt took over, and hands back.
    HandedOver,
    /// A mirror that shows workloads as they were before.
    Behind,
}

fn pools() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(POOLS.to_vec(), 0..=4)
}

fn tweak() -> impl Strategy<Value = Value> {
    let pool = || prop::sample::select(POOLS.to_vec());
    prop_oneof![
        4 => (pool(), 0..4_i64).prop_map(|(pool, count)| replicas(pool, count)),
        4 => (pool(), 1..4_u8).prop_map(|(pool, tag)| image(pool, &format!("web:{tag}"))),
        1 => pool().prop_map(broken),
        1 => Just(json!({"nodepoolSelector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}, "tweaks": {}})),
        1 => Just(json!({"nodepoolSelector": {"matchLabels": {"odd": "yes"}}, "tweaks": {"replicas": 9}})),
        1 => Just(json!({"pools": ["a"], "tweaks": {"patches": [{"operation": "replace", "path": "/spec", "value": 1}]}})),
        1 => Just(json!({"tweaks": {"replicas": -1}})),
    ]
}

fn spec() -> impl Strategy<Value = Spec> {
    let selector = prop_oneof![
        6 => Just(None),
        2 => Just(Some(json!({}))),
        2 => Just(Some(json!({"matchExpressions": [{"key": "odd", "operator": "Exists"}]}))),
        1 => Just(Some(json!({"matchExpressions": [{"key": "odd", "operator": "Near"}]}))),
    ];
    let template = prop_oneof![8 => Just(deployment()), 1 => Just(json!({})), 1 => Just(Value::Null)];
    (pools(), selector, template, prop::collection::vec(tweak(), 0..3), prop::option::of(-2..4_i64)).prop_map(
        |(pools, selector, template, tweaks, limit)| Spec {
            pools,
            selector,
            workload: workload(template, tweaks.into()),
            limit,
        },
    )
}

fn accident() -> impl Strategy<Value = Accident> {
    prop_oneof![
        2 => Just(Accident::None),
        2 => (0..6_usize).prop_map(Accident::Crash),
        1 => Just(Accident::Hand),
        1 => Just(Accident::HandedOver),
        1 => Just(Accident::Behind),
    ]
}

/// The specs of workloads made anew from the last good spec: the pools of the last spec of which anybody can say which they are, and
/// in each the last workload that all its pools could have.
#[derive(Default)]
struct Model {
    expected: BTreeMap<String, Value>,
}

impl Model {
    fn ask(&mut self, world: &World) {
        let Ok(selection) = select(&world.set.spec, &world.pools) else { return };
        self.expected.retain(|pool, _| selection.pools.contains_key(pool.as_str()));
        let Ok(read) = world.set.spec.workload.read(crate::render::PATH) else { return };
        let Ok(renderer) = Renderer::new(Owner::of(&world.set), read, "x") else { return };
        let rendered: Result<Vec<_>, _> = selection.pools.values().map(|pool| renderer.render(pool)).collect();
        for rendered in rendered.into_iter().flatten() {
            self.expected.insert(rendered.pool.clone(), rendered.body["spec"].clone());
        }
    }

    fn check(&self, world: &World) -> Result<(), String> {
        let there = world.specs();
        if !there.keys().eq(self.expected.keys()) {
            return Err(format!("workloads in {:?}, expected in {:?}", there.keys(), self.expected.keys()));
        }
        let differs = |pool: &String| {
            let left = crate::drift::differences("", &self.expected[pool], &there[pool]);
            (!left.is_empty()).then(|| format!("{pool} has otherwise: {left:?}"))
        };
        there.keys().find_map(differs).map_or(Ok(()), Err)
    }
}

fn befall(world: &mut World, accident: &Accident, before: &[Child]) {
    match accident {
        Accident::None => {}
        Accident::Crash(writes) => {
            let plan = world.plan(Read::Quorum);
            world.carry_out(&plan, *writes);
        }
        Accident::Hand => {
            if let Some(workload) = world.workloads.values_mut().next() {
                workload["spec"]["template"]["spec"]["containers"][0]["image"] = json!("by-hand:1");
                workload["metadata"]["labels"][names::REVISION] = json!("nonsense");
            }
        }
        Accident::HandedOver => super::adoption::hand_over(world),
        Accident::Behind => {
            let plan = world.plan_of(&world.pools, before, Read::Mirror);
            let creates =
                plan.steps.iter().any(|step| matches!(step.action, Action::Create { .. } | Action::Delete { .. }));
            assert!(!creates, "what a mirror shows is no reason to make or delete");
        }
    }
}

/// A place in an object.
#[derive(Debug, Clone)]
struct Place(Vec<u8>);

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        "[a-z{}/-]{0,70}".prop_map(Value::from),
        Just(json!([])),
        Just(json!([null, 1, {"name": 1}])),
        Just(json!({})),
        Just(json!({"controller": true, "uid": 7})),
    ]
}

/// Writes something odd somewhere.
fn spoil(value: &mut Value, place: &[u8], odd: &Value) {
    let Some((first, rest)) = place.split_first() else { return odd.clone_into(value) };
    let at = |length: usize| usize::from(*first) % length.max(1);
    match value {
        Value::Array(items) if !items.is_empty() => {
            let index = at(items.len());
            spoil(&mut items[index], rest, odd);
        }
        Value::Object(fields) if !fields.is_empty() => {
            let index = at(fields.len());
            fields.values_mut().nth(index).into_iter().for_each(|value| spoil(value, rest, odd));
        }
        _ => odd.clone_into(value),
    }
}

fn spoils() -> impl Strategy<Value = Vec<(usize, Place, Value)>> {
    let place = prop::collection::vec(any::<u8>(), 0..8).prop_map(Place);
    prop::collection::vec((0..8_usize, place, odd()), 1..12)
}

proptest! {
    #[test]
    fn no_object_makes_a_plan_or_a_status_panic(spoils in spoils(), read in prop::sample::select(vec![Read::Mirror, Read::Quorum])) {
        let mut world = World::new(&POOLS);
        world.settle();
        super::adoption::hand_over(&mut world);
        world.settle();
        let mut set = serde_json::to_value(&world.set).unwrap();
        set["metadata"]["annotations"] = json!({names::PINNED: json!({"a": "web-5f1"}).to_string()});
        let revision = json!({
            "metadata": {"name": "web-5f1", "uid": "r", "ownerReferences": [{"uid": crate::render::tests::owner().uid, "controller": true}]},
            "data": {"spec": {"workload": world.set.spec.workload.0}},
            "revision": 1,
        });
        let mut objects: Vec<_> = world.workloads.values().cloned().chain([set, revision]).collect();
        for (object, place, odd) in spoils {
            let index = object % objects.len();
            spoil(&mut objects[index], &place.0, &odd);
        }
        world.history = objects.pop().iter().map(Revision::read).collect();
        // What the API server's own types refuse is no object of its.
        if let Ok(set) = objects.pop().map_or(Ok(YurtAppSet::default()), serde_json::from_value) {
            world.set = set;
        }
        let children: Vec<_> = objects.iter().map(|object| Child::read(names::WorkloadKind::Deployment, object)).collect();
        let plan = world.plan_of(&world.pools, &children, read);
        let outlook = outlook(&world.set, &world.pools, &children.iter().collect::<Vec<_>>());
        let said = crate::status::status(&world.set, &outlook, &plan, &crate::status::Failures::default(), world.now);
        prop_assert!(said.conditions.iter().all(|condition| condition.message.len() < 32_768));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn the_state_is_that_of_the_last_good_spec_made_anew(sequence in sequence()) {
        play(sequence)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]
    #[test]
    #[ignore = "a campaign of some minutes: cargo xtask soak"]
    fn soak_the_state_is_that_of_the_last_good_spec_made_anew(sequence in sequence()) {
        play(sequence)?;
    }
}

/// Specs, each with what happens beside it and whether the list of pools is turned round.
fn sequence() -> impl Strategy<Value = Vec<(Spec, Accident, bool)>> {
    prop::collection::vec((spec(), accident(), any::<bool>()), 1..6)
}

fn play(sequence: Vec<(Spec, Accident, bool)>) -> Result<(), TestCaseError> {
    let mut world = World::new(&POOLS);
    world.pools[3] = Pool::new("d", [("odd", "yes")]);
    let mut model = Model::default();
    for (spec, accident, turned) in sequence {
        let before = world.children();
        world.choose(&spec.pools);
        world.set.spec.nodepool_selector = spec.selector.map(|selector| serde_json::from_value(selector).unwrap());
        world.set.spec.revision_history_limit = spec.limit;
        world.ask(spec.workload);
        if turned {
            world.pools.reverse();
        }
        let asked = model.expected.clone();
        model.ask(&world);
        world.restarts.clear();
        befall(&mut world, &accident, &before);
        let rest = world.settle();
        let matched = model.check(&world);
        prop_assert!(matched.is_ok(), "{matched:?} under {rest:#?}");
        let again = world.plan(Read::Quorum);
        prop_assert!(!again.writes(), "{again:#?}");
        prop_assert_eq!(&rest.holds, &again.holds);
        prop_assert!(!world.say(&again, &crate::status::Failures::default()), "a status is said once");
        for name in world.restarts.keys().filter(|name| world.workloads.contains_key(*name)) {
            let pool = Child::read(names::WorkloadKind::Deployment, &world.workloads[name]).pool().unwrap().to_owned();
            let template = |specs: &BTreeMap<String, Value>| specs.get(&pool).map(|spec| spec["template"].clone());
            let other = template(&asked) != template(&model.expected);
            prop_assert!(
                other || matches!(accident, Accident::Hand),
                "pods of {pool} restarted though nothing is asked of them"
            );
        }
        for pool in select(&world.set.spec, &world.pools).iter().flat_map(|selection| selection.pools.keys()) {
            let known = again.holds.contains_key(*pool) || model.expected.contains_key(*pool);
            prop_assert!(known, "{pool} has neither a workload nor a hold");
        }
    }
    Ok(())
}
