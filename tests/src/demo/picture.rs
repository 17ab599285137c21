//! Pictures to keep: what the terminal shows at a moment, as SVG.
//!
//! Every run of text has the place and the width of its columns, so that a picture looks alike with every font.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::text::{Line, Tone};

/// The size of a character's cell, and of the frame around all of them, in pixels.
const CELL: (f64, f64) = (8.4, 18.0);
const MARGIN: f64 = 16.0;
/// The bar above, with the command that shows this.
const BAR: f64 = 28.0;

/// Where pictures are kept, if anywhere; the first of each name.
pub(super) struct Pictures {
    folder: Option<PathBuf>,
    kept: BTreeSet<&'static str>,
}

impl Pictures {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, kept: BTreeSet::new() }
    }

    /// Whether there is to be a picture of this name that is not there yet.
    pub(super) fn want(&self, name: &str) -> bool {
        self.folder.is_some() && !self.kept.contains(name)
    }

    /// Keeps a picture of what `command` shows.
    pub(super) fn keep(&mut self, name: &'static str, command: &str, lines: &[Line]) -> Result<()> {
        let Some(folder) = self.folder.as_ref().filter(|_| self.want(name)) else { return Ok(()) };
        let file = folder.join(format!("{name}.svg"));
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&file, svg(command, lines)))
            .with_context(|| format!("writing {}", file.display()))?;
        self.kept.insert(name);
        Ok(())
    }
}

/// A terminal that shows these lines.
fn svg(command: &str, lines: &[Line]) -> String {
    let columns = lines.iter().map(Line::width).max().unwrap_or(0).max(60);
    let width = columns as f64 * CELL.0 + 2.0 * MARGIN;
    let height = lines.len() as f64 * CELL.1 + 2.0 * MARGIN + BAR;
    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14">
<rect width="{width:.0}" height="{height:.0}" rx="8" fill="#0d1117"/>
<text x="{MARGIN}" y="22" fill="#8b949e">$ {}</text>"##,
        escaped(command)
    );
    for (row, line) in lines.iter().enumerate() {
        let y = MARGIN + BAR + (row as f64 + 0.75) * CELL.1;
        let mut column = 0;
        for (tone, text) in &line.0 {
            let count = text.chars().count();
            let blank = text.chars().take_while(|character| *character == ' ').count();
            let shown = text.trim();
            if !shown.is_empty() {
                let (x, length) = (MARGIN + (column + blank) as f64 * CELL.0, shown.chars().count() as f64 * CELL.0);
                let (fill, escaped) = (look(*tone), escaped(shown));
                let _ = match shade(shown) {
                    Some(shade) => writeln!(
                        svg,
                        r#"<rect x="{x:.1}" y="{:.1}" width="{length:.1}" height="12" {fill} opacity="{shade}"/>"#,
                        y - 11.0
                    ),
                    None => writeln!(
                        svg,
                        r#"<text x="{x:.1}" y="{y:.1}" textLength="{length:.1}" lengthAdjust="spacingAndGlyphs" {fill}>{escaped}</text>"#
                    ),
                };
            }
            column += count;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// How dark a run of one of the block characters is. Fonts draw these with gaps, where they have them at all.
fn shade(text: &str) -> Option<f64> {
    let first = text.chars().next()?;
    let blocks = [('█', 1.0), ('▓', 0.6), ('▒', 0.4), ('░', 0.25)];
    let (_, shade) = blocks.into_iter().find(|(block, _)| *block == first)?;
    text.chars().all(|character| character == first).then_some(shade)
}

const fn look(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => r##"fill="#c9d1d9""##,
        Tone::Strong => r##"fill="#f0f6fc" font-weight="bold""##,
        Tone::Faint => r##"fill="#8b949e""##,
        Tone::Good => r##"fill="#3fb950""##,
        Tone::Busy => r##"fill="#d29922""##,
        Tone::Call => r##"fill="#39c5cf" font-weight="bold""##,
        Tone::Bad => r##"fill="#f85149" font-weight="bold""##,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_drawn() {
        let svg = svg("drover status", &[Line::of(Tone::Good, "██").and(Tone::Faint, "░░ ░x")]);
        assert!(svg.contains(r#"<rect x="16.0" y="46.5" width="16.8" height="12" fill="#), "{svg}");
        assert!(svg.contains("░░ ░x"), "text that only begins so: {svg}");
    }

    #[test]
    fn text_stands_in_its_column_and_cannot_break_out() {
        let line = Line::of(Tone::Plain, "  a<b ").and(Tone::Bad, "x");
        let svg = svg("drover status", &[line]);
        assert!(svg.contains(r#"<text x="32.8" y="57.5" textLength="25.2""#), "{svg}");
        assert!(svg.contains("a&lt;b") && svg.contains(r#"<text x="66.4""#), "{svg}");
        assert!(svg.ends_with("</svg>\n"));
    }
}
