//! How a process ends: as asked, early, or by force.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::support::{Believer, SOON, channel, eventually, get, process};
use anyhow::Result;
use chassis::access::{Allow, Table};
use chassis::{Process, ProcessError, TaskEnd};
use futures::future::{BoxFuture, pending};
use tokio::sync::Notify;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::server::NamedService;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// Records what happens, in order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<&'static str>>>);

/// Writes to the diary when it is dropped.
struct Farewell(Diary, &'static str);

/// A gRPC service that answers no call.
#[derive(Clone)]
struct Silent {
    called: Arc<Notify>,
}

impl Diary {
    fn write(&self, line: &'static str) {
        self.0.lock().unwrap().push(line);
    }

    fn read(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.write(self.1);
    }
}

impl NamedService for Silent {
    const NAME: &'static str = "herd.Silent";
}

impl tower::Service<http::Request<Body>> for Silent {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        self.called.notify_one();
        Box::pin(pending())
    }
}

async fn run(process: Process) -> Result<Result<(), ProcessError>> {
    Ok(tokio::time::timeout(SOON, process.run()).await?)
}

async fn call_silent(address: std::net::SocketAddr, limit: Option<Duration>) -> Result<Code> {
    let mut client = tonic::client::Grpc::new(channel(address)?);
    client.ready().await?;
    let mut request = Request::new(());
    if let Some(limit) = limit {
        request.set_timeout(limit);
    }
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let path = http::uri::PathAndQuery::from_static("/herd.Silent/Call");
    let answer = client.unary::<(), (), _>(request, path, codec).await;
    Ok(answer.map_or_else(|status| status.code(), |_| Code::Ok))
}

#[tokio::test]
async fn shutdown_drains_finishes_and_releases_in_order() -> Result<()> {
    let mut process = process(&[]).await?;
    let (diary, finish) = (Diary::default(), Arc::new(Notify::new()));
    let (http, shutdown) = (process.addresses().admin, process.shutdown().clone());
    let (stopping, told, may_finish) = (shutdown.stopping(), diary.clone(), Arc::clone(&finish));
    process.tasks().spawn("shear", async move {
        stopping.cancelled().await;
        told.write("told to stop");
        may_finish.notified().await;
        told.write("finished");
        Ok::<(), Infallible>(())
    });
    for line in ["first release", "second release"] {
        let told = diary.clone();
        process.on_release(line, async move { told.write(line) });
    }
    let running = tokio::spawn(run(process));
    assert_eq!(get(http, "/readyz").await?.0, 200);

    shutdown.request();
    eventually(async || (!diary.read().is_empty()).then_some(())).await?;
    assert_eq!(get(http, "/livez").await?.0, 200, "alive while it drains");
    assert_eq!(get(http, "/readyz").await?, (503, "shutting down\n".to_owned()));
    assert_eq!(diary.read(), ["told to stop"]);
    finish.notify_one();
    running.await???;
    assert_eq!(diary.read(), ["told to stop", "finished", "first release", "second release"]);
    assert!(get(http, "/livez").await.is_err(), "no listener is left");
    Ok(())
}

#[tokio::test]
async fn work_is_abandoned_after_the_grace_period_and_before_the_release() -> Result<()> {
    let mut process = process(&["--shutdown-grace=50ms"]).await?;
    let diary = Diary::default();
    let farewell = Farewell(diary.clone(), "abandoned");
    process.tasks().spawn("sleep", async move {
        let _farewell = farewell;
        pending::<Result<(), Infallible>>().await
    });
    let told = diary.clone();
    process.on_release("lease", async move { told.write("released") });
    process.on_release("nothing", async {});
    process.shutdown().request();
    let begun = Instant::now();
    run(process).await??;
    assert!(begun.elapsed() >= Duration::from_millis(50));
    assert_eq!(diary.read(), ["abandoned", "released"]);
    Ok(())
}

#[tokio::test]
async fn a_task_that_ends_early_ends_the_process_by_name_and_still_releases() -> Result<()> {
    type Work = BoxFuture<'static, Result<(), String>>;
    let cases: [(Work, TaskEnd); 3] = [
        (Box::pin(async { Ok(()) }), TaskEnd::Finished),
        (Box::pin(async { Err("wolf".to_owned()) }), TaskEnd::Failed("wolf".to_owned())),
        (Box::pin(async { panic!("{} wolves", 3) }), TaskEnd::Panicked("3 wolves".to_owned())),
    ];
    for (work, expected) in cases {
        let mut process = process(&[]).await?;
        let (released, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (release, stopped) = (Arc::clone(&released), Arc::clone(&seen));
        let stopping = process.shutdown().stopping();
        process.tasks().spawn("other", async move {
            stopping.cancelled().await;
            stopped.store(true, Ordering::SeqCst);
            Ok::<(), Infallible>(())
        });
        process.tasks().spawn("guard", work);
        process.on_release("lease", async move { release.store(true, Ordering::SeqCst) });
        match run(process).await? {
            Err(ProcessError::TaskEnded { task: "guard", end }) => assert_eq!(end, expected),
            other => panic!("{other:?}"),
        }
        assert!(released.load(Ordering::SeqCst) && seen.load(Ordering::SeqCst));
    }
    Ok(())
}

#[tokio::test]
async fn tasks_started_by_tasks_count_too() -> Result<()> {
    let process = process(&[]).await?;
    let tasks = process.tasks().clone();
    process.tasks().spawn("ewe", async move {
        tasks.spawn("lamb", async { Err("lost") });
        tasks.stopping().cancelled().await;
        Ok::<(), Infallible>(())
    });
    let error = run(process).await?.unwrap_err();
    assert_eq!(error.to_string(), "task `lamb` ended early: lost");
    Ok(())
}

#[tokio::test]
async fn a_panic_during_shutdown_is_an_error_and_a_failure_is_not() -> Result<()> {
    for (panics, expected) in [(true, false), (false, true)] {
        let process = process(&[]).await?;
        let stopping = process.shutdown().stopping();
        process.tasks().spawn("gate", async move {
            stopping.cancelled().await;
            assert!(!panics, "the gate broke");
            Err("the gate is stuck")
        });
        process.shutdown().request();
        assert_eq!(run(process).await?.is_ok(), expected);
    }
    Ok(())
}

#[tokio::test]
async fn streams_end_when_the_process_stops_and_idle_connections_do_not_hold_it_up() -> Result<()> {
    let process = process(&["--shutdown-grace=1m"]).await?;
    let (grpc, shutdown) = (process.addresses().grpc, process.shutdown().clone());
    let running = tokio::spawn(run(process));
    let idle = channel(grpc)?;
    let mut health = HealthClient::new(idle.clone());
    let watch = HealthCheckRequest::default();
    let mut watched = health.watch(watch).await?.into_inner();
    assert!(watched.message().await?.is_some());
    shutdown.request();
    while watched.message().await?.is_some() {}
    tokio::time::timeout(SOON, running).await????;
    drop(idle);
    Ok(())
}

#[tokio::test]
async fn calls_end_at_the_deadline_of_caller_or_server() -> Result<()> {
    let mut process = process(&["--grpc-deadline=200ms"]).await?;
    process.access(Believer, Table::default().service(Silent::NAME, Allow::known()));
    process.service(Silent { called: Arc::new(Notify::new()) });
    let (grpc, shutdown) = (process.addresses().grpc, process.shutdown().clone());
    let running = tokio::spawn(run(process));
    let begun = Instant::now();
    assert_eq!(call_silent(grpc, None).await?, Code::DeadlineExceeded);
    assert!(begun.elapsed() >= Duration::from_millis(200));
    let asked = call_silent(grpc, Some(Duration::from_millis(1))).await?;
    assert_eq!(asked, Code::DeadlineExceeded);
    shutdown.request();
    running.await???;
    Ok(())
}

#[tokio::test]
async fn calls_in_progress_are_abandoned_with_the_rest() -> Result<()> {
    let mut process = process(&["--shutdown-grace=50ms", "--grpc-deadline=10m"]).await?;
    let called = Arc::new(Notify::new());
    process.access(Believer, Table::default().service(Silent::NAME, Allow::known()));
    process.service(Silent { called: Arc::clone(&called) });
    let (grpc, shutdown) = (process.addresses().grpc, process.shutdown().clone());
    let running = tokio::spawn(run(process));
    let call = tokio::spawn(call_silent(grpc, None));
    tokio::time::timeout(SOON, called.notified()).await?;
    shutdown.request();
    tokio::time::timeout(SOON, running).await????;
    call.abort();
    Ok(())
}

#[tokio::test]
async fn the_addresses_file_says_where_to_connect() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("addresses.json");
    let flag = format!("--addresses-file={}", file.display());
    let process = process(&[&flag]).await?;
    let written: chassis::Addresses = serde_json::from_slice(&std::fs::read(&file)?)?;
    assert_eq!(written, process.addresses());
    assert_ne!(written.admin.port(), 0);
    assert_eq!(get(written.admin, "/livez").await?.0, 200, "answers before it runs");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 1, "no draft is left");
    process.shutdown().request();
    Ok(run(process).await??)
}

#[tokio::test]
async fn a_listener_that_is_taken_is_named() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let flag = format!("--set=admin.listen={}", taken.local_addr()?);
    let mut loaded = crate::support::loaded(&[])?;
    loaded.process.admin.listen = chassis::config::Listen::new(taken.local_addr()?);
    let error = Process::bind(&loaded, crate::support::log()).await.err().map(|error| error.to_string());
    let error = error.unwrap_or_default();
    assert!(error.contains("admin HTTP") && flag.ends_with(error.split(' ').nth(2).unwrap_or("?")), "{error}");
    Ok(())
}
