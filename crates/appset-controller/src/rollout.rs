//! The run of a YurtAppSet's newest revision: whose turn it is to get that, and whose to go back.
//!
//! What a run is whatever its target is (its object, memory, rules, status, approvals, dependencies) is
//! `controller_runtime::rollouts`; how pools are its units is `units`. Here the two meet, between the revision that is recorded and the
//! writes: [`look`] says what is to be written now, and [`settle`] tells the run what was.

mod errors;
mod turn;

use std::mem;
use std::time::Duration;

use api::fleet_rollout::Revision;
use api::names;
use api::yurt_app_set::{DEFAULT_HISTORY_LIMIT, YurtAppSet};
use controller_runtime::rollouts::{self, Beginning, Rollout, Target};
use jiff::{SignedDuration, Timestamp};
use planner::rollout::{self as runs, Met, Progress, View};

use crate::budgets::{self, Rules};
use crate::commit::{self, Deed, Done, Unrecorded};
use crate::context::Context;
use crate::memory::Memory;
use crate::mirrors::SeenSet;
use crate::observe::Snapshot;
use crate::plan::{Plan, Standing};
use crate::pools::select;
use crate::reconcile::Error;
use crate::returning::Returning;
use crate::revisions::Record;
use crate::trials::Untried;
use crate::units::{Course, Scene, Units};
pub(crate) use turn::Turn;

/// A name may be taken by somebody else's revision; so often in a row is somebody who does it on purpose.
const CLASHES: usize = 8;

/// What is to be done for a YurtAppSet now.
pub(crate) struct Look {
    /// The writes.
    pub(crate) plan: Plan,
    /// What the run says, if there is one.
    run: Option<runs::Plan>,
    /// That is the run of what the spec asks for, and not of what it asked for last.
    is_newest: bool,
    /// Why nothing may be written: there is no revision, or no run.
    pub(crate) failed: Option<Error>,
}

/// What was told of an older spec of a YurtAppSet counts no more, however long it takes until something can be told of this one.
pub(crate) fn expire(context: &Context, seen: &SeenSet, set: &YurtAppSet) {
    context.desk.expire(target(seen, set), generation(set));
}

/// Plans what is to be written of a snapshot, with the newest revision recorded and its run begun. `None` while something is waited
/// for that comes soon: the watch that shows what the YurtAppSet has become, or the end of the last run's status write.
///
/// # Errors
/// When the API server cannot be asked, or another replica leads.
pub(crate) async fn look(
    context: &Context,
    seen: &SeenSet,
    snapshot: &mut Snapshot,
    memory: &mut Memory,
) -> Result<Option<Look>, Error> {
    let before = Turn::everybodys(context, memory.rollout.as_deref(), snapshot);
    let (mut plan, untried) = tried(context, seen, snapshot, memory, &before).await;
    let failed = |plan: Plan, why: Error| match why {
        Error::NotLeading(reason)
        | Error::Unrecorded(Unrecorded::NotLeading(reason))
        | Error::Rollout(rollouts::Error::NotLeading(reason)) => Err(reason.into()),
        why => Ok(Some(Look { plan, run: None, is_newest: false, failed: Some(why) })),
    };
    if let Some(why) = untried {
        return failed(plan, Error::Untried(why));
    }
    let records = plan.current.as_ref().is_some_and(|current| current.record != Record::Kept);
    if records && !(snapshot.is_newest(context, seen).await? && snapshot.has_all_pools(context).await?) {
        return Ok(None);
    }
    if let Err(why) = record(context, snapshot, memory, &mut plan, &before).await {
        return failed(plan, Error::Unrecorded(why));
    }
    let set = snapshot.set.clone();
    let target = target(seen, &set);
    let Some(revision) = newest(snapshot, &plan) else {
        return match stand_still(context, target, snapshot, memory, &plan).await {
            Ok(run) => Ok(Some(Look { plan, run, is_newest: false, failed: None })),
            Err(why) => failed(plan, why.into()),
        };
    };
    match begin(context, target, memory, &revision).await {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(why) => return failed(plan, why.into()),
    }
    let Some(mut rollout) = memory.rollout.take() else { return Ok(None) };
    let mut turn = Turn::everybodys(context, Some(&rollout), snapshot);
    if turn != before {
        plan = snapshot.plan(context, memory, &turn);
    }
    let mut run = conduct(context, target, snapshot, memory, &mut rollout, &plan, &mut turn);
    memory.rollout = Some(rollout);
    if !turn.lets_pass(&plan) {
        plan = snapshot.plan(context, memory, &turn);
    }
    errors::add(&mut run.report, &plan);
    Ok(Some(Look { plan, run: Some(run), is_newest: true, failed: None }))
}

/// Tells the run what was written, and everybody else about the run. Returns when to look again though nothing changed.
///
/// # Errors
/// When somebody was to be asked for an approval, and the request was not made.
pub(crate) async fn settle(
    context: &Context,
    seen: &SeenSet,
    set: &YurtAppSet,
    memory: &mut Memory,
    look: Look,
    done: &Done,
) -> Result<Option<Duration>, Error> {
    let (Some(run), Some(rollout)) = (look.run, memory.rollout.as_mut()) else { return Ok(None) };
    let now = Timestamp::now();
    let written = done.written.iter().filter(|(deed, ..)| *deed != Deed::Deleted).map(|(.., pool)| pool);
    // What has no answer counts as accepted until it is known that it was not.
    let accepted: Vec<&String> = written.chain(&done.doubtful).collect();
    for step in run.steps.iter().filter(|step| accepted.iter().any(|pool| **pool == *step.pool)) {
        rollout.run.activate(step, now);
    }
    let target = target(seen, set);
    if look.is_newest {
        context.desk.note(target, generation(set), Progress::of(&run.report));
    }
    let due = context.desk.publish(target, rollout, run.report);
    context.desk.ask(target, rollout).await?;
    let revisit = run.revisit.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
    Ok([due, revisit].into_iter().flatten().min())
}

impl Look {
    /// Tells also what an earlier look of the same pass found.
    pub(crate) fn after(mut self, earlier: Self) -> Self {
        if let (Some(run), Some(earlier)) = (&mut self.run, earlier.run) {
            let later = mem::replace(&mut run.report.news, earlier.report.news);
            run.report.news.extend(later);
        }
        self
    }
}

/// The plan of a world without waves, of which the API server refuses nothing unheard; and why it was not asked, if so.
async fn tried(
    context: &Context,
    seen: &SeenSet,
    snapshot: &Snapshot,
    memory: &mut Memory,
    turn: &Turn,
) -> (Plan, Option<Untried>) {
    let plan = snapshot.plan(context, memory, turn);
    if snapshot.standing != Standing::Acting {
        return (plan, None);
    }
    match memory.trials.run(context, &seen.namespace, &plan).await {
        Ok(true) => (snapshot.plan(context, memory, turn), None),
        Ok(false) => (plan, None),
        Err(untried) => (plan, Some(untried)),
    }
}

/// Makes the revision of the spec the newest one. The plan is another one where its name was taken.
async fn record(
    context: &Context,
    snapshot: &mut Snapshot,
    memory: &mut Memory,
    plan: &mut Plan,
    turn: &Turn,
) -> Result<(), Unrecorded> {
    for _ in 0..CLASHES {
        let Some(current) = &plan.current else { return Ok(()) };
        if commit::record(context, snapshot, current).await? {
            return Ok(());
        }
        *plan = snapshot.plan(context, memory, turn);
    }
    Err(Unrecorded::Clashes)
}

/// Makes the run of this revision the one that is remembered. Whether it is: not while a write of the last one's status is under way,
/// which would undo that it is over.
async fn begin(
    context: &Context,
    target: Target<'_>,
    memory: &mut Memory,
    revision: &Revision,
) -> Result<bool, rollouts::Error> {
    let desk = &context.desk;
    if let Some(known) = &mut memory.rollout {
        desk.receive(known).await?;
    }
    match &mut memory.rollout {
        Some(known) if known.object.spec.revision == *revision => desk.refresh(known),
        Some(known) if known.is_publishing() => return Ok(false),
        _ => {
            let beginning = Beginning {
                revision: revision.clone(),
                // Also the first revision goes through waves, and may begin paused.
                first: false,
                implied: budgets::implied(),
                // A failed run takes its pools back itself; the spec is the user's.
                rollback_of: None,
            };
            let begun = desk.begin(target, beginning, memory.rollout.as_deref()).await?;
            memory.rollout = Some(Box::new(begun));
        }
    }
    match &mut memory.rollout {
        Some(rollout) => desk.complete(target, rollout).await?,
        None => return Ok(false),
    }
    Ok(true)
}

/// While nothing may be made of the spec there is no newest revision: the run of the last one says why, and what it began is followed.
async fn stand_still(
    context: &Context,
    target: Target<'_>,
    snapshot: &Snapshot,
    memory: &mut Memory,
    plan: &Plan,
) -> Result<Option<runs::Plan>, rollouts::Error> {
    let desk = &context.desk;
    let known = memory.rollout.as_ref().map(|known| known.object.spec.revision.clone());
    // A process that begins takes a Lease that nobody renews any more for a live one, for a while: that is nothing to tell.
    let last = || desk.last(target.uid).filter(|_| snapshot.rival.is_none());
    if let Some(last) = known.or_else(last) {
        begin(context, target, memory, &last).await?;
    }
    let unreadable = select(&snapshot.set.spec, &snapshot.pools).err();
    if let (Some(why), Some(rollout)) = (&unreadable, &mut memory.rollout) {
        let why = runs::Hold::RevisionRefused { why: why.to_string() };
        desk.hold(target, rollout, &standing(context, snapshot).unwrap_or(why));
    }
    // Without its pools a run would seem to be done.
    let Some(mut rollout) = memory.rollout.take_if(|_| unreadable.is_none()) else {
        desk.withdraw(target, generation(&snapshot.set));
        return Ok(None);
    };
    desk.note(target, generation(&snapshot.set), Progress::everywhere(Met::Unknown));
    let mut nobodys = Turn::everybodys(context, Some(&rollout), snapshot);
    let run = conduct(context, target, snapshot, memory, &mut rollout, plan, &mut nobodys);
    memory.rollout = Some(rollout);
    Ok(Some(run))
}

/// Why nothing may be written, as a run says it.
fn standing(context: &Context, snapshot: &Snapshot) -> Option<runs::Hold> {
    match (&snapshot.standing, &snapshot.rival) {
        (Standing::Acting, _) => None,
        (Standing::Held(_), Some(_)) => context.config.yurt_manager.hold(&context.neighbour.borrow()),
        (Standing::Held(why), None) => Some(runs::Hold::RevisionRefused { why: why.clone() }),
    }
}

/// Plans the run, and with it whose turn it is.
fn conduct(
    context: &Context,
    target: Target<'_>,
    snapshot: &Snapshot,
    memory: &mut Memory,
    rollout: &mut Rollout,
    unbound: &Plan,
    turn: &mut Turn,
) -> runs::Plan {
    let desk = &context.desk;
    let rules = rules(rollout);
    let children = snapshot.children();
    let scene = Scene {
        outlook: &snapshot.outlook(&children),
        unbound,
        revision: &rollout.object.spec.revision.name,
        reach: &context.reachable.now(),
        failing: &memory.troubles.failing(&unbound.steps, snapshot.now),
        now: snapshot.now,
    };
    let units = Units::of(&scene, &mut memory.sightings);
    if rollout.is_unrecorded() {
        // A process before this one made the run, and ended before its first status: what it began holds its slots.
        units.begun_since(rollout.began).for_each(|(step, at)| rollout.run.activate(&step, at));
    }
    let (approvals, dependencies) = (desk.approvals(rollout), desk.progress(target, &rules.strategy));
    let last_completed = turn.last_completed.as_deref().map(Into::into);
    let course = Course {
        strategy: &rules.strategy,
        timing: &context.timing,
        control: rollout.object.spec.control(),
        view: view(context, snapshot.now),
        held: standing(context, snapshot).or_else(|| rollout.rules.hold()),
        approvals: &approvals,
        dependencies: &dependencies,
        last_completed: last_completed.as_ref(),
    };
    let mut plan = units.plan(&course, mem::take(&mut rollout.run));
    rollout.run = mem::take(&mut plan.run);
    // Nothing goes back before the status says why: after a crash in between the revision would be taken for a good one.
    let may_return = plan.rollback.is_some() && rollout.is_halt_told();
    let returning = if may_return {
        Returning::of(&units, &plan, &rollout.run, &rules.strategy, rollout.began)
    } else {
        Returning::default()
    };
    let is_back = may_return && returning.is_over();
    desk.roll_back(target, rollout, is_back, || {
        let to = turn.last_completed.as_deref().unwrap_or_default();
        format!("the pools that got the revision that failed are back at {to}; the spec is as it was: change it, or nothing goes on")
    });
    turn.released = units.released(&plan);
    turn.returns = returning.pools;
    plan
}

/// The rules of a run over pools. While there are none that can be followed the run itself holds, and these say nothing.
fn rules(rollout: &Rollout) -> Rules {
    let strategy = rollout.rules.strategy().clone();
    match &rollout.object.spec.strategy {
        Some(snapshot) => Rules::of(strategy, snapshot),
        None => Rules { strategy, max_unavailable: None },
    }
}

/// The newest revision, if it is recorded.
fn newest(snapshot: &Snapshot, plan: &Plan) -> Option<Revision> {
    let name = &plan.current.as_ref()?.name;
    let recorded = snapshot.history.iter().find(|revision| revision.name == *name)?;
    Some(Revision { name: name.clone(), number: recorded.number })
}

fn target<'a>(seen: &'a SeenSet, set: &'a YurtAppSet) -> Target<'a> {
    let limit = set.spec.revision_history_limit.and_then(|limit| usize::try_from(limit).ok());
    Target {
        namespace: &seen.namespace,
        name: &seen.name,
        uid: seen.uid,
        strategy: strategy(set),
        history: limit.or_else(|| DEFAULT_HISTORY_LIMIT.try_into().ok()).unwrap_or_default(),
    }
}

/// The RolloutStrategy that a YurtAppSet names.
pub(crate) fn strategy(set: &YurtAppSet) -> Option<&str> {
    set.metadata.annotations.as_ref()?.get(names::STRATEGY).map(String::as_str)
}

fn generation(set: &YurtAppSet) -> i64 {
    set.metadata.generation.unwrap_or_default()
}

/// How far what is known may be believed.
fn view(context: &Context, now: Timestamp) -> View {
    let silence = context.mirrors.silence(&context.desk.rollouts);
    let silence = silence.and_then(|silence| SignedDuration::try_from(silence).ok());
    let heard = silence.map_or(Timestamp::MIN, |silence| now.checked_sub(silence).unwrap_or(Timestamp::MIN));
    View { since: context.began(), heard }
}
