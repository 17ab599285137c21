//! Who performs, as a process of its own: daemon-updater, the ideal client, the null controller.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use xtask::process::{Process, Spec};

use super::ideal::LISTED;
use super::stage::{NAMESPACE, Stage};

/// Listing and, for daemon-updater, winning the Lease.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// In daemon-updater's log once it acts.
const LEADS: &str = r#""message":"leading""#;
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// One of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Contender {
    /// The service under test.
    Updater,
    /// Deletes directly; see [`super::ideal`].
    Ideal,
    /// Only watches; see [`super::null`].
    Null,
}

/// daemon-updater, running.
pub(super) struct Updater {
    process: Process,
    admin: String,
}

/// A mode of this very program, running.
pub(super) struct Companion {
    child: Child,
    stdin: ChildStdin,
}

impl Contender {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Updater, Self::Ideal, Self::Null];

    /// Its name in tables, and as the mode of this program.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Updater => "updater",
            Self::Ideal => "ideal",
            Self::Null => "null",
        }
    }

    /// The user under which it calls the API server.
    pub(super) fn user(self) -> String {
        match self {
            Self::Updater => format!("system:serviceaccount:{}:daemon-updater", api::rbac::NAMESPACE),
            Self::Ideal | Self::Null => format!("system:serviceaccount:{NAMESPACE}:{}", self.name()),
        }
    }
}

impl Updater {
    /// Starts the program at `path`; back when it leads and has found that there is nothing to do. Settle time is 0, slow
    /// start is off, everything else is as it comes.
    pub(super) async fn start(path: &Path, stage: &Stage) -> Result<Self> {
        let kubeconfig = stage.kubeconfig(api::rbac::NAMESPACE, "daemon-updater").await?;
        let addresses = stage.cluster.scratch()?.join("addresses.json");
        let _ = std::fs::remove_file(&addresses);
        let process = Spec::new(path)
            .flag("kubeconfig", kubeconfig.display())
            .flag("addresses-file", addresses.display())
            .env("DROVER_ADMIN__LISTEN", "127.0.0.1:0")
            .env("DROVER_GRPC__LISTEN", "127.0.0.1:0")
            .env("DROVER_TELEMETRY__FORMAT", "json")
            .env("DROVER_ROLLOUT__SLOW_START", "None")
            .env("DROVER_TIMING__REACHABLE_AFTER", "0s")
            .env("DROVER_TIMING__NODE_MONITOR_GRACE", "0s")
            .env("DROVER_TIMING__SETTLE_MARGIN", "0s")
            .start()
            .await?;
        process.await_line(LEADS, READY_WITHIN).await?;
        if let Err(error) = stage.await_completed().await {
            bail!("{error:#}; its output:\n{}", process.output());
        }
        let admin = admin(&addresses)?;
        Ok(Self { process, admin })
    }

    /// Its process id.
    pub(super) fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Host and port of its admin server.
    pub(super) fn admin(&self) -> &str {
        &self.admin
    }

    /// Ends it as Kubernetes would.
    pub(super) async fn end(self) -> Result<()> {
        self.process.terminate(GONE_WITHIN).await.map(drop)
    }
}

impl Companion {
    /// Starts it; back when it knows every object.
    pub(super) async fn start(contender: Contender, stage: &Stage) -> Result<Self> {
        let kubeconfig = stage.kubeconfig(NAMESPACE, contender.name()).await?;
        let this: PathBuf = std::env::current_exe().context("finding this program")?;
        let mut child = Command::new(this)
            .arg(contender.name())
            .arg(kubeconfig)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting the {} contender", contender.name()))?;
        let stdin = child.stdin.take().context("a child without stdin")?;
        let mut output = BufReader::new(child.stdout.take().context("a child without stdout")?).lines();
        let line = tokio::time::timeout(READY_WITHIN, output.next_line()).await;
        let line = line.with_context(|| format!("the {} contender does not list", contender.name()))??;
        ensure!(line.as_deref() == Some(LISTED), "the {} contender says {line:?}", contender.name());
        Ok(Self { child, stdin })
    }

    /// Its process id.
    pub(super) fn pid(&self) -> Result<i32> {
        Ok(i32::try_from(self.child.id().context("the contender has ended")?)?)
    }

    /// Has it delete every pod that is there, so many at once.
    pub(super) async fn order(&mut self, slots: u32) -> Result<()> {
        Ok(self.stdin.write_all(format!("{slots}\n").as_bytes()).await?)
    }

    /// Ends it. An error if it failed on the way.
    pub(super) async fn end(self) -> Result<()> {
        let Self { mut child, stdin } = self;
        drop(stdin);
        let status = tokio::time::timeout(GONE_WITHIN, child.wait()).await.context("a contender does not end")??;
        ensure!(status.success(), "a contender failed: {status}");
        Ok(())
    }
}

/// The admin address in the file that a service writes its addresses to.
fn admin(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file).context("reading the updater's addresses")?;
    let addresses: serde_json::Value = serde_json::from_str(&text).context("reading the updater's addresses")?;
    Ok(addresses["admin"].as_str().context("no admin address")?.to_owned())
}
