//! When a Lease may be taken, and how long to wait after.

use super::{record::Sighting, settings::LeaseSettings};
use std::time::Duration;
use tokio::time::Instant;

/// What a follower may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Take it; permits begin `handover` later.
    Take { handover: Duration },
    /// Somebody holds it until then, if nothing more is seen.
    Wait { until: Instant },
}

/// Judges what was seen. `seen` is none when the Lease is known not to exist.
pub(super) fn claim(seen: Option<&Sighting>, me: &str, settings: &LeaseSettings, now: Instant) -> Claim {
    let Some(sighting) = seen else {
        // A leader whose Lease was deleted notices at its next renewal.
        return Claim::Take { handover: settings.renew_every };
    };
    match sighting.record.holder() {
        None => Claim::Take { handover: Duration::ZERO },
        // Ours from before a break: whatever is in flight is ours too, and nobody else had it.
        Some(holder) if holder == me => Claim::Take { handover: Duration::ZERO },
        Some(_) if now >= sighting.expires() => Claim::Take { handover: settings.handover },
        Some(_) => Claim::Wait { until: sighting.expires() },
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::lease;
    use super::*;

    #[test]
    fn a_lease_is_taken_when_nobody_can_act_on_it() {
        let settings = LeaseSettings::new("ns", "drover");
        let seen = Instant::now();
        let at = |seconds| seen + Duration::from_secs(seconds);
        let sighting = |holder| Sighting { record: lease(1, holder, 15, "t"), since: seen };
        let take = |seconds| Claim::Take { handover: Duration::from_secs(seconds) };
        for (found, now, expected, why) in [
            (None, seen, take(5), "absent: a deleted Lease's leader notices within a renewal"),
            (Some(sighting("")), seen, take(0), "released: no permit was out"),
            (Some(sighting("me")), seen, take(0), "our own"),
            (Some(sighting("other")), at(14), Claim::Wait { until: at(15) }, "held, whatever its renewTime says"),
            (Some(sighting("other")), at(15), take(10), "expired: its last writes may be on their way"),
        ] {
            assert_eq!(claim(found.as_ref(), "me", &settings, now), expected, "{why}");
        }
    }
}
