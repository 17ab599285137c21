//! From what a strategy says to what the planner takes, or the field that keeps it from being followed.

use std::fmt;
use std::ops::RangeInclusive;

use jiff::SignedDuration;
use planner::strategy as plan;

use super::{CatchUp, FailureAction, SlowStart, Strategy, YEAR};
use crate::amount::IntOrPercent;

/// Why a strategy cannot be followed: the field's path in the strategy, its value, and what is allowed.
///
/// The API server refuses nearly all of this by itself; it cannot know time zones. Other readers, such as of files, have no
/// API server before them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StrategyError {
    /// About the waves as a list.
    #[error(transparent)]
    Waves(#[from] plan::WavesError),
    /// About one window.
    #[error("windows[{at}].{source}")]
    Window {
        /// Its place, from 0.
        at: usize,
        /// What is wrong with it.
        source: plan::WindowError,
    },
    /// A value is out of its range.
    #[error("{field}: {value} is not {allowed}")]
    Value {
        /// The field's path.
        field: String,
        /// Its value.
        value: String,
        /// What is allowed.
        allowed: String,
    },
}

/// What the API server admits, the planner takes, save for time zones that do not exist. `start_paused` is no rule of the
/// planner's: who creates the run sets its `desiredState` by it. `report_after_seconds` is for reports only.
impl TryFrom<&Strategy> for plan::Strategy {
    type Error = StrategyError;

    fn try_from(strategy: &Strategy) -> Result<Self, StrategyError> {
        let Strategy {
            start_paused: _,
            max_unavailable,
            slow_start,
            waves,
            unit,
            failure_policy,
            offline,
            windows,
            depends_on,
        } = strategy;
        ranges(strategy)?;
        let windows = windows
            .iter()
            .enumerate()
            .map(|(at, window)| plan::Window::try_from(window).map_err(|source| StrategyError::Window { at, source }));
        let unlimited = |amount: Option<IntOrPercent>| amount.map_or(plan::Amount::Percent(100), |amount| amount.0);
        let seconds = |seconds: u32| SignedDuration::from_secs(i64::from(seconds));
        Ok(Self {
            max_unavailable: unlimited(*max_unavailable),
            slow_start: match slow_start.unwrap_or_default() {
                SlowStart::Doubling => plan::SlowStart::Doubling,
                SlowStart::None => plan::SlowStart::None,
            },
            max_unavailable_per_pool: unit.max_unavailable_per_pool.map(|amount| amount.0),
            min_ready: seconds(unit.min_ready_seconds),
            progress_deadline: seconds(unit.progress_deadline_seconds),
            max_failures: failure_policy.max_failures.0,
            min_observed: failure_policy.min_observed,
            exposure: seconds(failure_policy.node_loss.exposure_seconds),
            false_halt_per_mille: failure_policy.node_loss.false_halt_per_mille,
            action: match failure_policy.action {
                FailureAction::Pause => plan::FailureAction::Pause,
                FailureAction::Rollback => plan::FailureAction::Rollback,
            },
            catch_up: match offline.catch_up {
                CatchUp::Always => plan::CatchUp::Always,
                CatchUp::InWindow => plan::CatchUp::InWindow,
                CatchUp::Never => plan::CatchUp::Never,
            },
            catch_up_max_unavailable: unlimited(offline.max_unavailable),
            waves: plan::Waves::new(waves.iter().map(Into::into).collect())?,
            windows: windows.collect::<Result<_, _>>()?,
            depends_on: depends_on.iter().map(Into::into).collect(),
        })
    }
}

/// The ranges that the schema sets too.
fn ranges(strategy: &Strategy) -> Result<(), StrategyError> {
    let Strategy { waves, unit, failure_policy, offline, windows, .. } = strategy;
    let loss = &failure_policy.node_loss;
    within("unit.minReadySeconds", unit.min_ready_seconds, 0..=YEAR)?;
    within("unit.progressDeadlineSeconds", unit.progress_deadline_seconds, 1..=YEAR)?;
    within("failurePolicy.minObserved", failure_policy.min_observed, 1..=1000)?;
    within("failurePolicy.nodeLoss.exposureSeconds", loss.exposure_seconds, 0..=YEAR)?;
    within("failurePolicy.nodeLoss.falseHaltPerMille", loss.false_halt_per_mille, 1..=500)?;
    within("offline.reportAfterSeconds", offline.report_after_seconds, 0..=YEAR)?;
    for (at, wave) in waves.iter().enumerate() {
        within(format_args!("waves[{at}].soakSeconds"), wave.soak_seconds, 0..=YEAR)?;
        for (field, amount) in [("maxPools", wave.max_pools), ("maxConcurrentPools", wave.max_concurrent_pools)] {
            some_pools(format_args!("waves[{at}].{field}"), amount)?;
        }
    }
    for (at, window) in windows.iter().enumerate() {
        within(format_args!("windows[{at}].durationSeconds"), window.duration_seconds, 60..=604_800)?;
    }
    Ok(())
}

fn within(field: impl fmt::Display, value: u32, range: RangeInclusive<u32>) -> Result<(), StrategyError> {
    if range.contains(&value) {
        return Ok(());
    }
    let allowed = format!("an integer from {} to {}", range.start(), range.end());
    Err(StrategyError::Value { field: field.to_string(), value: value.to_string(), allowed })
}

/// A wave that may change no pool never ends.
fn some_pools(field: impl fmt::Display, amount: Option<IntOrPercent>) -> Result<(), StrategyError> {
    match amount.map(|amount| amount.0) {
        Some(plan::Amount::Count(0) | plan::Amount::Percent(0)) => Err(StrategyError::Value {
            field: field.to_string(),
            value: "0".to_owned(),
            allowed: "at least 1 or 1%".to_owned(),
        }),
        _ => Ok(()),
    }
}
