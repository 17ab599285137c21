//! Fifth step: tell, from what was committed: conditions, events, log, metrics.

use api::node_pool::NodePoolCondition;
use controller_runtime::events::{Note, Severity, Subject};
use planner::election::{Change, Settings, Standing, Strategy};

use crate::attributes::Unreadable;
use crate::commit::{Outcome, Unwritten};
use crate::context::Context;
use crate::memory::{Memory, Report};
use crate::metrics::Held;
use crate::mode::Decision;
use crate::multiplexer;
use crate::nodes::Node;
use crate::plan::{Observed, Plan};
use crate::pools::Pool;

/// Condition type of a NodePool: what it has to publish could be published. Only there once something could not.
const PUBLISHED: &str = "LeadersPublished";

/// Reasons of events.
mod reason {
    /// Leaders changed.
    pub(super) const ELECTED: &str = "LeadersChanged";
    /// A pool asks for leaders and has none.
    pub(super) const NO_LEADER: &str = "NoLeader";
    /// Another controller elected a node that nobody should dial.
    pub(super) const LEFT_OUT: &str = "LeaderLeftOut";
    /// An output cannot be written.
    pub(super) const NOT_PUBLISHED: &str = "LeadersNotPublished";
    /// A resource in poolScopeMetadata that hubs are not granted.
    pub(super) const NOT_GRANTED: &str = "PoolScopeNotGranted";
    /// A pool's label or annotation that nodes cannot be given.
    pub(super) const NOT_GIVEN: &str = "AttributeNotGiven";
    /// What a node was given cannot be read.
    pub(super) const UNREADABLE: &str = "InvalidPreviousAttributes";
}

/// Tells of the outputs, and returns the condition that says so if there is something to say.
pub(crate) fn outputs(
    context: &Context,
    memory: &mut Memory,
    observed: &Observed,
    plan: &Plan,
    outcomes: &[Outcome],
) -> Option<NodePoolCondition> {
    let pool = observed.pool.name();
    let mut troubles = Vec::new();
    for (output, too_long) in &plan.refused {
        context.ledger.refused(*output, pool);
        troubles.push(too_long.to_string());
    }
    let seen = observed.seen.iter().map(|(output, _)| *output);
    let untouched = seen.filter(|output| output.is_on(&context.config.outputs));
    for output in untouched.filter(|output| outcomes.iter().all(|outcome| outcome.output != *output)) {
        if !plan.held.contains(&output) {
            context.ledger.current(output, pool);
        }
    }
    plan.held.iter().for_each(|output| context.ledger.pending(*output, pool));
    for Outcome { output, name, result } in outcomes {
        match result {
            Ok(()) if output.is_on(&context.config.outputs) => context.ledger.current(*output, pool),
            Ok(()) | Err(Unwritten::NotLeading(_) | Unwritten::Failed(_)) => {}
            Err(Unwritten::Gone(why) | Unwritten::Refused(why)) => {
                context.ledger.refused(*output, pool);
                troubles.push(format!("{} {name}: the API server refuses it: {why}", output.kind()));
            }
        }
    }
    let known = observed.pool.status.conditions.iter().any(|condition| condition.kind == PUBLISHED);
    if troubles.is_empty() {
        memory.is_over(reason::NOT_PUBLISHED);
        return known.then(|| condition(true, "Published", String::new()));
    }
    let text = troubles.join("; ");
    warn(context, memory, &observed.pool.subject(), reason::NOT_PUBLISHED, &text);
    Some(condition(false, "CannotBeWritten", text))
}

/// Tells of who leads.
pub(crate) fn leaders(context: &Context, memory: &mut Memory, observed: &Observed, plan: &Plan, decision: &Decision) {
    let pool = &observed.pool;
    let settings = pool.spec.election();
    let wanted = matches!(settings, Settings::Enabled { .. } | Settings::Invalid(_));
    context.ledger.leaderless(pool.name(), wanted && plan.leaders.is_empty());
    let changes = plan.changes.iter().map(Change::to_string).collect::<Vec<_>>().join("; ");
    if decision.elects() {
        let new_standing = memory.is_news("standing", plan.standing.as_str());
        if !plan.changes.is_empty() || (new_standing && plan.standing != Standing::Disabled) {
            let held = Held { strategy: strategy(&settings), outcome: plan.standing.as_str() };
            context.metrics.elections.get_or_create(&held).inc();
        }
        if !plan.changes.is_empty() {
            tracing::info!(pool = %pool.name(), changes, "leaders changed");
            context.events.record(&pool.subject(), Severity::Normal, reason::ELECTED, Note::Said(changes));
        }
    } else if plan.changes.is_empty() {
        memory.is_over(reason::LEFT_OUT);
    } else {
        warn(context, memory, &pool.subject(), reason::LEFT_OUT, &format!("not published: {changes}"));
    }
    if wanted && plan.leaders.is_empty() {
        // The tally in the sentence moves with every node: one event per kind of trouble.
        if memory.is_news(reason::NO_LEADER, plan.standing.as_str()) {
            let note = Note::Said(plan.standing.to_string());
            context.events.record(&pool.subject(), Severity::Warning, reason::NO_LEADER, note);
        }
    } else {
        memory.is_over(reason::NO_LEADER);
    }
    let named = |leader: &planner::election::Leader| format!("{} ({})", leader.name, leader.address);
    let report = Report {
        leaders: plan.leaders.iter().map(named).collect(),
        standing: plan.standing.to_string(),
        by: decision.to_string(),
    };
    if memory.report.as_ref().is_some_and(|before| before.by != report.by) {
        tracing::info!(pool = %pool.name(), decision = report.by, "who elects for this pool");
    }
    memory.report = Some(report);
}

/// Tells of resources that hubs are not granted.
pub(crate) fn scopes(context: &Context, memory: &mut Memory, pool: &Pool) {
    let refused = multiplexer::refused(&pool.spec);
    if refused.is_empty() {
        return memory.is_over(reason::NOT_GRANTED);
    }
    let allowed: Vec<_> =
        api::rbac::POOL_SCOPED.iter().map(|(group, resource)| format!("{group}/{resource}")).collect();
    let refused: Vec<_> = refused.into_iter().collect();
    let text = format!(
        "spec.poolScopeMetadata: hubs are not granted {}; what can be shared in a pool is {}",
        refused.join(", "),
        allowed.join(", ")
    );
    warn(context, memory, &pool.subject(), reason::NOT_GRANTED, &text);
}

/// Tells of attributes that a pool cannot give.
pub(crate) fn not_given(context: &Context, memory: &mut Memory, pool: &Pool, keys: &[String]) {
    if keys.is_empty() {
        return memory.is_over(reason::NOT_GIVEN);
    }
    let text = format!("spec.labels, spec.annotations: no pool gives {} to its nodes", keys.join(", "));
    warn(context, memory, &pool.subject(), reason::NOT_GIVEN, &text);
}

/// Tells of a node whose annotation cannot be read; each value once.
pub(crate) fn unreadable(context: &Context, node: &Node, unreadable: &Unreadable) {
    if context.unreadable.is_news(node.uid, &unreadable.value) {
        let subject = Subject {
            api_version: "v1".to_owned(),
            kind: "Node".to_owned(),
            namespace: None,
            name: node.name.to_string(),
            uid: node.uid.to_string(),
        };
        let note = Note::Said(unreadable.to_string());
        context.events.record(&subject, Severity::Warning, reason::UNREADABLE, note);
    }
}

/// A warning, if it is news.
fn warn(context: &Context, memory: &mut Memory, subject: &Subject, reason: &'static str, text: &str) {
    if memory.is_news(reason, text) {
        tracing::warn!(pool = subject.name, reason, "{text}");
        context.events.record(subject, Severity::Warning, reason, Note::Said(text.to_owned()));
    }
}

fn condition(published: bool, reason: &str, message: String) -> NodePoolCondition {
    NodePoolCondition {
        kind: PUBLISHED.to_owned(),
        status: if published { "True" } else { "False" }.to_owned(),
        last_transition_time: None,
        reason: reason.to_owned(),
        message,
    }
}

fn strategy(settings: &Settings) -> &'static str {
    match settings {
        Settings::Enabled { strategy: Strategy::Random, .. } => api::node_pool::RANDOM,
        Settings::Enabled { strategy: Strategy::Mark(_), .. } => api::node_pool::MARK,
        Settings::Disabled | Settings::Invalid(_) => "none",
    }
}
