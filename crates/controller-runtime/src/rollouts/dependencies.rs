//! `dependsOn`: how far the targets are that a strategy lets go first.
//!
//! What it is for a target to be up to date in a pool is the planner's to say ([`Progress::of`]), of the run of its newest
//! revision. Targets of the controller's own kind it answers from its own runs; for those of another kind it asks ([`Elsewhere`])
//! the service that drives them, if one is configured.
//!
//! Not up to date is also a target that does not exist. Nobody can tell of one that nobody brings forward, whose newest
//! spec was not looked at yet, whose service is not configured, away or silent for too long, and of any other kind: all of these
//! hold, none of them fails.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use planner::fleet::Uid;
use planner::rollout::{Met, Progress};
use planner::strategy::{Dependency, Strategy};

use super::{Desk, Kind, Target};

/// How far the targets of this process are, as their last plans saw it, and who waits for what. Cheap to clone; all clones are
/// one.
#[derive(Clone)]
pub struct Standings(Arc<Shared>);

struct Shared {
    named: ByName<Named>,
    elsewhere: Option<Elsewhere>,
    inner: Mutex<Inner>,
}

/// What is known of a target by its namespace and its name.
pub type ByName<T> = Box<dyn Fn(&str, &str) -> T + Send + Sync>;

/// What a mirror of targets has under a namespace and a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Nobody knows: the mirror is not complete.
    Unknown,
    /// There is none.
    Absent,
    /// This one.
    Present {
        /// Its UID.
        uid: Uid,
        /// The generation of its spec.
        generation: i64,
    },
}

/// Where is asked how far targets of another kind are.
pub struct Elsewhere {
    /// The kind.
    pub kind: Kind,
    /// How far one is.
    pub progress: ByName<Progress>,
}

#[derive(Debug, Default)]
struct Inner {
    by_target: HashMap<Uid, Standing>,
    /// Who waits for a target of the own kind, by its namespace and name.
    waiting: HashMap<(String, String), HashSet<Uid>>,
    /// Who waits for targets of another kind.
    waiting_elsewhere: HashSet<Uid>,
}

#[derive(Debug, PartialEq)]
struct Standing {
    /// The generation of the target that it is about.
    generation: i64,
    progress: Progress,
}

impl Desk {
    /// How far each dependency of a target's strategy is, in the strategy's order. Who asks is woken when an answer changes.
    pub fn progress(&self, target: Target<'_>, strategy: &Strategy) -> Vec<Progress> {
        // It waits for these from now on, and for no other.
        self.standings.lock().stop_waiting(target.uid);
        strategy.depends_on.iter().map(|dependency| self.progress_of(target, dependency)).collect()
    }

    /// Notes how far a target is after a plan about its spec of this generation, and wakes those that wait for it when that is
    /// news.
    pub fn note(&self, target: Target<'_>, generation: i64, progress: Progress) {
        for waiting in self.standings.put(target, Standing { generation, progress }) {
            self.queue.add(waiting);
        }
    }

    /// Nobody can tell how far a target is whose spec of this generation has no run.
    pub fn withdraw(&self, target: Target<'_>, generation: i64) {
        self.note(target, generation, unknown());
        self.served.forget(target.uid);
    }

    /// Nobody can tell how far a target is whose spec is of this generation by now, if another one was told of, until a plan of this one
    /// tells: it may be long until there is one.
    pub fn expire(&self, target: Target<'_>, generation: i64) {
        if self.standings.is_of_another(target.uid, generation) {
            self.withdraw(target, generation);
        }
    }

    /// What is known of targets of another kind changed: wakes those that wait for one.
    pub fn wake_for_others(&self) {
        let waiting = self.standings.lock().waiting_elsewhere.clone();
        waiting.into_iter().for_each(|target| self.queue.add(target));
    }

    fn progress_of(&self, target: Target<'_>, dependency: &Dependency) -> Progress {
        let Dependency { api_version, kind, name, scope: _ } = dependency;
        if self.kind.is(api_version, kind) {
            return self.standings.ask(target, name);
        }
        self.standings.lock().waiting_elsewhere.insert(target.uid);
        let elsewhere = self.standings.0.elsewhere.as_ref().filter(|other| other.kind.is(api_version, kind));
        elsewhere.map_or_else(unknown, |elsewhere| (elsewhere.progress)(target.namespace, name))
    }
}

impl Standings {
    /// Nothing is known yet. `named` looks a target of the own kind up in a mirror; it is called under no lock of a plan.
    pub fn new(named: impl Fn(&str, &str) -> Named + Send + Sync + 'static, elsewhere: Option<Elsewhere>) -> Self {
        Self(Arc::new(Shared { named: Box::new(named), elsewhere, inner: Mutex::default() }))
    }

    /// How far a target is.
    pub fn progress(&self, target: Uid) -> Progress {
        let known = self.lock().by_target.get(&target).map(|standing| standing.progress.clone());
        known.unwrap_or_else(unknown)
    }

    pub(super) fn forget(&self, target: Uid) {
        let mut inner = self.lock();
        inner.by_target.remove(&target);
        inner.stop_waiting(target);
    }

    pub(super) fn clear(&self) {
        *self.lock() = Inner::default();
    }

    /// Whether what is known of a target is about a spec of another generation.
    fn is_of_another(&self, target: Uid, generation: i64) -> bool {
        self.lock().by_target.get(&target).is_some_and(|standing| standing.generation != generation)
    }

    /// Whom that is news for.
    fn put(&self, target: Target<'_>, standing: Standing) -> Vec<Uid> {
        let mut inner = self.lock();
        if inner.by_target.get(&target.uid) == Some(&standing) {
            return Vec::new();
        }
        inner.by_target.insert(target.uid, standing);
        let named = (target.namespace.to_owned(), target.name.to_owned());
        inner.waiting.get(&named).into_iter().flatten().copied().filter(|waiting| *waiting != target.uid).collect()
    }

    /// How far the target of this name is, which this one waits for.
    fn ask(&self, from: Target<'_>, name: &str) -> Progress {
        let found = (self.0.named)(from.namespace, name);
        let mut inner = self.lock();
        inner.waiting.entry((from.namespace.to_owned(), name.to_owned())).or_default().insert(from.uid);
        match found {
            Named::Unknown => unknown(),
            Named::Absent => Progress::everywhere(Met::No),
            Named::Present { uid, generation } => {
                let known = inner.by_target.get(&uid).filter(|standing| standing.generation == generation);
                known.map_or_else(unknown, |standing| standing.progress.clone())
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn stop_waiting(&mut self, target: Uid) {
        self.waiting_elsewhere.remove(&target);
        self.waiting.retain(|_, waiting| {
            waiting.remove(&target);
            !waiting.is_empty()
        });
    }
}

impl fmt::Debug for Standings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().fmt(f)
    }
}

fn unknown() -> Progress {
    Progress::everywhere(Met::Unknown)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    const GATEWAY: Uid = Uid::from_u128(1);
    const AGENT: Uid = Uid::from_u128(2);

    fn target(name: &'static str, uid: Uid) -> Target<'static> {
        Target { namespace: "edge", name, uid, strategy: None, history: 10 }
    }

    #[test]
    fn what_is_about_another_generation_is_not_told() {
        let newest = Arc::new(AtomicI64::new(3));
        let of = newest.clone();
        let named = move |namespace: &str, name: &str| match (namespace, name) {
            ("edge", "gateway") => Named::Present { uid: GATEWAY, generation: of.load(Ordering::Relaxed) },
            ("edge", _) => Named::Absent,
            _ => Named::Unknown,
        };
        let standings = Standings::new(named, None);
        let standing = || Standing { generation: 3, progress: Progress::everywhere(Met::Yes) };
        let (gateway, agent) = (target("gateway", GATEWAY), target("agent", AGENT));
        assert_eq!(standings.put(gateway, Standing { generation: 2, ..standing() }), [], "nobody asked yet");
        assert_eq!(standings.ask(agent, "gateway"), unknown(), "an older spec");
        assert_eq!(standings.put(gateway, standing()), [AGENT]);
        assert_eq!(standings.put(gateway, standing()), [], "news once");
        assert_eq!(standings.ask(agent, "gateway"), Progress::everywhere(Met::Yes));
        assert_eq!(
            [3, 4].map(|generation| standings.is_of_another(GATEWAY, generation)),
            [false, true],
            "what a client of another service is told of it counts no more from then on"
        );
        assert!(!standings.is_of_another(AGENT, 1), "nothing is told of it");
        newest.store(4, Ordering::Relaxed);
        assert_eq!(standings.ask(agent, "gateway"), unknown(), "a newer spec");
        assert_eq!(standings.ask(agent, "router"), Progress::everywhere(Met::No));
        assert_eq!(standings.ask(Target { namespace: "core", ..agent }, "router"), unknown());
        newest.store(3, Ordering::Relaxed);
        standings.forget(GATEWAY);
        assert_eq!(standings.ask(agent, "gateway"), unknown(), "it is not brought forward any more");
        standings.forget(AGENT);
        assert_eq!(standings.put(gateway, standing()), [], "nobody waits");
    }
}
