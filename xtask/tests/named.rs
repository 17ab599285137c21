//! A cluster that lives on after the process that started it, until it is told to end.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use xtask::cluster::ClusterSpec;
use xtask::named::{Down, NamedCluster};
use xtask::process::Spec;
use xtask::{paths, stable};

#[tokio::test(flavor = "multi_thread")]
async fn it_survives_what_it_should_and_nothing_of_it_survives_down() -> Result<()> {
    // The same name every time, so that a run cleans up after one that was killed; not that of another checkout.
    let name = format!("test-{:016x}", stable::hash(paths::workspace().as_os_str().as_encoded_bytes()));
    NamedCluster::down(&name, false)?;
    let dir = paths::cache()?.join("clusters").join(&name);

    let mut cluster = NamedCluster::up(&name, ClusterSpec::new(1, 1), true).await?;
    let environment = cluster.environment();
    let authority = dir.join("certificates/ca.crt");
    for line in [
        format!("export KUBECONFIG='{}'", dir.join("kubeconfig").display()),
        format!("export DROVER_GRPC__TLS__KEY='{}'", dir.join("certificates/tls.key").display()),
        format!("export DROVER_CA='{}'", authority.display()),
    ] {
        assert!(environment.lines().any(|found| found == line), "no {line} in {environment}");
    }
    let trusted = std::fs::read(&authority)?;
    let log = dir.join("added.log");
    cluster.add(vec![Spec::new("/bin/sleep").arg("1000").log(&log).program()]).await?;
    assert_eq!(processes_with("--data-dir=", &dir)?.len(), 1);
    let kubectl = cluster.connect().await?;
    kubectl.kubectl(&["create", "configmap", "kept"]).await?;
    let again = NamedCluster::up(&name, ClusterSpec::new(1, 1), true).await;
    assert!(again.err().is_some_and(|error| error.to_string().contains("is up already")));

    // A crash: the supervisor is killed, the kernel kills the rest, the data stays.
    kill(supervisor_of(&dir)?, Signal::SIGKILL)?;
    until(|| Ok(processes_with("--data-dir=", &dir)?.is_empty())).await?;
    assert!(!NamedCluster::find(&name)?.context("a crashed cluster is known")?.runs());
    NamedCluster::down(&name, true)?;
    let cluster = NamedCluster::up(&name, ClusterSpec::new(1, 1), true).await?;
    let found = cluster.connect().await?.kubectl(&["get", "configmap", "kept", "-o", "name"]).await?;
    assert_eq!(found.trim(), "configmap/kept");
    assert!(std::fs::read(&authority)? == trusted, "a kept cluster keeps its authority");

    assert_eq!(NamedCluster::down(&name, false)?, Down::Ended);
    assert_eq!(NamedCluster::down(&name, false)?, Down::Absent);
    assert!(!dir.exists());
    assert_eq!(processes_with("", &dir)?, Vec::<Pid>::new());
    Ok(())
}

fn supervisor_of(dir: &Path) -> Result<Pid> {
    let etcd = *processes_with("--data-dir=", dir)?.first().context("etcd runs")?;
    let stat = std::fs::read_to_string(format!("/proc/{etcd}/stat"))?;
    // proc(5): after the command in parentheses come the state and the parent.
    let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)).context("a parent")?;
    Ok(Pid::from_raw(parent.parse()?))
}

/// The processes with an argument that has both of these in it.
fn processes_with(flag: &str, dir: &Path) -> Result<Vec<Pid>> {
    let dir = dir.to_string_lossy();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else { continue };
        let command = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if command.split('\0').any(|argument| argument.contains(flag) && argument.contains(&*dir)) {
            found.push(Pid::from_raw(pid));
        }
    }
    Ok(found)
}

async fn until(mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..10_000 {
        if done()? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ensure!(done()?, "waited in vain");
    Ok(())
}
