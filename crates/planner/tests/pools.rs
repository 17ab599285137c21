//! Runs whose units are pools: what differs from nodes.
#![expect(clippy::unwrap_used, reason = "test code outside #[test] functions")]

use jiff::{SignedDuration, Timestamp};
use planner::fleet::{Link, LossHistory, Node, Phase, Pod, Readiness, Uid};
use planner::rollout::{Control, Facts, Input, Outcome, Plan, Run, RunPhase, Target, Unit, UnitKind, View, plan};
use planner::strategy::{Amount, SlowStart, Strategy, Timing, Wave, Waves};

/// Pools `a` (the canary), `b`, `c` and `d` (one at a time), each with a workload.
struct World {
    now: Timestamp,
    nodes: Vec<Node>,
    pods: Vec<[Pod; 1]>,
    strategy: Strategy,
    timing: Timing,
    control: Control,
    run: Run,
    revision: &'static str,
}

const POOLS: [&str; 4] = ["a", "b", "c", "d"];

impl World {
    fn new() -> Self {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
        let uid = |at: usize| Uid::from_u128(at as u128 + 1);
        let node = |(at, pool): (usize, &&str)| Node {
            name: (**pool).into(),
            uid: uid(at),
            pool: (**pool).into(),
            labels: [].into(),
            taints: [].into(),
            cordoned: false,
            link: Link::Ready(Timestamp::UNIX_EPOCH),
        };
        let pod = |(at, pool): (usize, &&str)| {
            [Pod {
                name: (**pool).into(),
                uid: uid(at + 10),
                revision: "r1".into(),
                created: Timestamp::UNIX_EPOCH,
                deleting: false,
                phase: Phase::Running,
                ready: Some(Readiness { since: Timestamp::UNIX_EPOCH, at_first_sight: false }),
                trouble: None,
            }]
        };
        let wave = |name: &str, pools: &[&str], most: Option<u32>| Wave {
            pools: pools.iter().map(|pool| (*pool).into()).collect(),
            max_concurrent_pools: most.map(Amount::Count),
            ..Wave::named(name)
        };
        let waves = Waves::new(vec![wave("canary", &["a"], None), wave("others", &["b", "c", "d"], Some(1))]);
        let zero = SignedDuration::ZERO;
        Self {
            now,
            nodes: POOLS.iter().enumerate().map(node).collect(),
            pods: POOLS.iter().enumerate().map(pod).collect(),
            strategy: Strategy {
                waves: waves.unwrap(),
                slow_start: SlowStart::None,
                max_failures: Amount::Count(1),
                progress_deadline: SignedDuration::from_secs(60),
                ..Strategy::implied(Amount::Count(1_000))
            },
            timing: Timing {
                reachable_after: zero,
                node_monitor_grace: zero,
                settle_margin: zero,
                ..Timing::default()
            },
            control: Control::default(),
            run: Run::begin(None),
            revision: "r2",
        }
    }

    /// A second later: plans, and every start is written at once.
    fn tick(&mut self) -> Plan {
        self.now += SignedDuration::from_secs(1);
        let units: Vec<_> = self
            .nodes
            .iter()
            .zip(&self.pods)
            .map(|(node, pods)| Unit { node, pods, eligible: true, claimed: false })
            .collect();
        let input = Input {
            now: self.now,
            unit_kind: UnitKind::Pool,
            target: Target {
                revision: self.revision.into(),
                observed: true,
                known: ["r1", "r2", "r3"].map(Into::into).to_vec(),
                first: false,
                min_ready: SignedDuration::ZERO,
            },
            strategy: &self.strategy,
            timing: &self.timing,
            control: self.control.clone(),
            units: &units,
            losses: &[],
            history: &LossHistory::default(),
            view: View { since: Timestamp::UNIX_EPOCH, heard: self.now },
            held: None,
            facts: Facts::default(),
        };
        let mut plan = plan(&input, std::mem::take(&mut self.run));
        for step in &plan.steps {
            plan.run.activate(step, self.now);
            let at = self.at(&step.pool);
            self.pods[at][0].revision = self.revision.into();
            (self.pods[at][0].phase, self.pods[at][0].ready) = (Phase::Pending, None);
        }
        self.run = plan.run.clone();
        plan
    }

    fn at(&self, pool: &str) -> usize {
        self.nodes.iter().position(|node| *node.name == *pool).unwrap()
    }

    /// The workload is rolled out.
    fn settle(&mut self, pool: &str) {
        let at = self.at(pool);
        self.pods[at][0].phase = Phase::Running;
        self.pods[at][0].ready = Some(Readiness { since: self.now, at_first_sight: false });
    }

    fn fail(&mut self, pool: &str) {
        let at = self.at(pool);
        self.pods[at][0].trouble = Some(self.now);
    }

    fn outcome(&self, pool: &str) -> Option<Outcome> {
        self.run.track(self.nodes[self.at(pool)].uid).map(|track| track.outcome)
    }

    /// Ticks until a pool starts, and says which.
    fn next(&mut self) -> String {
        let mut next = || self.tick().steps.first().map(|step| step.pool.to_string());
        (0..1_000).find_map(|_| next()).unwrap()
    }
}

fn hold(plan: &Plan, pool: &str) -> String {
    let pool = plan.report.pools.iter().find(|known| *known.pool == *pool).unwrap();
    pool.holds.first().map(|(.., sentence)| sentence.clone()).unwrap_or_default()
}

#[test]
fn a_failed_pool_frees_its_slot_for_the_next_of_its_wave_and_is_named_to_others() {
    let mut world = World::new();
    assert_eq!(world.next(), "a");
    world.settle("a");
    let first = world.next();
    let plan = world.tick();
    let waiting = ["b", "c", "d"].into_iter().find(|pool| *pool != first).unwrap();
    assert_eq!((plan.steps.len(), hold(&plan, waiting)), (0, "1 pools of its wave are under change, 1 may be".into()));
    world.fail(&first);
    let second = world.next();
    assert_eq!(world.outcome(&first), Some(Outcome::Failed));
    assert!(second != first && second != "a");
    world.fail(&second);
    while world.outcome(&second) != Some(Outcome::Failed) {
        world.tick();
    }
    let plan = world.tick();
    let last = ["b", "c", "d"].into_iter().find(|pool| *pool != first && *pool != second).unwrap();
    let mut failed = [first, second];
    failed.sort();
    let evidence = format!("2 of 3 updated pools failed ({}), 1 may", failed.join(", "));
    assert_eq!((plan.report.phase, hold(&plan, last)), (RunPhase::Halted, format!("the run is halted: {evidence}")));
}

#[test]
fn a_workload_that_is_being_rolled_out_has_not_settled_though_its_old_pods_are_ready() {
    let mut world = World::new();
    assert_eq!(world.next(), "a");
    world.settle("a");
    world.pods[0][0].phase = Phase::Pending;
    world.tick();
    assert_eq!(world.outcome("a"), Some(Outcome::Open));
    world.settle("a");
    world.tick();
    assert_eq!(world.outcome("a"), Some(Outcome::Settled));
}

#[test]
fn a_workload_that_was_given_back_is_a_candidate_anew() {
    let mut world = World::new();
    assert_eq!(world.next(), "a");
    world.settle("a");
    world.tick();
    world.pods[0][0].revision = "r1".into();
    assert_eq!(world.next(), "a");
}

#[test]
fn what_a_superseded_revision_does_to_a_pool_is_no_excuse_for_the_next() {
    let mut world = World::new();
    assert_eq!(world.next(), "a");
    world.tick();
    (world.run, world.revision) = (Run::begin(Some(&world.run)), "r3");
    let plan = world.tick();
    assert_eq!(plan.steps.len(), 1);
    assert!(!plan.steps[0].was_down, "it was well before r2 came");
    world.fail("a");
    while world.outcome("a") == Some(Outcome::Open) {
        world.tick();
    }
    assert_eq!(world.outcome("a"), Some(Outcome::Failed));
}

#[test]
fn a_pool_that_was_lost_in_flight_succeeds_or_fails_once_it_is_back() {
    for well in [true, false] {
        let mut world = World::new();
        assert_eq!(world.next(), "a");
        world.nodes[0].link = Link::Down(world.now);
        while world.outcome("a") != Some(Outcome::Lost) {
            world.tick();
        }
        world.nodes[0].link = Link::Ready(world.now);
        if well {
            world.settle("a");
        }
        let expected = if well { Outcome::Settled } else { Outcome::Failed };
        for _ in 0..70 {
            world.tick();
        }
        assert_eq!(world.outcome("a"), Some(expected));
    }
}
