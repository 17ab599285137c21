//! The files of a cluster.

use std::path::{Path, PathBuf};

use anyhow::Result;
use nix::sys::statvfs::statvfs;

use super::spec::{ClusterSpec, Place};
use crate::paths;
use crate::supervisor::leftovers;

/// etcd preallocates two segments of 64 MiB for its log, and a long test may write some hundred more.
const MEMORY_FOR_ETCD: u64 = 1 << 30;

/// `sun_path` of unix(7) holds 108 bytes, a final zero included.
const LONGEST_SOCKET_PATH: usize = 107;

/// Where a cluster's files are.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
    /// etcd's data.
    pub(super) etcd: PathBuf,
    etcd_socket: PathBuf,
    /// Whether etcd's data must survive a crash.
    pub(super) durable: bool,
    logs: PathBuf,
}

impl Layout {
    /// The files of a cluster with this spec; temporary ones get this name.
    pub(super) fn of(spec: &ClusterSpec, name: &str) -> Self {
        let (root, durable) = match &spec.place {
            Place::Temporary => (std::env::temp_dir().join(name), false),
            Place::At(dir) => (dir.clone(), false),
            Place::Kept(dir) => (dir.clone(), true),
        };
        let memory = Path::new(leftovers::MEMORY);
        let etcd = if !durable && has_room(memory) { memory.join(format!("{name}-etcd")) } else { root.join("etcd") };
        let mut etcd_socket = root.join("etcd.sock");
        if etcd_socket.as_os_str().len() > LONGEST_SOCKET_PATH {
            etcd_socket = Path::new("/tmp").join(format!("{name}.sock"));
        }
        // For looking at a failed test: its cluster's logs go there and stay.
        let logs = match std::env::var_os("DROVER_KEEP_LOGS") {
            Some(dir) if !durable => PathBuf::from(dir).join(format!("cluster-{name}")),
            _ => root.join("log"),
        };
        Self { root, etcd, etcd_socket, durable, logs }
    }

    /// Every file and directory that is deleted with the cluster.
    pub(super) fn owned(&self) -> [&Path; 3] {
        [&self.root, &self.etcd, &self.etcd_socket]
    }

    /// Where etcd listens.
    pub(super) fn etcd_url(&self) -> String {
        format!("unix://{}", self.etcd_socket.display())
    }

    pub(super) fn create(&self) -> Result<()> {
        for dir in [self.root.clone(), self.pki(), self.scratch(), self.certificates(), self.logs(), self.etcd.clone()]
        {
            paths::create(&dir)?;
        }
        // The keys in it are the cluster's administrator's.
        let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        Ok(std::fs::set_permissions(&self.root, only_owner)?)
    }

    /// Certificates, keys and kubeconfigs of the control plane.
    pub(super) fn pki(&self) -> PathBuf {
        self.root.join("pki")
    }

    /// The administrator's kubeconfig.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.root.join("kubeconfig")
    }

    /// The API server's audit log.
    pub(super) fn audit_log(&self) -> PathBuf {
        self.logs.join("audit.jsonl")
    }

    /// One log per process.
    pub(super) fn logs(&self) -> PathBuf {
        self.logs.clone()
    }

    /// The certificate of Drover's services on this host, and its authority.
    pub(super) fn certificates(&self) -> PathBuf {
        self.root.join("certificates")
    }

    /// For its users' files.
    pub(super) fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }
}

fn has_room(dir: &Path) -> bool {
    statvfs(dir).is_ok_and(|fs| fs.blocks_available() * fs.fragment_size() > MEMORY_FOR_ETCD)
}
