//! A service under test, as a child process with its output in a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;

use crate::supervisor::{Exit, Program, Supervised, Supervisor};
use crate::{http, paths};

const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How to start a process.
#[derive(Clone, Debug)]
pub struct Spec {
    program: Program,
}

/// A running process. It is killed when this is dropped, and when this program ends in whatever way.
pub struct Process {
    name: String,
    log: PathBuf,
    supervised: Supervised,
}

impl Spec {
    /// The program at `path`; its output goes to a file that lasts as long as this program.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { program: Program::new(path, "") }
    }

    /// The binary `name` of the workspace, built like the xtask binary: `target/debug/name`.
    pub fn service(name: &str) -> Result<Self> {
        let xtask = crate::supervisor::binary()?.canonicalize().context("finding the xtask binary")?;
        let path = xtask.with_file_name(name);
        if !path.is_file() {
            bail!("there is no {}: run `cargo build -p {name}`", path.display());
        }
        Ok(Self::new(path))
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<std::ffi::OsStr>) -> Self {
        self.program = self.program.arg(arg);
        self
    }

    /// Adds `--name=value`.
    #[must_use]
    pub fn flag(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.program = self.program.flag(name, value);
        self
    }

    /// Adds or replaces a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.program = self.program.env(name, value);
        self
    }

    /// Sends the output, stdout and stderr, to this file; it stays.
    #[must_use]
    pub fn log(mut self, path: impl AsRef<Path>) -> Self {
        path.as_ref().clone_into(&mut self.program.log);
        self
    }

    /// What to start, for [`crate::named::NamedCluster::add`]. Its log must have been chosen.
    pub fn program(self) -> Program {
        self.program
    }

    /// Starts it.
    pub async fn start(mut self) -> Result<Process> {
        let name = self.program.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let supervisor = Supervisor::shared()?;
        if self.program.log.as_os_str().is_empty() {
            self.program.log = temporary_log(&supervisor, &name)?;
        }
        let log = self.program.log.clone();
        let supervised = supervisor.start(self.program).await.with_context(|| format!("starting {name}"))?;
        Ok(Process { name, log, supervised })
    }
}

impl Process {
    /// The process id.
    pub fn pid(&self) -> i32 {
        self.supervised.pid()
    }

    /// The file with its output.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its output until now.
    pub fn output(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// SIGSTOP: it stands still, with its connections open.
    pub fn pause(&self) -> Result<()> {
        self.supervised.signal(Signal::SIGSTOP)
    }

    /// SIGCONT.
    pub fn resume(&self) -> Result<()> {
        self.supervised.signal(Signal::SIGCONT)
    }

    /// SIGKILL; back when it is gone.
    pub async fn kill9(&self) -> Result<Exit> {
        self.supervised.signal(Signal::SIGKILL)?;
        Ok(self.supervised.wait().await)
    }

    /// SIGTERM; back when it is gone. An error, and SIGKILL, when that takes longer than `patience`.
    pub async fn terminate(&self, patience: Duration) -> Result<Exit> {
        self.supervised.signal(Signal::SIGTERM)?;
        if let Ok(exit) = tokio::time::timeout(patience, self.supervised.wait()).await {
            return Ok(exit);
        }
        self.kill9().await?;
        bail!("{} did not end within {patience:?} of SIGTERM", self.name)
    }

    /// How it ended, when it has.
    pub fn exit(&self) -> Option<Exit> {
        self.supervised.exit()
    }

    /// Waits for it to end by itself.
    pub async fn wait(&self) -> Exit {
        self.supervised.wait().await
    }

    /// Waits for a line of its output that contains `text`, and returns the first such line.
    pub async fn await_line(&self, text: &str, patience: Duration) -> Result<String> {
        let found = async || self.output().lines().find(|line| line.contains(text)).map(str::to_owned);
        self.until(&format!("line with {text:?}"), patience, found).await
    }

    /// Waits until `GET path` at `address` (host and port) answers 200, and returns the body.
    pub async fn await_http(&self, address: &str, path: &str, patience: Duration) -> Result<String> {
        let found =
            async || http::get(address, path).await.ok().filter(|answer| answer.status == 200).map(|it| it.body);
        self.until(&format!("200 from {address}{path}"), patience, found).await
    }

    async fn until<T>(&self, what: &str, patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + patience;
        loop {
            // Asked before looking: what a process wrote before it ended counts.
            let ended = self.exit();
            if let Some(found) = look().await {
                return Ok(found);
            }
            if let Some(exit) = ended {
                bail!("{} ended with {exit} before its {what}; last lines:\n{}", self.name, self.tail());
            }
            if Instant::now() > deadline {
                bail!("{} gave no {what} within {patience:?}; last lines:\n{}", self.name, self.tail());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn tail(&self) -> String {
        let output = self.output();
        let lines: Vec<&str> = output.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.supervised.kill_blocking();
    }
}

/// A new file for the output of `name`; it ends with this program, unless logs are to be kept.
fn temporary_log(supervisor: &Supervisor, name: &str) -> Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let Some(dir) = std::env::var_os("DROVER_KEEP_LOGS") else {
        return Ok(supervisor.scratch()?.join(format!("{name}-{count}.log")));
    };
    paths::create(Path::new(&dir))?;
    Ok(Path::new(&dir).join(format!("{name}-{}-{count}.log", std::process::id())))
}
