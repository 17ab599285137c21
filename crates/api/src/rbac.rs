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

/// daemon-updater: it reads DaemonSets with their revisions, pods, nodes and what strategies say and ask for, deletes pods,
/// keeps each FleetRollout, asks for approvals (deciding needs a verb that it does not have), and takes a failed release back.
pub const DAEMON_UPDATER: Service = Service {
    account: "daemon-updater",
    role: "drover-daemon-updater",
    everywhere: &[
        // Patched by a rollback only: the template of the last completed revision, where the strategy asks for that.
        Rule::on("apps", "daemonsets", &["get", "list", "patch", "watch"]),
        Rule::on("apps", "controllerrevisions", &["get", "list"]),
        Rule::on("", "nodes", &["list", "watch"]),
        Rule::on("", "pods", &["delete", "get", "list", "watch"]),
        Rule::on("apps.openyurt.io", "nodepools", &["list", "watch"]),
        Rule::on("drover.dev", "approvalrequests", &["create", "get", "list", "watch"]),
        Rule::on("drover.dev", "fleetrollouts", &["create", "delete", "get", "list", "patch", "watch"]),
        Rule::on("drover.dev", "fleetrollouts/status", &["patch"]),
        Rule::on("drover.dev", "rolloutstrategies", &["get", "list", "watch"]),
        Rule::on("", "events", &["create", "patch"]),
        // Who calls it over gRPC.
        Rule::on("authentication.k8s.io", "tokenreviews", &["create"]),
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

/// What leaders may fetch for their pool, by API group and resource. leader-endpoints-controller grants nothing else
/// through the ClusterRole `yurt-hub-multiplexer`, and can grant nothing else: nobody may write a role with rights that he
/// does not hold, and these are all that its own role holds to list and watch for others.
///
/// Every edge of every pool reads what is in this list, so nothing secret can be in it: what kube-proxy, DNS and CNI
/// plugins watch on each node anyway. No ConfigMaps, which people keep passwords in, and no pods, whose specs hold more than
/// a neighbour needs to know.
pub const POOL_SCOPED: [(&str, &str); 5] =
    [("", "endpoints"), ("", "namespaces"), ("", "nodes"), ("", "services"), ("discovery.k8s.io", "endpointslices")];

/// leader-endpoints-controller: it reads NodePools and nodes, keeps their status and attributes, publishes each pool's
/// leaders, and grants hubs what leaders fetch for their pool.
pub const LEADER_ENDPOINTS_CONTROLLER: Service = Service {
    account: "leader-endpoints-controller",
    role: "drover-leader-endpoints-controller",
    everywhere: &[
        Rule::on("apps.openyurt.io", "nodepools", &["get", "list", "watch"]),
        Rule::on("apps.openyurt.io", "nodepools/status", &["patch"]),
        Rule::on("", "nodes", &["list", "patch", "watch"]),
        // What it may grant: POOL_SCOPED, of which nodes are above.
        Rule::on("", "endpoints", &["list", "watch"]),
        Rule::on("", "namespaces", &["list", "watch"]),
        Rule::on("", "services", &["list", "watch"]),
        Rule::on("discovery.k8s.io", "endpointslices", &["list", "watch"]),
        Rule::on("rbac.authorization.k8s.io", "clusterroles", &["create"]),
        Rule::on("rbac.authorization.k8s.io", "clusterroles", &["list", "patch", "watch"])
            .named(&["yurt-hub-multiplexer"]),
        Rule::on("", "events", &["create", "patch"]),
        Rule::on("authentication.k8s.io", "tokenreviews", &["create"]),
    ],
    within: &[
        (
            NAMESPACE,
            &[
                Rule::on("coordination.k8s.io", "leases", &["create"]),
                Rule::on("coordination.k8s.io", "leases", &["list", "patch", "watch"])
                    .named(&["drover-leader-endpoints-controller"]),
            ],
        ),
        // Where hubs look for their leaders, and where a live yurt-manager is known by its lease.
        (
            "kube-system",
            &[
                Rule::on("", "configmaps", &["create", "delete", "list", "patch", "watch"]),
                Rule::on("", "endpoints", &["create", "delete", "patch"]),
                Rule::on("discovery.k8s.io", "endpointslices", &["create", "delete", "patch"]),
                Rule::on("coordination.k8s.io", "leases", &["list", "watch"]).named(&["yurt-manager"]),
            ],
        ),
    ],
};

/// appset-controller: it reads YurtAppSets, NodePools and what strategies say and ask for, keeps a workload in each pool and the
/// revisions that they are of, keeps each FleetRollout, and asks for approvals. Pods it never touches.
pub const APPSET_CONTROLLER: Service = Service {
    account: "appset-controller",
    role: "drover-appset-controller",
    everywhere: &[
        Rule::on("apps.openyurt.io", "yurtappsets", &["get", "list", "watch"]),
        Rule::on("apps.openyurt.io", "yurtappsets/status", &["patch"]),
        // Workloads and revisions block the deletion of their owner: to say so needs this right where the admission plugin
        // OwnerReferencesPermissionEnforcement is on.
        Rule::on("apps.openyurt.io", "yurtappsets/finalizers", &["update"]),
        Rule::on("apps.openyurt.io", "nodepools", &["list", "watch"]),
        // Server-side apply makes what is not there: patch is not enough for that.
        Rule::on("apps", "deployments", &["create", "delete", "get", "list", "patch", "watch"]),
        Rule::on("apps", "statefulsets", &["create", "delete", "get", "list", "patch", "watch"]),
        Rule::on("apps", "controllerrevisions", &["create", "delete", "get", "list", "patch", "watch"]),
        Rule::on("drover.dev", "approvalrequests", &["create", "get", "list", "watch"]),
        Rule::on("drover.dev", "fleetrollouts", &["create", "delete", "get", "list", "patch", "watch"]),
        Rule::on("drover.dev", "fleetrollouts/status", &["patch"]),
        Rule::on("drover.dev", "rolloutstrategies", &["get", "list", "watch"]),
        Rule::on("", "events", &["create", "patch"]),
        Rule::on("authentication.k8s.io", "tokenreviews", &["create"]),
    ],
    within: &[
        (
            NAMESPACE,
            &[
                Rule::on("coordination.k8s.io", "leases", &["create"]),
                Rule::on("coordination.k8s.io", "leases", &["list", "patch", "watch"])
                    .named(&["drover-appset-controller"]),
            ],
        ),
        // A live yurt-manager drives the same YurtAppSets: Drover looks before it acts.
        ("kube-system", &[Rule::on("coordination.k8s.io", "leases", &["list", "watch"]).named(&["yurt-manager"])]),
    ],
};

/// All services.
pub const SERVICES: [&Service; 3] = [&APPSET_CONTROLLER, &DAEMON_UPDATER, &LEADER_ENDPOINTS_CONTROLLER];

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

    fn rules(service: &Service) -> impl Iterator<Item = &Rule> {
        service.everywhere.iter().chain(service.within.iter().flat_map(|(_, rules)| *rules))
    }

    fn only_reads(rule: &Rule) -> bool {
        rule.verbs.iter().all(|verb| ["get", "list", "watch"].contains(verb))
    }

    /// Rights with which a service could take more rights, read secrets or become somebody else.
    #[test]
    fn no_table_asks_for_more_than_a_service_may_have() {
        for rule in SERVICES.into_iter().flat_map(rules) {
            assert!(!rule.verbs.contains(&"*") && rule.resource != "*" && rule.group != "*", "{rule:?}");
            assert!(!rule.verbs.iter().any(|verb| ["bind", "escalate", "impersonate"].contains(verb)), "{rule:?}");
            assert!(!["secrets", "serviceaccounts/token", "pods/exec"].contains(&rule.resource), "{rule:?}");
            let access = rule.group == "rbac.authorization.k8s.io";
            assert!(!access || only_reads(rule) || rule.verbs == ["create"] || !rule.names.is_empty(), "{rule:?}");
            assert!(rule.verbs.is_sorted(), "sorted, so that a diff shows what changed: {rule:?}");
        }
    }

    /// What a service must only watch it cannot change.
    #[test]
    fn services_change_only_what_they_are_for() {
        let changed = |service| {
            let all: std::collections::BTreeSet<_> =
                rules(service).filter(|rule| !only_reads(rule)).map(|rule| rule.resource).collect();
            all.into_iter().collect::<Vec<_>>()
        };
        let common = ["events", "leases", "tokenreviews"];
        let own = |service| changed(service).into_iter().filter(|of| !common.contains(of)).collect::<Vec<_>>();
        assert_eq!(
            own(&APPSET_CONTROLLER),
            [
                "approvalrequests",
                "controllerrevisions",
                "deployments",
                "fleetrollouts",
                "fleetrollouts/status",
                "statefulsets",
                "yurtappsets/finalizers",
                "yurtappsets/status",
            ]
        );
        assert_eq!(
            own(&DAEMON_UPDATER),
            ["approvalrequests", "daemonsets", "fleetrollouts", "fleetrollouts/status", "pods"]
        );
        assert_eq!(
            own(&LEADER_ENDPOINTS_CONTROLLER),
            ["clusterroles", "configmaps", "endpoints", "endpointslices", "nodepools/status", "nodes"]
        );
    }

    #[test]
    fn what_leaders_may_be_granted_is_exactly_what_the_controller_holds() {
        let holds = |group: &str, resource: &str| {
            LEADER_ENDPOINTS_CONTROLLER.everywhere.iter().any(|rule| {
                let reads = rule.verbs.contains(&"list") && rule.verbs.contains(&"watch");
                (rule.group, rule.resource) == (group, resource) && rule.names.is_empty() && reads
            })
        };
        for (group, resource) in POOL_SCOPED {
            assert!(holds(group, resource), "{group}/{resource}");
        }
        let foreign = ["", "discovery.k8s.io"];
        let read = LEADER_ENDPOINTS_CONTROLLER.everywhere.iter().filter(|rule| rule.verbs.contains(&"list"));
        for rule in read.filter(|rule| foreign.contains(&rule.group)) {
            assert!(POOL_SCOPED.contains(&(rule.group, rule.resource)), "held without need: {rule:?}");
        }
    }

    /// What is deployed is what the table is about.
    #[test]
    fn deployments_run_under_their_tables_accounts() {
        for service in SERVICES {
            let folder = format!("{}/../../deploy/{}", env!("CARGO_MANIFEST_DIR"), service.account);
            let read = |file: &str| -> serde_json::Value {
                serde_saphyr::from_str(&std::fs::read_to_string(format!("{folder}/{file}")).unwrap()).unwrap()
            };
            let (account, deployment) = (read("service-account.yaml"), read("deployment.yaml"));
            for object in [&account, &deployment] {
                assert_eq!(object["metadata"]["namespace"], NAMESPACE);
            }
            assert_eq!(account["metadata"]["name"], service.account);
            assert_eq!(deployment["spec"]["template"]["spec"]["serviceAccountName"], service.account);
            let base = read("kustomization.yaml");
            let listed: Vec<_> = base["resources"].as_array().unwrap().iter().filter_map(|at| at.as_str()).collect();
            for file in std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap())
            {
                let is_yaml = std::path::Path::new(&file).extension().is_some_and(|end| end == "yaml");
                let is_resource = is_yaml && file != "kustomization.yaml";
                assert!(!is_resource || listed.contains(&file.as_str()), "{folder}/{file} is not in the base");
            }
        }
    }
}
