//! The rules of the workspace: which crate may know which, versions, licences, manifests. From cargo metadata, so that they
//! hold for what is really built.

mod graph;
mod layers;
mod licences;
mod manifests;
mod versions;

use anyhow::{Context as _, Result};
use cargo_metadata::MetadataCommand;

use self::graph::Graph;
use crate::paths;

/// Every broken rule, one sentence each; none: all is well.
pub fn violations() -> Result<Vec<String>> {
    let manifest = paths::workspace().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(&manifest).exec().context("asking cargo for metadata")?;
    let graph = Graph::of(&metadata)?;
    let mut found = layers::violations(&graph);
    found.extend(versions::violations(&metadata));
    found.extend(licences::violations(&metadata));
    found.extend(manifests::violations(&metadata)?);
    Ok(found)
}
