//! A planned change of a YurtAppSet as lines of text.

use std::collections::BTreeMap;

use api::fleet_rollout::WaveState;

use super::super::words::{listed, text_lines, warning_lines};
use super::model::{Fate, Pool, Replicas, Revision, RevisionState, SetPlan, Wave, Why};
use crate::text::{Line, Tone, count, hang};

/// The kind of hold of pools that wait because the revision is refused in others.
const OTHERS: &str = "others_refused";

/// The margin of what belongs to a heading.
const INDENT: &str = "     ";

impl SetPlan {
    /// All of it.
    pub(crate) fn lines(&self, width: usize) -> Vec<Line> {
        let head = Line::of(Tone::Strong, format!("yas/{} in {}", self.name, self.namespace));
        let mut lines = vec![head];
        lines.extend(text_lines(Tone::Plain, &self.summary(), width));
        lines.extend(self.refusal_lines(width));
        if !self.limits.is_empty() && !self.waves.is_empty() {
            lines.extend(text_lines(Tone::Plain, &format!("Rules: {}.", self.limits.join("; ")), width));
        }
        if !self.waves.is_empty() {
            lines.push(Line::new());
        }
        for (at, wave) in self.waves.iter().enumerate() {
            lines.extend(self.wave_lines(at, wave, width));
        }
        let outside: Vec<&Pool> = self.pools.iter().filter(|pool| pool.wave.is_none()).collect();
        if self.revision.is_some() && outside.iter().any(|pool| pool.fate != Fate::Left) {
            lines.push(Line::of(Tone::Strong, "  Whatever the waves say"));
            lines.extend(fates(&outside, width));
        }
        lines.extend(reasons("Apart from the waves:", &self.apart, Tone::Faint, width));
        if !self.deleted.is_empty() {
            let names: Vec<String> =
                self.deleted.iter().map(|gone| format!("{} {} of pool {}", gone.kind, gone.name, gone.pool)).collect();
            let pace = if names.len() > 1 { ", at most 10 % of all a minute by default" } else { "" };
            lines.extend(paragraph(Tone::Call, &format!("Deleted with their pods{pace}: {}", listed(&names)), width));
        }
        lines.push(Line::new());
        lines.extend(self.first_lines(width));
        lines.extend(reasons("Then wait:", &self.waits, Tone::Faint, width));
        lines.extend(self.replica_lines(width));
        lines.extend(paragraph(Tone::Plain, &self.dry_runs(), width));
        lines.extend(warning_lines(&self.warnings, width));
        lines
    }

    /// What becomes of how many workloads.
    fn summary(&self) -> String {
        let Some(Revision { name, number, state }) = &self.revision else {
            return format!("{} is refused, and nothing is made of it:", self.subject);
        };
        let becomes = match state {
            RevisionState::New => format!("{} would be revision {number} ({name})", self.subject),
            RevisionState::Again => {
                format!("{} would be revision {number}, with the workload that {name} had before", self.subject)
            }
            RevisionState::Kept => {
                format!("{} has the workload of revision {number} ({name}), whose run goes on", self.subject)
            }
        };
        let waves = match self.waves.len() {
            0 => String::new(),
            waves => format!(", in {}, with {}", count(waves, "wave"), self.rules),
        };
        format!("{becomes}: {}{waves}.", self.sums())
    }

    fn sums(&self) -> String {
        let (made, restarted, changed) =
            (self.count(Fate::Made), self.count(Fate::Restarted), self.count(Fate::Changed));
        let mut parts = Vec::new();
        if restarted + changed > 0 {
            let pods = match (restarted, changed) {
                (0, _) => "no pod restarts".to_owned(),
                (_, 0) => "and their pods restart".to_owned(),
                (restarted, _) => format!("the pods of {restarted} restart"),
            };
            parts.push(format!("{} written, {pods}", are(restarted + changed, "workload")));
        }
        if made > 0 {
            parts.push(format!("{} made", are(made, "workload")));
        }
        if !self.deleted.is_empty() {
            parts.push(format!("{} deleted", are(self.deleted.len(), "workload")));
        }
        if parts.is_empty() { "no workload is written".to_owned() } else { parts.join("; ") }
    }

    fn refusal_lines(&self, width: usize) -> Vec<Line> {
        let (others, own): (Vec<Why>, Vec<Why>) = self.refused.iter().cloned().partition(|why| why.kind == OTHERS);
        let heading = if self.revision.is_some() { "Refused:" } else { "" };
        let mut lines = reasons(heading, &own, Tone::Bad, width);
        let waits = "wait for that, unless appset-controller is told refusals.hold = \"refused\"";
        let others = others.into_iter().map(|why| Why { sentence: waits.to_owned(), ..why });
        lines.extend(reasons("", &others.collect::<Vec<_>>(), Tone::Faint, width));
        lines
    }

    /// A wave with its pools and what it asks for.
    fn wave_lines(&self, at: usize, wave: &Wave, width: usize) -> Vec<Line> {
        let size = format!("  {}", count(wave.pools as usize, "pool"));
        let offline = if wave.offline > 0 { format!(", {} offline", wave.offline) } else { String::new() };
        let goes_on = self.revision.as_ref().is_some_and(|revision| revision.state == RevisionState::Kept);
        let state = match wave.state {
            WaveState::Open if goes_on => ", open",
            WaveState::Succeeded if goes_on => ", succeeded",
            WaveState::Waiting | WaveState::Open | WaveState::Succeeded => "",
        };
        let title = Line::of(Tone::Strong, format!("{:>3}. {}", at + 1, wave.name));
        let mine: Vec<&Pool> =
            self.pools.iter().filter(|pool| pool.wave.as_deref() == Some(wave.name.as_str())).collect();
        let mut lines = vec![title.and(Tone::Plain, size + &offline + state)];
        lines.extend(fates(&mine, width));
        if !wave.conditions.is_empty() {
            lines.extend(indented(Tone::Plain, &wave.conditions, width));
        }
        lines
    }

    fn first_lines(&self, width: usize) -> Vec<Line> {
        if let Some(hold) = &self.hold {
            return paragraph(Tone::Call, &format!("Nothing starts at once: {hold}."), width);
        }
        if self.first.is_empty() {
            return Vec::new();
        }
        paragraph(Tone::Plain, &format!("First {}: {}", count(self.first.len(), "pool"), listed(&self.first)), width)
    }

    /// Replicas that become others, and those that nobody sets.
    fn replica_lines(&self, width: usize) -> Vec<Line> {
        let mut changes: BTreeMap<(i64, i64), Vec<&str>> = BTreeMap::new();
        let (mut kept, mut first) = (Vec::new(), Vec::new());
        for pool in &self.pools {
            match pool.replicas {
                Some(Replicas { now: Some(now), then: Some(then) }) if now != then => {
                    changes.entry((now, then)).or_default().push(&pool.name);
                }
                Some(Replicas { now: Some(_), then: None }) => kept.push(pool.name.as_str()),
                Some(Replicas { now: None, then: None }) => first.push(pool.name.as_str()),
                Some(Replicas { then: Some(_), .. }) | None => {}
            }
        }
        let mut parts: Vec<String> =
            changes.iter().map(|((now, then), pools)| format!("{now} → {then} in {}", listed(pools))).collect();
        if !kept.is_empty() {
            parts.push(format!("left out, so kept as they are, in {}", listed(&kept)));
        }
        if !first.is_empty() {
            parts.push(format!("left out, so 1 to begin with, in {}", listed(&first)));
        }
        if parts.is_empty() {
            return Vec::new();
        }
        paragraph(Tone::Plain, &format!("Replicas: {}", parts.join("; ")), width)
    }

    fn dry_runs(&self) -> String {
        let asked = match self.dry_runs.answered {
            0 => String::new(),
            number => {
                let refused = self.refused.iter().any(|why| why.kind == "refused");
                let how = if refused { "answered" } else { "takes the workloads in" };
                format!("The API server {how} {}, one for each set of tweaks.", count(number, "dry run"))
            }
        };
        match &self.dry_runs.unanswered {
            Some(why) => format!("{asked} Not every workload was tried: {why}.").trim_start().to_owned(),
            None => asked,
        }
    }
}

/// What becomes of the workloads of pools.
fn fates(pools: &[&Pool], width: usize) -> Vec<Line> {
    let words = [
        (Fate::Restarted, Tone::Busy, "pods restart"),
        (Fate::Changed, Tone::Plain, "written, no pod restarts"),
        (Fate::Made, Tone::Plain, "made"),
        (Fate::Left, Tone::Faint, "nothing to write"),
    ];
    let line = |(fate, tone, word): (Fate, Tone, &str)| {
        let names: Vec<&str> = pools.iter().filter(|pool| pool.fate == fate).map(|pool| pool.name.as_str()).collect();
        if names.is_empty() { Vec::new() } else { indented(tone, &format!("{word}: {}", listed(&names)), width) }
    };
    words.into_iter().flat_map(line).collect()
}

/// Reasons with their pools.
fn reasons(heading: &str, reasons: &[Why], tone: Tone, width: usize) -> Vec<Line> {
    if reasons.is_empty() {
        return Vec::new();
    }
    let heading = (!heading.is_empty()).then(|| Line::of(Tone::Plain, heading));
    let margin = Line::of(Tone::Plain, "        ");
    let line = |why: &Why| {
        let number = if why.pools.is_empty() { String::new() } else { why.pools.len().to_string() };
        let first = Line::of(Tone::Plain, format!("{number:>6}  "));
        let pools = if why.pools.is_empty() { String::new() } else { format!(" ({})", listed(&why.pools)) };
        hang(tone, &first, &margin, &format!("{}{pools}", why.sentence), width)
    };
    heading.into_iter().chain(reasons.iter().flat_map(line)).collect()
}

fn paragraph(tone: Tone, text: &str, width: usize) -> Vec<Line> {
    hang(tone, &Line::new(), &Line::of(Tone::Plain, "  "), text, width)
}

fn indented(tone: Tone, text: &str, width: usize) -> Vec<Line> {
    let margin = Line::of(Tone::Plain, INDENT);
    hang(tone, &margin, &margin, text, width)
}

/// `1 workload is`, `2 workloads are`.
fn are(number: usize, noun: &str) -> String {
    format!("{} {}", count(number, noun), if number == 1 { "is" } else { "are" })
}
