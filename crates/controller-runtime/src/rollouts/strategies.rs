//! RolloutStrategies in a mirror, found by namespace and name.

use api::rollout_strategy::{RolloutStrategy, Strategy, StrategyError};
use kube::{Api, Client, ResourceExt};
use planner::fleet::Uid;
use planner::strategy::Dependency;

use super::{Kind, Target};
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
    /// The target would wait for itself.
    #[error("RolloutStrategy {strategy:?}: spec.dependsOn[{at}]: {kind} {target:?} would wait for itself")]
    Circular {
        /// The strategy's name.
        strategy: String,
        /// The place of the dependency.
        at: usize,
        /// The target's kind.
        kind: &'static str,
        /// Its name.
        target: String,
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

/// The spec of a RolloutStrategy as a mirror has it, if it is there and this target can follow it.
pub(super) fn look_up(
    mirror: &Mirror<RolloutStrategy>,
    kind: Kind,
    target: Target<'_>,
    name: &str,
) -> Result<Strategy, Unusable> {
    usable(mirror.of(key(target.namespace, name).as_str()).first().map(|found| &found.spec), kind, target, name)
}

/// The same as the API server has it, read with quorum.
pub(super) async fn get(
    client: &Client,
    kind: Kind,
    target: Target<'_>,
    name: &str,
) -> Result<Result<Strategy, Unusable>, kube::Error> {
    let found = Api::<RolloutStrategy>::namespaced(client.clone(), target.namespace).get_opt(name).await?;
    Ok(usable(found.as_ref().map(|found| &found.spec), kind, target, name))
}

fn usable(found: Option<&Strategy>, kind: Kind, target: Target<'_>, name: &str) -> Result<Strategy, Unusable> {
    let Some(spec) = found else {
        return Err(Unusable::Missing { namespace: target.namespace.to_owned(), name: name.to_owned() });
    };
    let rules = planner::strategy::Strategy::try_from(spec)
        .map_err(|source| Unusable::Invalid { name: name.to_owned(), source })?;
    let is_itself = |on: &Dependency| kind.is(&on.api_version, &on.kind) && *on.name == *target.name;
    match rules.depends_on.iter().position(is_itself) {
        None => Ok(spec.clone()),
        Some(at) => {
            Err(Unusable::Circular { strategy: name.to_owned(), at, kind: kind.kind, target: target.name.to_owned() })
        }
    }
}

fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_target_does_not_wait_for_itself() {
        let depends = |kind: &str, name: &str| -> Strategy {
            let on = json!({"apiVersion": "apps.openyurt.io/v1beta1", "kind": kind, "name": name});
            serde_json::from_value(json!({"dependsOn": [on]})).unwrap()
        };
        let target = Target { namespace: "edge", name: "web", uid: Uid::default(), strategy: None, history: 0 };
        let said = |spec: &Strategy| usable(Some(spec), Kind::YURT_APP_SET, target, "s").map_err(|why| why.to_string());
        let spec = depends("YurtAppSet", "other");
        assert_eq!(said(&spec), Ok(spec));
        assert_eq!(
            said(&depends("YurtAppSet", "web")).unwrap_err(),
            "RolloutStrategy \"s\": spec.dependsOn[0]: YurtAppSet \"web\" would wait for itself"
        );
    }
}
