//! Fifth step: tell, from what was committed: events, log, status.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::names::{self, reason};
use controller_runtime::events::{Note, Severity, Subject, Tally};
use controller_runtime::rollouts;
use jiff::Timestamp;
use planner::fleet::Uid;
use planner::rollout::{News, Report};

use crate::admit::Target;
use crate::begin;
use crate::commit::Done;
use crate::context::{Context, Current};
use crate::reconcile::Error;

/// A status that only counts on is written at most this often; a new phase, halt or verdict at once.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// Tells of a plan and what was done of it. Returns when a status that was put off is due.
pub(crate) async fn publish(
    context: &Context,
    target: &Target,
    current: &mut Current,
    report: Report,
    done: &Done,
) -> Result<Option<Duration>, Error> {
    events(context, target, &report, done);
    let status = rollouts::status(&current.object, &report, &current.run, Timestamp::now());
    let urgent =
        current.published.as_ref().is_none_or(|before| before.phase != status.phase || before.halt != status.halt);
    if urgent {
        tracing::info!(run = current.object.metadata.name, phase = ?report.phase, "{}", report.sentence);
    }
    current.report = Some(report);
    if current.published.as_ref().is_some_and(|before| rollouts::says_the_same(before, &status)) {
        return Ok(None);
    }
    let wait = current.published_at.and_then(|at| STATUS_EVERY.checked_sub(at.elapsed()));
    if let Some(wait) = wait.filter(|_| !urgent) {
        return Ok(Some(wait));
    }
    let _permit = context.leadership.permit()?;
    match rollouts::publish(&context.client, &current.object, &status).await {
        Err(kube::Error::Api(answer)) if answer.is_not_found() => {
            // Somebody deleted the run's object: the run goes on, and gets another.
            current.object = Arc::new(begin::create_again(context, &current.object).await?);
            return Ok(Some(Duration::ZERO));
        }
        other => other.map_err(Error::Publish)?,
    }
    current.published = Some(status);
    current.published_at = Some(Instant::now());
    Ok(None)
}

fn events(context: &Context, target: &Target, report: &Report, done: &Done) {
    let subject = subject(&target.namespace, &target.name, target.uid);
    let record = |severity, reason, note| context.events.record(&subject, severity, reason, note);
    for step in &done.deleted {
        let note = Note::Item { item: step.pod.to_string(), say: deleted };
        record(Severity::Normal, reason::SUCCESSFUL_DELETE, note);
    }
    for (_, why) in &done.refused {
        record(Severity::Warning, reason::FAILED_DELETE, Note::Said(names::error_deleting(why)));
    }
    for news in &report.news {
        let (severity, reason, sentence) = match news {
            News::Halted(sentence) => {
                context.metrics.halts.inc();
                (Severity::Warning, reason::HALTED, sentence)
            }
            News::StillHeld(sentence) => {
                context.metrics.held.inc();
                (Severity::Warning, reason::HELD, sentence)
            }
            News::Resumed(sentence) => (Severity::Normal, reason::RESUMED, sentence),
            News::Completed(sentence) => (Severity::Normal, reason::COMPLETED, sentence),
        };
        record(severity, reason, Note::Said(sentence.clone()));
    }
}

/// One deleted pod as OpenYurt says it, several in one sentence.
fn deleted(tally: &Tally) -> String {
    match tally.count() {
        1 => names::deleted_pod(&tally.names()),
        count => format!("Deleted {count} pods: {}", tally.names()),
    }
}

/// The DaemonSet, as events name it.
pub(crate) fn subject(namespace: &str, name: &str, uid: Uid) -> Subject {
    Subject {
        api_version: "apps/v1".to_owned(),
        kind: "DaemonSet".to_owned(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
        uid: uid.to_string(),
    }
}
