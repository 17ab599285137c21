//! How many keys may run at once.

use chassis::workers::WorkerSetting;
use std::time::Duration;
use tokio::time::Instant;

/// How long `auto` keeps workers after a change before it takes some away: a rollout's wake-ups come in bursts.
const KEEP: Duration = Duration::from_secs(10);

/// Nodes per worker that `auto` keeps ready. A pass over this many takes about a millisecond, so that the keys of a
/// fleet whose passes are longer wait no longer for each other.
const NODES_PER_WORKER: usize = 1000;

/// Fewest and most workers of `auto`, both from 1 to 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerBounds {
    /// Fewest.
    pub min: usize,
    /// Most.
    pub max: usize,
}

/// The present bound and what it follows.
#[derive(Debug)]
pub(super) struct Limit {
    setting: WorkerSetting,
    bounds: WorkerBounds,
    now: usize,
    changed: Instant,
    pub(super) fleet_size: usize,
}

impl Default for WorkerBounds {
    /// 1 to 32: with at most a few requests in flight each, what one API server answers without queueing.
    fn default() -> Self {
        Self { min: 1, max: 32 }
    }
}

/// The workers that `auto` wants for `depth` waiting keys in a fleet of `fleet_size` nodes, when it has `current`.
///
/// Twice as many when more than one key waits for each; half as many when less than one waits for every four; between
/// these nothing changes, so that a steady load does not make the number swing. Never less than the fleet calls
/// for (one per 1,000 nodes), never outside the bounds.
pub fn desired_workers(depth: usize, fleet_size: usize, bounds: WorkerBounds, current: usize) -> usize {
    let floor = fleet_size.div_ceil(NODES_PER_WORKER).clamp(bounds.min, bounds.max.max(bounds.min));
    let wanted = if depth > current {
        current.saturating_mul(2)
    } else if depth < current.div_ceil(4) {
        current / 2
    } else {
        current
    };
    wanted.clamp(floor, bounds.max.max(bounds.min))
}

impl Limit {
    pub(super) fn new(setting: WorkerSetting, bounds: WorkerBounds, now: Instant) -> Self {
        let mut limit = Self { setting, bounds, now: bounds.min, changed: now, fleet_size: 0 };
        limit.set(setting, now);
        limit
    }

    pub(super) fn set(&mut self, setting: WorkerSetting, now: Instant) {
        self.setting = setting;
        self.changed = now;
        match setting {
            WorkerSetting::Fixed(count) => self.now = count.get(),
            WorkerSetting::Auto => self.now = desired_workers(0, self.fleet_size, self.bounds, 1),
        }
    }

    /// Follows the load if set to `auto`: up at once, down only after a while.
    pub(super) fn follow(&mut self, depth: usize, now: Instant) {
        if self.setting != WorkerSetting::Auto {
            return;
        }
        let wanted = desired_workers(depth, self.fleet_size, self.bounds, self.now);
        if wanted > self.now || (wanted < self.now && now >= self.changed + KEEP) {
            tracing::debug!(from = self.now, to = wanted, depth, "workers follow the load");
            self.now = wanted;
            self.changed = now;
        }
    }

    pub(super) fn now(&self) -> usize {
        self.now
    }

    pub(super) fn setting(&self) -> WorkerSetting {
        self.setting
    }

    pub(super) fn bounds(&self) -> WorkerBounds {
        self.bounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: WorkerBounds = WorkerBounds { min: 2, max: 32 };

    #[test]
    fn auto_follows_depth_and_fleet_between_bounds() {
        for (depth, fleet, current, wanted, why) in [
            (0, 0, 2, 2, "idle stays at the least"),
            (3, 0, 2, 4, "more than one waits for each: twice as many"),
            (2, 0, 2, 2, "one waits for each: enough"),
            (100, 0, 20, 32, "never above the most"),
            (1, 0, 8, 4, "hardly anything waits: half as many"),
            (2, 0, 8, 8, "in between: no change"),
            (8, 0, 8, 8, "in between: no change"),
            (0, 5_000, 2, 5, "a large fleet keeps some ready"),
            (0, 5_000, 8, 5, "and does not go below"),
            (0, 1_000_000, 2, 32, "within the bounds"),
            (0, 0, 1, 2, "from outside the bounds into them"),
            (0, 0, 256, 32, "from outside the bounds into them"),
        ] {
            assert_eq!(
                desired_workers(depth, fleet, BOUNDS, current),
                wanted,
                "{depth} waiting, {fleet} nodes, {current} now: {why}"
            );
        }
    }

    #[test]
    fn a_steady_load_does_not_swing() {
        for depth in 0..200 {
            let mut current = BOUNDS.min;
            for _ in 0..10 {
                current = desired_workers(depth, 0, BOUNDS, current);
            }
            assert_eq!(desired_workers(depth, 0, BOUNDS, current), current, "{depth} waiting");
        }
    }

    #[test]
    fn it_goes_up_at_once_and_down_after_a_while() {
        let start = Instant::now();
        let mut limit = Limit::new(WorkerSetting::Auto, BOUNDS, start);
        limit.follow(50, start);
        limit.follow(50, start);
        assert_eq!(limit.now(), 8);
        limit.follow(0, start + KEEP / 2);
        assert_eq!(limit.now(), 8);
        limit.follow(0, start + KEEP);
        assert_eq!(limit.now(), 4);
        limit.set(WorkerSetting::fixed(7).unwrap(), start + KEEP);
        limit.follow(100, start + KEEP);
        assert_eq!(limit.now(), 7, "fixed is fixed");
    }
}
