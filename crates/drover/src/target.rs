//! What a user names: a DaemonSet, a YurtAppSet, or a run.

mod unrun;

use std::fmt;
use std::str::FromStr;

use api::fleet_rollout::FleetRollout;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use crate::call::{Call, CallError};
use crate::reach::Cluster;
pub use unrun::Unrun;

/// A target or a run, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Of which kind; `None`: whatever has the name.
    pub kind: Option<Kind>,
    /// The name.
    pub name: String,
}

/// Kinds that can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `ds/agent`.
    DaemonSet,
    /// `yas/app`.
    YurtAppSet,
    /// `fr/agent-0123abcd-r7`.
    FleetRollout,
}

/// A text that names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// The kind is not one of those that are known.
    #[error("kind {0:?} is not one of ds (DaemonSet), yas (YurtAppSet), fr (FleetRollout)")]
    Kind(String),
    /// There is no name.
    #[error("{0:?} has no name: write NAME or KIND/NAME, such as ds/agent")]
    Name(String),
}

/// Why there is no run to show.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The API server said no.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Nothing has that name.
    #[error("{target} has no rollout in namespace {namespace}{}", hint(.known, .target))]
    Nothing {
        /// What was meant.
        target: Target,
        /// Where.
        namespace: String,
        /// The targets that have runs there.
        known: Vec<String>,
    },
    /// It is a YurtAppSet without a run.
    #[error("{target} has no rollout in namespace {namespace}: {why}")]
    Unrun {
        /// What was meant.
        target: Target,
        /// Where.
        namespace: String,
        /// Why.
        why: Unrun,
    },
    /// Several have.
    #[error("{target} is ambiguous: {}\n→ name one of them", .candidates.join(", "))]
    Ambiguous {
        /// What was meant.
        target: Target,
        /// What it could mean.
        candidates: Vec<String>,
    },
}

impl Kind {
    /// As `kind` of an object.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DaemonSet => "DaemonSet",
            Self::YurtAppSet => "YurtAppSet",
            Self::FleetRollout => "FleetRollout",
        }
    }

    const fn short(self) -> &'static str {
        match self {
            Self::DaemonSet => "ds",
            Self::YurtAppSet => "yas",
            Self::FleetRollout => "fr",
        }
    }
}

impl FromStr for Target {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Self, BadTarget> {
        let (kind, name) = match text.split_once('/') {
            None => (None, text),
            Some((kind, name)) => (Some(parse_kind(kind)?), name),
        };
        if name.is_empty() || name.contains('/') {
            return Err(BadTarget::Name(text.to_owned()));
        }
        Ok(Self { kind, name: name.to_owned() })
    }
}

fn parse_kind(text: &str) -> Result<Kind, BadTarget> {
    // As kubectl: singular, plural, short name, with or without group.
    let lower = text.to_ascii_lowercase();
    match lower.split('.').next().unwrap_or_default() {
        "ds" | "daemonset" | "daemonsets" => Ok(Kind::DaemonSet),
        "yas" | "yurtappset" | "yurtappsets" => Ok(Kind::YurtAppSet),
        "fr" | "fleetrollout" | "fleetrollouts" => Ok(Kind::FleetRollout),
        _ => Err(BadTarget::Kind(text.to_owned())),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Some(kind) => write!(f, "{}/{}", kind.short(), self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What the user may have meant.
fn hint(known: &[String], target: &Target) -> String {
    let name = &target.name;
    if known.is_empty() && target.kind == Some(Kind::YurtAppSet) {
        return format!(
            "\n→ `kubectl get yas {name}` shows whether it is there, and why appset-controller does nothing with it; use -n for \
             another namespace"
        );
    }
    if known.is_empty() {
        return format!(
            "\n→ `kubectl get ds {name}` shows whether it is there; Drover upgrades a DaemonSet with the annotation {}: auto \
             and updateStrategy OnDelete; use -n for another namespace",
            api::names::UPDATE_STRATEGY
        );
    }
    format!("\n→ there are rollouts of {}; use -n for another namespace", known.join(", "))
}

/// All runs of a namespace, or of all (`None`).
pub async fn runs(cluster: &Cluster, namespace: Option<&str>) -> Result<Vec<FleetRollout>, CallError> {
    let api: Api<FleetRollout> = match namespace {
        Some(namespace) => Api::namespaced(cluster.client.clone(), namespace),
        None => Api::all(cluster.client.clone()),
    };
    let listed = api.list(&ListParams::default()).await;
    let mut runs = listed.map_err(|error| Call::drover("list", "fleetrollouts", namespace).failed(error))?.items;
    runs.sort_by_cached_key(|run| {
        let target = &run.spec.target_ref;
        (
            run.namespace(),
            target.name.clone(),
            run.metadata.creation_timestamp.clone().map(|at| at.0),
            run.spec.revision.number,
        )
    });
    Ok(runs)
}

/// The newest run of each target, of sorted runs.
pub fn newest(runs: Vec<FleetRollout>) -> Vec<FleetRollout> {
    let mut newest: Vec<FleetRollout> = Vec::new();
    for run in runs {
        match newest.last_mut() {
            Some(last) if same_target(last, &run) => *last = run,
            _ => newest.push(run),
        }
    }
    newest
}

fn same_target(a: &FleetRollout, b: &FleetRollout) -> bool {
    let (one, other) = (&a.spec.target_ref, &b.spec.target_ref);
    a.namespace() == b.namespace() && one.name == other.name && one.kind == other.kind
}

/// All runs of the target that is meant, oldest first; of a run that is named, that one alone.
pub async fn history(cluster: &Cluster, target: &Target) -> Result<Vec<FleetRollout>, FindError> {
    let runs = runs(cluster, Some(&cluster.namespace)).await?;
    match choose(&runs, target, &cluster.namespace) {
        Err(FindError::Nothing { .. }) if matches!(target.kind, None | Some(Kind::YurtAppSet)) => {
            let why = unrun::ask(cluster, &target.name).await;
            // Who names no kind may have meant another one.
            let why = why.filter(|why| target.kind.is_some() || *why != Unrun::Absent);
            Err(why.map_or_else(
                || nothing(&runs, target, &cluster.namespace),
                |why| FindError::Unrun { target: target.clone(), namespace: cluster.namespace.clone(), why },
            ))
        }
        found => found,
    }
}

/// The run that is meant: the newest of a target.
pub async fn find(cluster: &Cluster, target: &Target) -> Result<FleetRollout, FindError> {
    let mut runs = history(cluster, target).await?;
    runs.pop().ok_or_else(|| nothing(&[], target, &cluster.namespace))
}

fn choose(runs: &[FleetRollout], target: &Target, namespace: &str) -> Result<Vec<FleetRollout>, FindError> {
    if matches!(target.kind, None | Some(Kind::FleetRollout))
        && let Some(run) = runs.iter().find(|run| run.name_any() == target.name)
    {
        return Ok(vec![run.clone()]);
    }
    let is_meant = |run: &&FleetRollout| {
        let of = &run.spec.target_ref;
        of.name == target.name && target.kind.is_none_or(|kind| of.kind == kind.as_str())
    };
    let meant: Vec<FleetRollout> = runs.iter().filter(is_meant).cloned().collect();
    let mut kinds: Vec<&str> = meant.iter().map(|run| run.spec.target_ref.kind.as_str()).collect();
    kinds.dedup();
    match kinds.len() {
        0 => Err(nothing(runs, target, namespace)),
        1 => Ok(of_newest(meant)),
        _ => {
            kinds.sort_unstable();
            kinds.dedup();
            let name = &target.name;
            let candidates = kinds.iter().map(|kind| format!("{}/{name}", kind.to_ascii_lowercase())).collect();
            Err(FindError::Ambiguous { target: target.clone(), candidates })
        }
    }
}

/// Without runs of an object that had the name before.
fn of_newest(mut runs: Vec<FleetRollout>) -> Vec<FleetRollout> {
    let uid = runs.last().map(|run| run.spec.target_ref.uid.clone());
    runs.retain(|run| Some(&run.spec.target_ref.uid) == uid.as_ref());
    runs
}

fn nothing(runs: &[FleetRollout], target: &Target, namespace: &str) -> FindError {
    let mut known: Vec<String> = runs.iter().map(|run| run.spec.target_ref.name.clone()).collect();
    known.sort_unstable();
    known.dedup();
    FindError::Nothing { target: target.clone(), namespace: namespace.to_owned(), known }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(kind: &str, target: &str, number: i64) -> FleetRollout {
        serde_json::from_value(json!({
            "apiVersion": "drover.dev/v1alpha1", "kind": "FleetRollout",
            "metadata": {"name": format!("{target}-0-r{number}"), "namespace": "edge"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": kind, "name": target, "uid": "u"},
                "revision": {"name": format!("{target}-{number}"), "number": number},
            },
        }))
        .unwrap()
    }

    #[test]
    fn kinds_are_written_as_kubectl_takes_them() {
        for text in ["ds/agent", "DaemonSet/agent", "daemonsets.apps/agent"] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.kind, target.name.as_str()), (Some(Kind::DaemonSet), "agent"));
        }
        assert_eq!("agent".parse::<Target>().unwrap().kind, None);
        let error = "deploy/agent".parse::<Target>().unwrap_err().to_string();
        assert_eq!(error, "kind \"deploy\" is not one of ds (DaemonSet), yas (YurtAppSet), fr (FleetRollout)");
        for text in ["ds/", "", "ds/a/b"] {
            assert_eq!(text.parse::<Target>(), Err(BadTarget::Name(text.to_owned())));
        }
    }

    #[test]
    fn a_name_means_a_run_or_the_runs_of_one_target() {
        let runs = vec![run("DaemonSet", "agent", 1), run("DaemonSet", "agent", 2), run("DaemonSet", "gateway", 1)];
        let numbers = |text: &str| {
            let chosen = choose(&runs, &text.parse().unwrap(), "edge").unwrap();
            chosen.iter().map(|run| run.spec.revision.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers("agent"), [1, 2]);
        assert_eq!(numbers("ds/agent"), [1, 2]);
        assert_eq!(numbers("agent-0-r1"), [1]);
        let error = choose(&runs, &"agnet".parse().unwrap(), "edge").unwrap_err().to_string();
        assert!(
            error.contains("agnet has no rollout in namespace edge") && error.contains("of agent, gateway"),
            "{error}"
        );
        let error = choose(&[], &"agent".parse().unwrap(), "edge").unwrap_err().to_string();
        assert!(error.contains("kubectl get ds agent"), "{error}");
    }

    #[test]
    fn runs_of_an_object_that_had_the_name_before_are_not_its_own() {
        let mut before = run("YurtAppSet", "web", 7);
        before.spec.target_ref.uid = "gone".to_owned();
        let runs = vec![before, run("YurtAppSet", "web", 1), run("YurtAppSet", "web", 2)];
        let chosen = choose(&runs, &"yas/web".parse().unwrap(), "edge").unwrap();
        assert_eq!(chosen.iter().map(|run| run.spec.revision.number).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn one_name_of_two_kinds_is_ambiguous() {
        let runs = vec![run("DaemonSet", "agent", 1), run("YurtAppSet", "agent", 1)];
        let error = choose(&runs, &"agent".parse().unwrap(), "edge").unwrap_err().to_string();
        assert_eq!(error, "agent is ambiguous: daemonset/agent, yurtappset/agent\n→ name one of them");
        assert_eq!(choose(&runs, &"yas/agent".parse().unwrap(), "edge").unwrap().len(), 1);
    }

    #[test]
    fn the_newest_run_of_each_target_is_shown() {
        let runs = vec![run("DaemonSet", "agent", 1), run("DaemonSet", "agent", 2), run("DaemonSet", "gateway", 1)];
        let names: Vec<_> = newest(runs).iter().map(kube::ResourceExt::name_any).collect();
        assert_eq!(names, ["agent-0-r2", "gateway-0-r1"]);
    }
}
