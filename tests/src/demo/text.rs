//! Lines of toned text, as the command line `drover` has them.

pub(super) use drover::text::{Line, Tone, count, wrap};

/// `text` in lines of at most `width` columns, broken between words, each after `indent` spaces, the first one's with `mark`
/// in their place.
pub(super) fn hang(tone: Tone, mark: &str, text: &str, indent: usize, width: usize) -> Vec<Line> {
    let (first, rest) = (Line::of(tone, format!("{mark:<indent$}")), Line::of(tone, " ".repeat(indent)));
    drover::text::hang(tone, &first, &rest, text, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_takes_the_place_of_the_first_lines_spaces() {
        let lines: Vec<_> =
            hang(Tone::Plain, "  *", "one two three four five six seven", 4, 24).iter().map(Line::plain).collect();
        assert_eq!(lines, ["  * one two three four", "    five six seven"]);
    }
}
