//! What each service may do: one table per service of exactly the verbs it uses.
//!
//! A verb enters a table with the code that needs it, and leaves with it. The real-cluster suites run the services under
//! these tables, so that a missing verb fails a test.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The namespace in which Drover's services run.
pub const NAMESPACE: &str = "drover-system";

/// What one service may do.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Its `ServiceAccount`, in [`NAMESPACE`].
    pub account: &'static str,
    /// The name of its roles and bindings.
    pub role: &'static str,
    /// What it may do in the whole cluster.
    pub everywhere: &'static [Rule],
    /// What it may do in single namespaces only.
    pub within: &'static [(&'static str, &'static [Rule])],
}

/// Verbs on a resource.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The API group, empty for the core group.
    pub group: &'static str,
    /// The resource, or `resource/subresource`.
    pub resource: &'static str,
    /// The only objects, by name; empty for all.
    pub names: &'static [&'static str],
    /// The verbs.
    pub verbs: &'static [&'static str],
}

/// daemon-updater: it reads DaemonSets with their revisions, pods and nodes, deletes pods, and keeps each FleetRollout.
pub const DAEMON_UPDATER: Service = Service {
    account: "daemon-updater",
    role: "drover-daemon-updater",
    everywhere: &[
        Rule::on("apps", "daemonsets", &["list", "watch"]),
        Rule::on("apps", "controllerrevisions", &["list"]),
        Rule::on("", "nodes", &["list", "watch"]),
        Rule::on("", "pods", &["delete", "get", "list", "watch"]),
        Rule::on("drover.dev", "fleetrollouts", &["create", "delete", "get", "list", "watch"]),
        Rule::on("drover.dev", "fleetrollouts/status", &["patch"]),
        Rule::on("", "events", &["create", "patch"]),
    ],
    within: &[
        (
            NAMESPACE,
            &[
                // A name cannot limit create: the object has none yet. It limits list and watch by field selector.
                Rule::on("coordination.k8s.io", "leases", &["create"]),
                Rule::on("coordination.k8s.io", "leases", &["list", "patch", "watch"])
                    .named(&["drover-daemon-updater"]),
            ],
        ),
        // A live yurt-manager upgrades the same DaemonSets: Drover looks before it acts.
        ("kube-system", &[Rule::on("coordination.k8s.io", "leases", &["list", "watch"]).named(&["yurt-manager"])]),
    ],
};

impl Rule {
    const fn on(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Self {
        Self { group, resource, names: &[], verbs }
    }

    const fn named(self, names: &'static [&'static str]) -> Self {
        Self { names, ..self }
    }

    fn policy(&self) -> PolicyRule {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        PolicyRule {
            api_groups: Some(owned(&[self.group])),
            resources: Some(owned(&[self.resource])),
            resource_names: (!self.names.is_empty()).then(|| owned(self.names)),
            verbs: owned(self.verbs),
            ..PolicyRule::default()
        }
    }
}

impl Service {
    /// What it may do in the whole cluster, with the binding to its account.
    pub fn cluster_role(&self) -> (ClusterRole, ClusterRoleBinding) {
        let metadata = ObjectMeta { name: Some(self.role.to_owned()), ..ObjectMeta::default() };
        let role =
            ClusterRole { metadata: metadata.clone(), rules: Some(policies(self.everywhere)), aggregation_rule: None };
        let binding =
            ClusterRoleBinding { metadata, role_ref: self.role_ref("ClusterRole"), subjects: Some(self.subjects()) };
        (role, binding)
    }

    /// What it may do in single namespaces, with the bindings to its account.
    pub fn roles(&self) -> Vec<(Role, RoleBinding)> {
        let within = |(namespace, rules): &(&str, &[Rule])| {
            let metadata = ObjectMeta {
                name: Some(self.role.to_owned()),
                namespace: Some((*namespace).to_owned()),
                ..ObjectMeta::default()
            };
            let role = Role { metadata: metadata.clone(), rules: Some(policies(rules)) };
            let binding = RoleBinding { metadata, role_ref: self.role_ref("Role"), subjects: Some(self.subjects()) };
            (role, binding)
        };
        self.within.iter().map(within).collect()
    }

    fn role_ref(&self, kind: &str) -> RoleRef {
        RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: kind.to_owned(),
            name: self.role.to_owned(),
        }
    }

    fn subjects(&self) -> Vec<Subject> {
        vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: self.account.to_owned(),
            namespace: Some(NAMESPACE.to_owned()),
            api_group: None,
        }]
    }
}

fn policies(rules: &[Rule]) -> Vec<PolicyRule> {
    rules.iter().map(Rule::policy).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rights with which a service could take more rights, read secrets or change what it must only watch.
    #[test]
    fn no_table_asks_for_more_than_a_service_may_have() {
        let within = DAEMON_UPDATER.within.iter().flat_map(|(_, rules)| *rules);
        for rule in DAEMON_UPDATER.everywhere.iter().chain(within) {
            assert!(!rule.verbs.contains(&"*") && rule.resource != "*" && rule.group != "*", "{rule:?}");
            assert!(!["secrets", "serviceaccounts/token", "pods/exec"].contains(&rule.resource), "{rule:?}");
            let writes = rule.verbs.iter().any(|verb| !["get", "list", "watch"].contains(verb));
            let ours = rule.group == "drover.dev" || ["events", "leases"].contains(&rule.resource);
            assert!(!writes || ours || (rule.resource == "pods" && rule.verbs.contains(&"delete")), "{rule:?}");
            assert!(rule.verbs.is_sorted(), "sorted, so that a diff shows what changed: {rule:?}");
        }
    }

    /// What is deployed is what the table is about.
    #[test]
    fn the_deployment_runs_under_the_tables_account() {
        let read = |file: &str| -> serde_json::Value {
            let path = format!("{}/../../deploy/daemon-updater/{file}", env!("CARGO_MANIFEST_DIR"));
            serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
        };
        let (account, deployment) = (read("service-account.yaml"), read("deployment.yaml"));
        for object in [&account, &deployment] {
            assert_eq!(object["metadata"]["namespace"], NAMESPACE);
        }
        assert_eq!(account["metadata"]["name"], DAEMON_UPDATER.account);
        assert_eq!(deployment["spec"]["template"]["spec"]["serviceAccountName"], DAEMON_UPDATER.account);
        let base = read("kustomization.yaml");
        let listed: Vec<_> = base["resources"].as_array().unwrap().iter().filter_map(|file| file.as_str()).collect();
        let here = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/daemon-updater")).unwrap();
        for file in here.map(|file| file.unwrap().file_name().into_string().unwrap()) {
            let is_yaml = std::path::Path::new(&file).extension().is_some_and(|end| end == "yaml");
            let is_resource = is_yaml && file != "kustomization.yaml";
            assert!(!is_resource || listed.contains(&file.as_str()), "{file} is in the folder but not in the base");
        }
    }
}
