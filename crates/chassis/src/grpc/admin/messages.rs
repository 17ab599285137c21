//! Conversions between the chassis' types and the messages of `AdminService`.

use proto::admin::v1::worker_setting::Setting;
use proto::admin::v1::{self, GetInfoResponse};
use tonic::Status;

use super::Admin;
use crate::standing::Standing;
use crate::workers::{WorkerSetting, WorkerStatus};

pub(super) fn info(admin: &Admin, standing: &Standing) -> GetInfoResponse {
    GetInfoResponse {
        service: admin.about.service.to_owned(),
        version: admin.about.version.to_owned(),
        host: host(),
        pid: std::process::id(),
        started_at: Some(admin.started.into()),
        ready: admin.readiness.is_ready(),
        missing: admin.readiness.missing(),
        draining: admin.readiness.is_draining(),
        standing: part(standing).into(),
        leader: standing.leader().unwrap_or_default().to_owned(),
    }
}

pub(super) fn workers(status: &WorkerStatus) -> v1::Workers {
    let setting = match status.setting {
        WorkerSetting::Fixed(count) => Setting::Fixed(small(count.get())),
        WorkerSetting::Auto => Setting::Auto(()),
    };
    v1::Workers {
        setting: Some(v1::WorkerSetting { setting: Some(setting) }),
        active: small(status.active),
        busy: small(status.busy),
        queued: status.queued as u64,
        min: small(status.min),
        max: small(status.max),
    }
}

/// # Errors
/// When there is no setting, or it is out of range.
pub(super) fn setting(wanted: Option<v1::WorkerSetting>) -> Result<WorkerSetting, Status> {
    match wanted.and_then(|wanted| wanted.setting) {
        Some(Setting::Fixed(count)) => {
            WorkerSetting::fixed(i128::from(count)).map_err(|error| Status::invalid_argument(error.to_string()))
        }
        Some(Setting::Auto(())) => Ok(WorkerSetting::Auto),
        None => Err(Status::invalid_argument(
            "no setting: give {\"setting\": {\"fixed\": 8}} or {\"setting\": {\"auto\": {}}}",
        )),
    }
}

fn part(standing: &Standing) -> v1::Standing {
    match standing {
        Standing::Alone => v1::Standing::Alone,
        Standing::Leading(_) => v1::Standing::Leading,
        Standing::StandBy(_) => v1::Standing::StandBy,
    }
}

/// Counts of workers are far below the limit of their field.
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The kernel's name of this host; empty where there is none.
fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()).unwrap_or_default()
}
