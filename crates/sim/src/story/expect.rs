//! What a story expects in the end.

use jiff::SignedDuration;
use planner::fleet::Name;
use planner::rollout::{HaltReason, RunPhase};

use super::parse::phase;
use super::words::Words;
use crate::transcript::list;
use crate::world::World;

/// Something that is to be so in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expectation {
    /// `phase completed`: of every DaemonSet's run.
    Phase(RunPhase),
    /// `completed within 20m` after the last change of a template.
    Completed(SignedDuration),
    /// `30 restarts`.
    Restarts(u32),
    /// `at most 3 down`: by the updater, at once.
    Down(u32),
    /// `at most 3 killed`: machines, by the release.
    Killed(u32),
    /// `halts NodeLoss Failures`, in this order; `no halt`.
    Halts(Vec<HaltReason>),
    /// `a1..a3 at r2`: pods of the first DaemonSet.
    At(Vec<Name>, Name),
    /// `all at r2`.
    AllAt(Name),
}

/// Reads what follows `expect`.
pub(super) fn read(words: &mut Words<'_>) -> Result<Expectation, String> {
    match words.peek() {
        Some("phase") => {
            words.expect("phase")?;
            Ok(Expectation::Phase(phase(words)?))
        }
        Some("completed") => {
            words.expect("completed")?;
            Ok(Expectation::Completed(words.named_span("within")?))
        }
        Some("at") => {
            words.expect("at")?;
            words.expect("most")?;
            let most = words.number()?;
            words
                .one_of(&[("down", Expectation::Down as fn(u32) -> Expectation), ("killed", Expectation::Killed)])
                .map(|of| of(most))
        }
        Some("halts") => {
            words.expect("halts")?;
            let mut reasons = Vec::new();
            while !words.is_empty() {
                let all = [
                    HaltReason::Failures,
                    HaltReason::NoSlotLeft,
                    HaltReason::ReplacementMissing,
                    HaltReason::NodeLoss,
                    HaltReason::Returned,
                ];
                reasons.push(words.one_of(&all.map(|reason| (reason.as_str(), reason)))?);
            }
            Ok(Expectation::Halts(reasons))
        }
        Some("no") => {
            words.expect("no")?;
            words.expect("halt")?;
            Ok(Expectation::Halts(Vec::new()))
        }
        Some("all") => {
            words.expect("all")?;
            words.expect("at")?;
            Ok(Expectation::AllAt(words.next()?.into()))
        }
        Some(word) if word.parse::<u32>().is_ok() => {
            let restarts = words.number()?;
            words.expect("restarts")?;
            Ok(Expectation::Restarts(restarts))
        }
        _ => {
            let nodes = words.nodes()?;
            words.expect("at")?;
            Ok(Expectation::At(nodes, words.next()?.into()))
        }
    }
}

impl Expectation {
    /// What is not as expected.
    pub(super) fn missed(&self, world: &World) -> Option<String> {
        let summary = &world.summary;
        let differs = |found: String| Some(format!("expected {self:?}, found {found}"));
        match self {
            Self::Phase(phase) => {
                let mut phases = (0..).map_while(|set| world.phase(set));
                phases.find(|found| found != phase).and_then(|found| differs(format!("{found:?}")))
            }
            Self::Completed(within) => match summary.completed_after {
                Some(after) if after <= *within => None,
                after => differs(format!("{after:?}")),
            },
            Self::Restarts(n) if summary.restarts != *n => differs(summary.restarts.to_string()),
            Self::Down(most) if summary.most_down > *most => differs(summary.most_down.to_string()),
            Self::Killed(most) if summary.killed > *most => differs(summary.killed.to_string()),
            Self::Halts(halts) if summary.halts != *halts => differs(format!("{:?}", summary.halts)),
            Self::Restarts(_) | Self::Down(_) | Self::Killed(_) | Self::Halts(_) => None,
            Self::At(nodes, revision) => {
                let there = world.revisions(0);
                let at = |node: &&Name| there.iter().any(|(name, at)| name == *node && at.as_ref() == Some(revision));
                let missing: Vec<Name> = nodes.iter().filter(|node| !at(node)).cloned().collect();
                if missing.is_empty() { None } else { differs(format!("{} elsewhere", list(&missing))) }
            }
            Self::AllAt(revision) => {
                let away = |(name, at): (Name, Option<Name>)| (at.as_ref() != Some(revision)).then_some(name);
                let missing: Vec<Name> = world.revisions(0).into_iter().filter_map(away).collect();
                if missing.is_empty() { None } else { differs(format!("{} elsewhere", list(&missing))) }
            }
        }
    }
}
