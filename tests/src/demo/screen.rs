//! The terminal: lines that stay, and a picture below them that is drawn again and again in place.
//!
//! Without a terminal there are only lines that stay, and no colours.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Stdout, Write as _, stdout};

use super::text::{Line, Tone, hang};

/// Without a terminal, as wide as a page; with a wider one, as wide as the eye follows.
const WIDTH: usize = 100;
/// A narrower terminal shows cut lines.
const MIN_WIDTH: usize = 40;

/// Where everything is shown.
pub(super) struct Screen {
    out: Stdout,
    live: bool,
    colours: bool,
    /// How many lines the picture has.
    drawn: usize,
}

impl Screen {
    /// Stdout. `plain`: as if it were no terminal.
    pub(super) fn new(plain: bool) -> Self {
        let out = stdout();
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let smart = set("TERM").is_some_and(|terminal| terminal != "dumb");
        let live = !plain && smart && out.is_terminal();
        // https://no-color.org: set and not empty means none.
        let colours = live && set("NO_COLOR").is_none();
        Self { out, live, colours, drawn: 0 }
    }

    /// Whether pictures are shown.
    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    /// Columns there are.
    pub(super) fn width(&self) -> usize {
        match self.size() {
            // A full last column would wrap on some terminals.
            Some((columns, _)) => columns.saturating_sub(1).clamp(MIN_WIDTH, WIDTH),
            None => WIDTH,
        }
    }

    /// Shows a line for good, above the picture.
    pub(super) fn say(&mut self, line: &Line) {
        let text = format!("{}{}\n", self.erase(), self.text(line));
        self.write(&text);
    }

    /// Shows lines for good.
    pub(super) fn say_all(&mut self, lines: impl IntoIterator<Item = Line>) {
        lines.into_iter().for_each(|line| self.say(&line));
    }

    /// Says what is being prepared.
    pub(super) fn step(&mut self, step: &str) {
        self.say_all(hang(Tone::Faint, "  …", step, 4, self.width()));
    }

    /// Replaces the picture. One that does not fit into the terminal, or has none, is not shown.
    pub(super) fn draw(&mut self, picture: &[Line]) {
        let Some((columns, rows)) = self.size() else { return };
        if !self.live {
            return;
        }
        let mut text = self.erase();
        let shown = &picture[..picture.len().min(rows.saturating_sub(1))];
        for line in shown {
            let _ = writeln!(text, "{}", self.text(&line.cut(columns.saturating_sub(1))));
        }
        self.drawn = shown.len();
        self.write(&text);
    }

    /// What to write to be where the picture began, with nothing below.
    fn erase(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\r\x1b[J"),
        }
    }

    fn text(&self, line: &Line) -> String {
        if self.colours { line.styled().trim_end().to_owned() } else { line.plain() }
    }

    /// Columns and rows of the terminal.
    fn size(&self) -> Option<(usize, usize)> {
        let size = rustix::termios::tcgetwinsize(&self.out).ok()?;
        (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col.into(), size.ws_row.into()))
    }

    /// Whoever closed stdout does not want to see it; the exit code still tells.
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}
