//! The committed code is what the `.proto` files say. `UPDATE=1` rewrites it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use prost_types::FileDescriptorSet;
use protox::prost::Message;

const DESCRIPTORS: &str = "descriptors.bin";

#[test]
fn committed_code_is_generated_from_the_proto_files() -> Result<()> {
    let fresh = generate()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/generated");
    if std::env::var_os("UPDATE").is_some() {
        fs::remove_dir_all(&folder)?;
        fs::create_dir_all(&folder)?;
        for (name, content) in &fresh {
            fs::write(folder.join(name), content)?;
        }
        return Ok(());
    }
    let committed = read_folder(&folder)?;
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    ensure!(names(&fresh) == names(&committed), "files differ: `UPDATE=1 cargo test -p proto` rewrites them");
    for (name, content) in &fresh {
        ensure!(
            committed.get(name) == Some(content),
            "{name} is out of date: `UPDATE=1 cargo test -p proto` rewrites it"
        );
    }
    Ok(())
}

#[test]
fn every_message_field_and_method_has_a_comment() -> Result<()> {
    for file in descriptors()?.file {
        if !file.package().starts_with("drover.") {
            continue;
        }
        let info = file.source_code_info.as_ref().context("no comments")?;
        for location in &info.location {
            // Paths of the kinds that `grpcurl describe` shows: 4 message, 4.2 field, 5 enum,
            // 5.2 value, 6 service, 6.2 method.
            let shown = matches!(location.path.as_slice(), [4..=6, _] | [4..=6, _, 2, _]);
            ensure!(
                !shown || location.leading_comments.is_some(),
                "{}: no comment at line {}",
                file.name(),
                location.span.first().unwrap_or(&0) + 1
            );
        }
    }
    Ok(())
}

/// Everything that belongs into `src/generated`, by file name.
fn generate() -> Result<BTreeMap<String, Vec<u8>>> {
    let descriptors = descriptors()?;
    let out = tempfile::tempdir()?;
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .build_transport(true)
        .btree_map(".drover")
        .out_dir(out.path())
        .compile_fds(descriptors.clone())?;
    let mut files = read_folder(out.path())?;
    files.retain(|name, _| name.starts_with("drover."));
    files.insert(DESCRIPTORS.to_owned(), descriptors.encode_to_vec());
    Ok(files)
}

/// The descriptors of all `.proto` files of the repository, comments included.
fn descriptors() -> Result<FileDescriptorSet> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let mut sources = Vec::new();
    collect(&root, &mut sources)?;
    sources.sort();
    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(sources)?;
    Ok(compiler.file_descriptor_set())
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path.extension() == Some(OsStr::new("proto")) {
            into.push(path);
        }
    }
    Ok(())
}

fn read_folder(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.insert(name, fs::read(entry.path())?);
    }
    Ok(files)
}
