//! Holds in words: what ends each, and what the user can do about it.

use planner::rollout::{Ending, Hold, Point};

/// What ends a hold, in a sentence.
pub fn ending(hold: &Hold) -> &'static str {
    match hold.ending() {
        Ending::Itself => "It ends by itself.",
        Ending::InTime => "It most likely ends by itself, but that may take long: an event says so again every day.",
        Ending::Somebody => "It ends only when somebody does something.",
    }
}

/// What the user can do, if anything helps. `target` is how the user names the run.
pub fn remedy(hold: &Hold, target: &str) -> Option<String> {
    let said = match hold {
        Hold::NoBudget { scope } => format!("raise maxUnavailable of the {scope}; 0 stops it"),
        Hold::Soak { wave, .. } | Hold::NoPoolLeft { wave } => {
            format!("drover promote {target} --through {wave}")
        }
        Hold::Approval { wave, point: Point::BeforeWave | Point::AfterWave } => {
            format!("drover approve {target} {wave}")
        }
        Hold::Rejected { .. } => "change the template: a new revision asks again".to_owned(),
        Hold::Window { opens: None } => {
            "the strategy's windows leave no time; the next run takes an edited strategy".to_owned()
        }
        Hold::Dependency { kind, name, .. } => format!("drover status {}/{name}", kind.to_ascii_lowercase()),
        Hold::TooFewSettled { .. } => "repair its nodes, or lower minUpdated for the next run".to_owned(),
        Hold::InvalidStrategy { .. } => "correct the RolloutStrategy, or the annotation that names it".to_owned(),
        Hold::Offline => "bring the node back: it is caught up when it returns".to_owned(),
        Hold::UnderMaintenance => "kubectl uncordon the node when the work is done".to_owned(),
        Hold::NoCatchUp => "delete its pod by hand, or set offline.catchUp for the next run".to_owned(),
        Hold::Inconclusive { .. } => "bring nodes back; onInconclusive: Proceed passes such a wave over".to_owned(),
        Hold::Halted | Hold::HaltedFor { .. } => {
            format!("drover rollback {target}, or drover resume {target} --after-halt")
        }
        Hold::RevisionRefused { .. } => "correct the tweak or the template that it names".to_owned(),
        Hold::ReachUnknown { .. } => "look at leader-endpoints-controller, which says who is reachable".to_owned(),
        Hold::Paused | Hold::Aborted => format!("drover resume {target}"),
        Hold::OtherController { lease, .. } => {
            format!("stop the holder of lease {lease}, or tell daemon-updater to ignore it")
        }
        Hold::UnknownRevision { .. } => {
            "delete its pod, if nothing newer is on its way: its label was edited, or its revision is gone".to_owned()
        }
        Hold::Refused { .. } => "let the API server accept it: look at admission webhooks and rights".to_owned(),
        Hold::Terminating => "if it stays so, its node cannot be heard: kubectl describe node".to_owned(),
        Hold::NoPod => "if it stays so, ask the DaemonSet controller why: kubectl describe ds".to_owned(),
        Hold::Budget { .. }
        | Hold::SlowStart { .. }
        | Hold::EarlierWave { .. }
        | Hold::Window { opens: Some(_) }
        | Hold::ConcurrentPools { .. }
        | Hold::Returning { .. }
        | Hold::NodesLost { .. }
        | Hold::NodeBusy
        | Hold::Stale { .. }
        | Hold::NotObserved => return None,
    };
    Some(said)
}
