//! What every crate's Cargo.toml takes from the workspace's.

use std::fs;

use anyhow::{Context as _, Result};
use cargo_metadata::Metadata;
use toml::{Table, Value};

const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn violations(metadata: &Metadata) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        let text =
            fs::read_to_string(&package.manifest_path).with_context(|| format!("reading {}", package.manifest_path))?;
        let manifest: Table = text.parse().with_context(|| format!("reading {}", package.manifest_path))?;
        found.extend(judge(&manifest).into_iter().map(|sentence| format!("{}: {sentence}", package.manifest_path)));
    }
    Ok(found)
}

fn judge(manifest: &Table) -> Vec<String> {
    let mut found = Vec::new();
    if !inherited(manifest.get("lints")) {
        found.push("does not take the workspace's lints".to_owned());
    }
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let tables = targets.filter_map(|(_, target)| target.as_table()).chain([manifest]);
    for table in tables {
        for dependencies in KINDS.iter().filter_map(|kind| table.get(*kind)?.as_table()) {
            for (name, _) in dependencies.iter().filter(|(_, dependency)| !inherited(Some(dependency))) {
                found.push(format!("does not take {name} from the workspace's dependencies"));
            }
        }
    }
    found
}

/// `workspace = true` is in it.
fn inherited(item: Option<&Value>) -> bool {
    item.and_then(|item| item.get("workspace")).and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_takes_lints_and_dependencies_from_the_workspace() {
        let good: Table =
            "lints.workspace = true\n[dependencies]\na.workspace = true\nb = { workspace = true, features = ['x'] }"
                .parse()
                .unwrap();
        assert_eq!(judge(&good), Vec::<String>::new());
        let bad: Table =
            "[dependencies]\na = '1'\n[target.'cfg(unix)'.dev-dependencies]\nb.path = '../b'".parse().unwrap();
        assert_eq!(judge(&bad).len(), 3, "{:?}", judge(&bad));
    }
}
