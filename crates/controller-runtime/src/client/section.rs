//! The API server, as a section of configuration.

use std::path::PathBuf;

use chassis::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ClientSettings;

/// The API server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kube {
    /// Kubeconfig file; not set: $KUBECONFIG, ~/.kube/config, then the pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// How long a write may take. A new leader waits so long before it acts.
    pub write_timeout: Period<100, 60_000>,
}

impl Kube {
    /// The client's settings.
    pub fn settings(&self) -> ClientSettings {
        ClientSettings {
            kubeconfig: self.kubeconfig.clone(),
            write_timeout: self.write_timeout.get(),
            ..ClientSettings::default()
        }
    }
}

impl Default for Kube {
    fn default() -> Self {
        Self { kubeconfig: None, write_timeout: Period::of_millis::<10_000>() }
    }
}
