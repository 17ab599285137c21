//! Clusters that live on after the command that started them, by name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::cluster::{Cluster, ClusterSpec, Place};
use crate::paths;
use crate::supervisor::{Program, Supervisor, leftovers};
use crate::tools::Tools;

/// Killing five processes and deleting their files takes well under a second; a busy disk longer.
const DOWN_WITHIN: Duration = Duration::from_mins(2);

/// What is known of a named cluster; the content of its `cluster.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct NamedCluster {
    /// The name.
    pub name: String,
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The API server's audit log.
    pub audit_log: Option<PathBuf>,
    /// The logs of its processes.
    pub logs: Option<PathBuf>,
    /// The directory of kubectl and the other programs.
    pub tools: PathBuf,
    /// How many nodes it was made with.
    pub nodes: u32,
    /// In how many pools.
    pub pools: u32,
    /// Whether its data outlives a crash.
    pub keep: bool,
    /// The supervisor of the control plane, then those of what was added.
    supervisors: Vec<Running>,
}

/// A process for ever: a pid may be used again, a pid with its start is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Running {
    pid: u32,
    /// In the kernel's ticks since boot.
    start: u64,
}

/// What became of a cluster that was to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// It ended.
    Ended,
    /// There was none of that name.
    Absent,
}

impl NamedCluster {
    /// Starts the cluster `name` and leaves it running. With `keep`, etcd's data is on disk, and goes on from a crash,
    /// a reboot or `down` with `keep`.
    pub async fn up(name: &str, mut spec: ClusterSpec, keep: bool) -> Result<Self> {
        let clusters = clusters()?;
        let _lock = paths::lock(&clusters, "another process changes the local clusters, waiting for it")?;
        let dir = dir_of(name)?;
        if let Some(found) = Self::find(name)? {
            ensure!(!found.runs(), "cluster {name} is up already; `cargo xtask cluster down --name {name}` ends it");
            ensure!(keep || !found.keep, "cluster {name} has kept data: use it with --keep, or end it by `down`");
            // What was added may have outlived the control plane's crash.
            found.end(Signal::SIGINT)?;
            if !found.keep {
                remove(&dir)?;
            }
        }
        spec.place = if keep { Place::Kept(dir.clone()) } else { Place::At(dir.clone()) };
        let (nodes, pools) = (spec.nodes, spec.pools);
        let cluster = Cluster::start(spec).await?;
        let named = Self {
            name: name.to_owned(),
            kubeconfig: cluster.kubeconfig().to_owned(),
            audit_log: cluster.audit_log().map(Path::to_owned),
            logs: cluster.logs().map(Path::to_owned),
            tools: Tools::ready()?.dir,
            nodes,
            pools,
            keep,
            supervisors: vec![Running::of(cluster.supervisor()?.pid()?)?],
        };
        // Before the processes are let go, so that there is never one that nobody knows of.
        named.record()?;
        cluster.supervisor()?.detach()?;
        Ok(named)
    }

    /// Ends the cluster `name`: no process and no file of it is left, except, with `keep`, the files of one that was
    /// started to be kept.
    pub fn down(name: &str, keep: bool) -> Result<Down> {
        let _lock = paths::lock(&clusters()?, "another process changes the local clusters, waiting for it")?;
        let Some(found) = Self::find(name)? else {
            return Ok(Down::Absent);
        };
        let keep = keep && found.keep;
        found.end(if keep { Signal::SIGINT } else { Signal::SIGTERM })?;
        if !keep {
            remove(&dir_of(name)?)?;
            // Its data in memory, when its supervisor was killed.
            leftovers::sweep();
        }
        Ok(Down::Ended)
    }

    /// The cluster `name`, running or left over from a crash.
    pub fn find(name: &str) -> Result<Option<Self>> {
        let path = dir_of(name)?.join("cluster.json");
        match fs::read(&path) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// All of them.
    pub fn all() -> Result<Vec<Self>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(clusters()?).context("listing clusters")? {
            if let Some(cluster) = Self::find(&entry?.file_name().to_string_lossy())? {
                found.push(cluster);
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Whether its control plane's supervisor is alive.
    pub fn runs(&self) -> bool {
        self.supervisors.first().is_some_and(Running::is_alive)
    }

    /// The cluster as one to work with.
    pub async fn connect(&self) -> Result<Cluster> {
        Ok(Cluster::connect(&self.kubeconfig).await?.with_files(self))
    }

    /// Starts programs that live on beside the cluster and end with it.
    pub async fn add(&mut self, programs: Vec<Program>) -> Result<()> {
        let supervisor = Supervisor::spawn(Stdio::null())?;
        for program in programs {
            supervisor.start(program).await?;
        }
        self.supervisors.push(Running::of(supervisor.pid()?)?);
        self.record()?;
        supervisor.detach()
    }

    /// Shell commands that make kubectl use this cluster.
    pub fn environment(&self) -> String {
        let certificates = self.kubeconfig.with_file_name("certificates");
        let (kubeconfig, tools, certificates) =
            (self.kubeconfig.display(), self.tools.display(), certificates.display());
        format!(
            "export KUBECONFIG='{kubeconfig}'\nexport PATH='{tools}':\"$PATH\"\n\
             # By these a service started here serves gRPC over TLS; DROVER_CA is for who calls it.\n\
             export DROVER_GRPC__TLS__CERTIFICATE='{certificates}/tls.crt'\n\
             export DROVER_GRPC__TLS__KEY='{certificates}/tls.key'\n\
             export DROVER_CA='{certificates}/ca.crt'\n"
        )
    }

    fn record(&self) -> Result<()> {
        paths::write(&dir_of(&self.name)?.join("cluster.json"), serde_json::to_string_pretty(self)?)
    }

    fn end(&self, signal: Signal) -> Result<()> {
        // What was added first: it has no use without the API server.
        for supervisor in self.supervisors.iter().rev().filter(|supervisor| supervisor.is_alive()) {
            kill(Pid::from_raw(i32::try_from(supervisor.pid)?), signal).context("ending a supervisor")?;
        }
        let deadline = Instant::now() + DOWN_WITHIN;
        while self.supervisors.iter().any(Running::is_alive) {
            ensure!(Instant::now() < deadline, "cluster {} is still there after {DOWN_WITHIN:?}", self.name);
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Running {
    fn of(pid: u32) -> Result<Self> {
        Ok(Self { pid, start: start_of(pid).context("a supervisor ended at once")? })
    }

    fn is_alive(&self) -> bool {
        start_of(self.pid) == Some(self.start)
    }
}

fn clusters() -> Result<PathBuf> {
    let dir = paths::cache()?.join("clusters");
    paths::create(&dir)?;
    Ok(dir)
}

fn dir_of(name: &str) -> Result<PathBuf> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        bail!("a cluster's name is made of letters, digits, - and _, not {name:?}");
    }
    Ok(clusters()?.join(name))
}

fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("deleting {}", dir.display()))?;
    }
    Ok(())
}

/// When a live process started; `None` when there is no such process or it only waits to be reaped.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // proc(5): the second field is the command in parentheses, which may hold anything; state is the 3rd, start the
    // 22nd.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    let start = fields.nth(18)?.parse().ok()?;
    (state != "Z").then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start() {
        let start = start_of(std::process::id()).unwrap();
        assert!(start > 0);
        assert_eq!(start_of(std::process::id()), Some(start));
        assert_eq!(start_of(u32::MAX), None);
    }

    #[test]
    fn names_cannot_leave_the_directory() {
        assert!(dir_of("../x").is_err());
        assert!(dir_of("").is_err());
        assert!(dir_of("dev-1_a").is_ok());
    }
}
