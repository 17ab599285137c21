//! OpenYurt's own manager, as a section of configuration.

use planner::rollout::Hold;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Neighbour;

/// OpenYurt's own manager, whose controllers act on the same objects while it lives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct YurtManager {
    /// Namespace of its Lease.
    pub namespace: String,
    /// Name of its Lease.
    pub lease: String,
    /// Act beside it all the same: its controller for these objects is switched off.
    pub ignore: bool,
}

impl YurtManager {
    /// Why nothing is to be done beside it; `None` if it is ignored or gone.
    pub fn hold(&self, neighbour: &Neighbour) -> Option<Hold> {
        let seen = match neighbour {
            _ if self.ignore => return None,
            Neighbour::Absent => return None,
            Neighbour::Live { .. } => true,
            Neighbour::Unknown => false,
        };
        Some(Hold::OtherController { lease: format!("{}/{}", self.namespace, self.lease), seen })
    }
}

impl Default for YurtManager {
    fn default() -> Self {
        Self { namespace: "kube-system".to_owned(), lease: "yurt-manager".to_owned(), ignore: false }
    }
}
