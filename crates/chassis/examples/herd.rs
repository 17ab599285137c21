//! The smallest service, with tasks that behave as its configuration says: for the chassis' tests.

use std::process::ExitCode;
use std::time::Duration;

use chassis::access::{Account, Caller, Review, Reviewer, Table, Token, Unavailable};
use chassis::{About, Process, ProcessError, ServiceConfig};
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the herd does.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Config {
    /// How the task that counts sheep ends.
    counting: Counting,
}

/// How a task ends.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Counting {
    /// When it is told to.
    #[default]
    Obedient,
    /// Never.
    Stubborn,
    /// At once, with nothing to do.
    Idle,
    /// At once, with an error.
    Failing,
    /// At once, with a panic.
    Panicking,
}

impl ServiceConfig for Config {
    const ABOUT: About = About { service: "herd", version: "1.2.3", summary: "Keeps sheep." };
}

/// Believes every token: `sheep.NAMESPACE.NAME` is that account's.
struct Believer;

impl Reviewer for Believer {
    fn review(&self, token: Token) -> BoxFuture<'_, Result<Review, Unavailable>> {
        let parts: Vec<&str> = token.expose().split('.').collect();
        let review = match Account::new(parts[1], parts[2]) {
            Ok(account) => Review::Good { caller: Caller::new(account), expires: None },
            Err(error) => Review::Bad(error.to_string()),
        };
        Box::pin(async { Ok(review) })
    }
}

async fn run(mut process: Process, config: Config) -> Result<(), ProcessError> {
    process.access(Believer, Table::default());
    let stopping = process.shutdown().stopping();
    let counted = process.readiness().register("sheep");
    process.tasks().spawn("count sheep", async move {
        match config.counting {
            Counting::Obedient => {
                counted.ready();
                stopping.cancelled().await;
                // Work that was begun is finished.
                tokio::time::sleep(Duration::from_millis(50)).await;
                tracing::info!("counting finished");
            }
            Counting::Stubborn => {
                counted.ready();
                std::future::pending::<()>().await;
            }
            Counting::Idle => {}
            Counting::Failing => return Err("a wolf came".to_owned()),
            #[expect(clippy::panic, reason = "this is what is tested")]
            Counting::Panicking => panic!("wolves came"),
        }
        Ok(())
    });
    process.on_release("pasture", async { tracing::info!("pasture released") });
    process.run().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    chassis::main(run).await
}
