//! The supervisor's side: the hidden command `xtask _supervise`.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::protocol::{Event, Exit, Program, Request};

/// What the supervisor keeps.
struct Household {
    children: HashMap<u64, Pid>,
    waits: JoinSet<()>,
    exits: mpsc::UnboundedSender<(u64, Exit)>,
    owned: Vec<PathBuf>,
}

/// Why it ends.
enum End {
    KillAndDelete,
    KillOnly,
}

/// Serves the owner on stdin and stdout until it is gone; then ends every child and deletes what is owned.
/// Must run on the process's main thread: the children's lives are tied to the thread that starts them.
pub fn serve() -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the supervisor")?;
    runtime.block_on(supervise())?;
    // A thread may still be blocked in reading stdin; nothing is left to do for it.
    std::process::exit(0)
}

async fn supervise() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // The terminal's hang-up concerns the owner, whose end is seen on stdin.
    let _hangup = signal(SignalKind::hangup())?;
    let (exits, mut exited) = mpsc::unbounded_channel();
    let mut household = Household { children: HashMap::new(), waits: JoinSet::new(), exits, owned: Vec::new() };
    let mut requests = BufReader::new(tokio::io::stdin()).lines();
    let mut detached = false;
    let end = loop {
        tokio::select! {
            request = next_request(&mut requests), if !detached => match request {
                Some(Request::Detach) => { detached = true; say(&Event::Detached); }
                Some(request) => household.obey(request),
                None => break End::KillAndDelete,
            },
            Some((id, exit)) = exited.recv() => {
                household.children.remove(&id);
                say(&Event::Exited { id, exit });
            }
            _ = terminate.recv() => break End::KillAndDelete,
            _ = interrupt.recv() => break End::KillOnly,
        }
    };
    household.end(&end).await;
    Ok(())
}

/// `None` when the owner is gone, or speaks another version of the protocol, which is no better.
async fn next_request(requests: &mut Lines<BufReader<Stdin>>) -> Option<Request> {
    let line = requests.next_line().await.ok()??;
    serde_json::from_str(&line).ok()
}

/// Tells the owner; if it is gone, nobody needs to know.
fn say(event: &Event) {
    if let Ok(line) = serde_json::to_string(event) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

impl Household {
    fn obey(&mut self, request: Request) {
        match request {
            Request::Start { id, program } => match self.start(id, &program) {
                Ok(pid) => say(&Event::Started { id, pid: pid.as_raw() }),
                Err(error) => say(&Event::Refused { id, reason: format!("{error:#}") }),
            },
            Request::Signal { id, signal } => {
                if let (Some(pid), Ok(signal)) = (self.children.get(&id), Signal::try_from(signal)) {
                    let _ = kill(*pid, signal);
                }
            }
            Request::Own { path } => self.owned.push(path),
            Request::Detach => {}
        }
    }

    fn start(&mut self, id: u64, program: &Program) -> Result<Pid> {
        ensure!(program.path.is_file(), "there is no program {}", program.path.display());
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&program.log)
            .with_context(|| format!("opening {}", program.log.display()))?;
        let mut child = tied(program)
            .envs(program.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("sharing the log")?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", program.path.display()))?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).context("the child has no pid")?;
        self.children.insert(id, Pid::from_raw(pid));
        let exits = self.exits.clone();
        self.waits.spawn(async move {
            let exit = wait(&mut child).await;
            let _ = exits.send((id, exit));
        });
        Ok(Pid::from_raw(pid))
    }

    async fn end(mut self, end: &End) {
        for pid in self.children.values() {
            let _ = kill(*pid, Signal::SIGKILL);
        }
        while self.waits.join_next().await.is_some() {}
        if matches!(end, End::KillAndDelete) {
            self.owned.iter().for_each(|path| delete(path));
        }
    }
}

/// `program` behind the step that ties its life to ours. `/proc/self/exe` stays right when cargo replaces the binary.
fn tied(program: &Program) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args([super::TIE_COMMAND, "--parent", &std::process::id().to_string(), "--"]);
    command.arg(&program.path).args(&program.args);
    command
}

async fn wait(child: &mut Child) -> Exit {
    match child.wait().await {
        Ok(status) => exit_of(status),
        // Not a child of ours any more: as good as killed.
        Err(_) => Exit::Signal(Signal::SIGKILL as i32),
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Signal(Signal::SIGKILL as i32),
    }
}

pub(super) fn delete(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}
