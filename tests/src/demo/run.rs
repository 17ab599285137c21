//! What daemon-updater says of its run: the newest FleetRollout.

use anyhow::{Context as _, Result};
use api::fleet_rollout::{FleetRollout, HaltStatus, Phase};
use api::names::condition;
use kube::api::ListParams;
use kube::{Api, Client};

/// A run's status, in short.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    /// The number of the revision it brings the DaemonSet to.
    pub(super) revision: i64,
    pub(super) phase: Phase,
    /// The run in one sentence.
    pub(super) sentence: String,
    pub(super) halt: Option<HaltStatus>,
    /// All of it.
    pub(super) object: Option<Box<FleetRollout>>,
}

impl Run {
    /// Its sentence, behind its phase unless it begins with it; `None` before the first one.
    pub(super) fn words(&self) -> Option<String> {
        let phase = format!("{:?}", self.phase);
        let said_twice = self.sentence.get(..phase.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(&phase));
        let rest =
            if said_twice { self.sentence[phase.len()..].trim_start_matches(':').trim() } else { &self.sentence };
        (!self.sentence.is_empty()).then(|| format!("{phase}: {rest}"))
    }

    /// The newest run in a namespace that has one target.
    pub(super) async fn newest(client: &Client, namespace: &str) -> Result<Option<Self>> {
        let runs: Api<FleetRollout> = Api::namespaced(client.clone(), namespace);
        let runs = runs.list(&ListParams::default()).await.context("listing FleetRollouts")?;
        let newest = runs.items.into_iter().max_by_key(|run| run.spec.revision.number);
        Ok(newest.map(|run| {
            let status = run.status.clone().unwrap_or_default();
            // Every condition carries the report's sentence.
            let said = status.conditions.iter().find(|said| said.type_ == condition::PROGRESSING);
            Self {
                revision: run.spec.revision.number,
                phase: status.phase,
                sentence: said.map(|said| said.message.clone()).unwrap_or_default(),
                halt: status.halt,
                object: Some(Box::new(run)),
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phase_is_said_once() {
        let words =
            |sentence: &str| Run { phase: Phase::Halted, sentence: sentence.to_owned(), ..Run::default() }.words();
        assert_eq!(words("halted: 3 nodes are gone").as_deref(), Some("Halted: 3 nodes are gone"));
        assert_eq!(words("3 nodes are gone").as_deref(), Some("Halted: 3 nodes are gone"));
        assert_eq!(words(""), None);
    }
}
