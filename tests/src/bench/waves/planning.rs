//! How long the planner takes for one plan.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use planner::fleet::{Link, LossHistory, Name, Node, Phase, Pod, Readiness, Uid};
use planner::rollout::{Control, Facts, Input, Run, Target, Unit, UnitKind, View, plan};
use planner::strategy::{Amount, Strategy, Timing};

use super::cases::POOLS;

/// The median time of a plan of so many units: a run that has just begun, one unit in a hundred under way, all others
/// waiting. Every such unit is looked at and gets its sentence; nothing is due.
pub(super) fn median(units: u32, times: u32) -> Duration {
    let began = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(48);
    let fleet: Vec<(Node, [Pod; 1])> = (0..units).map(|nth| unit(nth, Timestamp::UNIX_EPOCH)).collect();
    let rows: Vec<_> =
        fleet.iter().map(|(node, pods)| Unit { node, pods, eligible: true, claimed: false, refused: None }).collect();
    let strategy = Strategy { min_observed: units.div_ceil(100), ..Strategy::implied(Amount::Percent(10)) };
    let (timing, history) = (Timing::default(), LossHistory::default());
    let input = |now| Input {
        now,
        unit_kind: UnitKind::Node,
        target: Target {
            revision: "r2".into(),
            observed: true,
            known: vec!["r1".into(), "r2".into()],
            first: false,
            min_ready: SignedDuration::ZERO,
        },
        strategy: &strategy,
        timing: &timing,
        control: Control::default(),
        units: &rows,
        losses: &[],
        history: &history,
        view: View { since: Timestamp::UNIX_EPOCH, heard: now },
        held: None,
        facts: Facts::default(),
    };
    let first = plan(&input(began), Run::begin(None));
    let mut run = first.run;
    first.steps.iter().for_each(|step| run.activate(step, began));
    let mut took: Vec<Duration> = (0..times)
        .map(|_| {
            let (input, run) = (input(began + SignedDuration::from_secs(1)), run.clone());
            let start = Instant::now();
            let plan = plan(&input, run);
            let took = start.elapsed();
            assert!(plan.steps.is_empty(), "nothing may start");
            took
        })
        .collect();
    took.sort_unstable();
    took.get(took.len() / 2).copied().unwrap_or_default()
}

fn unit(nth: u32, since: Timestamp) -> (Node, [Pod; 1]) {
    let uid = |half: u128| Uid::from_u128((half << 64) | (u128::from(nth) + 1));
    let name: Name = format!("node-{nth:06}").into();
    let pod = Pod {
        name: format!("agent-{nth:06}").into(),
        uid: uid(1),
        revision: "r1".into(),
        created: since,
        deleting: false,
        phase: Phase::Running,
        ready: Some(Readiness { since, at_first_sight: false }),
        trouble: None,
    };
    let node = Node {
        name,
        uid: uid(0),
        pool: format!("pool-{:03}", nth % POOLS).into(),
        labels: Arc::new([]),
        taints: Arc::new([]),
        cordoned: false,
        link: Link::Ready(since),
    };
    (node, [pod])
}
