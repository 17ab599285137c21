//! What had to hold.

use std::collections::BTreeMap;

use super::show::Act;
use super::stage::{self, APP, WAVES};
use crate::checker::{Call, SetVerdict};
use crate::demo::facts::{Fact, fact};

/// What is known in the end.
pub(super) struct Known<'a> {
    /// The acts that were played, in order.
    pub(super) acts: &'a [Act],
    /// The pools, in order.
    pub(super) pools: &'a [String],
    /// The checker's findings about the whole show.
    pub(super) verdict: &'a SetVerdict,
    /// The controller's writes.
    pub(super) writes: &'a [Call],
    /// Whether nothing was written for a while in the end.
    pub(super) quiet: bool,
}

/// Every expected fact. An act that was not played has not met its own.
pub(super) fn facts(known: &Known<'_>) -> Vec<Fact> {
    let broken = known.verdict.breaches.len();
    vec![
        everywhere(known, 0, "the good release"),
        in_waves(known, 0),
        halted(known),
        spared(known),
        silent(known),
        everywhere(known, 2, "the mended release"),
        in_waves(known, 2),
        fact(broken == 0 && !known.verdict.starts.is_empty(), format!("the checker found {broken} broken rules")),
        fact(known.quiet, "nothing was written any more in the end"),
    ]
}

fn everywhere(known: &Known<'_>, act: usize, what: &str) -> Fact {
    let finished = known.acts.get(act).is_some_and(|act| act.finished);
    let started = started(known, act).len();
    let applies = applies(known, act);
    let pools = known.pools.len();
    fact(
        finished && started == pools && applies == pools,
        format!("{what} completed in {started} of {pools} pools, with {applies} applies"),
    )
}

/// No pool got it before the last one of the wave before had.
fn in_waves(known: &Known<'_>, act: usize) -> Fact {
    let wave: BTreeMap<&str, &str> = known.pools.iter().map(String::as_str).zip(stage::tiers()).collect();
    let mut order: Vec<(&str, usize)> = Vec::new();
    for pool in started(known, act) {
        let of = wave.get(pool).copied().unwrap_or_default();
        match order.last_mut() {
            Some((last, pools)) if *last == of => *pools += 1,
            _ => order.push((of, 1)),
        }
    }
    let said = order.iter().map(|(wave, pools)| format!("{pools} of {wave}")).collect::<Vec<_>>().join(", then ");
    let expected = WAVES.map(|(name, pools, _)| (name, pools));
    fact(order == expected, format!("act {}: {said}", act + 1))
}

fn halted(known: &Known<'_>) -> Fact {
    let act = known.acts.get(1).filter(|act| act.finished);
    let reason = act.and_then(|act| act.halt.as_deref()).unwrap_or("–");
    fact(reason == "Failures", format!("the release that does not work was halted: {reason}"))
}

/// The pools behind the canary did not meet the bad release.
fn spared(known: &Known<'_>) -> Fact {
    let (canary, pools, _) = WAVES[0];
    let met = started(known, 1).len();
    let behind = known.pools.iter().skip(pools);
    let same = |pool: &&String| {
        let pods = known.acts.get(1).map(|act| act.pods.each_ref().map(|pods| pods.get(*pool)));
        pods.is_some_and(|[before, after]| before.is_some() && before == after)
    };
    let spared = behind.clone().filter(same).count();
    fact(
        met == pools && spared == behind.count(),
        format!("{met} pools of the {canary} met it; in {spared} others no pod was touched"),
    )
}

/// After the halt no workload was written until the next release.
fn silent(known: &Known<'_>) -> Fact {
    let (Some(halted), next) = (known.acts.get(1).filter(|act| act.finished), known.acts.get(2)) else {
        return fact(false, "there was no halt");
    };
    let mut writes = known.writes.iter().filter(|call| call.resource == "deployments");
    let writes = writes
        .by_ref()
        .filter(|call| call.received > halted.done && next.is_none_or(|next| call.received < next.began));
    let count = writes.count();
    fact(count == 0, format!("{count} workloads were written after the halt"))
}

/// The pools that got an act's revision, in order.
fn started<'a>(known: &Known<'a>, act: usize) -> Vec<&'a str> {
    let revision = known.acts.get(act).map(|act| act.revision.as_str());
    revision.filter(|name| !name.is_empty()).map(|name| known.verdict.order_of(APP, name)).unwrap_or_default()
}

/// Writes of workloads in the time of an act.
fn applies(known: &Known<'_>, act: usize) -> usize {
    let Some(act) = known.acts.get(act) else { return 0 };
    let within = |call: &&Call| call.received >= act.began && call.received <= act.done;
    known.writes.iter().filter(within).filter(|call| call.resource == "deployments").count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::checker::{Breach, SetRule, Start};
    use crate::fixture::Pods;

    /// A show in which everything held.
    struct Played {
        acts: Vec<Act>,
        verdict: SetVerdict,
        writes: Vec<Call>,
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn pools() -> Vec<String> {
        (1..=stage::POOLS).map(|pool| format!("pool-{pool}")).collect()
    }

    fn write(seconds: i64) -> Call {
        let line = serde_json::json!({
            "stage": "ResponseComplete", "verb": "patch", "user": {"username": "u"}, "responseStatus": {"code": 200},
            "objectRef": {"resource": "deployments"}, "requestReceivedTimestamp": at(seconds), "stageTimestamp": at(seconds),
        });
        Call::parse(&line.to_string()).unwrap().unwrap()
    }

    impl Played {
        fn good() -> Self {
            let pods: Pods = pools().into_iter().map(|pool| (pool, BTreeSet::from(["uid".to_owned()]))).collect();
            let mut played = Self { acts: Vec::new(), verdict: SetVerdict::default(), writes: Vec::new() };
            for (number, met) in [(0, 20), (1, 2), (2, 20)] {
                let began = i64::from(number) * 100;
                let revision = format!("web-{number}");
                for pool in pools().into_iter().take(met) {
                    let (set, revision) = (APP.to_owned(), revision.clone());
                    played.verdict.starts.push(Start { at: at(began + 1), set, pool, revision, is_first: false });
                    played.writes.push(write(began + 1));
                }
                let halt = (number == 1).then(|| "Failures".to_owned());
                let pods = [pods.clone(), pods.clone()];
                played.acts.push(Act { began: at(began), done: at(began + 50), finished: true, revision, halt, pods });
            }
            played
        }

        fn broken(&self) -> usize {
            let Self { acts, verdict, writes } = self;
            let known = Known { acts, pools: &pools(), verdict, writes, quiet: true };
            facts(&known).iter().filter(|fact| !fact.held).count()
        }
    }

    fn after(change: impl FnOnce(&mut Played)) -> usize {
        let mut played = Played::good();
        change(&mut played);
        played.broken()
    }

    #[test]
    fn every_fact_can_fail_and_does_alone() {
        assert_eq!(Played::good().broken(), 0);
        assert_eq!(after(|played| played.acts[0].finished = false), 1);
        assert_eq!(after(|played| played.writes.push(write(2))), 1, "a pool written twice");
        assert_eq!(after(|played| played.verdict.starts.swap(0, 19)), 1, "the canary last");
        assert_eq!(after(|played| played.acts[1].halt = None), 1);
        let restarted = |played: &mut Played| played.acts[1].pods[1].insert("pool-20".to_owned(), BTreeSet::new());
        assert_eq!(after(|played| _ = restarted(played)), 1);
        assert_eq!(after(|played| played.writes.push(write(160))), 1, "after the halt");
        let breach = Breach { at: at(0), rule: SetRule::OneChild, object: String::new(), what: String::new() };
        assert_eq!(after(|played| played.verdict.breaches.push(breach)), 1);
    }

    #[test]
    fn acts_that_were_not_played_met_nothing() {
        assert_eq!(after(|played| played.acts.truncate(1)), 5);
    }
}
