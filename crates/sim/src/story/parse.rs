//! Reads scripts, line by line.

use jiff::SignedDuration;
use planner::fleet::Name;
use planner::rollout::RunPhase;
use planner::strategy::{Amount, CatchUp, FailureAction, SlowStart, Strategy, Timing};

use super::words::Words;
use super::{Act, Story, expect};
use crate::pace::Pace;
use crate::world::Setup;

/// A line that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text:?}: {why}")]
pub struct StoryError {
    /// Counted from 1.
    pub line: usize,
    /// The line.
    pub text: String,
    /// What is wrong with it, and what is allowed.
    pub why: String,
}

pub(super) fn read(script: &str) -> Result<Story, StoryError> {
    let mut story = Story {
        setup: Setup {
            seed: 1,
            nodes: Vec::new(),
            daemon_sets: Vec::new(),
            strategy: Strategy::implied(Amount::Percent(10)),
            timing: Timing::default(),
            pace: Pace::steady(),
            transcript: true,
        },
        happenings: Vec::new(),
        acts: Vec::new(),
        expectations: Vec::new(),
    };
    for (nth, text) in script.lines().enumerate() {
        let refuse = |why| StoryError { line: nth + 1, text: text.to_owned(), why };
        let mut words = Words::of(text);
        if !words.is_empty() {
            line(&mut story, &mut words).and_then(|()| words.end()).map_err(refuse)?;
        }
    }
    if story.setup.daemon_sets.is_empty() {
        story.setup.daemon_sets.push(("agent".into(), SignedDuration::ZERO));
    }
    Ok(story)
}

fn line(story: &mut Story, words: &mut Words<'_>) -> Result<(), String> {
    match words.next()? {
        "nodes" => {
            let nodes = words.nodes()?;
            let pool: Name = match words.next()? {
                "in" => {
                    words.expect("pool")?;
                    words.next()?.into()
                }
                "without" => {
                    words.expect("pool")?;
                    "".into()
                }
                other => return Err(format!("{other:?}: \"in pool NAME\" or \"without pool\"")),
            };
            story.setup.nodes.extend(nodes.into_iter().map(|node| (node, pool.clone())));
        }
        "daemonset" => {
            let name = words.next()?.into();
            let min_ready =
                if words.is_empty() { SignedDuration::ZERO } else { words.named_span("minReadySeconds")? };
            story.setup.daemon_sets.push((name, min_ready));
        }
        "strategy" => strategy(&mut story.setup.strategy, words)?,
        "timing" => timing(&mut story.setup.timing, words)?,
        "pace" => match words.next()? {
            "steady" => story.setup.pace = Pace::steady(),
            "varied" => story.setup.pace = Pace::varied(),
            other => return Err(format!("{other:?}: \"steady\" or \"varied\"")),
        },
        "seed" => story.setup.seed = words.number()?.into(),
        "at" => {
            let at = words.span()?;
            let default = story.setup.daemon_sets.first().map_or_else(|| "agent".into(), |(name, _)| name.clone());
            for (later, happening) in words.happening(&default, &story.setup.nodes)? {
                story.happenings.push((at + later, happening));
            }
        }
        "run" => story.acts.push(match words.peek() {
            Some("until") => {
                words.expect("until")?;
                Act::Until(phase(words)?)
            }
            _ => Act::For(words.span()?),
        }),
        "expect" => story.expectations.push(expect::read(words)?),
        other => {
            return Err(format!("{other:?}: nodes, daemonset, strategy, timing, pace, seed, at, run or expect"));
        }
    }
    Ok(())
}

fn strategy(strategy: &mut Strategy, words: &mut Words<'_>) -> Result<(), String> {
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

fn timing(timing: &mut Timing, words: &mut Words<'_>) -> Result<(), String> {
    while !words.is_empty() {
        let field = match words.next()? {
            "reachableAfter" => &mut timing.reachable_after,
            "nodeMonitorGrace" => &mut timing.node_monitor_grace,
            "settleMargin" => &mut timing.settle_margin,
            "brake" => &mut timing.brake,
            "lossWindow" => &mut timing.loss_window,
            "backstop" => &mut timing.backstop,
            "failedAfter" => &mut timing.failed_after,
            "replacementAfter" => &mut timing.replacement_after,
            "watchStale" => &mut timing.watch_stale,
            "escalateAfter" => &mut timing.escalate_after,
            other => return Err(format!("{other:?} is no timing")),
        };
        *field = words.span()?;
    }
    Ok(())
}

/// The phase that a word means.
pub(super) fn phase(words: &mut Words<'_>) -> Result<RunPhase, String> {
    words.one_of(&[
        ("pending", RunPhase::Pending),
        ("progressing", RunPhase::Progressing),
        ("held", RunPhase::Held),
        ("paused", RunPhase::Paused),
        ("aborted", RunPhase::Aborted),
        ("halted", RunPhase::Halted),
        ("completed", RunPhase::Completed),
    ])
}
