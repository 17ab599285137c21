//! The process of leader-endpoints-controller.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    chassis::main(leader_endpoints_controller::run).await
}
