//! A client that knows everything at once: it restarts the next node the moment that a slot is free.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use jiff::SignedDuration;
use sim::pace::Pace;
use sim::rng::Rng;

/// How long it needs for so many nodes with so many slots, when a restart keeps its slot until its pod has been Ready for
/// `settle`. What nobody can hasten takes as long as in the simulator: kubelet and DaemonSet controller at work.
pub(super) fn duration(nodes: u32, slots: u32, settle: SignedDuration, seed: u64) -> SignedDuration {
    let (pace, mut rng) = (Pace::varied(), Rng::new(seed));
    let mut free: BinaryHeap<_> = (0..slots.max(1)).map(|_| Reverse(SignedDuration::ZERO)).collect();
    let mut end = SignedDuration::ZERO;
    for _ in 0..nodes {
        let Some(Reverse(start)) = free.pop() else { break };
        let work = [pace.sync, pace.stop, pace.replace, pace.sync, pace.pull, pace.start];
        let ready = work.iter().fold(start, |at, delay| at + delay.draw(&mut rng));
        free.push(Reverse(ready + settle));
        end = end.max(ready + settle);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_slots_halve_the_time_and_settling_adds_to_each_round() {
        let took = |slots, settle| duration(400, slots, SignedDuration::from_secs(settle), 1).as_secs_f64();
        assert!((1.6..2.4).contains(&(took(10, 0) / took(20, 0))));
        let rounds = 400.0 / 10.0;
        let added = took(10, 60) - took(10, 0);
        assert!((0.9..1.1).contains(&(added / (rounds * 60.0))), "{added}");
    }
}
