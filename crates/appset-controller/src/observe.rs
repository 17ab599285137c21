//! First step: one snapshot of a YurtAppSet and of everything that its plan depends on, from the mirrors or read with quorum.

mod newest;
mod occupied;
mod planned;
mod quorum;

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use api::annotations;
use api::fleet_rollout::FleetRollout;
use api::yurt_app_set::{InvalidSelector, YurtAppSet};
use controller_runtime::lease::Neighbour;
use controller_runtime::mirror::Mirrored as _;
use jiff::Timestamp;

use crate::children::Child;
use crate::context::Context;
use crate::memory::Memory;
use crate::mirrors::{Deployment, SeenSet, StatefulSet};
use crate::plan::{self, Input, Outlook, Pace, Plan, Read, Standing};
use crate::pools::{Pool, select};
use crate::revisions::Revision;
use crate::rollout::{Turn, strategy};
pub(crate) use occupied::Occupied;
use planned::Basis;
pub(crate) use planned::Planned;
pub(crate) use quorum::Unread;

/// What is known at one moment.
pub(crate) struct Snapshot {
    pub(crate) set: Arc<YurtAppSet>,
    pub(crate) read: Read,
    /// The API server has the YurtAppSet as it is here.
    newest: bool,
    /// Another controller that drives it, in a sentence.
    pub(crate) rival: Option<String>,
    pub(crate) standing: Standing,
    pub(crate) pools: Arc<[Pool]>,
    pub(crate) history: Vec<Revision>,
    /// The highest number of a revision that has a run.
    floor: i64,
    deployments: Vec<Arc<Deployment>>,
    stateful_sets: Vec<Arc<StatefulSet>>,
    pub(crate) now: Timestamp,
}

impl Snapshot {
    /// What the mirrors show.
    pub(crate) fn mirrored(context: &Context, seen: &SeenSet, set: &Arc<YurtAppSet>) -> Self {
        let (mirrors, key, rival) = (&context.mirrors, seen.key(), rival(context));
        Self {
            set: set.clone(),
            read: Read::Mirror,
            newest: false,
            standing: rival.clone().or_else(|| misnamed(set)).map_or(Standing::Acting, Standing::Held),
            rival,
            pools: mirrors.pools(),
            history: mirrors.revisions.of(&*key).iter().map(|seen| seen.revision.clone()).collect(),
            floor: context.desk.last(seen.uid).map_or(0, |last| last.number),
            deployments: mirrors.deployments.of(&*key),
            stateful_sets: mirrors.stateful_sets.of(&*key),
            now: Timestamp::now(),
        }
    }

    /// Takes in NodePools and workloads as the API server has them at this moment: those without the YurtAppSet's label too.
    ///
    /// # Errors
    /// When they cannot be read. Nothing is taken in then.
    pub(crate) async fn confirm(&mut self, context: &Context) -> Result<(), Unread> {
        context.metrics.confirmations.inc();
        let namespace = self.set.metadata.namespace.as_deref().unwrap_or_default();
        (self.pools, self.deployments, self.stateful_sets) = quorum::lists(&context.client, namespace).await?;
        (self.read, self.now) = (Read::Quorum, Timestamp::now());
        Ok(())
    }

    /// Whether the YurtAppSet is still the one that was seen. Asked for once.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn is_newest(&mut self, context: &Context, seen: &SeenSet) -> Result<bool, Unread> {
        if !self.newest {
            self.newest = newest::is_newest(&context.client, seen, &self.set).await?;
        }
        Ok(self.newest)
    }

    /// Whether the NodePools that the YurtAppSet chooses are those that were seen, with their labels. Two watches have no order between
    /// them, and a run that begins before its pools are seen takes the waves in which there is nobody for finished.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) async fn has_all_pools(&self, context: &Context) -> Result<bool, Unread> {
        let now = quorum::pools(&context.client).await?;
        Ok(chosen(&self.set, &self.pools) == chosen(&self.set, &now))
    }

    /// The workloads with what they are now, after the writes.
    pub(crate) fn renewed(self, context: &Context, seen: &SeenSet) -> Self {
        let key = seen.key();
        let (deployments, stateful_sets) =
            (context.mirrors.deployments.of(&*key), context.mirrors.stateful_sets.of(&*key));
        Self { deployments, stateful_sets, now: Timestamp::now(), ..self }
    }

    /// Whether something else is asked for by now of the YurtAppSet or of its run, as far as the mirrors show.
    pub(crate) fn is_superseded(&self, context: &Context, run: Option<&FleetRollout>) -> bool {
        let uid = self.set.metadata.uid.as_deref().unwrap_or_default().parse().unwrap_or_default();
        let set = context.mirrors.sets.get(uid).and_then(|seen| seen.read.clone().ok());
        let steered = |run: &FleetRollout| {
            let now = context.desk.rollouts.get(run.uid());
            now.is_some_and(|now| now.metadata.generation > run.metadata.generation)
        };
        set.is_none_or(|set| !newest::is_same(&set.metadata, &self.set.metadata)) || run.is_some_and(steered)
    }

    /// The workloads.
    pub(crate) fn children(&self) -> Vec<&Child> {
        let deployments = self.deployments.iter().map(|workload| &workload.child);
        deployments.chain(self.stateful_sets.iter().map(|workload| &workload.child)).collect()
    }

    /// Takes in a revision that was written, or found.
    pub(crate) fn know(&mut self, revision: Revision) {
        self.history.retain(|known| known.uid != revision.uid);
        self.history.push(revision);
    }

    /// Who is there.
    pub(crate) fn outlook<'a>(&'a self, children: &[&'a Child]) -> Outlook<'a> {
        plan::outlook(&self.set, &self.pools, children)
    }

    /// Plans it.
    pub(crate) fn plan(&self, context: &Context, memory: &mut Memory, turn: &Turn) -> Plan {
        memory.occupied.forget(Instant::now());
        let basis = Basis::of(self, memory);
        if let Some(plan) = basis.as_ref().and_then(|basis| memory.planned.recall(basis, turn)) {
            return plan;
        }
        let refused = memory.trials.refused(self.set.metadata.generation);
        let undeleted = memory.troubles.undeleted();
        let mut plan = plan::plan(&Input {
            set: &self.set,
            pools: &self.pools,
            read: self.read,
            children: &self.children(),
            history: &self.history,
            floor: self.floor,
            standing: self.standing.clone(),
            released: turn.released.clone(),
            returns: &turn.returns,
            last_completed: turn.last_completed.as_deref(),
            max_unavailable: turn.max_unavailable,
            taken: &memory.trials.taken(),
            occupied: memory.occupied.names(),
            known: &memory.known,
            last_seen: &memory.last_seen,
            refused: &refused,
            on_refusal: context.config.refusals.hold,
            stubborn: &memory.stubborn,
            pace: Pace {
                percent: context.config.deletions.percent_per_minute.into(),
                recent: memory.deleted.as_deref().unwrap_or_default(),
                failed: &undeleted.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>(),
            },
            now: self.now,
        });
        memory.known = mem::take(&mut plan.known);
        if self.read == Read::Quorum {
            memory.occupied.note(&plan, Instant::now());
        }
        basis.iter().for_each(|basis| memory.planned.note(basis, turn, &plan));
        plan
    }
}

/// The pools of a YurtAppSet, as far as waves are about them.
fn chosen(set: &YurtAppSet, pools: &[Pool]) -> Result<Vec<Pool>, InvalidSelector> {
    let alike = |pool: &&Pool| (*pool).clone().seen(pool.uid, None);
    Ok(select(&set.spec, pools)?.pools.values().map(alike).collect())
}

/// A strategy that no RolloutStrategy can have the name of.
fn misnamed(set: &YurtAppSet) -> Option<String> {
    let bad = annotations::strategy(strategy(set)).err()?;
    Some(format!("{bad}; nothing is changed until it is corrected"))
}

/// Who else drives YurtAppSets, or may.
pub(crate) fn rival(context: &Context) -> Option<String> {
    let yurt = &context.config.yurt_manager;
    if yurt.ignore {
        return None;
    }
    let lease = format!("{}/{}", yurt.namespace, yurt.lease);
    match &*context.neighbour.borrow() {
        Neighbour::Absent => None,
        Neighbour::Live { .. } => Some(format!(
            "yurt-manager holds the lease {lease} and drives the same YurtAppSets; stop it, or switch its yurtappset controller off and \
             set yurt_manager.ignore"
        )),
        Neighbour::Unknown => Some(format!("nobody knows whether a yurt-manager holds the lease {lease}")),
    }
}
