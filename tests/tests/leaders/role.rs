//! The role of leaders' hubs.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use tests::fixture::eventually;

use super::site::Site;
use super::{LONG, bed};

const ROLE: &str = "yurt-hub-multiplexer";

/// What the role grants, as `group/resource`. Every rule lists and watches.
async fn granted(site: &Site) -> Result<BTreeSet<String>> {
    let roles: Api<ClusterRole> = Api::all(site.client.clone());
    let mut granted = BTreeSet::new();
    for rule in roles.get_opt(ROLE).await?.and_then(|role| role.rules).unwrap_or_default() {
        ensure!(rule.verbs == ["list", "watch"] && rule.resource_names.is_none(), "{rule:?}");
        for group in rule.api_groups.iter().flatten() {
            granted.extend(rule.resources.iter().flatten().map(|resource| format!("{group}/{resource}")));
        }
    }
    Ok(granted)
}

async fn await_granted(site: &Site, what: &str, wanted: impl Fn(&BTreeSet<String>) -> bool) -> Result<()> {
    let found = eventually(what, LONG, async || Ok(Some(granted(site).await?).filter(&wanted))).await;
    match found {
        Ok(_) => Ok(()),
        Err(error) => Err(error.context(format!("granted: {:?}", granted(site).await?))),
    }
}

fn metadata(resources: &[(&str, &str)]) -> Value {
    let of = |(group, resource): &(&str, &str)| json!({"group": group, "version": "v1", "resource": resource});
    json!({"poolScopeMetadata": resources.iter().map(of).collect::<Vec<_>>()})
}

#[tokio::test]
async fn the_role_grows_and_shrinks_with_the_pools_and_refuses_secrets() -> Result<()> {
    let bed = bed().await?;
    let usual = Site::open(&bed.stage, "usual", json!({})).await?;
    await_granted(&usual, "what pools have by default", |granted| {
        ["/services", "discovery.k8s.io/endpointslices"].iter().all(|usual| granted.contains(*usual))
    })
    .await?;
    // Nobody else here asks for namespaces.
    let resources = [("", "services"), ("", "namespaces"), ("", "secrets"), ("*", "*")];
    let greedy = Site::open(&bed.stage, "greedy", metadata(&resources)).await?;
    await_granted(&greedy, "namespaces", |granted| granted.contains("/namespaces")).await?;
    let now = granted(&greedy).await?;
    ensure!(!now.contains("/secrets") && !now.contains("*/*"), "{now:?}");
    let event = greedy.await_event("greedy", "PoolScopeNotGranted").await?;
    let message = event.message.unwrap_or_default();
    ensure!(message.contains("/v1/secrets") && message.contains("*/v1/*"), "{message}");

    let roles: Api<ClusterRole> = Api::all(usual.client.clone());
    let edit = json!({"rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list", "watch"]}]});
    roles.patch(ROLE, &PatchParams::default(), &Patch::Merge(edit)).await?;
    await_granted(&usual, "the edit to be put right", |granted| {
        !granted.contains("/secrets") && granted.contains("/namespaces")
    })
    .await?;
    greedy.pools().delete("greedy", &DeleteParams::default()).await?;
    await_granted(&usual, "the role to shrink", |granted| {
        !granted.contains("/namespaces") && granted.contains("/services")
    })
    .await
}
