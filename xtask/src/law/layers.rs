//! The dependency law of ARCHITECTURE.md.

use super::graph::Graph;

/// What one crate may know of the workspace and must not reach outside it, directly or not.
struct Layer {
    name: &'static str,
    /// The members it may depend on.
    may: &'static [&'static str],
    /// The packages it must not reach by any way.
    never: &'static [&'static str],
}

/// Decisions see no cluster, no runtime, no network and no log, or they could not be simulated and replayed.
const PURE: &[&str] = &["kube", "kube-client", "kube-core", "k8s-openapi", "tokio", "tonic", "axum", "tracing", "rand"];
const KUBE: &[&str] = &["kube", "kube-client", "kube-core", "k8s-openapi"];
const BELOW_SERVICES: &[&str] = &["planner", "api", "proto", "chassis", "topology", "rollouts", "controller-runtime"];

/// One line per crate; a service knows no other service.
const LAYERS: &[Layer] = &[
    Layer { name: "planner", may: &[], never: PURE },
    Layer { name: "sim", may: &["planner"], never: PURE },
    Layer { name: "api", may: &["planner"], never: &["tonic", "axum"] },
    Layer { name: "proto", may: &["planner"], never: KUBE },
    Layer { name: "chassis", may: &["proto"], never: KUBE },
    // Every service that asks about nodes holds its view of them here, hub-ota-service among them.
    Layer { name: "topology", may: &["proto", "chassis"], never: KUBE },
    // Every service whose strategies depend on another's targets holds its view of them here.
    Layer { name: "rollouts", may: &["planner", "proto", "chassis"], never: KUBE },
    Layer { name: "controller-runtime", may: &["planner", "api", "proto", "chassis"], never: &[] },
    Layer { name: "appset-controller", may: BELOW_SERVICES, never: &[] },
    Layer { name: "daemon-updater", may: BELOW_SERVICES, never: &[] },
    Layer { name: "leader-endpoints-controller", may: BELOW_SERVICES, never: &[] },
    Layer { name: "workload-spread-controller", may: BELOW_SERVICES, never: &[] },
    // The edge holds no Kubernetes credential, and no code that could use one.
    Layer { name: "hub-ota-service", may: &["planner", "proto", "chassis", "topology"], never: KUBE },
    // It is no service. Of appset-controller it takes what is pure: how pools are units, and what would be written.
    Layer {
        name: "drover",
        may: &["planner", "api", "proto", "sim", "chassis", "controller-runtime", "appset-controller"],
        never: &[],
    },
];

/// These drive everything, and nothing that is deployed may need them.
const HARNESS: &[&str] = &["xtask", "tests"];

pub(super) fn violations(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for member in graph.members().iter().filter(|member| !HARNESS.contains(&member.as_str())) {
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == member) else {
            found.push(format!("crate {member} has no place in the dependency law (xtask/src/law/layers.rs)"));
            continue;
        };
        for known in graph.direct_members(member).filter(|known| !layer.may.contains(&known.as_str())) {
            found.push(format!("{member} must not depend on {known}"));
        }
        for path in layer.never.iter().filter_map(|target| graph.path(member, target)) {
            found.push(format!("{member} must not reach {}: {}", path[path.len() - 1], path.join(" → ")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lawful_workspace_has_no_violations() {
        let graph = Graph::made_of(&[
            ("planner", &["serde"]),
            ("chassis", &["tokio"]),
            ("daemon-updater", &["planner", "chassis", "kube"]),
            ("xtask", &["daemon-updater"]),
        ]);
        assert_eq!(violations(&graph), Vec::<String>::new());
    }

    #[test]
    fn a_forbidden_crate_is_found_however_far_down() {
        let graph = Graph::made_of(&[("planner", &["clock"]), ("clock", &["tokio"])]);
        let found = violations(&graph);
        assert!(found.contains(&"planner must not reach tokio: planner → clock → tokio".to_owned()), "{found:?}");
    }

    #[test]
    fn services_must_not_know_each_other_or_the_harness() {
        let graph = Graph::made_of(&[
            ("daemon-updater", &["appset-controller"]),
            ("appset-controller", &["xtask"]),
            ("xtask", &[]),
        ]);
        assert_eq!(
            violations(&graph),
            ["appset-controller must not depend on xtask", "daemon-updater must not depend on appset-controller"]
        );
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        assert_eq!(violations(&Graph::made_of(&[("extras", &[])])).len(), 1);
    }
}
