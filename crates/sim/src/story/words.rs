//! A line's words, and what can happen.

use jiff::SignedDuration;
use planner::fleet::Name;
use planner::rollout::{DesiredState, Met};
use planner::strategy::Amount;

use super::rules;
use crate::happening::{Happening, Stream};
use crate::release::{Effect, Place, Release};
use crate::transcript::split;
use crate::world::Setup;

/// What is left of a line. Commas are for the reader.
#[derive(Debug)]
pub(super) struct Words<'t> {
    words: Vec<&'t str>,
    at: usize,
}

impl<'t> Words<'t> {
    /// The words of a line, without its comment.
    pub(super) fn of(line: &'t str) -> Self {
        let meant = line.split('#').next().unwrap_or_default();
        let words = meant.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()).collect();
        Self { words, at: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.words.len()
    }

    pub(super) fn peek(&self) -> Option<&'t str> {
        self.words.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Result<&'t str, String> {
        let word = self.peek().ok_or("the line ends too early")?;
        self.at += 1;
        Ok(word)
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), String> {
        let found = self.next()?;
        if found == word { Ok(()) } else { Err(format!("{found:?} where {word:?} should be")) }
    }

    pub(super) fn end(&self) -> Result<(), String> {
        self.peek().map_or(Ok(()), |word| Err(format!("{word:?} is too much")))
    }

    pub(super) fn number(&mut self) -> Result<u32, String> {
        let word = self.next()?;
        word.parse().map_err(|_| format!("{word:?} is no number"))
    }

    pub(super) fn amount(&mut self) -> Result<Amount, String> {
        let word = self.next()?;
        let amount = match word.strip_suffix('%') {
            Some(percent) => percent.parse().map(Amount::Percent),
            None => word.parse().map(Amount::Count),
        };
        amount.map_err(|_| format!("{word:?} is neither a number nor a percentage"))
    }

    /// `90s`, `5m`, `2h`, `1h30m`.
    pub(super) fn span(&mut self) -> Result<SignedDuration, String> {
        let word = self.next()?;
        word.parse().map_err(|_| format!("{word:?} is no duration such as 90s, 5m or 1h30m"))
    }

    pub(super) fn named_span(&mut self, name: &str) -> Result<SignedDuration, String> {
        self.expect(name)?;
        self.span()
    }

    pub(super) fn one_of<T: Copy>(&mut self, choices: &[(&str, T)]) -> Result<T, String> {
        let word = self.next()?;
        let found = choices.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        let allowed = || choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| format!("{word:?}: one of {}", allowed()))
    }

    /// `a1`, `a01..a30`, several of them.
    pub(super) fn nodes(&mut self) -> Result<Vec<Name>, String> {
        let mut names = Vec::new();
        while let Some(word) = self.peek() {
            if let Some((from, to)) = word.split_once("..") {
                names.extend(range(from, to).ok_or_else(|| format!("{word:?} is no range such as a01..a30"))?);
            } else if word.ends_with(|c: char| c.is_ascii_digit()) {
                names.push(word.into());
            } else {
                break;
            }
            self.at += 1;
        }
        if names.is_empty() { Err("nodes are missing, such as a1 or b01..b10".to_owned()) } else { Ok(names) }
    }

    /// Nodes, or `pool NAME`.
    fn nodes_of(&mut self, fleet: &[(Name, Name)]) -> Result<Vec<Name>, String> {
        if self.peek() != Some("pool") {
            return self.nodes();
        }
        self.expect("pool")?;
        let pool = self.next()?;
        Ok(fleet.iter().filter(|(_, of)| &**of == pool).map(|(node, _)| node.clone()).collect())
    }

    /// `of NAME`, or the story's first DaemonSet.
    fn daemon_set(&mut self, default: &Name) -> Result<Name, String> {
        if self.peek() != Some("of") {
            return Ok(default.clone());
        }
        self.expect("of")?;
        Ok(self.next()?.into())
    }

    /// What happens, and how much later than the line says.
    pub(super) fn happening(
        &mut self,
        daemon_set: &Name,
        setup: &Setup,
    ) -> Result<Vec<(SignedDuration, Happening)>, String> {
        let fleet = &setup.nodes;
        let now = |happening| Ok(vec![(SignedDuration::ZERO, happening)]);
        match self.next()? {
            "template" => {
                let revision = self.next()?.into();
                let release = self.release()?;
                now(Happening::Template { daemon_set: self.daemon_set(daemon_set)?, revision, release })
            }
            "outage" => {
                let nodes = self.nodes_of(fleet)?;
                let span = self.named_span("for")?;
                Ok(vec![(SignedDuration::ZERO, Happening::Offline(nodes.clone())), (span, Happening::Online(nodes))])
            }
            "offline" => now(Happening::Offline(self.nodes_of(fleet)?)),
            "online" => now(Happening::Online(self.nodes_of(fleet)?)),
            "flap" => {
                let nodes = self.nodes_of(fleet)?;
                now(Happening::Flap(nodes, self.named_span("every")?))
            }
            "calm" => now(Happening::Calm),
            "reboot" => now(Happening::Reboot(self.nodes_of(fleet)?)),
            "cordon" => now(Happening::Cordon(self.nodes_of(fleet)?)),
            "uncordon" => now(Happening::Uncordon(self.nodes_of(fleet)?)),
            "mark" => now(Happening::MarkForRemoval(self.nodes_of(fleet)?)),
            "remove" => now(Happening::Remove(self.nodes_of(fleet)?)),
            "join" => {
                let nodes = self.nodes()?;
                self.expect("pool")?;
                now(Happening::Join(nodes, self.next()?.into()))
            }
            "evict" => now(Happening::Evict(self.nodes_of(fleet)?)),
            "fail" => now(Happening::Fail(self.nodes_of(fleet)?)),
            "spoil" => now(Happening::Spoil(self.nodes_of(fleet)?)),
            "mend" => now(Happening::Mend(self.nodes_of(fleet)?)),
            "hang" => now(Happening::Hang(self.nodes_of(fleet)?)),
            "unhang" => now(Happening::Unhang(self.nodes_of(fleet)?)),
            "quota" => now(Happening::Quota { full: self.one_of(&[("full", true), ("free", false)])? }),
            "kill" => {
                self.expect("updater")?;
                now(Happening::KillUpdater(self.named_span("for")?))
            }
            "stall" => {
                let stream =
                    self.one_of(&[("nodes", Stream::Nodes), ("pods", Stream::Pods), ("objects", Stream::Objects)])?;
                now(Happening::Stall(stream, self.named_span("for")?))
            }
            "refuse" => now(Happening::RefuseDeletes(self.named_span("for")?)),
            "lose" => {
                self.expect("answers")?;
                now(Happening::LoseAnswers(self.named_span("for")?))
            }
            "pause" => now(Happening::Desire(self.daemon_set(daemon_set)?, DesiredState::Paused)),
            "continue" => now(Happening::Desire(self.daemon_set(daemon_set)?, DesiredState::Running)),
            "abort" => now(Happening::Desire(self.daemon_set(daemon_set)?, DesiredState::Aborted)),
            "resume" => {
                let token = self.next()?.to_owned();
                now(Happening::Resume(self.daemon_set(daemon_set)?, token))
            }
            "budget" => {
                let amount = self.amount()?;
                now(Happening::Budget(self.daemon_set(daemon_set)?, amount))
            }
            "approve" => now(self.decision(daemon_set, true)?),
            "reject" => now(self.decision(daemon_set, false)?),
            "promote" => {
                let wave = self.next()?.into();
                now(Happening::Promote(self.daemon_set(daemon_set)?, wave))
            }
            "annotate" => now(Happening::Annotate(self.daemon_set(daemon_set)?, true)),
            "unannotate" => now(Happening::Annotate(self.daemon_set(daemon_set)?, false)),
            "edit" => {
                let mut edited = setup.strategy.clone();
                rules::fields(&mut edited, self)?;
                now(Happening::Strategy(Box::new(Ok(edited))))
            }
            "delete" => {
                self.expect("strategy")?;
                now(Happening::Strategy(Box::new(Err("there is no RolloutStrategy of that name".to_owned()))))
            }
            "label" => {
                self.expect("pool")?;
                let pool = self.next()?.into();
                now(Happening::Label(pool, self.labels()?))
            }
            "move" => {
                let nodes = self.nodes()?;
                self.expect("to")?;
                self.expect("pool")?;
                now(Happening::Move(nodes, self.next()?.into()))
            }
            "dependency" => now(self.dependency()?),
            other => Err(format!("{other:?} is nothing that can happen")),
        }
    }

    /// `WAVE`, or `WAVE by NAME`.
    fn decision(&mut self, daemon_set: &Name, approved: bool) -> Result<Happening, String> {
        let wave = self.next()?.into();
        let mut approver = "ada";
        if self.peek() == Some("by") {
            self.expect("by")?;
            approver = self.next()?;
        }
        Ok(Happening::Decide { daemon_set: self.daemon_set(daemon_set)?, wave, approved, approver: approver.into() })
    }

    /// `NAME current`, `NAME behind in pools a b`, `NAME unknown`.
    fn dependency(&mut self) -> Result<Happening, String> {
        let name = self.next()?.into();
        let met = self.one_of(&[("current", Met::Yes), ("behind", Met::No), ("unknown", Met::Unknown)])?;
        let mut pools = Vec::new();
        if !self.is_empty() {
            self.expect("in")?;
            self.expect("pools")?;
            pools = self.names_until(&[]);
        }
        Ok(Happening::Dependency { name, pools, met })
    }

    /// All words up to the end or one of these.
    pub(super) fn names_until(&mut self, ends: &[&str]) -> Vec<Name> {
        let mut names = Vec::new();
        while let Some(word) = self.peek().filter(|word| !ends.contains(word)) {
            names.push(word.into());
            self.at += 1;
        }
        names
    }

    /// `tier=lab site=north`; there may be none.
    pub(super) fn labels(&mut self) -> Result<Vec<(Name, Name)>, String> {
        let mut labels = Vec::new();
        while let Some(word) = self.peek().filter(|word| word.contains('=')) {
            let (key, value) = word.split_once('=').ok_or("a label is such as tier=lab")?;
            labels.push((key.into(), value.into()));
            self.at += 1;
        }
        Ok(labels)
    }

    fn release(&mut self) -> Result<Release, String> {
        let effect = match self.next()? {
            "good" => Effect::Good,
            "slow" => Effect::Slow(self.span()?),
            "broken" => Effect::Broken,
            "unready" => Effect::Unready,
            "flaky" => Effect::Flaky(self.span()?),
            "killing" => Effect::Killing(self.span()?),
            other => return Err(format!("{other:?}: good, slow, broken, unready, flaky or killing")),
        };
        if self.peek() != Some("on") {
            return Ok(Release::everywhere(effect));
        }
        self.expect("on")?;
        let place = match self.peek() {
            Some("pool") => {
                self.expect("pool")?;
                Place::Pool(self.next()?.into())
            }
            Some("every") => {
                self.expect("every")?;
                Place::Every(self.number()?.into())
            }
            _ => Place::Nodes(self.nodes()?),
        };
        Ok(Release { effect, place })
    }
}

fn range(from: &str, to: &str) -> Option<Vec<Name>> {
    let ((stem, first, width), (other, last, _)) = (split(from)?, split(to)?);
    (stem == other && first <= last).then(|| (first..=last).map(|n| format!("{stem}{n:0width$}").into()).collect())
}
