//! Lines of toned text, and laying them out.

/// What a piece of text is about; the screen makes colours of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
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
    /// Broken.
    Bad,
}

/// A line of a screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line(pub(super) Vec<(Tone, String)>);

impl Line {
    /// An empty line.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A line of one tone.
    pub(super) fn of(tone: Tone, text: impl Into<String>) -> Self {
        Self::new().and(tone, text)
    }

    /// Adds text.
    #[must_use]
    pub(super) fn and(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.0.push((tone, text.into()));
        self
    }

    /// Adds spaces up to this column.
    #[must_use]
    pub(super) fn pad_to(self, column: usize) -> Self {
        let missing = column.saturating_sub(self.width());
        self.and(Tone::Plain, " ".repeat(missing))
    }

    /// Characters; all that are used here are one column wide.
    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// The line without what would not fit into `width` columns.
    pub(super) fn cut(&self, width: usize) -> Self {
        let mut left = width;
        let mut cut = Self::new();
        for (tone, text) in &self.0 {
            let part: String = text.chars().take(left).collect();
            left -= part.chars().count();
            cut.0.push((*tone, part));
        }
        cut
    }
}

/// `text` in lines of at most `width` columns, broken between words, each after `indent` spaces.
pub(super) fn wrap(tone: Tone, text: &str, indent: usize, width: usize) -> Vec<Line> {
    hang(tone, "", text, indent, width)
}

/// The same, with `mark` in place of the first line's spaces.
pub(super) fn hang(tone: Tone, mark: &str, text: &str, indent: usize, width: usize) -> Vec<Line> {
    let room = width.saturating_sub(indent).max(20);
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
    let margin = |at: usize| if at == 0 { mark } else { "" };
    let line = |(at, line)| Line::of(tone, format!("{:<indent$}{line}", margin(at)));
    lines.into_iter().enumerate().map(line).collect()
}

/// `1 node`, `2 nodes`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_breaks_between_words() {
        let lines = wrap(Tone::Plain, "one two three four five six seven", 2, 22);
        let texts: Vec<_> = lines.iter().map(|line| line.0[0].1.as_str()).collect();
        assert_eq!(texts, ["  one two three four", "  five six seven"]);
        assert!(lines.iter().all(|line| line.width() <= 22));
        let marked = hang(Tone::Plain, "  *", "one two three four five six seven", 4, 24);
        assert_eq!(marked[0].0[0].1, "  * one two three four");
    }

    #[test]
    fn cutting_counts_characters_over_all_tones() {
        let line = Line::of(Tone::Good, "██").and(Tone::Bad, "abc");
        assert_eq!(line.cut(3), Line::of(Tone::Good, "██").and(Tone::Bad, "a"));
        assert_eq!(line.pad_to(7).width(), 7);
    }
}
