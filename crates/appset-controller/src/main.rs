//! The process of appset-controller.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    chassis::main(appset_controller::run).await
}
