//! YurtAppSets on their way to a revision: waves over pools, failures, what users do meanwhile, and controllers that die, lag, or
//! are two. Every scenario ends before the audit log's judge.

mod bed;
mod behind;
mod bounds;
mod dependencies;
mod failures;
mod grpcurl;
mod kills;
mod membership;
mod pins;
mod place;
mod reach;
mod repairs;
mod replicas;
mod run;
mod sequences;
mod standing;
mod steering;
mod strategies;
mod waves;
mod windows;

use std::time::Duration;

use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_mins(1);
/// For runs of several waves on a machine that does a dozen of them.
const LONG: Duration = Duration::from_mins(3);
/// Long enough for whatever a controller would do that must not do it.
const A_WHILE: Duration = Duration::from_secs(3);

/// The name of every scenario's YurtAppSet.
const WEB: &str = "web";

/// The name of every scenario's strategy.
const STRATEGY: &str = "in-waves";

/// A strategy of these waves.
fn waves(waves: &Value) -> Value {
    json!({"waves": waves})
}
