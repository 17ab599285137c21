//! `dependsOn`: how far the targets are that a strategy lets go first.
//!
//! What it is for a DaemonSet to be up to date in a pool is the planner's to say ([`Progress::of`]), of the run of its
//! template's newest revision.
//!
//! Not up to date is also a DaemonSet that does not exist. Nobody can tell of one that this service does not upgrade (no
//! update-strategy, OTA, refused), or whose newest template it has not looked at yet: all of these hold, none of them fails.
//!
//! For YurtAppSets appset-controller is asked (`peers.appset_controller`), over a stream. While it is not configured, away
//! or silent for too long, and for any other kind, nobody can tell.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use planner::fleet::{Name, Uid};
use planner::rollout::{Met, Progress, Report};
use planner::strategy::{Dependency, Strategy};

use crate::admit::Target;
use crate::context::{Context, Current};

/// The kind that is answered from this process's own runs.
const OWN: (&str, &str) = ("apps/v1", "DaemonSet");

/// The kind that appset-controller is asked for, and its API group.
const YURT_APP_SET: &str = "YurtAppSet";
const OPENYURT_APPS: &str = "apps.openyurt.io/";

/// How far the runs of this process are, as their last plans saw it.
#[derive(Debug, Default)]
pub(crate) struct Standings(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    by_daemon_set: HashMap<Uid, Standing>,
    /// The DaemonSets that others wait for, by namespace and name: changes of these wake their namespace.
    asked: HashSet<(String, Name)>,
    /// The namespaces in which something waits for a YurtAppSet.
    waiting_for_appsets: HashSet<String>,
}

#[derive(Debug, PartialEq)]
struct Standing {
    /// The generation of the DaemonSet that it is about.
    generation: i64,
    progress: Progress,
}

/// How far each dependency of a strategy is, in the strategy's order. Takes no lock that a plan is made under.
pub(crate) fn progress(context: &Context, namespace: &str, strategy: &Strategy) -> Vec<Progress> {
    strategy.depends_on.iter().map(|dependency| of(context, namespace, dependency)).collect()
}

/// Notes how far a DaemonSet is after a plan, and wakes those that wait for it when that is news.
pub(crate) fn note(context: &Context, target: &Target, current: &Current, report: &Report) {
    let is_newest = target.observed && current.generation == target.generation;
    let progress = if is_newest { Progress::of(report) } else { Progress::everywhere(Met::Unknown) };
    let standing = Standing { generation: target.generation, progress };
    if context.standings.put(target.uid, standing) {
        wake(context, &target.namespace, &target.name, target.uid);
    }
}

impl Standings {
    /// How far a DaemonSet is.
    pub(crate) fn progress(&self, daemon_set: Uid) -> Progress {
        let known = self.lock().by_daemon_set.get(&daemon_set).map(|standing| standing.progress.clone());
        known.unwrap_or_else(|| Progress::everywhere(Met::Unknown))
    }

    /// The DaemonSet is not upgraded any more.
    pub(crate) fn forget(&self, daemon_set: Uid) {
        self.lock().by_daemon_set.remove(&daemon_set);
    }

    /// Nothing is known of any.
    pub(crate) fn clear(&self) {
        self.lock().by_daemon_set.clear();
    }

    /// Whether that is news.
    fn put(&self, daemon_set: Uid, standing: Standing) -> bool {
        let mut inner = self.lock();
        if inner.by_daemon_set.get(&daemon_set) == Some(&standing) {
            return false;
        }
        inner.by_daemon_set.insert(daemon_set, standing);
        true
    }

    fn ask(&self, namespace: &str, name: &Name, daemon_set: Option<(Uid, i64)>) -> Option<Progress> {
        let mut inner = self.lock();
        inner.asked.insert((namespace.to_owned(), name.clone()));
        let (uid, generation) = daemon_set?;
        let standing = inner.by_daemon_set.get(&uid).filter(|standing| standing.generation == generation)?;
        Some(standing.progress.clone())
    }

    fn is_asked_for(&self, namespace: &str, name: &str) -> bool {
        self.lock().asked.contains(&(namespace.to_owned(), Name::from(name)))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of(context: &Context, namespace: &str, dependency: &Dependency) -> Progress {
    let Dependency { api_version, kind, name, scope: _ } = dependency;
    if (&**api_version, &**kind) != OWN {
        let view =
            context.appsets.as_ref().filter(|_| api_version.starts_with(OPENYURT_APPS) && **kind == *YURT_APP_SET);
        context.standings.lock().waiting_for_appsets.insert(namespace.to_owned());
        let asked = view.map(|view| view.progress(&rollouts::Target::new(namespace, kind, name)));
        return asked.unwrap_or_else(|| Progress::everywhere(Met::Unknown));
    }
    let named = context.daemon_sets.all().into_iter().find(|daemon_set| {
        let metadata = &daemon_set.metadata;
        *metadata.name == **name && metadata.namespace == namespace
    });
    let known = named.as_ref().and_then(|found| Some((found.metadata.uid.parse().ok()?, found.metadata.generation)));
    let progress = context.standings.ask(namespace, name, known);
    let unknown = if named.is_none() && context.daemon_sets.is_listed() { Met::No } else { Met::Unknown };
    progress.unwrap_or_else(|| Progress::everywhere(unknown))
}

/// Wakes the DaemonSets of the namespaces in which something waits for a YurtAppSet.
pub(crate) fn wake_for_appsets(context: &Context) {
    let waiting = context.standings.lock().waiting_for_appsets.clone();
    for daemon_set in context.daemon_sets.all() {
        let uid = daemon_set.metadata.uid.parse().unwrap_or_default();
        if waiting.contains(&daemon_set.metadata.namespace) && context.runs.follows(uid) {
            context.queue.add(uid);
        }
    }
}

/// Wakes the other DaemonSets of the namespace, if any of them waits for this one.
fn wake(context: &Context, namespace: &str, name: &str, but: Uid) {
    if !context.standings.is_asked_for(namespace, name) {
        return;
    }
    for daemon_set in context.daemon_sets.all() {
        let uid = daemon_set.metadata.uid.parse().unwrap_or_default();
        if daemon_set.metadata.namespace == namespace && uid != but && context.runs.follows(uid) {
            context.queue.add(uid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: Uid = Uid::from_u128(1);

    #[test]
    fn what_is_about_another_generation_is_not_told() {
        let (standings, name) = (Standings::default(), Name::from("gateway"));
        let standing = || Standing { generation: 3, progress: Progress::everywhere(Met::Yes) };
        assert!(!standings.is_asked_for("edge", "gateway"));
        assert_eq!(standings.ask("edge", &name, Some((GATEWAY, 3))), None);
        assert!(standings.is_asked_for("edge", "gateway") && !standings.is_asked_for("core", "gateway"));
        assert!(standings.put(GATEWAY, standing()) && !standings.put(GATEWAY, standing()), "news once");
        assert_eq!(standings.ask("edge", &name, Some((GATEWAY, 3))), Some(Progress::everywhere(Met::Yes)));
        assert_eq!(standings.ask("edge", &name, Some((GATEWAY, 4))), None, "a newer template");
        assert_eq!(standings.ask("edge", &name, None), None);
        standings.forget(GATEWAY);
        assert_eq!(standings.ask("edge", &name, Some((GATEWAY, 3))), None);
    }
}
