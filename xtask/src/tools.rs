//! The Go programs of the local control plane, built once into the user's cache and shared by every checkout.

mod build;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Result;

use self::build::Module;

/// What a user can do when these programs cannot be built.
const WAY_OUT: &str = "The local control plane is built with Go 1.26 or newer (https://go.dev/dl) and needs a Go module proxy. \
     Instead of it, `cargo xtask cluster up --kubeconfig FILE` uses a cluster that you have and that runs kwok; \
     daemon-updater takes the same `--kubeconfig FILE`. Demo and tests need a cluster of their own, for its audit log.";

/// The programs of a local control plane.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The directory they are in, for PATH.
    pub dir: PathBuf,
    /// `etcd`.
    pub etcd: PathBuf,
    /// `kube-apiserver`.
    pub kube_apiserver: PathBuf,
    /// `kube-controller-manager`.
    pub kube_controller_manager: PathBuf,
    /// `kube-scheduler`.
    pub kube_scheduler: PathBuf,
    /// `kubectl`.
    pub kubectl: PathBuf,
    /// `kwok`.
    pub kwok: PathBuf,
}

impl Tools {
    /// Builds what is missing (about 5 min from nothing), waiting for another process that is at it.
    pub fn ready() -> Result<Self> {
        static DIR: OnceLock<PathBuf> = OnceLock::new();
        let dir = once(&DIR, || build::ready(&CONTROL_PLANE))?;
        Ok(Self {
            // The tool's name is its import path's last element.
            etcd: dir.join("server"),
            kube_apiserver: dir.join("kube-apiserver"),
            kube_controller_manager: dir.join("kube-controller-manager"),
            kube_scheduler: dir.join("kube-scheduler"),
            kubectl: dir.join("kubectl"),
            kwok: dir.join("kwok"),
            dir,
        })
    }
}

/// The path of `grpcurl`, built when missing (about 1 min from nothing).
pub fn grpcurl() -> Result<PathBuf> {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    Ok(once(&DIR, || build::ready(&GRPCURL))?.join("grpcurl"))
}

const CONTROL_PLANE: Module = Module {
    name: "control-plane",
    dir: "deploy/local/control-plane",
    ldflags: "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3",
};

const GRPCURL: Module =
    Module { name: "grpcurl", dir: "deploy/local/grpcurl", ldflags: "-s -w -X main.version=v1.9.4" };

fn once(dir: &OnceLock<PathBuf>, find: impl FnOnce() -> Result<PathBuf>) -> Result<PathBuf> {
    if let Some(dir) = dir.get() {
        return Ok(dir.clone());
    }
    // Two threads may both look; the lock on the cache makes the second one find what the first built.
    let found = find()?;
    Ok(dir.get_or_init(|| found).clone())
}

/// The directory of built tools.
fn cache() -> Result<PathBuf> {
    Ok(crate::paths::cache()?.join("tools"))
}

/// Where the module's folder is in the checkout.
fn source(module: &Module) -> PathBuf {
    Path::new(crate::paths::workspace()).join(module.dir)
}
