//! How long things take.

use jiff::SignedDuration;

use crate::rng::Rng;

/// A distribution of delays: even between two bounds, and now and then much longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    least: SignedDuration,
    most: SignedDuration,
    /// In so many of a thousand cases it takes up to `worst`.
    rare_per_mille: u64,
    worst: SignedDuration,
}

impl Delay {
    /// Always this long.
    pub const fn fixed(delay: SignedDuration) -> Self {
        Self::even(delay, delay)
    }

    /// Between both.
    pub const fn even(least: SignedDuration, most: SignedDuration) -> Self {
        Self { least, most, rare_per_mille: 0, worst: most }
    }

    /// The same, but in so many of a thousand cases up to `worst`.
    #[must_use]
    pub const fn rarely(self, per_mille: u64, worst: SignedDuration) -> Self {
        Self { rare_per_mille: per_mille, worst, ..self }
    }

    /// One delay.
    pub fn draw(&self, rng: &mut Rng) -> SignedDuration {
        if self.rare_per_mille > 0 && rng.below(1000) < self.rare_per_mille {
            return rng.between(self.most, self.worst);
        }
        rng.between(self.least, self.most)
    }
}

/// The pace of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From a change at the API server to its sight by a watch.
    pub watch: Delay,
    /// From a request to its arrival at the API server, and from there back.
    pub request: Delay,
    /// From a plan to its status written (daemon-updater writes behind, within about a second).
    pub status: Delay,
    /// Between a node's lease renewals.
    pub lease: SignedDuration,
    /// From a node's last renewal until the node controller calls it NotReady.
    pub notice: Delay,
    /// From a link's return until the kubelet has reported.
    pub report: Delay,
    /// From a change of a pod to its sight by the kubelet.
    pub sync: Delay,
    /// From there until a deleted pod is gone.
    pub stop: Delay,
    /// From there until a new pod's image is there.
    pub pull: Delay,
    /// And from there until it is Ready.
    pub start: Delay,
    /// From a new template until the DaemonSet controller has observed it.
    pub observe: Delay,
    /// From a pod's end until the DaemonSet controller has made another.
    pub replace: Delay,
    /// From a node's deletion until its pods are collected.
    pub collect: Delay,
    /// From the start of the updater's process until it leads and has listed.
    pub lead: Delay,
}

/// Between bookmarks of a watch: the API server sends one about every minute.
pub(crate) const BOOKMARK: SignedDuration = SignedDuration::from_secs(60);

const fn ms(millis: i64) -> SignedDuration {
    SignedDuration::from_millis(millis)
}

const fn secs(secs: i64) -> SignedDuration {
    SignedDuration::from_secs(secs)
}

impl Pace {
    /// As clusters are: everything varies, and some things take long at times.
    pub const fn varied() -> Self {
        Self {
            watch: Delay::even(ms(2), ms(80)).rarely(20, secs(2)),
            request: Delay::even(ms(2), ms(30)).rarely(10, secs(3)),
            status: Delay::even(ms(20), ms(1000)),
            lease: secs(10),
            notice: Delay::even(secs(40), secs(50)),
            report: Delay::even(ms(300), secs(3)),
            sync: Delay::even(ms(20), ms(500)),
            stop: Delay::even(ms(300), secs(6)).rarely(50, secs(30)),
            pull: Delay::even(ms(500), secs(10)).rarely(30, secs(90)),
            start: Delay::even(secs(1), secs(6)).rarely(20, secs(40)),
            observe: Delay::even(ms(20), ms(300)),
            replace: Delay::even(ms(20), ms(500)).rarely(20, secs(5)),
            collect: Delay::even(secs(20), secs(40)),
            lead: Delay::even(secs(2), secs(20)),
        }
    }

    /// Every delay always the same: for stories whose times should be easy to follow. A restart takes 10 s from the
    /// decision to a Ready pod, and a dead node is noticed after 45 s.
    pub const fn steady() -> Self {
        Self {
            watch: Delay::fixed(ms(10)),
            request: Delay::fixed(ms(10)),
            status: Delay::fixed(ms(500)),
            lease: SignedDuration::ZERO,
            notice: Delay::fixed(secs(45)),
            report: Delay::fixed(secs(1)),
            sync: Delay::fixed(ms(100)),
            stop: Delay::fixed(secs(2)),
            pull: Delay::fixed(secs(4)),
            start: Delay::fixed(ms(3650)),
            observe: Delay::fixed(ms(100)),
            replace: Delay::fixed(ms(100)),
            collect: Delay::fixed(secs(30)),
            lead: Delay::fixed(secs(5)),
        }
    }
}
