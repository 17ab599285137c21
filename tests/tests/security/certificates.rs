//! The certificate of a running service.

use anyhow::{Context as _, Result, ensure};
use proto::admin::v1::GetInfoRequest;
use tests::fixture::{Service, ServiceSpec};
use tokio::process::Command;
use tonic::Code;
use xtask::cluster::Authority;

use super::{LONG, await_metric, bed, client, is_served};

/// `GetInfo` by grpcurl with these arguments, as who may call it.
pub(super) async fn grpcurl(service: &Service, args: &[&str]) -> Result<std::process::Output> {
    // It may have to be built first.
    let tool = tokio::task::spawn_blocking(xtask::tools::grpcurl).await??;
    let mut command = Command::new(tool);
    command.args(args).args(["-connect-timeout", "60", "-H"]);
    command.arg(format!("authorization: Bearer {}", service.admin_token()));
    command.arg(service.addresses().await?.grpc).arg("drover.admin.v1.AdminService/GetInfo").kill_on_drop(true);
    tokio::time::timeout(LONG, command.output()).await.context("grpcurl hangs")?.context("starting grpcurl")
}

#[tokio::test]
async fn neither_plaintext_nor_a_foreign_authority_comes_through() -> Result<()> {
    let service = bed().await?.service();
    let authority = service.authority_file().display().to_string();
    let called = grpcurl(service, &["-cacert", &authority]).await?;
    ensure!(called.status.success(), "{}", String::from_utf8_lossy(&called.stderr));
    ensure!(!grpcurl(service, &["-plaintext"]).await?.status.success(), "plaintext is spoken");

    let foreign = service.folder().join("foreign.crt");
    std::fs::write(&foreign, Authority::new()?.certificate())?;
    let refused = grpcurl(service, &["-cacert", &foreign.display().to_string()]).await?;
    ensure!(!refused.status.success(), "a foreign authority is believed");
    let mut peer = service.peer(service.admin_token()).await?;
    peer.authority = foreign;
    let refused = client(chassis::peer::Channel::lazy(&peer)?).get_info(GetInfoRequest {}).await;
    let refused = refused.err().context("a foreign authority is believed")?;
    ensure!(refused.code() == Code::Unavailable, "{refused:?}");
    is_served(service).await
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart_and_a_bad_one_is_not() -> Result<()> {
    let bed = bed().await?;
    let service = Service::start(&bed.bed.cluster, ServiceSpec::new("daemon-updater")).await?;
    service.await_ready().await?;
    let mut early = client(service.admin_channel().await?);
    let before = early.get_info(GetInfoRequest {}).await?.into_inner();
    let reloads = |outcome| format!("drover_grpc_certificate_reloads_total{{outcome=\"{outcome}\"}} ");

    service.replace("tls.crt", b"-----BEGIN NOTHING-----\n")?;
    await_metric(&service, &reloads("Refused"), 1.0).await?;
    is_served(&service).await?;
    service.renew_certificate("daemon-updater-renewed")?;
    await_metric(&service, &reloads("Taken"), 1.0).await?;
    is_served(&service).await?;
    let after = early.get_info(GetInfoRequest {}).await?.into_inner();
    assert_eq!((before.pid, before.started_at), (after.pid, after.started_at), "it is the same process");
    let exit = service.process.terminate(LONG).await?;
    ensure!(exit.success(), "{exit}: {}", service.process.output());
    Ok(())
}
