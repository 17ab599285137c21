//! The newest run of every target: two lines each.

use api::fleet_rollout::Phase;

use crate::progress::{Progress, Units};
use crate::target::Kind;
use crate::text::{Line, Tone, hang};
use crate::view::{look, row};

/// The picture.
pub(super) fn lines(all: &[Progress], namespace: Option<&str>, width: usize) -> Vec<Line> {
    if all.is_empty() {
        let place = namespace.map_or_else(|| "any namespace".to_owned(), |name| format!("namespace {name}"));
        let text = format!(
            "no rollouts in {place}: Drover upgrades DaemonSets with the annotation {}: auto and updateStrategy OnDelete, and \
             YurtAppSets",
            api::names::UPDATE_STRATEGY
        );
        return hang(Tone::Plain, &Line::new(), &Line::new(), &text, width);
    }
    let title = |run: &Progress| {
        let of_pools = run.kind == Kind::YurtAppSet.as_str();
        let target = if of_pools { format!("yas/{}", run.target) } else { run.target.clone() };
        match namespace {
            Some(_) => target,
            None => format!("{}/{target}", run.namespace),
        }
    };
    let names: Vec<String> = all.iter().map(|run| format!("{} r{}", title(run), run.revision)).collect();
    let rows: Vec<(Line, Units)> = all
        .iter()
        .zip(&names)
        .map(|(run, name)| {
            let (tone, glyph) = look(run.phase);
            (Line::of(tone, format!("{glyph} ")).and(Tone::Plain, name.clone()), run.units)
        })
        .collect();
    let mut table = row::table(&rows, width).into_iter();
    let mut lines: Vec<Line> = table.next().into_iter().collect();
    for (run, row) in all.iter().zip(table) {
        lines.push(row);
        if run.phase != Phase::Completed {
            let (tone, _) = look(run.phase);
            let margin = Line::of(Tone::Plain, "  ");
            let first = margin.clone().and(tone, format!("{:?}: ", run.phase));
            // The phase has said so.
            let sentence = ["held: ", "halted: "].iter().find_map(|word| run.sentence.strip_prefix(word));
            lines.extend(hang(Tone::Faint, &first, &margin, sentence.unwrap_or(&run.sentence), width));
        }
    }
    lines
}
