//! The lives of the updater's process.

use jiff::{SignedDuration, Timestamp};

use super::{Event, Flow, World};
use crate::happening::Stream;
use crate::mirror::Mirror;
use crate::pace::BOOKMARK;
use crate::updater::{Known, Updater, unknown};

impl World {
    /// The first life, in the middle of it: it has watched since long ago.
    pub(super) fn begin(&mut self, since: Timestamp) {
        self.list(since);
        self.look(self.life);
        self.transcript.begin();
    }

    /// SIGKILL: what was not written is forgotten. Requests that are on their way arrive.
    pub(super) fn kill_updater(&mut self, pause: SignedDuration) {
        self.updater = None;
        self.life += 1;
        for (set, of) in self.cluster.sets.iter().enumerate() {
            let record = of.rollouts.iter().max_by_key(|run| run.number).and_then(|run| run.record.as_ref());
            let flights = record.into_iter().flat_map(|record| &record.flights);
            if let Some(witness) = &mut self.witness {
                witness.forget_unrecorded(set, &flights.map(|flight| flight.node_uid).collect());
            }
        }
        self.next_look = None;
        let lead = self.pace.lead.draw(&mut self.rng);
        self.after(pause + lead, Event::Leads(self.life));
    }

    /// It has won the lease, has waited out its forerunner's writes, and lists with quorum.
    pub(super) fn lead(&mut self, life: u32) {
        if life != self.life || self.updater.is_some() {
            return;
        }
        self.list(self.now);
        self.transcript.say(self.now, "updater", "leads, and has listed");
        self.look(self.life);
    }

    /// Takes in a full list, sighted at `since`.
    fn list(&mut self, since: Timestamp) {
        self.life += 1;
        let mut mirror = Mirror::listing(since);
        let nodes: Vec<_> = (0..self.cluster.nodes.len()).filter(|id| self.cluster.nodes[*id].exists).collect();
        let nodes: Vec<_> = nodes.into_iter().map(|id| self.node_seen(id)).collect();
        let pods: Vec<_> = self.cluster.pods.values().map(|pod| self.pod_seen(pod)).collect();
        nodes.iter().for_each(|seen| mirror.node(seen, since));
        pods.iter().for_each(|seen| mirror.pod(seen, since));
        mirror.listed(since);
        if let Some(witness) = &mut self.witness {
            witness.lists(nodes, pods, since);
        }
        let sets = self.cluster.sets.iter().map(|set| Known {
            name: set.name.clone(),
            generation: set.generation,
            observed: set.observed_generation == set.generation,
            min_ready: set.min_ready,
            budget: set.budget,
            named: set.named,
            current: None,
            standing: unknown(),
        });
        let sets = sets.collect();
        for stream in Stream::ALL {
            self.streams.insert(stream, Flow { last: self.now, stalled_until: self.start });
            mirror.heard(stream, self.now);
            self.after(BOOKMARK, Event::Bookmark(self.life, stream));
        }
        self.updater = Some(Updater {
            mirror,
            sets,
            strategy: self.cluster.strategy.clone(),
            pools: self.cluster.pool_labels(),
            others: self.cluster.others.clone(),
            #[cfg(test)]
            tamper: None,
        });
    }
}
