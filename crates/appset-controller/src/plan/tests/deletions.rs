//! What goes, and what does not.

use super::*;

fn many() -> (World, Vec<String>) {
    let names: Vec<_> = (0..20).map(|index| format!("pool-{index:02}")).collect();
    let mut world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    world.settle();
    (world, names)
}

#[test]
fn nothing_goes_because_a_mirror_is_empty_or_short() {
    let (world, _) = many();
    let children = world.children();
    for pools in [&[][..], &world.pools[..7]] {
        let plan = world.plan_of(pools, &children, Read::Mirror);
        assert!(plan.confirm && plan.steps.is_empty(), "{plan:?}");
        assert!(plan.spared.len() >= 13 && plan.spared.values().all(|hold| *hold == Hold::Unconfirmed));
    }
    assert_eq!(world.plan_of(&world.pools, &[], Read::Mirror).steps, [], "nor is anything made because of one");
}

#[test]
fn a_tenth_of_the_workloads_goes_in_a_minute() {
    let (mut world, names) = many();
    world.choose(&[]);
    let deletions = |world: &World| {
        let plan = world.plan(Read::Quorum);
        (plan.steps.len(), plan.spared.len(), plan.revisit.map(|at| at.duration_since(world.now).as_secs()))
    };
    assert_eq!(deletions(&world), (2, 18, Some(60)));
    let plan = world.plan(Read::Quorum);
    world.carry_out(&plan, usize::MAX);
    assert_eq!(deletions(&world), (0, 18, Some(60)));
    let mirrored = world.plan(Read::Mirror);
    assert!(!mirrored.confirm, "nothing is read for what has to wait: {mirrored:?}");
    assert_eq!(mirrored, world.plan(Read::Quorum));
    world.now += jiff::SignedDuration::from_secs(30);
    assert_eq!(deletions(&world), (0, 18, Some(30)));
    let plan = world.plan(Read::Quorum);
    let said = plan.spared.values().next().unwrap().to_string();
    assert!(said.starts_with("waits: 2 of at most 2 workloads were deleted within a minute"), "{said}");
    world.now += jiff::SignedDuration::from_secs(30);
    assert_eq!(deletions(&world), (2, 16, Some(60)));
    world.choose(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(deletions(&world), (2, 0, None), "what is chosen again stays, and what went is made again");
    let plan = world.plan(Read::Quorum);
    assert!(plan.steps.iter().all(|step| matches!(step.action, Action::Create { .. })));
}

#[test]
fn what_cannot_be_deleted_keeps_nothing_else_from_being_deleted() {
    let (mut world, _) = many();
    world.choose(&[]);
    let next = |world: &World| {
        let plan = world.plan(Read::Quorum);
        plan.steps.into_iter().map(|step| step.pool).collect::<Vec<_>>()
    };
    assert_eq!(next(&world), ["pool-00", "pool-01"]);
    let name = |world: &mut World, pool: &str| world.workload(pool)["metadata"]["name"].as_str().unwrap().to_owned();
    world.undeleted = ["pool-01", "pool-00"].map(|pool| name(&mut world, pool)).into();
    assert_eq!(next(&world), ["pool-02", "pool-03"]);
    let others: Vec<_> = (2..20).map(|index| format!("pool-{index:02}")).collect();
    others.iter().for_each(|pool| world.remove(pool));
    assert_eq!(next(&world), ["pool-01"], "who was tried longest ago");
}

#[test]
fn none_goes_where_none_may_and_no_look_says_something_else() {
    let (mut world, _) = many();
    world.choose(&[]);
    world.percent = 0;
    let first = world.plan(Read::Mirror);
    assert!(first.steps.is_empty() && first.revisit.is_none() && !first.confirm, "{first:?}");
    let said = first.spared.values().next().unwrap().to_string();
    assert_eq!(
        said,
        "waits: 0 of at most 0 workloads were deleted within a minute; goes on with another deletions.percent_per_minute"
    );
    world.now += jiff::SignedDuration::from_secs(61);
    assert_eq!(world.plan(Read::Mirror), first);
}

#[test]
fn a_pool_that_goes_takes_its_workload_with_it_and_a_name_without_a_pool_is_said() {
    let (mut world, _) = many();
    world.pools.remove(3);
    world.settle();
    assert_eq!(world.workloads.len(), 19);
    let status = world.set.status.as_ref().unwrap();
    assert!(status.conditions[0].message.ends_with("; spec.pools: there is no NodePool pool-03"), "{status:?}");
}

#[test]
fn a_workload_that_is_going_is_waited_for() {
    let mut world = World::new(&["a"]);
    world.settle();
    world.workload("a")["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
    let plan = world.plan(Read::Quorum);
    assert!(plan.steps.is_empty() && matches!(plan.holds["a"], Hold::Leaving(_)), "{plan:?}");
    world.workloads.clear();
    assert_eq!(world.plan(Read::Quorum).steps.len(), 1);
}
