//! What owner and supervisor say to each other: one JSON object a line.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A program to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Added to the owner's environment.
    pub env: Vec<(String, String)>,
    /// Where stdout and stderr go, appended.
    pub log: PathBuf,
}

impl Program {
    /// `path` without arguments, its output going to `log`.
    pub fn new(path: impl AsRef<Path>, log: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), args: Vec::new(), env: Vec::new(), log: log.as_ref().to_owned() }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_string_lossy().into_owned());
        self
    }

    /// Adds `--name=value`.
    #[must_use]
    pub fn flag(self, name: &str, value: impl fmt::Display) -> Self {
        self.arg(format!("--{name}={value}"))
    }

    /// Adds or replaces one variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Exit {
    /// Whether the exit code is 0.
    pub fn success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Owner to supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Start a child; answered by `Started` or `Refused`.
    Start { id: u64, program: Program },
    /// Send a signal to a child; nothing happens when it has ended.
    Signal { id: u64, signal: i32 },
    /// Delete this file or directory at the end.
    Own { path: PathBuf },
    /// Live on without the owner, until SIGTERM (kill and delete) or SIGINT (kill, delete nothing).
    Detach,
}

/// Supervisor to owner.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Event {
    Started { id: u64, pid: i32 },
    Refused { id: u64, reason: String },
    Exited { id: u64, exit: Exit },
    Detached,
}
