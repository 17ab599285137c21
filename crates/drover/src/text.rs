//! Lines of toned text, and laying them out.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

/// What a piece of text is about; a screen makes colours of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// A heading.
    Strong,
    /// An aside.
    Faint,
    /// As it should be.
    Good,
    /// Under way.
    Busy,
    /// Waits for somebody.
    Call,
    /// Broken.
    Bad,
}

/// A line of a screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(pub Vec<(Tone, String)>);

impl Tone {
    /// Of the 16 colours that every terminal has.
    pub const fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Busy => AnsiColor::Yellow.on_default(),
            Self::Call => AnsiColor::Cyan.on_default().bold(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
        }
    }
}

impl Line {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// A line of one tone.
    pub fn of(tone: Tone, text: impl Into<String>) -> Self {
        Self::new().and(tone, text)
    }

    /// Adds text.
    #[must_use]
    pub fn and(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.0.push((tone, text.into()));
        self
    }

    /// Adds all of another line.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Adds spaces up to this column.
    #[must_use]
    pub fn pad_to(self, column: usize) -> Self {
        let missing = column.saturating_sub(self.width());
        self.and(Tone::Plain, " ".repeat(missing))
    }

    /// Characters. Names of Kubernetes objects and everything that is drawn here are one column wide each.
    pub fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// The line without what would not fit into `width` columns.
    #[must_use]
    pub fn cut(&self, width: usize) -> Self {
        let mut left = width;
        let mut cut = Self::new();
        for (tone, text) in &self.0 {
            let part: String = text.chars().take(left).collect();
            left -= part.chars().count();
            cut.0.push((*tone, part));
        }
        cut
    }

    /// The text alone, without spaces at its end.
    pub fn plain(&self) -> String {
        let text: String = self.0.iter().map(|(_, text)| text.as_str()).collect();
        text.trim_end().to_owned()
    }

    /// The text with the escape sequences of its tones.
    pub fn styled(&self) -> String {
        self.0.iter().fold(String::new(), |mut all, (tone, text)| {
            let style = tone.style();
            let _ = if text.trim().is_empty() && *tone != Tone::Strong || *tone == Tone::Plain {
                write!(all, "{text}")
            } else {
                write!(all, "{style}{text}{style:#}")
            };
            all
        })
    }
}

/// `text` in lines of at most `width` columns, broken between words, after `first` on the first line and `rest` on others.
pub fn hang(tone: Tone, first: &Line, rest: &Line, text: &str, width: usize) -> Vec<Line> {
    let room = width.saturating_sub(first.width().max(rest.width())).max(20);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    let margin = |at: usize| if at == 0 { first.clone() } else { rest.clone() };
    lines.into_iter().enumerate().map(|(at, line)| margin(at).and(tone, line)).collect()
}

/// `text` in lines of at most `width` columns, each after `indent` spaces.
pub fn wrap(tone: Tone, text: &str, indent: usize, width: usize) -> Vec<Line> {
    let margin = Line::of(Tone::Plain, " ".repeat(indent));
    hang(tone, &margin, &margin, text, width)
}

/// `name` in at most `width` columns, its middle left out when it is longer: both ends tell names apart.
pub fn fit(name: &str, width: usize) -> String {
    let count = name.chars().count();
    if count <= width {
        return name.to_owned();
    }
    let head = width.saturating_sub(1) / 2;
    let tail = width.saturating_sub(1) - head;
    name.chars().take(head).chain(std::iter::once('…')).chain(name.chars().skip(count - tail)).collect()
}

/// `1 node`, `2 nodes`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_breaks_between_words_and_hangs() {
        let lines = wrap(Tone::Plain, "one two three four five six seven", 2, 22);
        let texts: Vec<_> = lines.iter().map(Line::plain).collect();
        assert_eq!(texts, ["  one two three four", "  five six seven"]);
        let (first, rest) = (Line::of(Tone::Good, "* "), Line::of(Tone::Plain, "  "));
        let texts: Vec<_> =
            hang(Tone::Plain, &first, &rest, "one two three four five", 22).iter().map(Line::plain).collect();
        assert_eq!(texts, ["* one two three four", "  five"]);
    }

    #[test]
    fn cutting_counts_characters_over_all_tones() {
        let line = Line::of(Tone::Good, "██").and(Tone::Bad, "abc");
        assert_eq!(line.cut(3), Line::of(Tone::Good, "██").and(Tone::Bad, "a"));
        assert_eq!(line.pad_to(7).width(), 7);
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(fit("pool-1", 6), "pool-1");
        assert_eq!(fit("warehouse-north-17", 9), "ware…h-17");
    }

    #[test]
    fn only_what_has_a_tone_is_styled() {
        let line = Line::of(Tone::Plain, "a").and(Tone::Good, "b").and(Tone::Good, "  ");
        assert_eq!(line.styled(), "a\u{1b}[32mb\u{1b}[0m  ");
    }
}
