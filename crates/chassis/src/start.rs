//! From the command line to a running service and its exit code.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::{self, ServiceConfig, Startup};
use crate::process::{Process, causes};
use crate::telemetry::Telemetry;

/// The exit code of a process that was told something it does not understand, as is usual.
const MISUSED: u8 = 2;

/// Runs a service: reads its configuration from the command line and environment of this process,
/// sets up its logs and traces, binds its listeners, and hands over to `run`, which adds what the
/// service has and ends with [`Process::run`].
///
/// Exit codes: 0 after a shutdown that was asked for, 1 after a failure, 2 when the configuration
/// was refused, before anything was started.
pub async fn main<C, R, E>(run: impl FnOnce(Process, C) -> R) -> ExitCode
where
    C: ServiceConfig,
    R: Future<Output = Result<(), E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let loaded = match config::load::<C>(std::env::args_os(), std::env::vars_os()) {
        Ok(Startup::Run(loaded)) => *loaded,
        Ok(Startup::Print(text)) => {
            return match io::stdout().write_all(text.as_bytes()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            };
        }
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(MISUSED);
        }
    };
    let telemetry = match Telemetry::install(C::ABOUT, &loaded.process.telemetry) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            complain(&causes(&error));
            return ExitCode::FAILURE;
        }
    };
    let ended = match Process::bind(&loaded, telemetry.log().clone()).await {
        Ok(process) => run(process, loaded.service).await.map_err(Into::into),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = &ended {
        tracing::error!(error = causes(error.as_ref()), "ended with an error");
    }
    telemetry.flush().await;
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Says what is wrong where no log says it yet.
fn complain(message: &str) {
    // With stderr closed there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{}", message.trim_end());
}
