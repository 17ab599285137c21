//! What is read of a log that is still being written.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A log, as far as it was read: what its lines say.
#[derive(Debug)]
pub(super) struct Tail<T> {
    path: PathBuf,
    offset: u64,
    found: Vec<T>,
}

impl<T> Tail<T> {
    /// Of the log at `path`, which may not exist yet.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), offset: 0, found: Vec::new() }
    }

    /// What all lines until now say, in their order; `parse` may pass one over.
    pub(super) fn read(&mut self, parse: impl Fn(&str) -> Result<Option<T>>) -> Result<&[T]> {
        if self.path.exists() {
            let mut file = File::open(&self.path).with_context(|| format!("opening {}", self.path.display()))?;
            file.seek(SeekFrom::Start(self.offset))?;
            let mut lines = BufReader::new(file);
            let mut line = String::new();
            // A line without its end is being written: it is for the next time.
            while lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
                self.offset += u64::try_from(line.len())?;
                self.found.extend(parse(&line).with_context(|| format!("in {line}"))?);
                line.clear();
            }
        }
        Ok(&self.found)
    }
}
