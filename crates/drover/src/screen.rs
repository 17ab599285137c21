//! The terminal: a picture that is drawn again in place, and only where it changed.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Stdout, Write as _, stdout};

use anstream::ColorChoice;

use crate::text::Line;

/// Without a terminal, as wide as a page.
const WIDTH: usize = 100;
/// A narrower terminal shows cut lines; a wider one is used as far as the eye follows.
const WIDTHS: (usize, usize) = (66, 120);

/// Where everything is shown.
pub struct Screen {
    out: Stdout,
    live: bool,
    colours: bool,
    /// What is drawn, and for which size of the terminal.
    drawn: Vec<String>,
    size: Option<(usize, usize)>,
}

impl Screen {
    /// Stdout.
    pub fn new() -> Self {
        let out = stdout();
        let smart = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        let live = smart && out.is_terminal();
        // NO_COLOR, CLICOLOR and the like.
        let colours = anstream::AutoStream::choice(&out) != ColorChoice::Never;
        Self { out, live, colours, drawn: Vec::new(), size: None }
    }

    /// Whether pictures can be drawn in place.
    pub const fn is_live(&self) -> bool {
        self.live
    }

    /// Columns there are.
    pub fn width(&self) -> usize {
        // A full last column would wrap on some terminals.
        self.measure().map_or(WIDTH, |(columns, _)| columns.saturating_sub(1).clamp(WIDTHS.0, WIDTHS.1))
    }

    /// Rows there are, on a terminal.
    pub fn rows(&self) -> Option<usize> {
        self.measure().map(|(_, rows)| rows)
    }

    /// Shows lines for good.
    pub fn say(&mut self, lines: &[Line]) {
        let text = lines.iter().fold(String::new(), |mut all, line| {
            let _ = writeln!(all, "{}", self.text(line));
            all
        });
        self.write(&text);
    }

    /// Replaces the picture that was drawn last, where it differs.
    pub fn draw(&mut self, picture: &[Line]) {
        let size = self.measure();
        let (columns, rows) = size.unwrap_or((WIDTH, usize::MAX));
        let shown =
            picture.iter().take(rows.saturating_sub(1)).map(|line| self.text(&line.cut(columns.saturating_sub(1))));
        let shown: Vec<String> = shown.collect();
        let text = if size == self.size { changes(&self.drawn, &shown) } else { anew(&self.drawn, &shown) };
        self.write(&text);
        (self.drawn, self.size) = (shown, size);
    }

    fn text(&self, line: &Line) -> String {
        if self.colours { line.styled().trim_end().to_owned() } else { line.plain() }
    }

    /// Columns and rows of the terminal.
    fn measure(&self) -> Option<(usize, usize)> {
        let size = rustix::termios::tcgetwinsize(&self.out).ok()?;
        (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col.into(), size.ws_row.into()))
    }

    /// Whoever closed stdout does not want to see it.
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}

/// What to write below `drawn` so that `shown` stands in its place: changed lines alone.
fn changes(drawn: &[String], shown: &[String]) -> String {
    let mut text = up(drawn.len());
    for (at, line) in shown.iter().enumerate() {
        let _ = if drawn.get(at) == Some(line) { writeln!(text) } else { writeln!(text, "\x1b[2K{line}") };
    }
    if shown.len() < drawn.len() {
        text.push_str("\x1b[J");
    }
    text
}

/// The same after the terminal's size changed: nothing that was drawn is where it was.
fn anew(drawn: &[String], shown: &[String]) -> String {
    let mut text = up(drawn.len());
    text.push_str("\x1b[J");
    for line in shown {
        let _ = writeln!(text, "{line}");
    }
    text
}

/// To the beginning of so many lines above.
fn up(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\x1b[{lines}A\r") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn only_what_changed_is_drawn_again() {
        assert_eq!(changes(&[], &lines("a b")), "\x1b[2Ka\n\x1b[2Kb\n");
        assert_eq!(changes(&lines("a b c"), &lines("a x c")), "\x1b[3A\r\n\x1b[2Kx\n\n");
        assert_eq!(changes(&lines("a b c"), &lines("a")), "\x1b[3A\r\n\x1b[J");
        assert_eq!(anew(&lines("a b"), &lines("a")), "\x1b[2A\r\x1b[Ja\n");
    }
}
