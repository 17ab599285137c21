//! A service as a program: its command line, its signals, its exit codes, its traces.
//!
//! The program is `examples/herd.rs`, which `cargo test -p chassis` builds beside the tests.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{env, fs};

use crate::support::{channel, eventually, get};
use anyhow::{Context, Result, ensure};
use chassis::Addresses;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use proto::admin::v1::GetInfoRequest;
use proto::admin::v1::admin_service_client::AdminServiceClient;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, async_trait};

/// The program, running in a folder of its own; killed when dropped.
struct Herd {
    child: Child,
    folder: tempfile::TempDir,
}

impl Herd {
    fn start(args: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let child = program()?
            .args(["--admin-listen=127.0.0.1:0", "--grpc-listen=127.0.0.1:0"])
            .arg("--addresses-file")
            .arg(folder.path().join("addresses"))
            .args(args)
            .stderr(fs::File::create(folder.path().join("log"))?)
            .spawn()?;
        Ok(Self { child, folder })
    }

    async fn addresses(&self) -> Result<Addresses> {
        eventually(async || {
            let file = fs::read(self.folder.path().join("addresses")).ok()?;
            serde_json::from_slice(&file).ok()
        })
        .await
    }

    async fn ready(&self) -> Result<Addresses> {
        let addresses = self.addresses().await?;
        eventually(async || (get(addresses.admin, "/readyz").await.ok()?.0 == 200).then_some(())).await?;
        Ok(addresses)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(self.child.id().try_into()?), signal)?)
    }

    /// The exit code and the log.
    async fn end(mut self) -> Result<(i32, String)> {
        let status: ExitStatus = eventually(async || self.child.try_wait().ok()?).await?;
        let log = fs::read_to_string(self.folder.path().join("log"))?;
        Ok((status.code().context("killed by a signal")?, log))
    }
}

impl Drop for Herd {
    fn drop(&mut self) {
        // Either fails when the program has ended, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Result<Command> {
    let tests = env::current_exe()?;
    let target = tests.parent().and_then(Path::parent).context("no target folder")?;
    let herd: PathBuf = target.join("examples/herd");
    ensure!(herd.exists(), "`cargo build -p chassis --example herd` makes {}", herd.display());
    let mut command = Command::new(herd);
    command.stdin(Stdio::null()).env_clear();
    Ok(command)
}

#[tokio::test]
async fn signals_end_it_in_order_and_successfully() -> Result<()> {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let herd = Herd::start(&[])?;
        herd.ready().await?;
        herd.signal(signal)?;
        let (code, log) = herd.end().await?;
        assert_eq!(code, 0, "{log}");
        let place = |message: &str| log.find(message).with_context(|| format!("no `{message}` in:\n{log}"));
        let places = [
            place("\"starting\"")?,
            place(&format!("\"signal\":\"{signal}\""))?,
            place("counting finished")?,
            place("pasture released")?,
            place("\"stopped\"")?,
        ];
        assert!(places.is_sorted(), "{log}");
    }
    Ok(())
}

#[tokio::test]
async fn a_second_signal_ends_the_grace_period() -> Result<()> {
    let herd = Herd::start(&["--shutdown-grace=10m", "--set=counting=stubborn"])?;
    let addresses = herd.ready().await?;
    herd.signal(Signal::SIGTERM)?;
    eventually(async || (get(addresses.admin, "/readyz").await.ok()?.0 == 503).then_some(())).await?;
    herd.signal(Signal::SIGTERM)?;
    let (code, log) = herd.end().await?;
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("work abandoned") && log.contains("count sheep"), "{log}");
    assert!(log.contains("pasture released"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_task_that_ends_early_is_named_and_fails_the_program() -> Result<()> {
    for (counting, cause) in
        [("idle", "nothing more to do"), ("failing", "a wolf came"), ("panicking", "panicked: wolves came")]
    {
        let herd = Herd::start(&[&format!("--set=counting={counting}")])?;
        let (code, log) = herd.end().await?;
        assert_eq!(code, 1, "{log}");
        let last = log.lines().last().unwrap_or_default();
        assert!(last.contains("task `count sheep` ended early") && last.contains(cause), "{log}");
        assert!(log.contains("pasture released"), "{log}");
    }
    Ok(())
}

#[test]
fn what_is_wrong_is_said_before_anything_starts() -> Result<()> {
    for (args, message) in [
        (
            ["--grpc-listen=0.0.0.0:0", "--log=info"],
            "grpc.listen (--grpc-listen): `0.0.0.0:0` is not allowed: give grpc.tls.certificate",
        ),
        (["--set=counting=sleepy", "--log=info"], "counting (--set counting): `sleepy` is not allowed"),
        (["--config=/no/such.toml", "--log=info"], "/no/such.toml"),
        (["--sheep=3", "--log=info"], "--sheep"),
    ] {
        let output = program()?.args(args).output()?;
        let stderr = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(message) && !stderr.contains("starting"), "{stderr}");
        assert!(output.stdout.is_empty());
    }
    Ok(())
}

#[test]
fn the_effective_configuration_is_printed() -> Result<()> {
    let output = program()?.arg("--print-config").env("DROVER_SHUTDOWN__GRACE", "9s").output()?;
    let printed = String::from_utf8(output.stdout)?;
    assert!(output.status.success());
    assert!(printed.contains("grace = \"9s\"") && printed.contains("counting = \"obedient\""), "{printed}");
    Ok(())
}

/// Receives traces.
struct Collector(UnboundedSender<ExportTraceServiceRequest>);

impl Collector {
    async fn start() -> Result<(String, UnboundedReceiver<ExportTraceServiceRequest>)> {
        let (sender, received) = unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(Self(sender)))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        Ok((endpoint, received))
    }
}

#[async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let _ = self.0.send(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test]
async fn calls_continue_the_callers_trace_and_the_last_spans_are_sent() -> Result<()> {
    let (endpoint, mut received) = Collector::start().await?;
    let herd = Herd::start(&["--otlp-endpoint", &endpoint, "--log=error"])?;
    let addresses = herd.ready().await?;
    let mut admin = AdminServiceClient::new(channel(addresses.grpc)?);
    let mut request = Request::new(GetInfoRequest {});
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    request.metadata_mut().insert("traceparent", traceparent.parse()?);
    admin.get_info(request).await?;
    herd.signal(Signal::SIGTERM)?;
    let (code, log) = herd.end().await?;
    assert_eq!((code, log.as_str()), (0, ""));

    // The program flushes before it ends, and what it sends waits in this channel.
    received.close();
    let mut spans = Vec::new();
    while let Some(export) = received.recv().await {
        for batch in export.resource_spans {
            let resource = batch.resource.context("no resource")?;
            let service = resource.attributes.iter().find(|each| each.key == "service.name");
            let service = service.and_then(|each| each.value.clone()?.value);
            assert_eq!(service, Some(Value::StringValue("herd".to_owned())));
            spans.extend(batch.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    let span = spans.iter().find(|span| span.name == "drover.admin.v1.AdminService/GetInfo");
    let span = span.with_context(|| format!("{spans:?}"))?;
    assert_eq!(span.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(span.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    assert_eq!(span.kind(), SpanKind::Server);
    let status = span.attributes.iter().find(|each| each.key == "rpc.grpc.status_code");
    assert_eq!(status.and_then(|each| each.value.clone()?.value), Some(Value::IntValue(0)));
    let library = spans.iter().find(|span| !span.name.contains("AdminService"));
    assert!(library.is_none(), "{library:?}");
    Ok(())
}

#[tokio::test]
async fn a_collector_that_is_not_there_does_no_harm() -> Result<()> {
    let gone = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let herd = Herd::start(&["--otlp-endpoint", &format!("http://{gone}")])?;
    let addresses = herd.ready().await?;
    AdminServiceClient::new(channel(addresses.grpc)?).get_info(GetInfoRequest {}).await?;
    herd.signal(Signal::SIGTERM)?;
    let begun = std::time::Instant::now();
    let (code, log) = herd.end().await?;
    assert_eq!(code, 0, "{log}");
    assert!(begun.elapsed() < Duration::from_mins(2), "waited {:?}", begun.elapsed());
    Ok(())
}
