//! Kubelets: they see their pods late, start and stop them, and tell the API server while their link is up.

use jiff::SignedDuration;
use planner::fleet::Phase;

use super::{Event, Sign, World};
use crate::cluster::PodId;
use crate::release::Effect;

/// A crash loop shows in the pod's status after the first restarts.
const CRASH_SHOWS: SignedDuration = SignedDuration::from_secs(10);

impl World {
    /// A kubelet will look at this pod soon, if it can.
    pub(super) fn nudge(&mut self, pod: PodId) {
        let delay = self.pace.sync.draw(&mut self.rng);
        self.after(delay, Event::Syncs(pod));
    }

    pub(super) fn sync(&mut self, id: PodId) {
        let Some(pod) = self.cluster.pods.get(&id) else { return };
        let node = &self.cluster.nodes[pod.node];
        if !node.connected || !node.exists {
            return;
        }
        if pod.local.stopped {
            self.vanish(id);
        } else if pod.deleting {
            if !pod.local.stopping && !node.hangs {
                let delay = if pod.local.started {
                    self.pace.stop.draw(&mut self.rng)
                } else {
                    SignedDuration::from_millis(10)
                };
                self.cluster.pods.entry(id).and_modify(|pod| pod.local.stopping = true);
                self.after(delay, Event::Stopped(id));
            }
        } else if !pod.local.started && pod.phase == Phase::Pending {
            self.start(id);
        }
    }

    pub(super) fn stopped(&mut self, id: PodId) {
        let Some(pod) = self.cluster.pods.get_mut(&id).filter(|pod| pod.local.stopping) else { return };
        let node = &self.cluster.nodes[pod.node];
        if node.dead {
            return;
        }
        pod.local.stopped = true;
        if node.connected && node.exists {
            self.vanish(id);
        }
    }

    /// A kubelet tells what is so on its machine.
    pub(super) fn tell(&mut self, id: PodId) {
        let Some(pod) = self.cluster.pods.get_mut(&id) else { return };
        let node = &self.cluster.nodes[pod.node];
        let ended = matches!(pod.phase, Phase::Failed | Phase::Succeeded);
        if !node.connected || !node.exists || ended {
            return;
        }
        let (ready, trouble) = (pod.local.ready && !pod.local.stopped, pod.local.trouble);
        let phase = if pod.local.started { Phase::Running } else { Phase::Pending };
        if (pod.ready, pod.trouble, pod.phase) != (ready, trouble, phase) {
            (pod.ready, pod.trouble, pod.phase) = (ready, trouble, phase);
            let at = (pod.set, pod.node);
            if ready {
                self.down_by_us.remove(&at);
            }
            self.publish_pod(id);
        }
    }

    pub(super) fn started(&mut self, id: PodId, start: u32, sign: Sign) {
        let Some(pod) = self.cluster.pods.get_mut(&id) else { return };
        let node = pod.node;
        if pod.local.starts != start || self.cluster.nodes[node].dead {
            return;
        }
        match sign {
            Sign::Ready => pod.local.ready = true,
            Sign::Trouble => (pod.local.ready, pod.local.trouble) = (false, true),
            Sign::Kills => return self.kill(node),
        }
        self.tell(id);
    }

    /// Starts a pod's containers.
    pub(super) fn start(&mut self, id: PodId) {
        let Some(pod) = self.cluster.pods.get_mut(&id) else { return };
        let node = &self.cluster.nodes[pod.node];
        let template = &self.cluster.sets[pod.set].templates[pod.template];
        let effect = match template.release.effect_on(pod.node as u64, &node.name, &node.pool) {
            _ if node.spoilt => Effect::Broken,
            Effect::Killing(_) if self.rebooted.contains(&pod.node) => Effect::Good,
            effect => effect,
        };
        pod.local = crate::cluster::Local { started: true, starts: pod.local.starts + 1, ..Default::default() };
        let start = pod.local.starts;
        let pull = self.pace.pull.draw(&mut self.rng);
        let ready = pull + self.pace.start.draw(&mut self.rng);
        let signs = match effect {
            Effect::Good => [Some((ready, Sign::Ready)), None],
            Effect::Slow(after) => [Some((pull + after, Sign::Ready)), None],
            Effect::Broken => [Some((pull + CRASH_SHOWS, Sign::Trouble)), None],
            Effect::Unready => [None, None],
            Effect::Flaky(after) => [Some((ready, Sign::Ready)), Some((ready + after, Sign::Trouble))],
            Effect::Killing(after) => [Some((ready, Sign::Ready)), Some((pull + after, Sign::Kills))],
        };
        for (delay, sign) in signs.into_iter().flatten() {
            self.after(delay, Event::Started(id, start, sign));
        }
        self.tell(id);
    }

    /// A stopped pod's object goes, and its DaemonSet's controller hears of it.
    pub(super) fn vanish(&mut self, id: PodId) {
        if let Some(pod) = self.cluster.forget(id) {
            self.publish_pod_gone(&pod);
            self.replace_soon(pod.set, pod.node);
        }
    }
}
