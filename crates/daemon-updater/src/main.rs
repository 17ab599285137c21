//! The process of daemon-updater.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    chassis::main(daemon_updater::run).await
}
