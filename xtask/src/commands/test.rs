//! `cargo xtask test` and `cargo xtask soak`.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use cargo_metadata::Message;

use super::check::{self, cargo};
use super::timing::Timings;
use crate::paths;

/// Marks a test, by its path, as a campaign for `cargo xtask soak`; and tells a running test that it may take its time.
const SOAK: &str = "soak";
const SOAK_VARIABLE: &str = "DROVER_SOAK";

/// Tells such a test how many seeds to play.
const SEEDS_VARIABLE: &str = "DROVER_SEEDS";

/// The package of the suites on real clusters, as their names begin.
const REAL_CLUSTER: &str = "tests:";

/// Scenarios of such a suite that run at once: they mostly wait, so more than there are cores.
const WAITING_TESTS: &str = "14";

/// A test program.
struct Suite {
    /// Package and target.
    name: String,
    executable: PathBuf,
    /// Where cargo would run it.
    dir: PathBuf,
}

/// All checks and tests. With a filter only the tests whose path contains it, and no checks.
pub(super) fn test(filter: Option<&str>) -> Result<()> {
    let mut timings = Timings::default();
    let outcome = test_parts(filter, &mut timings);
    timings.print();
    outcome
}

/// The campaigns: tests with `soak` and `name` in their path, those that are otherwise ignored too.
pub(super) fn soak(name: Option<&str>, seeds: Option<u64>) -> Result<()> {
    let mut timings = Timings::default();
    let outcome = soak_parts(name.unwrap_or_default(), seeds, &mut timings);
    timings.print();
    outcome
}

fn test_parts(filter: Option<&str>, timings: &mut Timings) -> Result<()> {
    let checked = match filter {
        None => check::run(timings),
        Some(_) => Ok(()),
    };
    let suites = build(timings)?;
    let mut failed = Vec::new();
    for suite in suites {
        let args: Vec<&str> = filter.into_iter().collect();
        if filter.is_some() && suite.list(&args)?.is_empty() {
            continue;
        }
        if timings.part(&suite.name, || suite.run(&args, &[])).is_err() {
            failed.push(suite.name);
        }
    }
    let documented = match filter {
        None => timings.part("examples in the documentation", || cargo(&["test", "--quiet", "--workspace", "--doc"])),
        Some(_) => Ok(()),
    };
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    checked.and(documented)
}

fn soak_parts(name: &str, seeds: Option<u64>, timings: &mut Timings) -> Result<()> {
    let seeds = seeds.map(|seeds| seeds.to_string());
    let mut env = vec![(SOAK_VARIABLE, "1")];
    env.extend(seeds.as_deref().map(|seeds| (SEEDS_VARIABLE, seeds)));
    let mut failed = Vec::new();
    let mut found = false;
    for suite in build(timings)? {
        let tests = suite.list(&[SOAK, "--include-ignored"])?;
        for test in tests.iter().filter(|test| test.contains(name)) {
            found = true;
            let args = ["--exact", test, "--include-ignored", "--nocapture"];
            let part = format!("{}: {test}", suite.name);
            if timings.part(&part, || suite.run(&args, &env)).is_err() {
                failed.push(part);
            }
        }
    }
    ensure!(found, "there is no campaign with {name:?} in its path");
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// Builds every program and test, and returns the tests: those of the crates first, then the suites on a real cluster.
fn build(timings: &mut Timings) -> Result<Vec<Suite>> {
    timings.part("build: services with seeded bugs", build_seeded)?;
    timings.part("build: services", || cargo(&["build", "--quiet", "--workspace", "--bins"]))?;
    let mut suites = timings.part("build: tests", compile_tests)?;
    suites.sort_by_key(|suite| (suite.name.starts_with(REAL_CLUSTER), suite.name.clone()));
    Ok(suites)
}

/// The services once more, each with its feature `seeded-bugs`, as `NAME-seeded`: what the audit-log checker must catch.
fn build_seeded() -> Result<()> {
    cargo(&["build", "--quiet", "--workspace", "--bins", "--features", "daemon-updater/seeded-bugs"])?;
    let built = xtask_binary()?.with_file_name("daemon-updater");
    let kept = built.with_file_name("daemon-updater-seeded");
    // Renamed into place: an earlier one may be running.
    let fresh = kept.with_extension("new");
    std::fs::copy(&built, &fresh).with_context(|| format!("copying {}", built.display()))?;
    std::fs::rename(&fresh, &kept).with_context(|| format!("renaming {}", fresh.display()))
}

fn compile_tests() -> Result<Vec<Suite>> {
    let args = ["test", "--workspace", "--no-run", "--quiet", "--message-format=json-render-diagnostics"];
    let mut cargo = Command::new(env!("CARGO"))
        .args(args)
        .current_dir(paths::workspace())
        .stdout(Stdio::piped())
        .spawn()
        .context("running cargo test --no-run")?;
    let output = cargo.stdout.take().context("cargo has no stdout")?;
    let mut suites = BTreeMap::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        let Message::CompilerArtifact(artifact) = message.context("reading what cargo built")? else { continue };
        let (true, Some(executable)) = (artifact.profile.test, artifact.executable) else { continue };
        let dir = artifact.manifest_path.parent().context("a manifest without a directory")?;
        let package = dir.file_name().unwrap_or_default();
        let name = format!("{package}: {} {}", kind(&artifact.target), artifact.target.name);
        suites.insert(executable.clone(), Suite { name, executable: executable.into(), dir: dir.into() });
    }
    ensure!(cargo.wait()?.success(), "cargo {} failed", args.join(" "));
    Ok(suites.into_values().collect())
}

fn kind(target: &cargo_metadata::Target) -> &'static str {
    if target.is_test() {
        "suite"
    } else if target.is_bin() {
        "program"
    } else {
        "library"
    }
}

impl Suite {
    fn command(&self) -> Result<Command> {
        let mut command = Command::new(&self.executable);
        command.current_dir(&self.dir).env("CARGO_MANIFEST_DIR", &self.dir);
        command.env("DROVER_XTASK", xtask_binary()?);
        // An error's chain says what went wrong; a backtrace through the runtime buries it.
        command.env("RUST_LIB_BACKTRACE", "0");
        if self.name.starts_with(REAL_CLUSTER) {
            command.env("RUST_TEST_THREADS", WAITING_TESTS);
        }
        Ok(command)
    }

    fn run(&self, args: &[&str], env: &[(&str, &str)]) -> Result<()> {
        let status = self.command()?.args(args).envs(env.iter().copied()).status();
        let status = status.with_context(|| format!("running {}", self.executable.display()))?;
        ensure!(status.success(), "{} failed", self.name);
        Ok(())
    }

    /// The tests that these arguments choose.
    fn list(&self, args: &[&str]) -> Result<Vec<String>> {
        let output = self.command()?.args(args).args(["--list", "--format=terse"]).output();
        let output = output.with_context(|| format!("running {}", self.executable.display()))?;
        if !output.status.success() {
            bail!("{} does not list its tests: {}", self.name, String::from_utf8_lossy(&output.stderr));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
    }
}

/// The binary that was just built, not this process's own, which may be older.
fn xtask_binary() -> Result<PathBuf> {
    let this = std::env::current_exe().context("finding this program")?;
    Ok(this.with_file_name("xtask"))
}
