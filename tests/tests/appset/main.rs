//! appset-controller on a real cluster, with the Deployment, StatefulSet and ReplicaSet controllers of Kubernetes: what its users
//! do with kubectl, and what comes of it. A test whose name begins with `item_N` shows a behaviour of OpenYurt (contract 4.1,
//! item N) that Drover does not have.
//!
//! Waves and runs are the suite `appset_runs`.

mod bad;
mod definition;
mod deletions;
mod deployment;
mod drift;
mod duplicates;
mod openyurt;
mod orphans;
mod quiet;
mod refusals;
mod rendering;
mod replicas;
mod restarts;
mod revisions;
mod rights;
mod stateful;
mod status;

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;
use tests::fixture::{APPSET_CONTROLLER, Estate, Pace, Service, ServiceSpec, Testbed};
use tokio::sync::OnceCell;

const MINUTE: Duration = Duration::from_mins(1);

/// Whoever writes nothing for so long has nothing to write: longer than any of the service's waits but those between retries, of
/// which there must be none.
const A_WHILE: Duration = Duration::from_secs(4);

/// A cluster with appset-controller, for all scenarios that leave it running.
async fn bed() -> Result<&'static Testbed> {
    static BED: OnceCell<(Testbed, Service)> = OnceCell::const_new();
    let start = async || {
        let bed = Testbed::for_app_sets(Pace::calm()).await?;
        let service = bed.appset_controller(ServiceSpec::new(APPSET_CONTROLLER)).await?;
        // It begins when it has the lease. What was deleted before that it does not know, and of YurtAppSets that are older
        // nothing is deleted for a minute. They say in whole seconds when they were made.
        let first = bed.estate("first-of-all", 1).await?;
        first.deploy(&first.app_set("web"), 1).await?;
        tokio::time::sleep(Duration::from_millis(1100)).await;
        anyhow::Ok((bed, service))
    };
    Ok(&BED.get_or_try_init(start).await?.0)
}

/// A scenario's place on that cluster.
async fn estate(name: &str, pools: u32) -> Result<Estate<'static>> {
    bed().await?.estate(name, pools).await
}

/// A part of a workload's first container.
fn container<'a>(workload: &'a Value, part: &str) -> &'a Value {
    &workload["spec"]["template"]["spec"]["containers"][0][part]
}

/// The words of a refusal; an error if there was none.
fn refusal<T>(outcome: Result<T>) -> Result<String> {
    match outcome {
        Ok(_) => bail!("it was not refused"),
        Err(error) => Ok(format!("{error:#}")),
    }
}

/// Makes sure that a text has all of these words.
fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}
