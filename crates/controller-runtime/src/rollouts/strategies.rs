//! RolloutStrategies in a mirror, found by namespace and name.

use api::rollout_strategy::{RolloutStrategy, Strategy, StrategyError};
use kube::{Api, Client, ResourceExt};
use planner::fleet::Uid;

use crate::mirror::{Mirror, Mirrored};
use crate::watch::{ResourceVersion, Versioned};

/// Why a RolloutStrategy that a target names cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// There is none of that name.
    #[error("annotation {}: namespace {namespace:?} has no RolloutStrategy {name:?}", api::names::STRATEGY)]
    Missing {
        /// The namespace of the target.
        namespace: String,
        /// The name.
        name: String,
    },
    /// It says what only code can find to be wrong.
    #[error("RolloutStrategy {name:?}: spec.{source}")]
    Invalid {
        /// Its name.
        name: String,
        /// What is wrong, beginning with the field's path in the spec.
        source: StrategyError,
    },
}

impl Versioned for RolloutStrategy {
    fn resource_version(&self) -> ResourceVersion {
        super::objects::version(&self.metadata)
    }
}

impl Mirrored for RolloutStrategy {
    /// `<namespace>/<name>`, which the targets that name it know.
    type Owner = String;

    fn uid(&self) -> Uid {
        super::objects::uid(&self.metadata)
    }

    fn belongs_to(&self) -> Option<String> {
        Some(key(&self.namespace()?, &self.name_any()))
    }

    fn is_like(&self, older: &Self) -> bool {
        self.spec == older.spec
    }
}

/// The spec of a RolloutStrategy as a mirror has it, if it is there and the planner can follow it.
pub(super) fn look_up(mirror: &Mirror<RolloutStrategy>, namespace: &str, name: &str) -> Result<Strategy, Unusable> {
    usable(mirror.of(key(namespace, name).as_str()).first().map(|found| &found.spec), namespace, name)
}

/// The same as the API server has it, read with quorum.
pub(super) async fn get(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<Result<Strategy, Unusable>, kube::Error> {
    let found = Api::<RolloutStrategy>::namespaced(client.clone(), namespace).get_opt(name).await?;
    Ok(usable(found.as_ref().map(|found| &found.spec), namespace, name))
}

fn usable(found: Option<&Strategy>, namespace: &str, name: &str) -> Result<Strategy, Unusable> {
    let Some(spec) = found else {
        return Err(Unusable::Missing { namespace: namespace.to_owned(), name: name.to_owned() });
    };
    match planner::strategy::Strategy::try_from(spec) {
        Ok(_) => Ok(spec.clone()),
        Err(source) => Err(Unusable::Invalid { name: name.to_owned(), source }),
    }
}

fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}
