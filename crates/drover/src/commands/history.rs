//! `drover history`.

use api::fleet_rollout::{FleetRollout, Phase};
use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt as _;

use super::Failure;
use super::output::{self, Output};
use crate::progress::{Progress, sentence};
use crate::reach::Reach;
use crate::screen::Screen;
use crate::target::{Target, history};
use crate::text::{Line, Tone, fit, hang};
use crate::view::{look, span};

/// What is listed.
#[derive(Args, Debug)]
#[command(
    after_help = "As many runs are kept as the target's revisionHistoryLimit says.\n\nExamples:\n  drover history agent\n  drover history agent -o yaml"
)]
pub struct Options {
    /// A DaemonSet or a YurtAppSet (yas/NAME).
    target: Target,
    /// For programs.
    #[arg(short, long, value_enum)]
    output: Option<Output>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let cluster = options.reach.cluster().await?;
    let runs = history(&cluster, &options.target).await?;
    if let Some(output) = options.output {
        let all: Vec<_> = runs.iter().map(|run| Progress::of(run, Err(None), None)).collect();
        return output::print(&all, output);
    }
    let mut screen = Screen::new();
    let lines = lines(&runs, Timestamp::now(), screen.width());
    screen.say(&lines);
    Ok(())
}

/// The newest run first.
fn lines(runs: &[FleetRollout], now: Timestamp, width: usize) -> Vec<Line> {
    let heading = format!(
        "{:>8}  {:<15} {:>11} {:>8} {:>7}  {:<15} TEMPLATE",
        "REVISION", "PHASE", "UPDATED", "SETTLED", "FAILED", "BEGAN"
    );
    let mut lines = vec![Line::of(Tone::Faint, heading)];
    for run in runs.iter().rev() {
        let status = run.status.clone().unwrap_or_default();
        let (tone, glyph) = look(status.phase);
        let units = status.units;
        let began = run.creation_timestamp().map(|at| now.duration_since(at.0).as_secs());
        let began = began.map_or_else(String::new, |secs| format!("{} ago", span(u64::try_from(secs).unwrap_or(0))));
        let failed = if units.failed > 0 { Tone::Bad } else { Tone::Faint };
        let line = Line::of(Tone::Strong, format!("{:>8}  ", run.spec.revision.number))
            .and(tone, format!("{glyph} {:<13} ", format!("{:?}", status.phase)))
            .and(Tone::Plain, format!("{:>11} {:>8} ", format!("{}/{}", units.updated, units.desired), units.settled))
            .and(failed, format!("{:>7}  ", units.failed))
            .and(Tone::Plain, format!("{began:<15} "));
        let room = width.saturating_sub(line.width()).max(10);
        lines.push(line.and(Tone::Faint, fit(&run.spec.revision.name, room)));
        if let Some(from) = &run.spec.rollback_of {
            lines.push(Line::of(Tone::Faint, format!("{:>10}back from revision {}, which failed", "", from.number)));
        }
        if matches!(status.phase, Phase::Halted | Phase::Held) {
            let margin = Line::of(Tone::Plain, " ".repeat(10));
            lines.extend(hang(tone, &margin, &margin, &sentence(&status), width));
        }
    }
    lines
}
