//! Many watches on few connections: all get every change, and the server stays small.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use chassis::peer::Channel;
use futures::StreamExt as _;
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{WatchEvent, WatchParams};
use proto::topology::v1::topology_service_client::TopologyServiceClient;
use proto::topology::v1::{NodeSelector, WatchNodesRequest};
use tests::fixture::{Service, ServiceSpec};
use tokio::process::Command;
use tokio::sync::watch;
use xtask::nodes::is_ready;
use xtask::paths;

use super::{Bed, CONTROLLER, LONG, READER, bed};

/// What a watch showed of a node last, and when that came.
type Seen = BTreeMap<String, (bool, Instant)>;

/// A watch that is read all the time.
struct Stream {
    seen: Arc<Mutex<Seen>>,
    count: watch::Receiver<u64>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stream {
    async fn open(channel: Channel, pool: &str) -> Result<Self> {
        let selector = Some(NodeSelector { pools: vec![pool.to_owned()], ..NodeSelector::default() });
        let request = WatchNodesRequest { selector, resume_token: vec![] };
        let mut messages = TopologyServiceClient::new(channel).watch_nodes(request).await?.into_inner();
        let (seen, (counting, count)) = (Arc::<Mutex<Seen>>::default(), watch::channel(0));
        let of = seen.clone();
        let task = tokio::spawn(async move {
            while let Ok(Some(message)) = messages.message().await {
                if message.changed.is_empty() {
                    continue;
                }
                let now = Instant::now();
                let mut seen = of.lock().unwrap_or_else(PoisonError::into_inner);
                seen.extend(message.changed.into_iter().map(|node| (node.name, (node.ready, now))));
                drop(seen);
                counting.send_modify(|count| *count += 1);
            }
        });
        Ok(Self { seen, count, task })
    }

    /// Waits until it shows this of a node; when that came.
    async fn shows(&self, node: &str, ready: bool) -> Result<Instant> {
        let (mut count, deadline) = (self.count.clone(), tokio::time::Instant::now() + LONG);
        loop {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(node).copied();
            if let Some((_, at)) = seen.filter(|(now, _)| *now == ready) {
                return Ok(at);
            }
            let changed = tokio::time::timeout_at(deadline, count.changed()).await;
            changed.with_context(|| format!("{node} is never shown as ready={ready}"))?.context("a watch ended")?;
        }
    }
}

/// Opens so many watches of a pool, over so many connections.
async fn open(service: &Service, token: &str, pool: &str, connections: usize, each: usize) -> Result<Vec<Stream>> {
    let mut streams = Vec::new();
    for _ in 0..connections {
        let channel = service.channel(token).await?;
        streams.extend(try_join_all((0..each).map(|_| Stream::open(channel.clone(), pool))).await?);
    }
    Ok(streams)
}

/// The changes of one node's readiness as a watch of the API server shows them.
struct Public {
    changes: tokio::sync::mpsc::UnboundedReceiver<(bool, Instant)>,
    task: tokio::task::JoinHandle<Result<()>>,
}

impl Drop for Public {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Public {
    fn of(bed: &Bed, node: &str) -> Result<Self> {
        let (nodes, only) = (Api::<Node>::all(bed.cluster.client()?), format!("metadata.name={node}"));
        let (tell, changes) = tokio::sync::mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let mut events = pin!(nodes.watch(&WatchParams::default().fields(&only), "0").await?);
            while let Some(event) = events.next().await {
                if let WatchEvent::Added(node) | WatchEvent::Modified(node) = event? {
                    tell.send((is_ready(&node), Instant::now()))?;
                }
            }
            anyhow::bail!("the API server ended the watch")
        });
        Ok(Self { changes, task })
    }

    /// When it was shown to be this.
    async fn shows(&mut self, wanted: bool) -> Result<Instant> {
        loop {
            let next = tokio::time::timeout(LONG, self.changes.recv()).await.context("the node does not change")?;
            let (ready, at) = next.context("the node is not watched any more")?;
            if ready == wanted {
                return Ok(at);
            }
        }
    }
}

/// Lets a node flap so many times. For each change and watch: how long after it was public it was there, in milliseconds, in
/// rising order.
async fn flap(bed: &Bed, streams: &[Stream], node: &str, times: u32) -> Result<Vec<f64>> {
    let (nodes, mut public) = (bed.cluster.nodes()?, Public::of(bed, node)?);
    let mut late = Vec::new();
    for change in 0..2 * times {
        let ready = change % 2 == 1;
        nodes.not_ready(&[node], !ready).await?;
        let at = public.shows(ready).await?;
        let shown = try_join_all(streams.iter().map(|stream| stream.shows(node, ready))).await?;
        late.extend(shown.iter().map(|shown| shown.saturating_duration_since(at).as_secs_f64() * 1e3));
    }
    late.sort_by(f64::total_cmp);
    Ok(late)
}

/// The number in a line such as `VmRSS:     1234 kB` of a process.
fn memory(service: &Service, line: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.process.pid()))?;
    let value = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    Ok(value.and_then(|value| value.trim().strip_suffix(" kB")).context("no such line")?.parse()?)
}

/// The controller as it is deployed, beside the one of the other tests: unoptimised it needs ten times as long.
async fn optimised() -> Result<String> {
    let args = ["build", "--release", "--quiet", "--package", CONTROLLER];
    let built = Command::new(env!("CARGO")).args(args).current_dir(paths::workspace()).status().await?;
    ensure!(built.success(), "cargo {} failed", args.join(" "));
    let here = std::env::current_exe()?;
    let here = here.parent().and_then(Path::parent).context("a test outside of a target directory")?;
    let name = format!("{CONTROLLER}-optimised");
    std::fs::copy(here.with_file_name("release").join(CONTROLLER), here.join(&name)).context("taking it over")?;
    Ok(name)
}

/// The CPU time of a process so far.
fn cpu_ms(service: &Service) -> Result<u64> {
    /// Clock ticks a second, on every Linux there is.
    const TICKS: u64 = 100;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", service.process.pid()))?;
    // After the name, which may hold anything: fields 14 and 15 of proc(5).
    let (_, fields) = stat.rsplit_once(") ").context("a process without a name")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(ticks * 1000 / TICKS)
}

#[tokio::test]
async fn a_change_reaches_every_watch() -> Result<()> {
    let bed = bed().await?;
    let names = bed.fleet("many", 2, 1).await?.names();
    // An account of their own: how often one may call is limited.
    let token = bed.token("many-watches").await?;
    let streams = open(&bed.service, &token, "many-pool-1", 5, 20).await?;
    for name in &names {
        try_join_all(streams.iter().map(|stream| stream.shows(name, true))).await?;
    }
    let shown = flap(bed, &streams, &names[0], 2).await?;
    ensure!(shown.len() == 4 * streams.len(), "{} of {} changes were shown", shown.len(), 4 * streams.len());
    let admin = bed.service.addresses().await?.admin;
    let metrics = bed.service.process.await_http(&admin, "/metrics", LONG).await?;
    for name in ["drover_topology_watches", "drover_topology_messages_total"] {
        ensure!(metrics.contains(&format!("{name}{{watched=\"nodes\"}}")), "{name} is not measured:\n{metrics}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a campaign of some minutes: cargo xtask soak"]
async fn soak_topology_of_2000_streams() -> Result<()> {
    const CONNECTIONS: usize = 50;
    const EACH: usize = 40;
    const CHANGES: u32 = 20;
    /// A fleet as the benchmarks have it.
    const NODES: u32 = 1_000;
    let bed = Bed::start().await?;
    let names = bed.fleet("soak", NODES, 200).await?.names();
    let token = bed.token(READER).await?;
    let spec = ServiceSpec::new(CONTROLLER)
        .binary(&optimised().await?)
        .env("DROVER_ACCESS__CALLS_PER_SECOND", "100000")
        .env("DROVER_ACCESS__CALLS_AT_ONCE", "100000");
    let service = Service::start(&bed.cluster, spec).await?;
    service.await_ready().await?;
    let before = memory(&service, "VmRSS")?;
    let opening = Instant::now();
    let streams = open(&service, &token, "soak-pool-1", CONNECTIONS, EACH).await?;
    try_join_all(streams.iter().map(|stream| stream.shows(&names[0], true))).await?;
    let opened = opening.elapsed();
    let cpu = cpu_ms(&service)?;
    let late = flap(&bed, &streams, &names[0], CHANGES).await?;
    let cpu = (cpu_ms(&service)? - cpu) as f64 / late.len() as f64 * 1e3;
    let (after, peak) = (memory(&service, "VmRSS")?, memory(&service, "VmHWM")?);
    let at = |share: usize| late[(late.len() - 1) * share / 100];
    eprintln!(
        "{} watches on {CONNECTIONS} connections, opened in {opened:.1?}; memory {before} KiB before, {after} KiB after, peak \
         {peak} KiB; {} deliveries after their change was public: p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms; {cpu:.0} µs of \
         the server's CPU each",
        streams.len(),
        late.len(),
        at(50),
        at(99),
        at(100)
    );
    ensure!(peak < 100 * 1024, "the server needed {peak} KiB");
    Ok(())
}
