//! Links that come and go, and the node controller, which learns of it late.

use jiff::SignedDuration;

use super::{Event, World};
use crate::cluster::NodeId;

impl World {
    /// The machine cannot be heard any more.
    pub(super) fn disconnect(&mut self, id: NodeId) {
        let renewed = self.rng.between(SignedDuration::ZERO, self.pace.lease);
        let notice = self.pace.notice.draw(&mut self.rng);
        let node = &mut self.cluster.nodes[id];
        node.link += 1;
        node.connected = false;
        let link = node.link;
        self.after((notice - renewed).max(SignedDuration::ZERO), Event::LeaseMissed(id, link));
    }

    /// The link is back: the kubelet reports soon.
    pub(super) fn connect(&mut self, id: NodeId) {
        let delay = self.pace.report.draw(&mut self.rng);
        let node = &mut self.cluster.nodes[id];
        if node.connected || node.dead {
            return;
        }
        node.link += 1;
        let link = node.link;
        self.after(delay, Event::Reports(id, link));
    }

    pub(super) fn miss_lease(&mut self, id: NodeId, link: u32) {
        let node = &mut self.cluster.nodes[id];
        if node.link != link || !node.exists || !node.ready {
            return;
        }
        node.ready = false;
        let pods = node.pods.clone();
        self.publish_node(id);
        for set in 0..self.cluster.sets.len() {
            self.down_by_us.remove(&(set, id));
        }
        for pod in pods {
            if self.cluster.pods.get_mut(&pod).is_some_and(|pod| std::mem::take(&mut pod.ready)) {
                self.publish_pod(pod);
            }
        }
    }

    pub(super) fn report(&mut self, id: NodeId, link: u32) {
        let node = &mut self.cluster.nodes[id];
        if node.link != link || !node.exists || node.dead {
            return;
        }
        node.connected = true;
        if !node.ready {
            node.ready = true;
            self.publish_node(id);
        }
        for pod in self.cluster.nodes[id].pods.clone() {
            self.tell(pod);
            let delay = self.pace.sync.draw(&mut self.rng);
            self.after(delay, Event::Syncs(pod));
        }
    }

    /// A flapping link goes down for about a minute, or comes back for about as long as it flaps.
    pub(super) fn flap(&mut self, id: NodeId) {
        let node = &self.cluster.nodes[id];
        let Some(every) = node.flap.filter(|_| node.exists && !node.dead) else { return };
        let wait = if node.connected {
            self.disconnect(id);
            self.rng.between(SignedDuration::from_secs(20), SignedDuration::from_secs(120))
        } else {
            self.connect(id);
            self.rng.between(every / 2, every * 3 / 2)
        };
        self.after(wait, Event::Flaps(id));
    }

    /// The machine goes off, for good unless somebody reboots it.
    pub(super) fn kill(&mut self, id: NodeId) {
        let node = &mut self.cluster.nodes[id];
        if node.dead || self.rebooted.contains(&id) {
            return;
        }
        node.dead = true;
        self.summary.killed += 1;
        let name = node.name.clone();
        self.transcript.say(self.now, "machine", &format!("{name} dies of its pod"));
        self.disconnect(id);
    }

    /// The machine is switched on: everything on it starts anew.
    pub(super) fn reboot(&mut self, id: NodeId) {
        self.rebooted.insert(id);
        if !std::mem::take(&mut self.cluster.nodes[id].dead) {
            return;
        }
        for pod in self.cluster.nodes[id].pods.clone() {
            if let Some(pod) = self.cluster.pods.get_mut(&pod) {
                pod.local = crate::cluster::Local { starts: pod.local.starts + 1, ..Default::default() };
            }
        }
        self.connect(id);
    }
}
