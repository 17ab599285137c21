//! Lines that make a strategy: fields, waves, windows, dependencies.

use jiff::civil::Weekday;
use planner::fleet::Name;
use planner::strategy::{
    Approval, CatchUp, Dependency, Effect, FailureAction, OnInconclusive, Scope, Selector, SlowStart, Strategy, Wave,
    Waves, Window,
};

use super::words::Words;

/// `maxUnavailable 10% slowStart None …`.
pub(super) fn fields(strategy: &mut Strategy, words: &mut Words<'_>) -> Result<(), String> {
    while !words.is_empty() {
        match words.next()? {
            "maxUnavailable" => strategy.max_unavailable = words.amount()?,
            "maxUnavailablePerPool" => strategy.max_unavailable_per_pool = Some(words.amount()?),
            "slowStart" => {
                strategy.slow_start = words.one_of(&[("Doubling", SlowStart::Doubling), ("None", SlowStart::None)])?;
            }
            "maxFailures" => strategy.max_failures = words.amount()?,
            "minObserved" => strategy.min_observed = words.number()?,
            "minReady" => strategy.min_ready = words.span()?,
            "progressDeadline" => strategy.progress_deadline = words.span()?,
            "exposure" => strategy.exposure = words.span()?,
            "falseHaltPerMille" => strategy.false_halt_per_mille = words.number()?,
            "action" => {
                strategy.action =
                    words.one_of(&[("Pause", FailureAction::Pause), ("Rollback", FailureAction::Rollback)])?;
            }
            "catchUp" => {
                strategy.catch_up = words.one_of(&[
                    ("Always", CatchUp::Always),
                    ("InWindow", CatchUp::InWindow),
                    ("Never", CatchUp::Never),
                ])?;
            }
            "catchUpMaxUnavailable" => strategy.catch_up_max_unavailable = words.amount()?,
            other => return Err(format!("{other:?} is no field of a strategy")),
        }
    }
    Ok(())
}

/// `canary pools a b maxPools 1 soak 10m approval BeforeWave …`, added to the waves that are there.
pub(super) fn wave(strategy: &mut Strategy, words: &mut Words<'_>) -> Result<(), String> {
    let mut wave = Wave::named(words.next()?);
    while !words.is_empty() {
        match words.next()? {
            "pools" => wave.pools = words.names_until(&FIELDS_OF_WAVES),
            "labels" => wave.pool_selector = Some(Selector { labels: words.labels()?, expressions: Vec::new() }),
            "maxPools" => wave.max_pools = Some(words.amount()?),
            "maxConcurrentPools" => wave.max_concurrent_pools = Some(words.amount()?),
            "maxUnavailable" => wave.max_unavailable = Some(words.amount()?),
            "minUpdated" => wave.min_updated = Some(words.amount()?),
            "onInconclusive" => {
                wave.on_inconclusive =
                    words.one_of(&[("Hold", OnInconclusive::Hold), ("Proceed", OnInconclusive::Proceed)])?;
            }
            "soak" => wave.soak = words.span()?,
            "approval" => {
                wave.approval =
                    words.one_of(&[("BeforeWave", Approval::BeforeWave), ("AfterWave", Approval::AfterWave)])?;
            }
            other => return Err(format!("{other:?}: one of {}", FIELDS_OF_WAVES.join(", "))),
        }
    }
    let mut named = strategy.waves.named().to_vec();
    named.push(wave);
    strategy.waves = Waves::new(named).map_err(|error| error.to_string())?;
    Ok(())
}

/// `Allow Sat Sun from 01:00 for 4h zone Europe/Berlin labels site=north`.
pub(super) fn window(words: &mut Words<'_>) -> Result<Window, String> {
    let effect = words.one_of(&[("Allow", Effect::Allow), ("Deny", Effect::Deny)])?;
    let mut days = Vec::new();
    while words.peek() != Some("from") {
        days.push(words.one_of(&[
            ("Mon", Weekday::Monday),
            ("Tue", Weekday::Tuesday),
            ("Wed", Weekday::Wednesday),
            ("Thu", Weekday::Thursday),
            ("Fri", Weekday::Friday),
            ("Sat", Weekday::Saturday),
            ("Sun", Weekday::Sunday),
        ])?);
    }
    words.expect("from")?;
    let start = words.next()?;
    let span = words.named_span("for")?;
    let (mut zone, mut pools) = ("UTC", Selector::default());
    while !words.is_empty() {
        match words.next()? {
            "zone" => zone = words.next()?,
            "labels" => pools.labels = words.labels()?,
            other => return Err(format!("{other:?}: zone or labels")),
        }
    }
    let seconds = u32::try_from(span.as_secs()).unwrap_or_default();
    Window::new(effect, &days, start, seconds, zone, pools).map_err(|error| error.to_string())
}

/// `gateway`, in the same pool, or `gateway in all pools`.
pub(super) fn depends_on(words: &mut Words<'_>) -> Result<Dependency, String> {
    let name: Name = words.next()?.into();
    let mut scope = Scope::SamePool;
    if !words.is_empty() {
        words.expect("in")?;
        words.expect("all")?;
        words.expect("pools")?;
        scope = Scope::AllPools;
    }
    Ok(Dependency { api_version: "apps/v1".into(), kind: "DaemonSet".into(), name, scope })
}

const FIELDS_OF_WAVES: [&str; 9] = [
    "pools",
    "labels",
    "maxPools",
    "maxConcurrentPools",
    "maxUnavailable",
    "minUpdated",
    "onInconclusive",
    "soak",
    "approval",
];
