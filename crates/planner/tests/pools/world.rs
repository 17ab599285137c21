//! Pools, each with a workload, a second at a time.

use jiff::{SignedDuration, Timestamp};
use planner::fleet::{Link, LossHistory, Name, Node, Phase, Pod, Readiness, Uid};
use planner::rollout::{
    Control, Decided, Facts, Input, News, Outcome, Plan, Point, Refusal, Run, RunPhase, Target, Unit, UnitKind, View,
    plan,
};
use planner::strategy::{Amount, PoolLabels, SlowStart, Strategy, Timing, Wave, Waves};

/// So soon a write that was refused is tried again.
const RETRY: SignedDuration = SignedDuration::from_secs(2);

/// Pools under a strategy, and the run of their newest revision.
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) pools: Vec<Pool>,
    pub(crate) strategy: Strategy,
    pub(crate) timing: Timing,
    pub(crate) control: Control,
    pub(crate) approvals: Vec<Decided>,
    pub(crate) run: Run,
    pub(crate) revision: &'static str,
    /// No watch shows anything.
    pub(crate) silent: bool,
    /// Workloads are rolled out a second after they got the revision.
    pub(crate) prompt: bool,
    pub(crate) news: Vec<News>,
    heard: Timestamp,
}

/// A pool and its workload.
pub(crate) struct Pool {
    pub(crate) node: Node,
    pub(crate) pod: [Pod; 1],
    /// It is not pinned.
    pub(crate) eligible: bool,
    /// What the API server refuses its writes with.
    pub(crate) refuses: Option<&'static str>,
    refused: Option<(&'static str, Timestamp)>,
}

/// A wave of these pools.
pub(crate) fn wave(name: &str, pools: &[&str]) -> Wave {
    Wave { pools: pools.iter().map(|pool| (*pool).into()).collect(), ..Wave::named(name) }
}

impl Pool {
    /// Its workload runs "r1" and is well.
    fn new(name: &str) -> Self {
        let uid =
            |salt: u8| Uid::from_u128(name.bytes().fold(u128::from(salt), |uid, byte| uid << 8 | u128::from(byte)));
        let node = Node {
            name: name.into(),
            uid: uid(1),
            pool: name.into(),
            labels: [].into(),
            taints: [].into(),
            cordoned: false,
            link: Link::Ready(Timestamp::UNIX_EPOCH),
        };
        let pod = Pod {
            name: name.into(),
            uid: uid(2),
            revision: "r1".into(),
            created: Timestamp::UNIX_EPOCH,
            deleting: false,
            phase: Phase::Running,
            ready: Some(Readiness { since: Timestamp::UNIX_EPOCH, at_first_sight: false }),
            trouble: None,
        };
        Self { node, pod: [pod], eligible: true, refuses: None, refused: None }
    }

    fn as_unit(&self) -> Unit<'_> {
        let refused = self.refused.map(|(why, retry)| Refusal { why, retry });
        Unit { node: &self.node, pods: &self.pod, eligible: self.eligible, claimed: false, refused }
    }
}

impl World {
    /// These pools, by name, which all run "r1" when "r2" comes. Two failures or more halt the run.
    pub(crate) fn new(pools: &[&str], waves: Vec<Wave>) -> Self {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
        let zero = SignedDuration::ZERO;
        Self {
            now,
            pools: pools.iter().map(|pool| Pool::new(pool)).collect(),
            strategy: Strategy {
                waves: Waves::new(waves).unwrap(),
                slow_start: SlowStart::None,
                max_failures: Amount::Count(1),
                progress_deadline: SignedDuration::from_secs(60),
                catch_up_max_unavailable: Amount::Count(1_000),
                ..Strategy::implied(Amount::Count(1_000))
            },
            timing: Timing {
                reachable_after: zero,
                node_monitor_grace: zero,
                settle_margin: zero,
                ..Timing::default()
            },
            control: Control::default(),
            approvals: Vec::new(),
            run: Run::begin(None),
            revision: "r2",
            silent: false,
            prompt: false,
            news: Vec::new(),
            heard: now,
        }
    }

    /// A second later: plans, and every start is written at once, unless it is refused.
    pub(crate) fn tick(&mut self) -> Plan {
        self.now += SignedDuration::from_secs(1);
        if !self.silent {
            self.heard = self.now;
        }
        if self.prompt {
            let begun = self.pools.iter().filter(|pool| pool.pod[0].phase == Phase::Pending);
            let begun: Vec<String> = begun.map(|pool| pool.node.name.to_string()).collect();
            begun.iter().for_each(|pool| self.settle(pool));
        }
        let units: Vec<_> = self.pools.iter().map(Pool::as_unit).collect();
        let label = |pool: &Pool| PoolLabels { pool: pool.node.name.clone(), labels: pool.node.labels.to_vec() };
        let labels: Vec<_> = self.pools.iter().map(label).collect();
        let input = Input {
            now: self.now,
            unit_kind: UnitKind::Pool,
            target: Target {
                revision: self.revision.into(),
                observed: true,
                known: ["none", "r1", "r2", "r3"].map(Into::into).to_vec(),
                first: false,
                min_ready: SignedDuration::ZERO,
            },
            strategy: &self.strategy,
            timing: &self.timing,
            control: self.control.clone(),
            units: &units,
            losses: &[],
            history: &LossHistory::default(),
            view: View { since: Timestamp::UNIX_EPOCH, heard: self.heard },
            held: None,
            facts: Facts { pools: &labels, approvals: &self.approvals, ..Facts::default() },
        };
        let mut plan = plan(&input, std::mem::take(&mut self.run));
        for step in &plan.steps {
            let now = self.now;
            let pool = self.pool(&step.pool);
            pool.refused = pool.refuses.map(|why| (why, now + RETRY));
            if pool.refused.is_none() {
                plan.run.activate(step, now);
                self.give(&step.pool);
            }
        }
        self.run = plan.run.clone();
        self.news.extend(plan.report.news.iter().cloned());
        plan
    }

    /// Ticks until it is so, for no more than so many seconds.
    pub(crate) fn within(&mut self, seconds: u32, is_so: impl Fn(&Self, &Plan) -> bool) -> Option<Plan> {
        (0..seconds).find_map(|_| {
            let plan = self.tick();
            is_so(self, &plan).then_some(plan)
        })
    }

    /// Ticks until it is so, which it must be soon.
    pub(crate) fn until(&mut self, is_so: impl Fn(&Self, &Plan) -> bool) -> Plan {
        self.within(1_000, is_so).unwrap()
    }

    pub(crate) fn ticks(&mut self, count: usize) -> Plan {
        (0..count).map(|_| self.tick()).last().unwrap()
    }

    pub(crate) fn completed(&mut self) -> Plan {
        self.until(|_, plan| plan.report.phase == RunPhase::Completed)
    }

    /// Ticks until a pool starts, and says which.
    pub(crate) fn next(&mut self) -> String {
        self.until(|_, plan| !plan.steps.is_empty()).steps[0].pool.to_string()
    }

    pub(crate) fn pool(&mut self, name: &str) -> &mut Pool {
        self.pools.iter_mut().find(|pool| *pool.node.name == *name).unwrap()
    }

    /// It cannot have the revision, whoever asks for it, or it can again.
    pub(crate) fn bar(&mut self, name: &str, barred: bool) {
        let pool = self.pool(name);
        (pool.eligible, pool.refused) = (!barred, barred.then_some(("no", Timestamp::MAX)));
    }

    /// A pool comes, without a workload.
    pub(crate) fn add(&mut self, name: &str) {
        let mut pool = Pool::new(name);
        pool.pod[0].revision = "none".into();
        pool.node.link = Link::Ready(self.now);
        self.pools.push(pool);
        self.pools.sort_by(|one, other| one.node.name.cmp(&other.node.name));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.pools.retain(|pool| *pool.node.name != *name);
    }

    pub(crate) fn label(&mut self, name: &str, key: &str, value: &str) {
        self.pool(name).node.labels = [(Name::from(key), Name::from(value))].into();
    }

    /// Its last node leaves.
    pub(crate) fn dark(&mut self, name: &str) {
        let now = self.now;
        self.pool(name).node.link = Link::Down(now);
    }

    pub(crate) fn back(&mut self, name: &str) {
        let now = self.now;
        self.pool(name).node.link = Link::Ready(now);
    }

    /// Its workload gets the revision.
    fn give(&mut self, name: &str) {
        let revision = self.revision;
        let pod = &mut self.pool(name).pod[0];
        pod.revision = revision.into();
        (pod.phase, pod.ready) = (Phase::Pending, None);
    }

    /// Its workload is rolled out.
    pub(crate) fn settle(&mut self, name: &str) {
        let now = self.now;
        let pod = &mut self.pool(name).pod[0];
        pod.phase = Phase::Running;
        pod.ready = Some(Readiness { since: now, at_first_sight: false });
    }

    /// Its workload gets nowhere.
    pub(crate) fn fail(&mut self, name: &str) {
        let now = self.now;
        self.pool(name).pod[0].trouble = Some(now);
    }

    /// Its workload, of "r1", serves nobody.
    pub(crate) fn break_down(&mut self, name: &str) {
        let now = self.now;
        let pod = &mut self.pool(name).pod[0];
        (pod.ready, pod.trouble) = (None, Some(now));
    }

    pub(crate) fn approve(&mut self, wave: &str, point: Point, approved: bool) {
        self.approvals.push(Decided { wave: wave.into(), point, approved, approver: "ada".into() });
    }

    /// The process ends, and another one goes on with what the status says.
    pub(crate) fn restart(&mut self) {
        self.run = Run::restore(&self.run.record(self.now));
    }

    pub(crate) fn outcome(&self, pool: &str) -> Option<Outcome> {
        let node = &self.pools.iter().find(|known| *known.node.name == *pool)?.node;
        self.run.track(node.uid).map(|track| track.outcome)
    }

    /// Pools whose workload has the newest revision, by name.
    pub(crate) fn updated(&self) -> Vec<&str> {
        let updated = self.pools.iter().filter(|pool| *pool.pod[0].revision == *self.revision);
        updated.map(|pool| &*pool.node.name).collect()
    }
}

/// What the first unit of a pool waits for.
pub(crate) fn hold(plan: &Plan, pool: &str) -> String {
    let pool = plan.report.pools.iter().find(|known| *known.pool == *pool).unwrap();
    pool.holds.first().map(|(.., sentence)| sentence.clone()).unwrap_or_default()
}

/// The kind of the hold of the run as a whole.
pub(crate) fn held(plan: &Plan) -> Option<&'static str> {
    plan.report.hold.as_ref().map(planner::rollout::Hold::kind)
}
