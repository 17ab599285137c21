//! Strategies as they come: every field is used by some, and each lets a good release on a healthy fleet come to its end.

use jiff::SignedDuration;
use planner::fleet::Name;
use planner::placement::{Expression, Operator};
use planner::strategy::{
    Amount, Approval, CatchUp, Dependency, Effect, FailureAction, OnInconclusive, PoolLabels, Scope, Selector,
    SlowStart, Strategy, Wave, Waves, Window,
};

use crate::rng::Rng;

/// What strategies may wait for that is not of the world.
pub(super) const GATEWAY: &str = "gateway";

/// The names of waves.
pub(super) const WAVES: [&str; 4] = ["canary", "second", "third", "fourth"];

/// A strategy without waves.
pub(super) fn plain(rng: &mut Rng) -> Strategy {
    let max_unavailable = amount(rng);
    let mut strategy = Strategy::implied(max_unavailable);
    if rng.percent(30) {
        strategy.max_unavailable_per_pool = Some(amount(rng));
    }
    if rng.percent(30) {
        strategy.slow_start = SlowStart::None;
    }
    if rng.percent(20) {
        strategy.max_failures = amount(rng);
    }
    if rng.percent(20) {
        strategy.min_ready = SignedDuration::from_secs(90);
    }
    if rng.percent(20) {
        strategy.catch_up_max_unavailable = amount(rng);
    }
    strategy
}

/// One with waves and all that.
pub(super) fn with_waves(rng: &mut Rng) -> Strategy {
    let plain = plain(rng);
    let count = rng.index(WAVES.len() + 1);
    let waves = WAVES.iter().take(count).map(|name| wave(rng, name)).collect();
    Strategy {
        waves: Waves::new(waves).unwrap_or_else(|_| Waves::one()),
        windows: if rng.percent(25) { windows(rng) } else { Vec::new() },
        depends_on: if rng.percent(20) { vec![depends(rng)] } else { Vec::new() },
        action: if rng.percent(50) { FailureAction::Rollback } else { FailureAction::Pause },
        // A node that is never caught up would never be done.
        catch_up: if rng.percent(30) { CatchUp::InWindow } else { CatchUp::Always },
        ..plain
    }
}

/// The labels of pools that exist, and of one that does not.
pub(super) fn labels(rng: &mut Rng) -> Vec<PoolLabels> {
    let pool = |n: u64, rng: &mut Rng| PoolLabels { pool: format!("p{n}").into(), labels: some_labels(rng) };
    let labelled: Vec<u64> = (0..6).filter(|_| rng.percent(70)).collect();
    labelled.into_iter().map(|n| pool(n, rng)).collect()
}

/// Labels that selectors ask for.
pub(super) fn some_labels(rng: &mut Rng) -> Vec<(Name, Name)> {
    let tier = if rng.percent(50) { "lab" } else { "shop" };
    let mut labels = vec![("tier".into(), tier.into())];
    if rng.percent(30) {
        labels.push(("site".into(), "north".into()));
    }
    labels
}

fn amount(rng: &mut Rng) -> Amount {
    let n = u32::try_from(1 + rng.below(60)).unwrap_or(1);
    if rng.percent(70) { Amount::Percent(n) } else { Amount::Count(1 + n % 8) }
}

fn wave(rng: &mut Rng, name: &str) -> Wave {
    let pools: Vec<Name> = (0..rng.below(3)).map(|_| format!("p{}", rng.below(6)).into()).collect();
    let selects = pools.is_empty() || rng.percent(30);
    Wave {
        pools,
        pool_selector: selects.then(|| selector(rng)),
        max_pools: some(rng, 30, amount),
        max_concurrent_pools: some(rng, 30, amount),
        max_unavailable: some(rng, 30, amount),
        min_updated: some(rng, 25, amount),
        on_inconclusive: if rng.percent(50) { OnInconclusive::Proceed } else { OnInconclusive::Hold },
        soak: some(rng, 50, |rng| secs(rng.below(900))).unwrap_or_default(),
        approval: [Approval::None, Approval::None, Approval::BeforeWave, Approval::AfterWave][rng.index(4)],
        ..Wave::named(name)
    }
}

fn some<T>(rng: &mut Rng, percent: u64, make: impl Fn(&mut Rng) -> T) -> Option<T> {
    rng.percent(percent).then(|| make(rng))
}

fn selector(rng: &mut Rng) -> Selector {
    let expression = |key: &str, operator| Expression { key: key.into(), operator, values: vec!["lab".into()] };
    match rng.below(4) {
        0 => Selector::default(),
        1 => Selector { labels: vec![("tier".into(), "lab".into())], expressions: Vec::new() },
        2 => Selector { labels: Vec::new(), expressions: vec![expression("tier", Operator::NotIn)] },
        _ => Selector { labels: Vec::new(), expressions: vec![expression("site", Operator::Exists)] },
    }
}

/// Some that open several times a day, so that worlds need not last for weeks, and at times one that denies.
fn windows(rng: &mut Rng) -> Vec<Window> {
    let every = 2 + rng.below(3);
    let minutes = 40 + rng.below(80);
    let zone = ["UTC", "Europe/Berlin", "Asia/Kolkata"][rng.index(3)];
    let pools = if rng.percent(50) { Selector::default() } else { selector(rng) };
    let window = |effect, start: String, minutes: u64, pools: Selector| {
        Window::new(effect, &[], &start, u32::try_from(minutes * 60).unwrap_or(1), zone, pools).ok()
    };
    let allowed = (0..24 / every)
        .filter_map(|nth| window(Effect::Allow, format!("{:02}:{:02}", nth * every, nth % 60), minutes, pools.clone()));
    let mut windows: Vec<_> = allowed.collect();
    if rng.percent(40) {
        windows.extend(window(Effect::Deny, format!("{:02}:30", rng.below(6)), 1 + rng.below(40), selector(rng)));
    }
    windows
}

fn depends(rng: &mut Rng) -> Dependency {
    let scope = if rng.percent(50) { Scope::SamePool } else { Scope::AllPools };
    Dependency { api_version: "apps/v1".into(), kind: "DaemonSet".into(), name: GATEWAY.into(), scope }
}

fn secs(secs: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(secs).unwrap_or_default())
}
