//! What had to hold.

use jiff::SignedDuration;

use super::fleet::Look;
use super::results::Result;
use super::stage::{CANARY, CANARY_POOL};
use super::text::{Line, Tone, hang};
use crate::checker::Verdict;

/// A returning node is upgraded so soon after it is reachable.
const CAUGHT_UP_WITHIN: SignedDuration = SignedDuration::from_secs(2);
/// `minObserved`: a release that takes every node away meets so many.
const MOST_LOST: usize = 3;

/// An expectation, and whether it was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) held: bool,
    pub(super) text: String,
}

/// What is known in the end.
pub(super) struct Known<'a> {
    /// The acts that were played, in order.
    pub(super) results: &'a [Result],
    /// The checker's findings about the whole show.
    pub(super) verdict: &'a Verdict,
    /// The nodes that were offline in the first act.
    pub(super) offline: &'a [String],
    /// Deletions between the halt and the next release.
    pub(super) after_halt: usize,
}

/// Every expected fact. An act that was not played has not met its own.
pub(super) fn facts(known: &Known<'_>) -> Vec<Fact> {
    let act = |at: usize| known.results.get(at);
    let finished = |at| act(at).is_some_and(|result| result.played.finished);
    let mut facts = vec![
        fact(finished(0), "the good release was upgraded to on all reachable nodes, and settled there"),
        first_act_left_alone(known),
        canary_first(known, 0),
        fact(finished(1), format!("all {} offline nodes were caught up after their return", known.offline.len())),
        caught_up_soon(known),
    ];
    let halted = act(2).filter(|result| result.played.finished);
    let reason = halted.and_then(|result| result.played.last.run.halt.as_ref()).map_or("–", |halt| &halt.reason);
    facts.push(fact(reason == "NodeLoss", format!("the release that takes nodes away was halted: {reason}")));
    let lost = act(2).map_or(0, Result::lost);
    facts.push(fact(
        halted.is_some() && lost <= MOST_LOST,
        format!(
            "it took {lost} nodes away, at most {MOST_LOST} are expected: {} were saved",
            act(2).map_or(0, Result::saved)
        ),
    ));
    facts.push(fact(
        halted.is_some() && known.after_halt == 0,
        format!("{} pods were restarted after the halt", known.after_halt),
    ));
    facts.push(canary_first(known, 3));
    facts.push(fact(finished(3), "the fixed release completed on every node"));
    facts.extend(known.results.iter().enumerate().map(|(at, result)| {
        let (down, allowed) = (result.verdict.most_down, result.allowed());
        fact(down <= allowed, format!("act {}: at most {down} nodes were down at once, {allowed} were allowed", at + 1))
    }));
    let (deletes, broken) = (known.verdict.deletes, known.verdict.violations.len());
    facts.push(fact(
        broken == 0 && deletes > 0,
        format!("the checker found {broken} broken rules in {deletes} deletions, and silence at the end"),
    ));
    facts
}

/// The facts, marked.
pub(super) fn lines(facts: &[Fact], width: usize) -> Vec<Line> {
    let marked = |fact: &Fact| {
        let (tone, mark) = if fact.held { (Tone::Good, "✓") } else { (Tone::Bad, "✗") };
        hang(tone, &format!("  {mark}"), &fact.text, 4, width)
    };
    facts.iter().flat_map(marked).collect()
}

fn first_act_left_alone(known: &Known<'_>) -> Fact {
    let touched = known.results.first().map_or(0, |result| {
        let nodes = result.verdict.restarts.keys().map(|(_, node)| node);
        nodes.filter(|node| known.offline.contains(node)).count()
    });
    fact(!known.results.is_empty() && touched == 0, format!("{touched} of the offline nodes were touched meanwhile"))
}

/// Until the script approved, nobody else had the release.
fn canary_first(known: &Known<'_>, act: usize) -> Fact {
    let approved = known.results.get(act).and_then(|result| result.played.approved.as_ref());
    let updated = |look: &Look, canary: bool| {
        let pools = look.pools.iter().filter(|(name, _)| (*name == CANARY_POOL) == canary);
        pools.map(|(_, counts)| counts.updated()).sum::<usize>()
    };
    let (with, without) = approved.map_or((0, 0), |look| (updated(look, true), updated(look, false)));
    fact(
        with > 0 && without == 0,
        format!(
            "act {}: when it was approved, {with} nodes of the {CANARY} had the release, and {without} others",
            act + 1
        ),
    )
}

fn caught_up_soon(known: &Known<'_>) -> Fact {
    let returns = known.results.get(1).map_or(&[][..], |result| &result.verdict.returns);
    let first = returns.iter().map(|(_, after)| *after).min();
    let text = match first {
        Some(first) => format!("the first of them was restarted {:.1} s after it was reachable", first.as_secs_f64()),
        None => "none of them was restarted".to_owned(),
    };
    fact(first.is_some_and(|first| first <= CAUGHT_UP_WITHIN), text)
}

/// An expectation in words, and whether it was met.
pub(super) fn fact(held: bool, text: impl Into<String>) -> Fact {
    Fact { held, text: text.into() }
}

#[cfg(test)]
mod tests {
    use api::fleet_rollout::HaltStatus;
    use jiff::Timestamp;

    use super::*;
    use crate::checker::{Rule, Violation};
    use crate::demo::fleet::{Counts, Look};
    use crate::demo::openyurt::Outcome;
    use crate::demo::play::{Played, Scene};
    use crate::demo::results::Kind;
    use crate::demo::run::Run;

    /// A show in which everything held.
    struct Show {
        results: Vec<Result>,
        verdict: Verdict,
        offline: Vec<String>,
        after_halt: usize,
    }

    impl Show {
        fn good() -> Self {
            let mut results = vec![act(Kind::Release), act(Kind::Return), act(Kind::Killer), act(Kind::Release)];
            results[0].played.before.all = Counts { waiting: 54, offline: 6, ..Counts::default() };
            results[1].verdict.returns = vec![("node-003".to_owned(), SignedDuration::from_millis(90))];
            for release in [0, 3] {
                let canary = Counts { settled: 8, ..Counts::default() };
                let others = Counts { waiting: 8, ..Counts::default() };
                let pools = [(CANARY_POOL.to_owned(), canary), ("pool-2".to_owned(), others)];
                results[release].played.approved = Some(Look { pools: pools.into(), ..Look::default() });
            }
            let halt = HaltStatus { reason: "NodeLoss".to_owned(), token: String::new(), evidence: String::new() };
            results[2].played.last.run.halt = Some(halt);
            let verdict = Verdict { deletes: 120, ..Verdict::default() };
            Self { results, verdict, offline: vec!["node-003".to_owned()], after_halt: 0 }
        }

        /// How many facts did not hold.
        fn broken(&self) -> usize {
            let Self { results, verdict, offline, after_halt } = self;
            let known = Known { results, verdict, offline, after_halt: *after_halt };
            facts(&known).iter().filter(|fact| !fact.held).count()
        }
    }

    fn act(kind: Kind) -> Result {
        let look = Look { all: Counts { waiting: 60, ..Counts::default() }, hash: "b".to_owned(), ..Look::default() };
        let now = Timestamp::UNIX_EPOCH;
        let last = Scene { look: look.clone(), run: Run::default() };
        let played = Played { began: now, done: now, left: now, finished: true, before: look, approved: None, last };
        let verdict = Verdict { most_down: 3, ..Verdict::default() };
        Result { name: "", kind, played, verdict, openyurt: Outcome::default() }
    }

    fn after(change: impl FnOnce(&mut Show)) -> usize {
        let mut show = Show::good();
        change(&mut show);
        show.broken()
    }

    #[test]
    fn every_fact_can_fail_and_does_alone() {
        assert_eq!(Show::good().broken(), 0);
        assert_eq!(after(|show| show.results[0].played.finished = false), 1);
        let touched = ("agent".to_owned(), "node-003".to_owned());
        assert_eq!(after(|show| show.results[0].verdict.restarts.extend([(touched, 1)])), 1);
        assert_eq!(after(|show| show.results[0].played.approved = None), 1, "nobody asked");
        let early = Counts { proving: 1, waiting: 7, ..Counts::default() };
        let too_soon = |look: &mut Look| look.pools.insert("pool-2".to_owned(), early);
        assert_eq!(after(|show| _ = show.results[3].played.approved.as_mut().map(too_soon)), 1);
        assert_eq!(after(|show| show.results[1].played.finished = false), 1);
        assert_eq!(after(|show| show.results[1].verdict.returns[0].1 = SignedDuration::from_secs(3)), 1);
        assert_eq!(after(|show| show.results[1].verdict.returns.clear()), 1);
        assert_eq!(after(|show| show.results[2].played.last.run.halt = None), 1);
        let nodes = (1..=4).map(|node| node.to_string()).collect();
        let lost = [(("agent".to_owned(), "b".to_owned()), nodes)];
        assert_eq!(after(|show| show.results[2].verdict.lost.extend(lost)), 1);
        assert_eq!(after(|show| show.after_halt = 1), 1);
        assert_eq!(after(|show| show.results[3].played.finished = false), 1);
        assert_eq!(after(|show| show.results[0].verdict.most_down = 28), 1, "50 % of 54");
        assert_eq!(after(|show| show.results[1].verdict.most_down = 7), 1, "10 % of 60");
        let violation =
            Violation { at: Timestamp::UNIX_EPOCH, rule: Rule::NoUid, object: String::new(), what: String::new() };
        assert_eq!(after(|show| show.verdict.violations.push(violation)), 1);
        assert_eq!(after(|show| show.verdict.deletes = 0), 1);
    }

    #[test]
    fn acts_that_were_not_played_met_nothing() {
        assert_eq!(after(|show| show.results.truncate(2)), 5);
        assert_eq!(after(|show| show.results.clear()), 10);
    }
}
