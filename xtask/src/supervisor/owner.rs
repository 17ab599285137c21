//! The owner's side of a supervisor.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;
use tokio::sync::watch;

use super::leftovers;
use super::protocol::{Event, Exit, Program, Request};
use crate::paths;

/// How long a killed process may take to be gone; SIGKILL is immediate unless the disk hangs.
const GONE_WITHIN: Duration = Duration::from_mins(1);

/// A running supervisor. Dropped, it ends its children and deletes its paths, and is waited for.
#[derive(Clone)]
pub struct Supervisor(Arc<Link>);

/// A child of a supervisor. Dropping this handle does not end it.
pub struct Supervised {
    id: u64,
    pid: i32,
    life: watch::Receiver<Life>,
    gone: Mutex<mpsc::Receiver<()>>,
    link: Arc<Link>,
}

struct Link {
    server: Mutex<Option<Child>>,
    requests: Mutex<Option<ChildStdin>>,
    children: Arc<Mutex<HashMap<u64, Watched>>>,
    next_id: AtomicU64,
    scratch: Mutex<Option<PathBuf>>,
    detached: Mutex<mpsc::Receiver<()>>,
}

struct Watched {
    life: watch::Sender<Life>,
    gone: mpsc::Sender<()>,
}

/// What is known of a child. A short-lived one may be seen for the first time when it has ended.
#[derive(Clone, Debug, Default)]
struct Life {
    pid: Option<i32>,
    refused: Option<String>,
    exit: Option<Exit>,
}

impl Supervisor {
    /// Starts a supervisor; its own complaints go to `stderr`.
    pub fn spawn(stderr: Stdio) -> Result<Self> {
        let binary = binary()?;
        let mut server = Command::new(&binary)
            .arg(super::SERVE_COMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            // Not in the terminal's foreground group: Ctrl-C ends the owner, and only thereby this.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let requests = server.stdin.take();
        let events = server.stdout.take().context("the supervisor has no stdout")?;
        let children = Arc::new(Mutex::new(HashMap::new()));
        let (detached_sender, detached) = mpsc::channel();
        std::thread::spawn({
            let children = children.clone();
            move || follow(events, &children, &detached_sender)
        });
        Ok(Self(Arc::new(Link {
            server: Mutex::new(Some(server)),
            requests: Mutex::new(requests),
            children,
            next_id: AtomicU64::new(0),
            scratch: Mutex::new(None),
            detached: Mutex::new(detached),
        })))
    }

    /// The one supervisor of this process for things that live as long as it does.
    pub fn shared() -> Result<Self> {
        static SHARED: OnceLock<Mutex<Option<Supervisor>>> = OnceLock::new();
        let mut shared = held(SHARED.get_or_init(Mutex::default));
        if let Some(supervisor) = &*shared {
            return Ok(supervisor.clone());
        }
        let supervisor = Self::spawn(Stdio::inherit())?;
        *shared = Some(supervisor.clone());
        Ok(supervisor)
    }

    /// Starts `program`.
    pub async fn start(&self, program: Program) -> Result<Supervised> {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, mut life) = watch::channel(Life::default());
        let (gone_sender, gone) = mpsc::channel();
        held(&self.0.children).insert(id, Watched { life: sender, gone: gone_sender });
        self.0.say(&Request::Start { id, program })?;
        let answer = life.wait_for(|life| life.pid.is_some() || life.refused.is_some()).await;
        let answer = answer.context("the supervisor ended")?.clone();
        match answer.pid {
            Some(pid) => Ok(Supervised { id, pid, life, gone: Mutex::new(gone), link: self.0.clone() }),
            None => bail!("{}", answer.refused.unwrap_or_default()),
        }
    }

    /// Has `path`, a file or directory, deleted at the end. May be said before it exists.
    pub fn own(&self, path: &Path) -> Result<()> {
        self.0.say(&Request::Own { path: path.to_owned() })
    }

    /// A directory that is deleted at the end, the same one every time.
    pub fn scratch(&self) -> Result<PathBuf> {
        let mut scratch = held(&self.0.scratch);
        if let Some(dir) = &*scratch {
            return Ok(dir.clone());
        }
        let dir = std::env::temp_dir().join(leftovers::name(self.pid()?));
        self.own(&dir)?;
        paths::create(&dir)?;
        *scratch = Some(dir.clone());
        Ok(dir)
    }

    /// Its own pid.
    pub fn pid(&self) -> Result<u32> {
        held(&self.0.server).as_ref().map(Child::id).context("the supervisor was detached")
    }

    /// Lets the supervisor and its children live on without this process: SIGTERM then ends it as a drop would, SIGINT ends
    /// the children and leaves the paths. Nothing more can be asked of it.
    pub fn detach(&self) -> Result<()> {
        self.0.say(&Request::Detach)?;
        held(&self.0.detached).recv_timeout(GONE_WITHIN).context("the supervisor did not answer")?;
        held(&self.0.requests).take();
        held(&self.0.server).take();
        Ok(())
    }
}

impl Supervised {
    /// The process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Sends a signal; nothing happens when the process has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.link.say(&Request::Signal { id: self.id, signal: signal as i32 })
    }

    /// How the process ended, when it has.
    pub fn exit(&self) -> Option<Exit> {
        self.life.borrow().exit
    }

    /// Waits for the process to end.
    pub async fn wait(&self) -> Exit {
        let mut life = self.life.clone();
        let ended = life.wait_for(|life| life.exit.is_some()).await;
        // Without an answer the supervisor is gone, and its children with it.
        ended.ok().and_then(|life| life.exit).unwrap_or(Exit::Signal(Signal::SIGKILL as i32))
    }

    /// SIGKILL, and back when the process is gone. For destructors; elsewhere `signal` and `wait`.
    pub fn kill_blocking(&self) {
        if self.exit().is_none() && self.signal(Signal::SIGKILL).is_ok() {
            let _ = held(&self.gone).recv_timeout(GONE_WITHIN);
        }
    }
}

impl Link {
    fn say(&self, request: &Request) -> Result<()> {
        let mut requests = held(&self.requests);
        let pipe = requests.as_mut().context("the supervisor was detached")?;
        let line = serde_json::to_string(request).context("encoding a request")?;
        writeln!(pipe, "{line}").context("talking to the supervisor")
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        held(&self.requests).take();
        if let Some(mut server) = held(&self.server).take() {
            let _ = server.wait();
        }
    }
}

/// The xtask binary: `$DROVER_XTASK`, this process itself, or the one cargo put above this test or next to this program.
pub(crate) fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("DROVER_XTASK") {
        return Ok(path.into());
    }
    let this = std::env::current_exe().context("finding this program")?;
    // After a rebuild of the running binary its name reads "xtask (deleted)".
    if this.file_name().is_some_and(|name| name.to_string_lossy().trim_end_matches(" (deleted)") == "xtask") {
        return Ok("/proc/self/exe".into());
    }
    let found = this.ancestors().skip(1).take(2).map(|dir| dir.join("xtask")).find(|path| path.is_file());
    found.with_context(|| {
        format!("no xtask binary near {}: run `cargo build -p xtask`, or set DROVER_XTASK to one", this.display())
    })
}

/// Passes on what the supervisor says until it ends, and then says that its children ended with it.
fn follow(events: ChildStdout, children: &Mutex<HashMap<u64, Watched>>, detached: &mpsc::Sender<()>) {
    for line in BufReader::new(events).lines() {
        let Ok(event) = line.map_err(anyhow::Error::from).and_then(|line| Ok(serde_json::from_str(&line)?)) else {
            break;
        };
        match event {
            Event::Started { id, pid } => tell(children, id, |life| life.pid = Some(pid)),
            Event::Refused { id, reason } => tell(children, id, |life| life.refused = Some(reason)),
            Event::Exited { id, exit } => tell(children, id, |life| life.exit = Some(exit)),
            Event::Detached => {
                let _ = detached.send(());
            }
        }
    }
    held(children).clear();
}

fn tell(children: &Mutex<HashMap<u64, Watched>>, id: u64, change: impl FnOnce(&mut Life)) {
    let mut children = held(children);
    if let Some(child) = children.get(&id) {
        child.life.send_modify(change);
        if child.life.borrow().pid.is_none() || child.life.borrow().exit.is_some() {
            let _ = child.gone.send(());
            children.remove(&id);
        }
    }
}

/// A panic elsewhere does not make these tables wrong.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
