//! Who depends on whom.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, Metadata, PackageId};

/// The packages of the workspace and everything below them, by name. Dev-dependencies do not count: tests may know more than
/// the crate under test.
pub(super) struct Graph {
    members: BTreeSet<String>,
    below: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    pub(super) fn of(metadata: &Metadata) -> Result<Self> {
        let names: BTreeMap<&PackageId, String> =
            metadata.packages.iter().map(|package| (&package.id, package.name.to_string())).collect();
        let resolve = metadata.resolve.as_ref().context("cargo metadata without a dependency graph")?;
        let mut below: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in &resolve.nodes {
            let linked = node.deps.iter().filter(|dep| {
                dep.dep_kinds.iter().any(|kind| matches!(kind.kind, DependencyKind::Normal | DependencyKind::Build))
            });
            let name = names.get(&node.id).context("a dependency without a package")?;
            below.entry(name.clone()).or_default().extend(linked.filter_map(|dep| names.get(&dep.pkg)).cloned());
        }
        let members = metadata.workspace_members.iter().filter_map(|id| names.get(id)).cloned().collect();
        Ok(Self { members, below })
    }

    /// A graph from edges, its members those named on the left.
    #[cfg(test)]
    pub(super) fn made_of(edges: &[(&str, &[&str])]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            members: edges.iter().map(|(name, _)| (*name).to_owned()).collect(),
            below: edges.iter().map(|(name, below)| ((*name).to_owned(), owned(below))).collect(),
        }
    }

    pub(super) fn members(&self) -> &BTreeSet<String> {
        &self.members
    }

    /// The members that `name` depends on itself.
    pub(super) fn direct_members(&self, name: &str) -> impl Iterator<Item = &String> {
        self.below.get(name).into_iter().flatten().filter(|below| self.members.contains(*below))
    }

    /// The shortest way from `name` down to `target`, both included.
    pub(super) fn path(&self, name: &str, target: &str) -> Option<Vec<String>> {
        let mut paths = vec![vec![name.to_owned()]];
        let mut seen = BTreeSet::from([name.to_owned()]);
        while !paths.is_empty() {
            let mut longer = Vec::new();
            for path in paths {
                let last = path.last()?.clone();
                if last == target {
                    return Some(path);
                }
                for next in self.below.get(&last).into_iter().flatten() {
                    if seen.insert(next.clone()) {
                        longer.push(path.iter().chain([next]).cloned().collect());
                    }
                }
            }
            paths = longer;
        }
        None
    }
}
