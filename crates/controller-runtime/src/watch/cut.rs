//! Cuts a body's chunks into lines where they lie; only a line that spans chunks is copied.

use bytes::Bytes;

/// What a partial line may keep allocated between uses, in bytes: most objects fit, one huge one does not stay.
const KEPT_CAPACITY: usize = 32 * 1024;

/// The beginning of a line whose end has not arrived.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    partial: Vec<u8>,
}

impl Cutter {
    /// Calls `line` for each line that ends in `chunk`, without its newline; empty lines are left out.
    pub(super) fn cut(&mut self, chunk: &Bytes, mut line: impl FnMut(&[u8])) {
        let mut rest: &[u8] = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (head, tail) = rest.split_at(end);
            rest = tail.get(1..).unwrap_or_default();
            if !self.partial.is_empty() {
                self.partial.extend_from_slice(head);
                line(&self.partial);
                self.forget();
            } else if !head.is_empty() {
                line(head);
            }
        }
        self.partial.extend_from_slice(rest);
    }

    /// Drops a partial line: it will not be completed.
    pub(super) fn forget(&mut self) {
        self.partial.clear();
        self.partial.shrink_to(KEPT_CAPACITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(cutter: &mut Cutter, chunk: &str) -> Vec<String> {
        let mut found = Vec::new();
        cutter.cut(&Bytes::copy_from_slice(chunk.as_bytes()), |line| {
            found.push(String::from_utf8(line.to_vec()).unwrap());
        });
        found
    }

    #[test]
    fn lines_are_found_wherever_chunks_end() {
        let text = "one\ntwo\n\nthree\nfour";
        for size in 1..=text.len() {
            let mut cutter = Cutter::default();
            let found: Vec<_> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|chunk| lines(&mut cutter, std::str::from_utf8(chunk).unwrap()))
                .collect();
            assert_eq!(found, ["one", "two", "three"], "chunks of {size}");
            assert_eq!(cutter.partial, b"four");
        }
    }

    #[test]
    fn a_huge_line_does_not_stay_allocated() {
        let mut cutter = Cutter::default();
        lines(&mut cutter, &"x".repeat(1 << 20));
        assert_eq!(lines(&mut cutter, "y\n").len(), 1);
        assert!(cutter.partial.capacity() <= KEPT_CAPACITY);
    }
}
