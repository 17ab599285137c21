//! A child process does as it is told, and is gone when its owner is.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use xtask::process::{Process, Spec};
use xtask::supervisor::Exit;

const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::test]
async fn its_output_and_end_are_known() -> Result<()> {
    let process = shell("echo to stdout; echo $GREETING >&2; exit 3").env("GREETING", "to stderr").start().await?;
    assert_eq!(process.wait().await, Exit::Code(3));
    assert_eq!(process.output(), "to stdout\nto stderr\n");
    let error = process.await_line("something else", PATIENCE).await.expect_err("it never said that");
    assert!(error.to_string().contains("exit code 3"), "{error}");
    assert!(error.to_string().contains("to stderr"), "{error}");
    Ok(())
}

#[tokio::test]
async fn it_is_paused_resumed_and_ended() -> Result<()> {
    let process = shell("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done").start().await?;
    process.await_line("ready", PATIENCE).await?;
    process.pause()?;
    await_state(&process, 'T').await?;
    process.resume()?;
    await_state(&process, 'S').await?;
    assert_eq!(process.terminate(PATIENCE).await?, Exit::Code(0));

    let stubborn = shell("trap '' TERM; echo ready; while :; do sleep 0.05; done").start().await?;
    stubborn.await_line("ready", PATIENCE).await?;
    stubborn.terminate(Duration::from_millis(100)).await.expect_err("it ignores SIGTERM");
    assert_eq!(stubborn.exit(), Some(Exit::Signal(Signal::SIGKILL as i32)));
    Ok(())
}

#[tokio::test]
async fn a_dropped_one_is_gone() -> Result<()> {
    let process = shell("echo ready; exec sleep 1000").start().await?;
    process.await_line("ready", PATIENCE).await?;
    let status = format!("/proc/{}/stat", process.pid());
    assert!(fs::exists(&status)?);
    drop(process);
    assert!(!fs::exists(&status)?);
    Ok(())
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error() {
    let error = Spec::new("/nowhere/program").start().await.err().map(|error| format!("{error:#}"));
    assert!(error.is_some_and(|error| error.contains("there is no program /nowhere/program")));
}

fn shell(script: &str) -> Spec {
    Spec::new("/bin/sh").arg("-c").arg(script)
}

/// Waits until the kernel's one-letter state of the process is `state`.
async fn await_state(process: &Process, state: char) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid()))?;
        let (_, rest) = stat.rsplit_once(") ").context("a stat without a state")?;
        if rest.starts_with(state) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "not in state {state}: {rest}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
