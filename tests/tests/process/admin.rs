//! `AdminService`, as its clients see it.

use anyhow::{Context as _, Result};
use chassis::peer::Channel;
use proto::admin::v1::admin_service_client::AdminServiceClient;
use proto::admin::v1::worker_setting::Setting;
use proto::admin::v1::{
    GetInfoRequest, GetInfoResponse, GetWorkersRequest, SetWorkersRequest, Standing, WorkerSetting, Workers,
};
use tests::fixture::{Updater, eventually};
use tonic::Status;

use super::LONG;

/// A connection to one updater.
pub(crate) struct Admin {
    pub(crate) client: AdminServiceClient<Channel>,
}

impl Admin {
    pub(crate) async fn of(updater: &Updater) -> Result<Self> {
        Ok(Self { client: AdminServiceClient::new(updater.admin_channel().await?) })
    }

    pub(crate) async fn info(&mut self) -> Result<GetInfoResponse> {
        Ok(self.client.get_info(GetInfoRequest {}).await.context("GetInfo")?.into_inner())
    }

    pub(crate) async fn workers(&mut self) -> Result<Workers> {
        let answer = self.client.get_workers(GetWorkersRequest {}).await.context("GetWorkers")?;
        answer.into_inner().workers.context("an answer without workers")
    }

    pub(crate) async fn set_workers(&mut self, setting: Setting) -> Result<Workers, Status> {
        let setting = Some(WorkerSetting { setting: Some(setting) });
        let answer = self.client.set_workers(SetWorkersRequest { setting }).await?;
        answer.into_inner().workers.ok_or_else(|| Status::data_loss("an answer without workers"))
    }

    /// Waits until this process leads.
    pub(crate) async fn await_leading(&mut self) -> Result<GetInfoResponse> {
        eventually("the lead", LONG, async || {
            // While the API server is too busy to review the caller's token, nobody is let in.
            let Ok(info) = self.info().await else { return Ok(None) };
            Ok((info.standing() == Standing::Leading).then_some(info))
        })
        .await
    }

    /// Waits until this process stands by and knows this leader.
    pub(crate) async fn await_following(&mut self, leader: &str) -> Result<GetInfoResponse> {
        eventually("standing by", LONG, async || {
            let Ok(info) = self.info().await else { return Ok(None) };
            Ok((info.standing() == Standing::StandBy && info.leader == leader).then_some(info))
        })
        .await
    }
}
