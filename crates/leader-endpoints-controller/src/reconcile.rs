//! One pool, looked at once: admit, observe, plan, commit, publish.

use std::sync::Arc;
use std::time::Instant;

use controller_runtime::lease::NotLeading;
use controller_runtime::queue::{Disposition, ReconcileError, Requeue};
use jiff::Timestamp;
use planner::election::Change;

use crate::admit::{Admission, admit};
use crate::attributes::Attributes;
use crate::commit::{self, Outcome, Unwritten};
use crate::context::{Context, Key};
use crate::memory::Memory;
use crate::mode::Decision;
use crate::plan::{self, Observed, Plan};
use crate::pools::Pool;
use crate::{members, multiplexer, observe, publish};

/// Why something could not be brought forward.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("asking for NodePools")]
    Ask(#[source] kube::core::request::Error),
    #[error("reading NodePools")]
    Pools(#[source] kube::Error),
    #[error("writing {object}")]
    Output {
        object: String,
        #[source]
        source: Unwritten,
    },
    #[error("writing the NodePool's status")]
    Status(#[source] Unwritten),
    #[error("changing the attributes of node {node}")]
    Node {
        node: String,
        #[source]
        source: Unwritten,
    },
    #[error("writing the role of leaders' hubs")]
    Role(#[source] kube::Error),
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
}

impl ReconcileError for Error {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Ask(_) => Disposition::Terminal,
            Self::Pools(_) | Self::Output { .. } | Self::Status(_) | Self::Node { .. } | Self::Role(_) => {
                Disposition::Backoff
            }
            // Whoever leads next wakes every pool.
            Self::NotLeading(_) => Disposition::AwaitChange,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Ask(_) => "ask",
            Self::Pools(_) => "pools",
            Self::Output { .. } => "output",
            Self::Status(_) => "status",
            Self::Node { .. } => "node",
            Self::Role(_) => "role",
            Self::NotLeading(_) => "not_leading",
        }
    }
}

/// Looks at one key. Level-triggered: what woke it does not matter.
#[tracing::instrument(level = "debug", skip_all, fields(%key))]
pub(crate) async fn reconcile(context: Arc<Context>, key: Key) -> Result<Requeue, Error> {
    let name = match key {
        Key::Multiplexer if context.gate.term().is_none() => return Ok(Requeue::Await),
        Key::Multiplexer => return multiplexer::reconcile(&context).await,
        Key::Pool(name) => name,
    };
    let heard = context.take_heard(&name);
    let Some(term) = context.gate.term() else { return Ok(Requeue::Await) };
    let decision = context.decision.borrow().clone();
    match admit(&context, &name) {
        _ if decision == Decision::Undecided => Ok(Requeue::Await),
        Admission::Pool(pool) => {
            let mut memory = context.memories.take(&name, pool.metadata.uid);
            let ended = advance(&context, &mut memory, pool, &decision, heard).await;
            // What was remembered in an earlier term is not worth remembering.
            if context.gate.term() == Some(term) {
                context.memories.put(&name, memory);
            }
            ended
        }
        Admission::Nowhere => {
            context.memories.forget(&name);
            context.ledger.forget(&name);
            if decision.elects() {
                members::strip(&context, &name).await?;
            }
            Ok(Requeue::Await)
        }
        Admission::Leaving => Ok(Requeue::Await),
    }
}

async fn advance(
    context: &Context,
    memory: &mut Memory,
    pool: Arc<Pool>,
    decision: &Decision,
    heard: Option<Instant>,
) -> Result<Requeue, Error> {
    let observed = observe::observe(context, pool);
    let (wrong, patience) = (|| plan::is_wrong(&observed), context.config.yurt_manager.patience.get());
    let published = &observed.pool.status.leader_endpoints;
    let (decision, again) = memory.decide(decision, published, wrong, patience, Instant::now());
    let mut plan = plan::plan(&observed, &decision, &context.config.outputs);
    let (held, repair) = memory.pace.hold(&mut plan.writes, Instant::now());
    plan.held = held;
    // Who follows a dead leader waits for the outputs: they are first.
    let outcomes = commit::outputs(context, &observed, &plan).await;
    let written = |output| outcomes.iter().any(|outcome| outcome.output == output && outcome.result.is_ok());
    memory.pace.note(plan.writes.iter().filter(|wanted| written(wanted.output)), Instant::now());
    observe_loss(context, &plan, &outcomes, heard);
    let told = publish::outputs(context, memory, &observed, &plan, &outcomes);
    publish::leaders(context, memory, &observed, &plan, &decision);
    publish::scopes(context, memory, &observed.pool);
    let mut wanted = plan.status(&observed, &decision, &plan.condition(&decision), Timestamp::now());
    told.iter().for_each(|condition| plan::set(&mut wanted.conditions, condition, Timestamp::now()));
    let status = unless_gone(commit::status(context, &observed.pool, &wanted, &decision).await);
    if status.is_ok() {
        memory.wrote(&wanted.leader_endpoints);
    }
    let given = give(context, memory, &observed, &decision).await;
    failed(outcomes)?;
    status.map_err(|source| match source {
        Unwritten::NotLeading(reason) => reason.into(),
        source @ (Unwritten::Gone(_) | Unwritten::Refused(_) | Unwritten::Failed(_)) => Error::Status(source),
    })?;
    given?;
    Ok([again, repair].into_iter().flatten().min().map_or(Requeue::Await, Requeue::After))
}

/// What is gone needs nothing any more; the watch tells of it.
pub(crate) fn unless_gone(written: Result<(), Unwritten>) -> Result<(), Unwritten> {
    match written {
        Err(Unwritten::Gone(_)) => Ok(()),
        written => written,
    }
}

/// The first output that could not be written, if any.
fn failed(outcomes: Vec<Outcome>) -> Result<(), Error> {
    for Outcome { output, name, result } in outcomes {
        match result {
            Ok(()) => {}
            Err(Unwritten::NotLeading(reason)) => return Err(reason.into()),
            Err(source) => return Err(Error::Output { object: format!("{} {name}", output.kind()), source }),
        }
    }
    Ok(())
}

/// How long it took from the frame in which a leader was lost until everybody was told. One whose outputs could not be written
/// goes on being late.
fn observe_loss(context: &Context, plan: &Plan, outcomes: &[Outcome], heard: Option<Instant>) {
    let lost = plan.changes.iter().any(|change| matches!(change, Change::Lost { .. }));
    if let Some(heard) = heard.filter(|_| lost && !outcomes.is_empty())
        && outcomes.iter().all(|outcome| outcome.result.is_ok())
    {
        context.metrics.loss_to_leader.observe(heard.elapsed().as_secs_f64());
    }
}

/// While another controller elects it syncs attributes too.
async fn give(context: &Context, memory: &mut Memory, observed: &Observed, decision: &Decision) -> Result<(), Error> {
    if !context.config.attributes.sync || !context.decision.borrow().elects() || !decision.elects() {
        return Ok(());
    }
    let (wanted, refused) = Attributes::of(&observed.pool);
    publish::not_given(context, memory, &observed.pool, &refused);
    members::give(context, &observed.nodes, &wanted).await
}
