//! What a running process shows: probes, metrics, health, reflection and `AdminService`.

use std::sync::{Arc, Mutex};

use crate::support::{CONFIGURED_FILTER, SOON, channel, eventually, get, process};
use anyhow::{Context, Result};
use chassis::peer::Channel;
use chassis::workers::{WorkerSetting, WorkerStatus, Workers};
use chassis::{Addresses, Process, Shutdown, Standing};
use proto::admin::v1::admin_service_client::AdminServiceClient;
use proto::admin::v1::worker_setting::Setting;
use proto::admin::v1::{
    self, DumpRequest, GetConfigRequest, GetInfoRequest, GetLogFilterRequest, GetWorkersRequest, SetLogFilterRequest,
    SetWorkersRequest,
};
use tokio::task::JoinHandle;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const ADMIN: &str = "drover.admin.v1.AdminService";

/// A process that runs beside a test.
struct Running {
    addresses: Addresses,
    shutdown: Shutdown,
    ended: JoinHandle<Result<(), chassis::ProcessError>>,
}

impl Running {
    fn start(process: Process) -> Self {
        Self {
            addresses: process.addresses(),
            shutdown: process.shutdown().clone(),
            ended: tokio::spawn(process.run()),
        }
    }

    fn admin(&self) -> Result<AdminServiceClient<Channel>> {
        Ok(AdminServiceClient::new(channel(self.addresses.grpc)?))
    }

    async fn stop(self) -> Result<()> {
        self.shutdown.request();
        Ok(tokio::time::timeout(SOON, self.ended).await???)
    }
}

/// Workers that only remember what they were told.
struct Dogs(Mutex<WorkerSetting>);

impl Workers for Dogs {
    fn status(&self) -> WorkerStatus {
        WorkerStatus { setting: *self.0.lock().unwrap(), active: 3, busy: 2, queued: 17, min: 1, max: 16 }
    }

    fn set(&self, setting: WorkerSetting) {
        *self.0.lock().unwrap() = setting;
    }
}

#[tokio::test]
async fn probes_and_health_follow_the_conditions() -> Result<()> {
    let process = process(&[]).await?;
    let listed = process.readiness().register("pods");
    let readiness = process.readiness().clone();
    let running = Running::start(process);
    let http = running.addresses.admin;
    let mut health = HealthClient::new(channel(running.addresses.grpc)?);
    let mut status = async |service: &str| {
        let service = service.to_owned();
        let answer = health.check(HealthCheckRequest { service }).await.ok()?;
        Some(answer.into_inner().status())
    };

    assert_eq!(get(http, "/livez").await?.0, 200);
    assert_eq!(get(http, "/readyz").await?, (503, "pods: not yet\n".to_owned()));
    assert_eq!(status("").await, Some(ServingStatus::NotServing));

    listed.ready();
    assert_eq!(get(http, "/readyz").await?, (200, "ready\n".to_owned()));
    for service in ["", ADMIN] {
        eventually(async || (status(service).await? == ServingStatus::Serving).then_some(())).await?;
    }
    listed.unready("watch lost");
    assert_eq!(get(http, "/readyz").await?.1, "pods: watch lost\n");
    eventually(async || (status("").await? == ServingStatus::NotServing).then_some(())).await?;
    assert_eq!(status("nobody").await, None);
    assert!(!readiness.is_draining());
    running.stop().await
}

#[tokio::test]
async fn calls_are_counted_by_method_and_code_and_unknown_ones_together() -> Result<()> {
    let running = Running::start(process(&[]).await?);
    let mut admin = running.admin()?;
    admin.get_info(GetInfoRequest {}).await?;
    admin.get_info(GetInfoRequest {}).await?;
    admin.get_workers(GetWorkersRequest {}).await.unwrap_err();
    for path in ["/made.up/One", "/made.up/Two"] {
        call_nothing(&running, path).await?;
    }
    let text = eventually(async || {
        let (_, text) = get(running.addresses.admin, "/metrics").await.ok()?;
        text.contains("method=\"unknown\",code=\"Unimplemented\"} 2").then_some(text)
    })
    .await?;
    for line in [
        format!("drover_grpc_calls_total{{service=\"{ADMIN}\",method=\"GetInfo\",code=\"Ok\"}} 2"),
        format!("drover_grpc_calls_total{{service=\"{ADMIN}\",method=\"GetWorkers\",code=\"Unimplemented\"}} 1"),
        format!("drover_grpc_call_seconds_count{{service=\"{ADMIN}\",method=\"GetInfo\"}} 2"),
        "drover_grpc_calls_running 0".to_owned(),
        "drover_build_info{service=\"herd\",version=\"1.2.3\"} 1".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in:\n{text}");
    }
    assert!(!text.contains("made.up"));
    running.stop().await
}

#[tokio::test]
async fn reflection_lists_and_describes_what_is_served_in_both_versions() -> Result<()> {
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest as Ask;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse as Answer;
    use tonic_reflection::pb::{v1, v1alpha};

    let running = Running::start(process(&[]).await?);
    let channel = channel(running.addresses.grpc)?;
    let mut current = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let asked = [Ask::ListServices(String::new()), Ask::FileContainingSymbol(ADMIN.to_owned())]
        .map(|ask| v1::ServerReflectionRequest { host: String::new(), message_request: Some(ask) });
    let mut answers = current.server_reflection_info(tokio_stream::iter(asked)).await?.into_inner();
    let listed = answers.message().await?.and_then(|answer| answer.message_response);
    let Some(Answer::ListServicesResponse(listed)) = listed else {
        panic!("{listed:?}");
    };
    let mut names: Vec<_> = listed.service.into_iter().map(|each| each.name).collect();
    names.sort();
    assert_eq!(
        names,
        [
            ADMIN,
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection",
        ]
    );
    let described = answers.message().await?.and_then(|answer| answer.message_response);
    assert!(
        matches!(&described, Some(Answer::FileDescriptorResponse(files)) if files.file_descriptor_proto.len() == 1),
        "{described:?}"
    );

    let mut alpha = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let ask = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let answer = alpha
        .server_reflection_info(tokio_stream::iter([ask]))
        .await?
        .into_inner()
        .message()
        .await?
        .context("no answer")?;
    assert!(format!("{answer:?}").contains(ADMIN));
    running.stop().await
}

#[tokio::test]
async fn admin_shows_the_process_and_its_configuration() -> Result<()> {
    let mut process = process(&["--shutdown-grace=7s"]).await?;
    process.readiness().register("pods").unready("list at 1 of 2");
    process.standing(|| Standing::StandBy(Some("herd-0".to_owned())));
    process.dump("mirror", || serde_json::json!({"pods": 5}));
    process.dump("lease", || "held");
    let running = Running::start(process);
    let mut admin = running.admin()?;

    let info = admin.get_info(GetInfoRequest {}).await?.into_inner();
    assert_eq!((info.service.as_str(), info.version.as_str()), ("herd", "1.2.3"));
    assert_eq!(info.pid, std::process::id());
    assert!(!info.ready && !info.draining && info.started_at.is_some());
    assert_eq!(info.missing, ["pods: list at 1 of 2"]);
    assert_eq!(info.standing(), v1::Standing::StandBy);
    assert_eq!(info.leader, "herd-0");

    let config = admin.get_config(GetConfigRequest {}).await?.into_inner().toml;
    assert!(config.contains("grace = \"7s\""), "{config}");

    let all = admin.dump(DumpRequest::default()).await?.into_inner().sections;
    let shown: Vec<_> = all.iter().map(|each| (each.name.as_str(), each.json.as_str())).collect();
    assert_eq!(shown, [("lease", "\"held\""), ("mirror", "{\"pods\":5}")]);
    let wrong = DumpRequest { sections: vec!["mirror".to_owned(), "miror".to_owned()] };
    let refused = admin.dump(wrong).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.message(), "no section `miror`: there are lease, mirror");
    running.stop().await
}

#[tokio::test]
async fn admin_changes_workers_within_their_range_and_not_on_a_stand_by() -> Result<()> {
    let dogs = Arc::new(Dogs(Mutex::new(WorkerSetting::default())));
    let leads = Arc::new(Mutex::new(true));
    let mut process = process(&[]).await?;
    process.workers(Arc::clone(&dogs) as Arc<dyn Workers>);
    let asked = Arc::clone(&leads);
    process.standing(move || {
        if *asked.lock().unwrap() {
            Standing::Leading("herd-1".to_owned())
        } else {
            Standing::StandBy(Some("herd-0".to_owned()))
        }
    });
    let running = Running::start(process);
    let mut admin = running.admin()?;
    let set = |setting| SetWorkersRequest { setting: Some(v1::WorkerSetting { setting }) };

    let before = admin.get_workers(GetWorkersRequest {}).await?.into_inner().workers;
    let before = before.context("no workers")?;
    assert_eq!(before.setting.and_then(|each| each.setting), Some(Setting::Fixed(3)));
    assert_eq!((before.active, before.busy, before.queued), (3, 2, 17));
    assert_eq!((before.min, before.max), (1, 16));

    let after = admin.set_workers(set(Some(Setting::Auto(())))).await?.into_inner().workers;
    let after = after.and_then(|workers| workers.setting?.setting);
    assert_eq!(after, Some(Setting::Auto(())));
    assert_eq!(*dogs.0.lock().unwrap(), WorkerSetting::Auto);

    for wrong in [set(Some(Setting::Fixed(0))), set(Some(Setting::Fixed(257))), set(None)] {
        let refused = admin.set_workers(wrong).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
    *leads.lock().unwrap() = false;
    let refused = admin.set_workers(set(Some(Setting::Fixed(8)))).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("the leader is herd-0"), "{refused}");
    assert_eq!(*dogs.0.lock().unwrap(), WorkerSetting::Auto, "refusals change nothing");
    running.stop().await
}

#[tokio::test]
async fn admin_changes_the_log_filter() -> Result<()> {
    let running = Running::start(process(&[]).await?);
    let mut admin = running.admin()?;
    let set = |filter: &str| SetLogFilterRequest { filter: filter.to_owned() };
    let changed = admin.set_log_filter(set("warn,herd=debug")).await?.into_inner();
    assert_eq!((changed.filter.as_str(), changed.previous.as_str()), ("warn,herd=debug", CONFIGURED_FILTER));
    let refused = admin.set_log_filter(set("herd=loud")).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let now = admin.get_log_filter(GetLogFilterRequest {}).await?.into_inner();
    assert_eq!(now.filter, "warn,herd=debug");
    assert_eq!(admin.set_log_filter(set("")).await?.into_inner().filter, CONFIGURED_FILTER);
    running.stop().await
}

#[tokio::test]
async fn large_requests_are_refused() -> Result<()> {
    let running = Running::start(process(&[]).await?);
    let huge = DumpRequest { sections: vec!["x".repeat(2 * chassis::grpc::MAX_REQUEST_BYTES)] };
    let refused = running.admin()?.dump(Request::new(huge)).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
    running.stop().await
}

/// Calls a method that there is not.
async fn call_nothing(running: &Running, path: &'static str) -> Result<()> {
    let mut client = tonic::client::Grpc::new(channel(running.addresses.grpc)?);
    client.ready().await?;
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let path = tonic::codegen::http::uri::PathAndQuery::from_static(path);
    let refused = client.unary(Request::new(()), path, codec).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    Ok(())
}
