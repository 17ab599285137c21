//! Third step: what a pool's leaders are, and what has to be written so that everybody knows. Pure.

use std::sync::Arc;

use api::names::pool::LEADER_READY;
use api::node_pool::{Leader as Endpoint, NodePoolCondition, NodePoolStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use planner::election::{self, Change, Leader, Member, Settings, Standing, Strategy};

use crate::config::Outputs;
use crate::mode::Decision;
use crate::nodes::Node;
use crate::outputs::{Output, Publication, Seen, TooLong, Wanted};
use crate::pools::Pool;

/// What is known of a pool, at one moment.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) pool: Arc<Pool>,
    /// Its nodes, by name.
    pub(crate) nodes: Vec<Arc<Node>>,
    /// Its outputs, as far as there are any.
    pub(crate) seen: Vec<(Output, Arc<Seen>)>,
}

/// Who leads, and what is to be done about it.
#[derive(Debug)]
pub(crate) struct Plan {
    /// By name.
    pub(crate) leaders: Vec<Leader>,
    /// In comparison with the pool's status.
    pub(crate) changes: Vec<Change>,
    pub(crate) standing: Standing,
    /// Outputs that do not say so.
    pub(crate) writes: Vec<Wanted>,
    /// Of those, the ones that have to wait.
    pub(crate) held: Vec<Output>,
    /// Outputs that are switched off and that we wrote.
    pub(crate) removes: Vec<(Output, Arc<Seen>)>,
    /// Outputs that cannot be made.
    pub(crate) refused: Vec<(Output, TooLong)>,
}

/// Plans the outputs of a pool, and its leaders by `decision`.
pub(crate) fn plan(observed: &Observed, decision: &Decision, outputs: &Outputs) -> Plan {
    let Observed { pool, nodes, seen } = observed;
    let (leaders, changes, standing) = if decision.elects() { elected(pool, nodes) } else { followed(pool, nodes) };
    let publication = Publication { pool, leaders: &leaders };
    let (mut writes, mut refused) = (Vec::new(), Vec::new());
    for output in Output::ALL.into_iter().filter(|output| output.is_on(outputs)) {
        let there = seen.iter().find(|(known, _)| *known == output).map(|(_, seen)| seen);
        match output.wanted(publication) {
            Ok(wanted) if there.is_some_and(|there| wanted.is_met_by(there)) => {}
            Ok(wanted) => writes.push(wanted),
            Err(too_long) => refused.push((output, too_long)),
        }
    }
    // A list of leaders that nobody keeps sends followers to dead nodes, so it is worse than none. A ConfigMap is left to a
    // yurt-manager that lives: it would not make it again.
    let left = |output: Output| output == Output::ConfigMap && !decision.elects();
    let off = seen.iter().filter(|(output, seen)| !output.is_on(outputs) && !left(*output) && seen.ours);
    let removes = off.cloned().collect();
    Plan { leaders, changes, standing, writes, held: Vec::new(), removes, refused }
}

/// Whether the leaders in the pool's status are not those that an election would confirm.
pub(crate) fn is_wrong(observed: &Observed) -> bool {
    !elected(&observed.pool, &observed.nodes).1.is_empty()
}

fn elected(pool: &Pool, nodes: &[Arc<Node>]) -> (Vec<Leader>, Vec<Change>, Standing) {
    let election =
        election::elect(&pool.metadata.uid.to_string(), &pool.spec.election(), &members(nodes), &pool.status.leaders());
    (election.leaders, election.changes, election.standing)
}

/// The leaders in the pool's status, without those that nobody should dial: not Ready, gone, or at another address.
fn followed(pool: &Pool, nodes: &[Arc<Node>]) -> (Vec<Leader>, Vec<Change>, Standing) {
    let current = pool.status.leaders();
    let all =
        Settings::Enabled { strategy: Strategy::Random, replicas: u32::try_from(current.len()).unwrap_or(u32::MAX) };
    let asked: Vec<_> =
        members(nodes).into_iter().filter(|member| current.iter().any(|leader| leader.name == member.name)).collect();
    let checked = election::elect(&pool.metadata.uid.to_string(), &all, &asked, &current);
    let leaders: Vec<_> = checked.leaders.into_iter().filter(|leader| current.contains(leader)).collect();
    let changes = checked.changes.into_iter().filter(|change| matches!(change, Change::Lost { .. })).collect();
    let standing = match pool.spec.election() {
        Settings::Disabled => Standing::Disabled,
        Settings::Invalid(why) => Standing::Invalid(why),
        Settings::Enabled { .. } if leaders.is_empty() => election::elect("", &all, &members(nodes), &[]).standing,
        Settings::Enabled { .. } => Standing::Complete { leaders: leaders.len() },
    };
    (leaders, changes, standing)
}

fn members(nodes: &[Arc<Node>]) -> Vec<Member<'_>> {
    nodes.iter().map(|node| node.member()).collect()
}

impl Plan {
    /// The status that the pool should have; what it has where nothing is different.
    pub(crate) fn status(
        &self,
        observed: &Observed,
        decision: &Decision,
        condition: &NodePoolCondition,
        now: Timestamp,
    ) -> NodePoolStatus {
        let mut status = observed.pool.status.clone();
        set(&mut status.conditions, condition, now);
        if !decision.elects() {
            return status;
        }
        let count = |ready: bool| observed.nodes.iter().filter(|node| node.ready == ready).count();
        status.ready_node_num = number(count(true));
        status.unready_node_num = number(count(false));
        status.nodes = observed.nodes.iter().map(|node| node.name.to_string()).collect();
        let leaders: Vec<Endpoint> = self.leaders.iter().map(Endpoint::from).collect();
        let mut before = status.leader_endpoints.clone();
        before.sort_unstable();
        // Another order is no other set: it may be that of OpenYurt.
        if before != leaders {
            status.leader_endpoints = leaders;
            status.leader_last_elected_time = Some(Time(whole_seconds(now)));
        }
        status.leader_num = number(self.leaders.len());
        status
    }

    /// The condition LeaderReady.
    pub(crate) fn condition(&self, decision: &Decision) -> NodePoolCondition {
        let led = !self.leaders.is_empty();
        let mut message = format!("{}; {decision}", self.standing);
        if !decision.elects() {
            for change in &self.changes {
                message.push_str("; left out: ");
                message.push_str(&change.to_string());
            }
        }
        NodePoolCondition {
            kind: LEADER_READY.to_owned(),
            status: if led { "True" } else { "False" }.to_owned(),
            last_transition_time: None,
            reason: if led && !decision.elects() { "Followed" } else { self.standing.as_str() }.to_owned(),
            message,
        }
    }
}

/// Sets a condition; its time moves only with its status.
pub(crate) fn set(conditions: &mut Vec<NodePoolCondition>, condition: &NodePoolCondition, now: Timestamp) {
    let known = conditions.iter_mut().find(|known| known.kind == condition.kind);
    let since = known
        .as_ref()
        .filter(|known| known.status == condition.status)
        .and_then(|known| known.last_transition_time.clone());
    // In whole seconds, as the API server keeps it: what is read back must say the same.
    let since = since.unwrap_or_else(|| Time(whole_seconds(now)));
    let condition = NodePoolCondition { last_transition_time: Some(since), ..condition.clone() };
    match known {
        Some(known) => *known = condition,
        None => conditions.push(condition),
    }
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
