//! Reads scripts, line by line.

use jiff::SignedDuration;
use planner::fleet::Name;
use planner::rollout::RunPhase;
use planner::strategy::{Amount, PoolLabels, Strategy, Timing};

use super::words::Words;
use super::{Act, Story, expect, rules};
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
            daemon_sets: Vec::new(),
            pace: Pace::steady(),
            transcript: true,
            ..Setup::of(1, Vec::new(), Strategy::implied(Amount::Percent(10)))
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
        "strategy" => rules::fields(&mut story.setup.strategy, words)?,
        "named" => story.setup.named = true,
        "wave" => {
            rules::wave(&mut story.setup.strategy, words)?;
            story.setup.named = true;
        }
        "window" => {
            story.setup.strategy.windows.push(rules::window(words)?);
            story.setup.named = true;
        }
        "dependsOn" => {
            story.setup.strategy.depends_on.push(rules::depends_on(words)?);
            story.setup.named = true;
        }
        "pool" => {
            let pool = words.next()?.into();
            words.expect("labels")?;
            story.setup.pools.push(PoolLabels { pool, labels: words.labels()? });
        }
        "start" => {
            let word = words.next()?;
            story.setup.start =
                word.parse().map_err(|_| format!("{word:?} is no time such as 2027-03-28T00:00:00Z"))?;
        }
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
            for (later, happening) in words.happening(&default, &story.setup)? {
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
            return Err(format!(
                "{other:?}: nodes, pool, daemonset, strategy, named, wave, window, dependsOn, timing, pace, seed, start, at, \
                 run or expect"
            ));
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
        ("soaking", RunPhase::Soaking),
        ("awaiting", RunPhase::AwaitingApproval),
        ("held", RunPhase::Held),
        ("paused", RunPhase::Paused),
        ("aborted", RunPhase::Aborted),
        ("halted", RunPhase::Halted),
        ("completed", RunPhase::Completed),
    ])
}
