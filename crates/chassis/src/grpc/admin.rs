//! `AdminService`: what a process shows of itself and lets be changed.

mod messages;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use proto::admin::v1::admin_service_server::{AdminService, AdminServiceServer, SERVICE_NAME};
use proto::admin::v1::dump_response::Section;
use proto::admin::v1::{
    DumpRequest, DumpResponse, GetConfigRequest, GetConfigResponse, GetInfoRequest, GetInfoResponse,
    GetLogFilterRequest, GetLogFilterResponse, GetWorkersRequest, GetWorkersResponse, SetLogFilterRequest,
    SetLogFilterResponse, SetWorkersRequest, SetWorkersResponse,
};
use serde::Serialize;
use tonic::{Request, Response, Status, async_trait};

use super::MAX_REQUEST_BYTES;
use crate::standing::Standing;
use crate::telemetry::{LogControl, LogControlError};
use crate::workers::Workers;
use crate::{About, Readiness};

/// The service.
pub(crate) const NAME: &str = SERVICE_NAME;

/// What `AdminService` shows and changes.
pub(crate) struct Admin {
    pub(crate) about: About,
    pub(crate) started: SystemTime,
    /// The effective configuration as a documented TOML file, without secrets.
    pub(crate) config: String,
    pub(crate) readiness: Readiness,
    pub(crate) log: LogControl,
    pub(crate) workers: Option<Arc<dyn Workers>>,
    pub(crate) standing: Box<dyn Fn() -> Standing + Send + Sync>,
    pub(crate) sections: Sections,
}

/// What a process holds in memory, by name of the section.
#[derive(Default)]
pub(crate) struct Sections(BTreeMap<&'static str, Dump>);

type Dump = Box<dyn Fn() -> Result<String, serde_json::Error> + Send + Sync>;

impl Admin {
    pub(crate) fn into_service(self) -> AdminServiceServer<impl AdminService> {
        AdminServiceServer::new(self).max_decoding_message_size(MAX_REQUEST_BYTES)
    }

    fn workers(&self) -> Result<&Arc<dyn Workers>, Status> {
        let missing = || Status::unimplemented(format!("{} has no workers", self.about.service));
        self.workers.as_ref().ok_or_else(missing)
    }

    /// # Errors
    /// On a stand-by, naming the leader.
    fn may_act(&self) -> Result<(), Status> {
        match (self.standing)() {
            Standing::Alone | Standing::Leading(_) => Ok(()),
            Standing::StandBy(Some(leader)) => {
                Err(Status::failed_precondition(format!("this is a stand-by: the leader is {leader}")))
            }
            Standing::StandBy(None) => Err(Status::failed_precondition("this is a stand-by, and no leader is known")),
        }
    }
}

impl Sections {
    /// Adds a section, or replaces the one of the same name.
    pub(crate) fn add<T: Serialize>(&mut self, name: &'static str, content: impl Fn() -> T + Send + Sync + 'static) {
        let dump = move || serde_json::to_string(&content());
        self.0.insert(name, Box::new(dump));
    }

    fn dump(&self, names: &[String]) -> Result<Vec<Section>, Status> {
        let section = |name: &str, dump: &Dump| {
            dump()
                .map(|json| Section { name: name.to_owned(), json })
                .map_err(|error| Status::internal(format!("{name}: {error}")))
        };
        if names.is_empty() {
            let all = self.0.iter();
            return all.map(|(name, dump)| section(name, dump)).collect();
        }
        let named = names.iter().map(|name| match self.0.get(name.as_str()) {
            Some(dump) => section(name, dump),
            None => Err(self.unknown(name)),
        });
        named.collect()
    }

    fn unknown(&self, name: &str) -> Status {
        let known: Vec<_> = self.0.keys().copied().collect();
        Status::invalid_argument(format!("no section `{name}`: there are {}", known.join(", ")))
    }
}

#[async_trait]
impl AdminService for Admin {
    async fn get_info(&self, _: Request<GetInfoRequest>) -> Result<Response<GetInfoResponse>, Status> {
        Ok(Response::new(messages::info(self, &(self.standing)())))
    }

    async fn get_config(&self, _: Request<GetConfigRequest>) -> Result<Response<GetConfigResponse>, Status> {
        Ok(Response::new(GetConfigResponse { toml: self.config.clone() }))
    }

    async fn get_workers(&self, _: Request<GetWorkersRequest>) -> Result<Response<GetWorkersResponse>, Status> {
        let workers = Some(messages::workers(&self.workers()?.status()));
        Ok(Response::new(GetWorkersResponse { workers }))
    }

    async fn set_workers(&self, request: Request<SetWorkersRequest>) -> Result<Response<SetWorkersResponse>, Status> {
        let workers = self.workers()?;
        let setting = messages::setting(request.into_inner().setting)?;
        self.may_act()?;
        let before = workers.status().setting;
        workers.set(setting);
        tracing::info!(%before, now = %setting, "workers changed by AdminService");
        let workers = Some(messages::workers(&workers.status()));
        Ok(Response::new(SetWorkersResponse { workers }))
    }

    async fn get_log_filter(&self, _: Request<GetLogFilterRequest>) -> Result<Response<GetLogFilterResponse>, Status> {
        Ok(Response::new(GetLogFilterResponse { filter: self.log.current().to_string() }))
    }

    async fn set_log_filter(
        &self,
        request: Request<SetLogFilterRequest>,
    ) -> Result<Response<SetLogFilterResponse>, Status> {
        let wanted = request.into_inner().filter;
        let previous = self.log.set(&wanted).map_err(|error| match error {
            LogControlError::Directives(error) => Status::invalid_argument(error.to_string()),
            LogControlError::Reload(error) => Status::internal(error.to_string()),
        })?;
        let filter = self.log.current();
        tracing::info!(%previous, now = %filter, "log filter changed by AdminService");
        Ok(Response::new(SetLogFilterResponse { filter: filter.to_string(), previous: previous.to_string() }))
    }

    async fn dump(&self, request: Request<DumpRequest>) -> Result<Response<DumpResponse>, Status> {
        let sections = self.sections.dump(&request.into_inner().sections)?;
        Ok(Response::new(DumpResponse { sections }))
    }
}
