//! A small seeded world: nodes whose links flap, kubelets that take their time, releases that are good or not, and
//! Kubernetes, which reports a dead node late. It runs the planner unmodified, a second at a time.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of the world")]
#![allow(clippy::unwrap_used, reason = "test code outside #[test] functions")]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use planner::fleet::{Link, Loss, LossHistory, Name, Node, Phase, Pod, Readiness, Uid};
use planner::rollout::{
    Control, Decided, Facts, Hold, Input, LossSeen, News, Plan, Progress, Run, RunPhase, Target, Unit, UnitKind, View,
    plan,
};
use planner::strategy::{Amount, PoolLabels, Selector, SlowStart, Strategy, Timing, Wave, Waves};

/// SplitMix64: small, and good enough to draw delays.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn chance(&mut self, p: f64) -> bool {
        (self.next() >> 11) as f64 / ((1_u64 << 53) as f64) < p
    }
}

/// What a release does to the nodes that get it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Release {
    Good,
    /// Its pods crash-loop.
    Broken,
    /// It takes every n-th node away.
    Killer(u64),
}

pub struct World {
    pub rng: Rng,
    pub now: Timestamp,
    pub start: Timestamp,
    pub nodes: Vec<Node>,
    pub pods: Vec<Vec<Pod>>,
    /// The machine is on and connected.
    pub up: Vec<bool>,
    /// When the node next goes away or comes back.
    pub next_flap: Vec<Option<Timestamp>>,
    /// Killed for good.
    pub dead: Vec<bool>,
    changed_at: Vec<Timestamp>,
    pub revision: Name,
    pub number: u32,
    pub release: Release,
    pub strategy: Strategy,
    pub timing: Timing,
    pub control: Control,
    pub run: Run,
    history: LossHistory,
    losses: Vec<LossSeen>,
    uids: u128,
    pub restarted: usize,
    pub news: Vec<News>,
    /// Seconds from an outage to its report, and from deletion to readiness.
    pub report_after: i64,
    /// What the strategy asks of the world beyond nodes and pods.
    pub labels: Vec<PoolLabels>,
    pub approvals: Vec<Decided>,
    pub dependencies: Vec<Progress>,
    pub is_rollback: bool,
    pub held: Option<Hold>,
    pub last_completed: Option<Name>,
}

impl World {
    /// `n` nodes in `pools` pools, all Ready for a day, their pods at revision r1, which was the last run.
    pub fn new(seed: u64, n: usize, pools: usize, strategy: Strategy) -> Self {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let day_ago = start - SignedDuration::from_hours(24);
        let mut uids = 0_u128;
        let mut uid = || {
            uids += 1;
            Uid::from_u128(uids)
        };
        let nodes: Vec<Node> = (0..n)
            .map(|i| Node {
                name: format!("node-{i:04}").into(),
                uid: uid(),
                pool: format!("pool-{:02}", i % pools).into(),
                labels: Arc::new([]),
                taints: Arc::new([]),
                cordoned: false,
                link: Link::Ready(day_ago),
            })
            .collect();
        let pods = nodes.iter().map(|node| vec![ready_pod(&node.name, uid(), "r1", day_ago)]).collect();
        let timing = Timing::default();
        let mut world = Self {
            rng: Rng(seed),
            now: start,
            start,
            up: vec![true; n],
            next_flap: vec![None; n],
            dead: vec![false; n],
            changed_at: vec![day_ago; n],
            nodes,
            pods,
            revision: "r1".into(),
            number: 1,
            release: Release::Good,
            strategy,
            timing,
            control: Control::default(),
            run: Run::begin(None),
            history: LossHistory::default(),
            losses: Vec::new(),
            uids,
            restarted: 0,
            news: Vec::new(),
            report_after: 45,
            labels: Vec::new(),
            approvals: Vec::new(),
            dependencies: Vec::new(),
            is_rollback: false,
            held: None,
            last_completed: None,
        };
        world.plan();
        world
    }

    /// 40 nodes in 4 pools of 10 (`pool-00` to `pool-03`), in these waves, limited by nothing else.
    pub fn in_waves(waves: Vec<Wave>) -> Self {
        let strategy = Strategy {
            waves: Waves::new(waves).unwrap(),
            slow_start: SlowStart::None,
            ..Strategy::implied(Amount::Percent(100))
        };
        Self::new(7, 40, 4, strategy)
    }

    /// The template changes.
    pub fn release(&mut self, revision: &str, release: Release) {
        self.number += 1;
        self.revision = revision.into();
        self.release = release;
        self.run = Run::begin(Some(&self.run));
    }

    /// This share of the nodes leaves for about 30 s every `every` seconds, for ever.
    pub fn flap(&mut self, share: f64, every: u64) {
        for i in 0..self.nodes.len() {
            if self.rng.chance(share) {
                self.next_flap[i] = Some(self.now + secs(self.rng.below(every)));
            }
        }
    }

    /// The machine goes away, or comes back, now.
    pub fn set_up(&mut self, i: usize, up: bool) {
        self.up[i] = up;
        self.changed_at[i] = self.now;
    }

    /// The node's pods crash-loop.
    pub fn spoil(&mut self, i: usize) {
        for pod in &mut self.pods[i] {
            pod.ready = None;
            pod.trouble = pod.trouble.or(Some(self.now));
        }
    }

    /// The node is deleted, with all that was on it.
    pub fn delete_node(&mut self, i: usize) {
        let node = Arc::new(self.nodes.remove(i));
        self.pods.remove(i);
        self.up.remove(i);
        self.dead.remove(i);
        self.next_flap.remove(i);
        self.changed_at.remove(i);
        self.history.note(node.uid, self.now);
        self.losses.push(LossSeen { loss: Loss { seq: 0, node, at: self.now }, eligible: true });
    }

    /// One second: machines, kubelets, Kubernetes, then Drover.
    pub fn tick(&mut self, every: u64) -> Plan {
        self.now += SignedDuration::from_secs(1);
        for i in 0..self.nodes.len() {
            self.machine(i, every);
            self.node_controller(i);
            self.kubelet(i);
        }
        self.plan()
    }

    pub fn run_until(&mut self, limit: i64, every: u64, mut done: impl FnMut(&World, &Plan) -> bool) -> Option<i64> {
        for second in 0..limit {
            let plan = self.tick(every);
            if done(self, &plan) {
                return Some(second);
            }
        }
        None
    }

    /// The process is killed and starts again with what was recorded a moment ago.
    pub fn restart(&mut self) {
        self.run = Run::restore(&self.run.record(self.now));
        self.history = LossHistory::default();
    }

    pub fn lost(&self) -> usize {
        self.dead.iter().filter(|dead| **dead).count()
    }

    fn machine(&mut self, i: usize, every: u64) {
        if self.next_flap[i].is_some_and(|at| at <= self.now) && !self.dead[i] {
            let up = !self.up[i];
            self.set_up(i, up);
            let wait = if up { every / 2 + self.rng.below(every) } else { 60 + self.rng.below(60) };
            self.next_flap[i] = Some(self.now + secs(wait));
        }
    }

    fn node_controller(&mut self, i: usize) {
        let since = self.now.duration_since(self.changed_at[i]).as_secs();
        match (self.up[i], self.nodes[i].link) {
            (false, Link::Ready(_)) if since >= self.report_after => {
                let before = Arc::new(self.nodes[i].clone());
                self.losses.push(LossSeen { loss: Loss { seq: 0, node: before, at: self.now }, eligible: true });
                self.history.note(self.nodes[i].uid, self.now);
                self.nodes[i].link = Link::Down(self.now);
                for pod in &mut self.pods[i] {
                    pod.ready = None;
                }
            }
            (true, Link::Down(_)) => self.nodes[i].link = Link::Ready(self.now),
            _ => {}
        }
    }

    fn kubelet(&mut self, i: usize) {
        if !self.up[i] {
            return;
        }
        self.pods[i].retain(|pod| !pod.deleting);
        if self.pods[i].is_empty() {
            self.uids += 1;
            let mut pod = ready_pod(&self.nodes[i].name, Uid::from_u128(self.uids), &self.revision, self.now);
            pod.ready = None;
            self.pods[i].push(pod);
            return;
        }
        let newest = self.pods[i][0].revision == self.revision;
        let age = self.now.duration_since(self.pods[i][0].created).as_secs();
        match self.release {
            Release::Broken if newest => self.pods[i][0].trouble = self.pods[i][0].trouble.or(Some(self.now)),
            Release::Killer(nth)
                if newest && age >= 3 && self.nodes[i].uid.as_u128().is_multiple_of(u128::from(nth)) =>
            {
                self.dead[i] = true;
                self.set_up(i, false);
            }
            _ if self.pods[i][0].ready.is_none() && self.pods[i][0].trouble.is_none() && age >= 5 => {
                self.pods[i][0].ready = Some(Readiness { since: self.now, at_first_sight: false });
            }
            _ => {}
        }
    }

    fn plan(&mut self) -> Plan {
        let losses = std::mem::take(&mut self.losses);
        let units: Vec<_> = self
            .nodes
            .iter()
            .zip(&self.pods)
            .map(|(node, pods)| Unit { node, pods, eligible: true, claimed: false, refused: None })
            .collect();
        let input = Input {
            now: self.now,
            unit_kind: UnitKind::Node,
            target: Target {
                revision: self.revision.clone(),
                observed: true,
                known: ["r1", "r2", "r3", "r4", "last"].map(Name::from).to_vec(),
                first: self.number == 1,
                min_ready: SignedDuration::ZERO,
            },
            strategy: &self.strategy,
            timing: &self.timing,
            control: self.control.clone(),
            units: &units,
            losses: &losses,
            history: &self.history,
            view: View { since: self.start - SignedDuration::from_hours(1), heard: self.now },
            held: self.held.clone(),
            facts: Facts {
                pools: &self.labels,
                approvals: &self.approvals,
                dependencies: &self.dependencies,
                is_rollback: self.is_rollback,
                last_completed: self.last_completed.as_ref(),
            },
        };
        let mut plan = plan(&input, std::mem::take(&mut self.run));
        for step in &plan.steps {
            plan.run.activate(step, self.now);
            let at = self.nodes.iter().position(|node| node.uid == step.node_uid).unwrap();
            self.pods[at].iter_mut().filter(|pod| pod.uid == step.pod_uid).for_each(|pod| pod.deleting = true);
            self.restarted += 1;
        }
        self.run = plan.run.clone();
        self.news.extend(plan.report.news.iter().cloned());
        plan
    }
}

/// A wave of these pools.
pub fn wave(name: &str, pools: &[&str]) -> Wave {
    Wave { pools: pools.iter().map(|pool| (*pool).into()).collect(), ..Wave::named(name) }
}

/// A wave of all pools.
pub fn all(name: &str) -> Wave {
    Wave { pool_selector: Some(Selector::default()), ..Wave::named(name) }
}

/// A pod that has been Ready since it was made.
pub fn ready_pod(node: &str, uid: Uid, revision: &str, created: Timestamp) -> Pod {
    Pod {
        name: format!("agent-{node}-{}", uid.as_u128()).into(),
        uid,
        revision: revision.into(),
        created,
        deleting: false,
        phase: Phase::Running,
        ready: Some(Readiness { since: created, at_first_sight: false }),
        trouble: None,
    }
}

pub fn completed(_: &World, plan: &Plan) -> bool {
    plan.report.phase == RunPhase::Completed
}

pub fn halted(_: &World, plan: &Plan) -> bool {
    plan.report.phase == RunPhase::Halted
}

fn secs(n: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(n).unwrap())
}
