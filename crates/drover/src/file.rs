//! Files that a user names.

use std::io::Read as _;
use std::path::Path;

/// A file's text; - is stdin.
pub(crate) fn read(file: &Path) -> std::io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file)
}
