//! The stage for hands-on use, until Ctrl-C.

use std::path::Path;

use anyhow::Result;
use xtask::tools::{self, Tools};

use super::screen::Screen;
use super::stage::{self, DAEMON_SET, MAX_UNAVAILABLE, NAMESPACE, STRATEGY, Stage, settle};
use super::text::{Line, Tone, wrap};
use crate::fixture::service::ADMIN;

/// Sets the stage, says how to use it, and keeps it until `ended`.
pub async fn leave_running(nodes: u32, pools: u32, ended: impl Future<Output = ()>) -> Result<()> {
    let mut screen = Screen::new(false);
    let mut ended = std::pin::pin!(ended);
    let mut say = |step: &str| screen.step(step);
    let stage = tokio::select! {
        stage = Stage::set(nodes, pools, &mut say) => stage?,
        () = &mut ended => return Ok(()),
    };
    // About a minute when it is not in the cache.
    say("building grpcurl, unless it is in the cache");
    let grpcurl = tokio::select! {
        grpcurl = tokio::task::spawn_blocking(tools::grpcurl) => grpcurl??,
        () = &mut ended => return Ok(()),
    };
    let usage = usage(&stage, &grpcurl, screen.width()).await?;
    screen.say_all(usage);
    tokio::select! {
        exit = stage.updater.process.wait() => anyhow::bail!("daemon-updater ended with {exit}:\n{}", stage.updater.process.output()),
        () = ended => {}
    }
    screen.step("ending everything");
    Ok(())
}

/// What the user can do, as commands to copy.
async fn usage(stage: &Stage, grpcurl: &Path, width: usize) -> Result<Vec<Line>> {
    let Tools { dir, .. } = Tools::ready()?;
    let addresses = stage.updater.addresses().await?;
    let (admin, grpc) = (&addresses.admin, &addresses.grpc);
    let (kubeconfig, log) = (stage.bed.cluster.kubeconfig().display(), stage.updater.process.log().display());
    let (services, authority) = (api::rbac::NAMESPACE, stage.updater.authority_file());
    let authority = authority.display();
    let own = std::env::current_exe()?;
    let folders = [dir.as_path(), grpcurl.parent().unwrap_or(grpcurl), own.parent().unwrap_or(&own)];
    let tools = folders.map(|folder| folder.display().to_string()).join(":");
    let newest = format!("$(kubectl -n {NAMESPACE} get fr --sort-by .spec.revision.number -o name | tail -n 1)");
    let of_run = |patch: &str| format!("kubectl -n {NAMESPACE} patch {newest} --type merge -p '{patch}'");
    let of_pods = |annotation: &str| {
        let patch = format!(r#"{{"spec":{{"template":{{"metadata":{{"annotations":{{{annotation}}}}}}}}}}}"#);
        format!("kubectl -n {NAMESPACE} patch ds {DAEMON_SET} -p '{patch}'")
    };
    let release =
        |tag: &str| format!("kubectl -n {NAMESPACE} set image ds/{DAEMON_SET} agent=registry.local/{DAEMON_SET}:{tag}");
    let sections = [
        ("In another shell", format!("export KUBECONFIG='{kubeconfig}'\nexport PATH=\"{tools}:$PATH\"")),
        (
            "Watch the run, and what it says of itself",
            format!(
                "{}\nkubectl -n {NAMESPACE} get fr -w\nkubectl -n {NAMESPACE} events --for ds/{DAEMON_SET}\ntail -f '{log}'",
                following()
            ),
        ),
        ("A good release, and one whose pods crash", format!("{}\n{}", release("v2"), release("broken"))),
        ("Its canary has soaked and waits for you", format!("drover approve {DAEMON_SET} -n {NAMESPACE}")),
        (
            "A release that takes its nodes away, and the end of it",
            format!("{}\n{}", of_pods(r#""drover.dev/kills-node":"true""#), of_pods(r#""drover.dev/kills-node":null"#)),
        ),
        (
            "A node offline, and back",
            "kubectl label node node-001 drover.dev/offline=true\nkubectl label node node-001 drover.dev/offline-"
                .to_owned(),
        ),
        (
            "Pause the newest run; go on after its first halt",
            format!(
                "{}\n{}",
                of_run(r#"{"spec":{"desiredState":"Paused"}}"#),
                of_run(r#"{"spec":{"resumeToken":"halt-1"}}"#)
            ),
        ),
        (
            "Ask daemon-updater",
            format!(
                "curl -s http://{admin}/readyz\ncurl -s http://{admin}/metrics | grep drover\n\
                 export TOKEN=$(kubectl -n {services} create token {ADMIN} --audience=drover)\n\
                 call() {{ grpcurl -cacert '{authority}' -H \"authorization: Bearer $TOKEN\" \"$@\"; }}\n\
                 call {grpc} drover.admin.v1.AdminService/GetInfo\n\
                 call -d '{{\"setting\":{{\"fixed\":8}}}}' {grpc} drover.admin.v1.AdminService/SetWorkers"
            ),
        ),
    ];
    let about = format!(
        "DaemonSet {NAMESPACE}/{DAEMON_SET} runs on every node, by RolloutStrategy {STRATEGY}: a canary first, \
         then at most {MAX_UNAVAILABLE} % at once. daemon-updater has pid {}; a pod has settled after {} s.",
        stage.updater.process.pid(),
        settle().as_secs()
    );
    let mut lines = vec![Line::new()];
    lines.extend(wrap(Tone::Plain, &about, 0, width));
    for (heading, commands) in sections {
        lines.extend([Line::new(), Line::of(Tone::Strong, heading)]);
        // Not wrapped: they are for copying.
        lines.extend(commands.lines().map(|command| Line::of(Tone::Plain, format!("  {command}"))));
    }
    lines.extend([Line::new(), Line::of(Tone::Strong, "Ctrl-C ends everything; no process and no file is left.")]);
    Ok(lines)
}

/// The command that follows the run, told of the durations that are not the default here.
fn following() -> String {
    let timing = stage::pace().timing;
    let settings = [
        ("reachable_after", timing.reachable_after),
        ("node_monitor_grace", timing.node_monitor_grace),
        ("settle_margin", timing.settle_margin),
        ("loss_window", timing.loss_window),
    ];
    let settings = settings.map(|(key, value)| format!(" --timing {key}={}s", value.as_secs()));
    format!("{}{}", stage::watching(), settings.concat())
}
