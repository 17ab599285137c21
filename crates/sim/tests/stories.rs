//! Every story in `tests/stories` comes out as it is written there. `UPDATE=1` writes anew what came out.

#![expect(clippy::unwrap_used, reason = "test code outside #[test] functions")]

use std::path::{Path, PathBuf};

use sim::story::{SEPARATOR, Story};

fn stories() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/stories");
    let files = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|ext| ext == "txt")).collect();
    files.sort();
    files
}

#[test]
fn every_story_comes_out_as_written() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for path in stories() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let script = text.split(SEPARATOR).next().unwrap().trim_end();
        let told = match Story::read(&text) {
            Ok(story) => story.tell(),
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        wrong.extend(told.wrong.iter().map(|what| format!("{name}: {what}")));
        let written = format!("{script}\n\n{SEPARATOR}\n{}", told.text);
        if update {
            std::fs::write(&path, written).unwrap();
        } else if written != text {
            let (line, (was, is)) = text
                .lines()
                .zip(written.lines())
                .enumerate()
                .find(|(_, (was, is))| was != is)
                .unwrap_or((0, ("", "one is longer")));
            wrong.push(format!("{name}:{}: comes out otherwise:\n  was {was}\n  is  {is}", line + 1));
        }
    }
    assert!(wrong.is_empty(), "{}\nIf that is right: UPDATE=1 cargo test -p sim", wrong.join("\n"));
}

#[test]
fn there_are_stories() {
    assert!(stories().len() >= 25, "{} stories", stories().len());
}
