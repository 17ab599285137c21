//! Of which revision the workload of each pool was when it was looked at last: one that somebody deletes is made again as it was, at
//! once, whatever the newest revision waits for. A process that begins knows of none.

use std::collections::HashMap;
use std::mem;

use planner::fleet::{Name, Uid};

use super::Outlook;
use crate::pools::Pool;

/// The names of revisions, by the UIDs of pools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastSeen(HashMap<Uid, Name>);

impl LastSeen {
    /// Takes in who is there, after the writes. A pool that is not chosen is forgotten: its workload is one of those that are
    /// deleted on purpose.
    pub fn look(&mut self, outlook: &Outlook<'_>) {
        // Nobody knows which pools are chosen.
        let Ok(selection) = &outlook.selection else { return };
        let mut before = mem::take(&mut self.0);
        if !outlook.family.former.is_empty() {
            // The template is of another kind by now: what was there is not made again.
            return;
        }
        for (name, pool) in &selection.pools {
            let known = before.remove(&pool.uid);
            let member = outlook.family.members.get(name).filter(|member| !member.child.leaving);
            let revision = member.and_then(|member| member.child.revision.clone()).or(known);
            self.0.extend(revision.map(|revision| (pool.uid, revision)));
        }
    }

    /// The revision of a pool's last workload.
    pub(super) fn of(&self, pool: &Pool) -> Option<&str> {
        self.0.get(&pool.uid).map(|revision| &**revision)
    }

    /// All of them.
    pub(super) fn revisions(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|revision| &**revision)
    }
}
