//! The ClusterRole `yurt-hub-multiplexer`: what leaders may list and watch for their pools. One writer, one key of the queue.
//!
//! It is merged over all pools and never has more than [`POOL_SCOPED`], so that editing a NodePool widens nobody's access.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::names::pool::MULTIPLEXER_ROLE;
use api::node_pool::{NodePool, NodePoolSpec};
use api::rbac::POOL_SCOPED;
use controller_runtime::client::Place;
use controller_runtime::mirror::Mirrored;
use controller_runtime::queue::Requeue;
use controller_runtime::watch::{ResourceVersion, Versioned, WatchTarget};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use kube::Resource;
use kube::api::{ListParams, Request};
use planner::fleet::{Name, Uid};
use serde::Deserialize;
use serde_json::json;

use crate::context::Context;
use crate::nodes::or_default;
use crate::pools::Pool;
use crate::reconcile::Error;

/// A resource by API group and plural name.
type Scoped = (String, String);

/// What every pool asks for and may have.
#[derive(Debug, Default)]
pub(crate) struct Scopes(Mutex<BTreeMap<Name, BTreeSet<Scoped>>>);

/// The ClusterRole, as it is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Role {
    metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    rules: Vec<PolicyRule>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    uid: Uid,
    resource_version: ResourceVersion,
}

#[derive(Deserialize)]
struct Pools {
    items: Vec<Pool>,
}

impl Scopes {
    /// Notes what a pool asks for, or that it is gone. Whether that changes anything.
    pub(crate) fn set(&self, pool: &Name, spec: Option<&NodePoolSpec>) -> bool {
        let mut scopes = self.lock();
        match spec {
            Some(spec) => {
                let scope = allowed(spec);
                scopes.insert(pool.clone(), scope.clone()) != Some(scope)
            }
            None => scopes.remove(pool).is_some(),
        }
    }

    fn merged(&self) -> BTreeSet<Scoped> {
        self.lock().values().flatten().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, BTreeSet<Scoped>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Versioned for Role {
    fn resource_version(&self) -> ResourceVersion {
        self.metadata.resource_version
    }
}

impl Mirrored for Role {
    type Owner = ();

    fn uid(&self) -> Uid {
        self.metadata.uid
    }

    fn belongs_to(&self) -> Option<()> {
        Some(())
    }

    fn is_like(&self, older: &Self) -> bool {
        self.rules == older.rules
    }
}

/// What to watch for the role.
pub(crate) fn watched() -> WatchTarget {
    WatchTarget::of::<ClusterRole>(None).fields(format!("metadata.name={MULTIPLEXER_ROLE}"))
}

/// What a pool asks for and may not have, sorted as `group/version/resource`.
pub(crate) fn refused(spec: &NodePoolSpec) -> BTreeSet<String> {
    let asked = spec.pool_scope_metadata.iter();
    asked.filter(|asked| !is_allowed(&asked.group, &asked.resource)).map(ToString::to_string).collect()
}

/// Makes the role what all pools need. While another controller elects it writes the role too, so it is left alone.
pub(crate) async fn reconcile(context: &Context) -> Result<Requeue, Error> {
    if !context.decision.borrow().elects() {
        return Ok(Requeue::Await);
    }
    let seen = context.roles.all().into_iter().next();
    let mut wanted = rules(&context.scopes.merged());
    match &seen {
        Some(seen) if seen.rules == wanted => return Ok(Requeue::Await),
        None if wanted.is_empty() => return Ok(Requeue::Await),
        Some(seen) if shrinks(&seen.rules, &wanted) => {
            // Nobody loses a right because our view of the pools is late.
            wanted = rules(&confirmed(context).await?);
            if seen.rules == wanted {
                return Ok(Requeue::Await);
            }
        }
        Some(_) | None => {}
    }
    let permit = context.leadership.permit()?;
    let collection = ClusterRole::url_path(&(), None);
    let body = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": MULTIPLEXER_ROLE},
        "rules": wanted,
    });
    let place = Place { collection: &collection, name: MULTIPLEXER_ROLE };
    let written = context.writer.apply(&permit, place, &body).await.map_err(Error::Role)?;
    context.roles.note(written);
    tracing::info!(rules = wanted.len(), "the role of leaders' hubs was written");
    Ok(Requeue::Await)
}

/// What all pools ask for and may have, by a list with quorum.
async fn confirmed(context: &Context) -> Result<BTreeSet<Scoped>, Error> {
    let path = NodePool::url_path(&(), None);
    let request = Request::new(path).list(&ListParams::default()).map_err(Error::Ask)?;
    let pools: Pools = context.client.request(request).await.map_err(Error::Pools)?;
    Ok(pools.items.iter().flat_map(|pool| allowed(&pool.spec)).collect())
}

fn allowed(spec: &NodePoolSpec) -> BTreeSet<Scoped> {
    let asked = spec.pool_scope_metadata.iter();
    let allowed = asked.filter(|asked| is_allowed(&asked.group, &asked.resource));
    allowed.map(|asked| (asked.group.clone(), asked.resource.clone())).collect()
}

fn is_allowed(group: &str, resource: &str) -> bool {
    POOL_SCOPED.contains(&(group, resource))
}

/// One rule per API group, sorted, as OpenYurt writes them.
fn rules(scoped: &BTreeSet<Scoped>) -> Vec<PolicyRule> {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (group, resource) in scoped {
        groups.entry(group).or_default().push(resource.clone());
    }
    let rule = |(group, resources): (&str, Vec<String>)| PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(resources),
        verbs: ["list", "watch"].map(str::to_owned).into(),
        ..PolicyRule::default()
    };
    groups.into_iter().map(rule).collect()
}

/// Whether a rule is there that is not wanted, or more in it than is.
fn shrinks(seen: &[PolicyRule], wanted: &[PolicyRule]) -> bool {
    let covered = |rule: &PolicyRule| {
        wanted.iter().any(|wanted| {
            let resources = |rule: &PolicyRule| rule.resources.iter().flatten().cloned().collect::<BTreeSet<_>>();
            wanted.api_groups == rule.api_groups && resources(rule).is_subset(&resources(wanted))
        })
    };
    !seen.iter().all(covered)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn spec(resources: &[(&str, &str)]) -> NodePoolSpec {
        let asked =
            resources.iter().map(|(group, resource)| json!({"group": group, "version": "v1", "resource": resource}));
        serde_json::from_value(json!({"poolScopeMetadata": asked.collect::<Vec<_>>()})).unwrap()
    }

    #[test]
    fn rules_are_one_per_group_sorted_and_shrink_with_the_pools() {
        let (scopes, a, b) = (Scopes::default(), Name::from("a"), Name::from("b"));
        let both = spec(&[("discovery.k8s.io", "endpointslices"), ("", "services"), ("", "nodes")]);
        assert!(scopes.set(&a, Some(&both)) && scopes.set(&b, Some(&spec(&[("", "services")]))));
        assert!(!scopes.set(&b, Some(&spec(&[("", "services")]))), "no news");
        let expected: Value = json!([
            {"apiGroups": [""], "resources": ["nodes", "services"], "verbs": ["list", "watch"]},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
        ]);
        let merged = rules(&scopes.merged());
        assert_eq!(json!(merged), expected);
        assert!(scopes.set(&a, None));
        let less = rules(&scopes.merged());
        assert_eq!(json!(less), json!([{"apiGroups": [""], "resources": ["services"], "verbs": ["list", "watch"]}]));
        assert!(shrinks(&merged, &less) && !shrinks(&less, &merged) && !shrinks(&merged, &merged));
    }

    #[test]
    fn nothing_secret_is_granted_whoever_asks() {
        let greedy =
            spec(&[("", "secrets"), ("", "services"), ("*", "*"), ("apps", "deployments"), ("", "services/proxy")]);
        assert_eq!(allowed(&greedy), [(String::new(), "services".to_owned())].into());
        let refused: Vec<_> = refused(&greedy).into_iter().collect();
        assert_eq!(refused, ["*/v1/*", "/v1/secrets", "/v1/services/proxy", "apps/v1/deployments"]);
    }
}
