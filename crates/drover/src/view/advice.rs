//! What the user can do, where the run waits for somebody.

use api::fleet_rollout::Phase;

use crate::progress::Progress;
use crate::target::Kind;
use crate::text::{Line, Tone, hang};

/// The last lines: nothing when the run goes on by itself.
pub(super) fn lines(run: &Progress, width: usize) -> Vec<Line> {
    let Progress { namespace, target, wave, .. } = run;
    // A DaemonSet may have the same name.
    let of_pools = run.kind == Kind::YurtAppSet.as_str();
    let target = if of_pools { format!("yas/{target}") } else { target.clone() };
    let on = format!("{target} -n {namespace}");
    let unit = if of_pools { "POOL" } else { "POOL|NODE" };
    let wave = wave.as_deref().unwrap_or_default();
    let advice: Vec<String> = match run.phase {
        Phase::AwaitingApproval => vec![format!("drover approve {on}    or --reject, with a --comment")],
        Phase::Halted => vec![
            format!("drover rollback {on}    goes back to an earlier revision"),
            format!("drover resume {on} --after-halt    goes on all the same"),
            "or change the template: a new revision is a new run".to_owned(),
        ],
        Phase::Paused => vec![format!("drover resume {on}")],
        Phase::Soaking => vec![format!("drover promote {on} --through {wave}    skips the rest of the soak")],
        Phase::Held => vec![format!("drover explain {unit} {on}    says why one is not moved")],
        Phase::Aborted => vec![format!("drover resume {on}    takes the abort back")],
        Phase::RolledBack if of_pools => vec![
            format!("drover rollback {on}    makes its spec say what its pools have"),
            "or change the template: a new revision is a new run".to_owned(),
        ],
        Phase::Pending | Phase::Progressing | Phase::RolledBack | Phase::Superseded | Phase::Completed => Vec::new(),
    };
    let (first, rest) = (Line::of(Tone::Call, "→ "), Line::of(Tone::Plain, "  "));
    let mut lines: Vec<Line> = advice.iter().flat_map(|text| hang_kept(&first, &rest, text, width)).collect();
    if !lines.is_empty() {
        lines.insert(0, Line::new());
    }
    lines
}

/// A command stays in one piece if it fits; what it is for goes to its right.
fn hang_kept(first: &Line, rest: &Line, text: &str, width: usize) -> Vec<Line> {
    match text.split_once("    ") {
        Some((command, what)) if first.width() + text.chars().count() <= width => {
            vec![first.clone().and(Tone::Plain, command).and(Tone::Faint, format!("    {what}"))]
        }
        Some((command, what)) => {
            let mut lines = vec![first.clone().and(Tone::Plain, command)];
            lines.extend(hang(Tone::Faint, rest, rest, what, width));
            lines
        }
        None => vec![first.clone().and(Tone::Plain, text)],
    }
}
