//! What the process is told: refused when it cannot be, before anything starts.

use std::time::Duration;

use anyhow::{Context as _, Result};
use xtask::paths;
use xtask::process::Spec;
use xtask::supervisor::Exit;

/// Far longer than reading a configuration takes.
const AT_ONCE: Duration = Duration::from_mins(2);

/// A start that must be refused with these words.
struct Case<'a> {
    args: &'a [&'a str],
    env: &'a [(&'a str, &'a str)],
    words: &'a [&'a str],
}

/// Runs the service until it ends by itself; with its exit code, its output.
async fn run(args: &[&str], env: &[(&str, &str)]) -> Result<(Exit, String)> {
    let mut spec = Spec::service("daemon-updater")?;
    for arg in args {
        spec = spec.arg(arg);
    }
    for (name, value) in env {
        spec = spec.env(*name, *value);
    }
    let process = spec.start().await?;
    let exit = tokio::time::timeout(AT_ONCE, process.wait()).await;
    let exit = exit.with_context(|| format!("it runs with {args:?} {env:?}: {}", process.output()))?;
    Ok((exit, process.output()))
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_by_key_value_and_range() -> Result<()> {
    let dir = std::env::temp_dir().join(format!("drover-refused-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let file = dir.join("bad.toml");
    std::fs::write(&file, "workers = 3\n[timing]\nbreak = \"5s\"\n")?;
    let file = file.display().to_string();
    let config = format!("--config={file}");
    let cases = [
        Case { args: &["--workers=0"], env: &[], words: &["workers", "`0`", "1 to 256", "auto", "--workers"] },
        Case { args: &["--workers=257"], env: &[], words: &["workers", "`257`", "1 to 256"] },
        Case { args: &["--workers=many"], env: &[], words: &["workers", "`many`", "1 to 256"] },
        Case { args: &["--daemonpodupdater-workers=0"], env: &[], words: &["workers", "`0`", "1 to 256"] },
        Case {
            args: &["--concurrent-daemonpod-updater-workers=300"],
            env: &[],
            words: &["workers", "`300`", "1 to 256"],
        },
        Case {
            args: &[],
            env: &[("DROVER__WORKERS", "1000")],
            words: &["workers", "`1000`", "1 to 256", "DROVER__WORKERS"],
        },
        Case {
            args: &[],
            env: &[("DROVER_TIMING__BRAKE", "soon")],
            words: &["timing.brake", "soon", "DROVER_TIMING__BRAKE"],
        },
        Case {
            args: &[],
            env: &[("DROVER_TIMING__BREAK", "5s")],
            words: &["timing.break", "DROVER_TIMING__BREAK", "brake"],
        },
        Case { args: &[&config], env: &[], words: &["timing.break", "bad.toml", "brake"] },
        Case {
            args: &["--set=rollout.false_halt_per_mille=0"],
            env: &[],
            words: &["rollout.false_halt_per_mille", "`0`", "1 to 1000"],
        },
        Case {
            args: &[],
            env: &[("DROVER__DELETES_AT_ONCE", "0")],
            words: &["deletes_at_once", "`0`", "1 to 256", "DROVER__DELETES_AT_ONCE"],
        },
        Case {
            args: &["--set=lease.duration=2s", "--set=lease.renew_every=1s"],
            env: &[],
            words: &["lease", "2s", "renewed twice"],
        },
        Case {
            args: &["--grpc-listen=0.0.0.0:9090"],
            env: &[],
            words: &["grpc.listen", "0.0.0.0:9090", "grpc.tls.certificate", "loopback"],
        },
    ];
    for Case { args, env, words } in cases {
        let addresses = dir.join("addresses");
        let told = format!("--addresses-file={}", addresses.display());
        // There is no cluster: who tries to reach one anyway does not end with 2.
        let args = [args, &[told.as_str(), "--kubeconfig=/nonexistent"]].concat();
        let (exit, output) = run(&args, env).await?;
        assert_eq!(exit, Exit::Code(2), "{args:?} {env:?}: {output}");
        for word in words {
            assert!(output.contains(word), "{args:?} {env:?}: {output:?} names {word}");
        }
        assert!(!addresses.exists(), "{args:?} {env:?}: it listens already");
    }
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

#[tokio::test]
async fn the_configuration_it_would_run_with_is_printed() -> Result<()> {
    for (args, env, line) in [
        (vec![], vec![], "workers = 3"),
        (vec!["--workers=auto"], vec![], "workers = \"auto\""),
        (vec!["--daemonpodupdater-workers=7"], vec![], "workers = 7"),
        (vec!["--concurrent-daemonpod-updater-workers=256"], vec![], "workers = 256"),
        (vec![], vec![("DROVER__WORKERS", "12")], "workers = 12"),
        (vec!["--workers=5"], vec![("DROVER__WORKERS", "12")], "workers = 5"),
        (vec![], vec![("DROVER_YURT_MANAGER__IGNORE", "true")], "ignore = true"),
        // Kubernetes makes such variables for a Service of this name.
        (vec![], vec![("DROVER_DAEMON_UPDATER_PORT", "tcp://10.0.0.1:80")], "workers = 3"),
    ] {
        let args = [args, vec!["--print-config"]].concat();
        let (exit, output) = run(&args, &env).await?;
        assert_eq!(exit, Exit::Code(0), "{args:?} {env:?}: {output}");
        assert!(output.lines().any(|found| found == line), "{args:?} {env:?}: {line} is not in {output}");
        assert!(output.contains("[lease]") && output.contains("# "), "the sections and their documentation");
    }
    Ok(())
}

#[tokio::test]
async fn what_it_prints_and_what_is_deployed_can_be_read_back() -> Result<()> {
    let (_, printed) = run(&["--print-config", "--workers=9"], &[]).await?;
    let file = std::env::temp_dir().join(format!("drover-printed-{}.toml", std::process::id()));
    std::fs::write(&file, &printed)?;
    let (exit, again) = run(&["--config", &file.display().to_string(), "--print-config"], &[]).await?;
    std::fs::remove_file(&file)?;
    assert_eq!((exit, again), (Exit::Code(0), printed));

    let deployed = paths::workspace().join("deploy/daemon-updater/daemon-updater.toml");
    let (exit, output) = run(&["--config", &deployed.display().to_string(), "--print-config"], &[]).await?;
    assert_eq!(exit, Exit::Code(0), "{output}");
    assert!(output.contains("listen = \"0.0.0.0:8080\""), "{output}");
    Ok(())
}

#[tokio::test]
async fn without_a_cluster_it_ends_with_a_failure() -> Result<()> {
    let listens = ["--admin-listen=127.0.0.1:0", "--grpc-listen=127.0.0.1:0"];
    let (exit, output) = run(&[&["--kubeconfig=/nonexistent"], listens.as_slice()].concat(), &[]).await?;
    assert_eq!(exit, Exit::Code(1), "{output}");
    assert!(output.contains("/nonexistent"), "{output}");
    Ok(())
}
