//! The same for YurtAppSets: was every write of appset-controller right, by what had been published when it was made?
//!
//! Everything that a YurtAppSet is about is an object that is written through the API server: pools, workloads, revisions, runs
//! and what their users say. So the audit log alone, which has every answer to a write in full, tells all of their history. No
//! code of the controller's is shared; of the planner's some plain types are (amounts).
//!
//! News against a write counts [`Judge::lag`] after it was surely public, news in favour of it from the moment at which it may have
//! been.

mod children;
mod deed;
mod order;
mod runs;
mod templates;
mod verdict;
mod world;

use jiff::{SignedDuration, Timestamp};

use deed::Deed;
pub use deed::Deeds;
pub use verdict::{Breach, SetRule, SetVerdict, Start};
use world::World;

/// By what YurtAppSets are judged.
#[derive(Clone, Debug)]
pub struct Judge {
    /// A watch lags: what was public for so long was known.
    pub lag: SignedDuration,
    /// The user that the controller is.
    pub user: String,
}

impl Default for Judge {
    /// Pools are slow, and so is a loaded machine: 2 s.
    fn default() -> Self {
        Self {
            lag: SignedDuration::from_secs(2),
            user: format!("system:serviceaccount:{}:appset-controller", api::rbac::NAMESPACE),
        }
    }
}

impl Judge {
    /// Judges what happened in a namespace until now.
    pub fn judge(&self, deeds: &mut Deeds, namespace: &str) -> anyhow::Result<SetVerdict> {
        let deeds: Vec<&Deed> = deeds.read()?.iter().filter(|deed| deed.is_about(namespace)).collect();
        Ok(self.verdict(&World::new(&deeds, &self.user)))
    }

    fn verdict(&self, world: &World<'_>) -> SetVerdict {
        let mut verdict = SetVerdict::default();
        for deed in world.ours() {
            *verdict.calls.entry(deed.kind()).or_default() += 1;
            verdict.last_write = verdict.last_write.max(Some(deed.completed));
        }
        children::judge(self, world, &mut verdict);
        templates::judge(world, &mut verdict);
        order::judge(self, world, &mut verdict);
        verdict.breaches.sort_by_key(|breach| breach.at);
        verdict
    }

    /// Since when a thing that was published then was known to whoever watches.
    fn known(&self, at: Timestamp) -> Timestamp {
        at + self.lag
    }
}

#[cfg(test)]
mod tests;
