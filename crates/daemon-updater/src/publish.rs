//! Fifth step: tell, from what was committed: events, log, status. The status is written beside the reconcile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::fleet_rollout::{FleetRolloutStatus, Phase};
use api::names::reason;
use controller_runtime::events::{Note, Severity, Subject};
use controller_runtime::rollouts;
use jiff::Timestamp;
use planner::fleet::Uid;
use planner::rollout::{News, Report, Run};

use crate::admit::Target;
use crate::begin;
use crate::context::{Context, Current};
use crate::letters::{StatusEnded, Unpublished};
use crate::reconcile::Error;

/// A status that only counts on is written at most this often; a new phase or halt at once.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// Tells of a plan. Returns when a status that was put off is due.
pub(crate) fn publish(
    context: &Arc<Context>,
    target: &Target,
    current: &mut Current,
    report: Report,
) -> Option<Duration> {
    announce(context, target, &report);
    let urgent = current.published.as_ref().is_none_or(|before| is_news(before, &report, &current.run));
    if urgent && current.report.as_ref().is_none_or(|before| before.phase != report.phase) {
        tracing::info!(run = current.object.metadata.name, phase = ?report.phase, "{}", report.sentence);
    }
    let due = current.looked_at.and_then(|at| STATUS_EVERY.checked_sub(at.elapsed())).filter(|_| !urgent);
    let status = due.is_none().then(|| rollouts::status(&current.object, &report, &current.run, Timestamp::now()));
    if due.is_none() {
        let progress = context.standings.progress(target.uid);
        context.served.tell(&current.object, &report, &current.run, &progress);
    }
    current.report = Some(report);
    let Some(status) = status else { return due };
    current.looked_at = Some(Instant::now());
    let same = current.published.as_ref().is_some_and(|before| rollouts::says_the_same(before, &status));
    // While one is being written, the letter about its end wakes the next look.
    if !same && !current.publishing {
        current.publishing = true;
        write(context, target.uid, current, status);
    }
    None
}

/// Reads how writing the status ended. An error leaves it to be written again.
pub(crate) async fn receive(context: &Context, current: &mut Current, ended: StatusEnded) -> Result<(), Error> {
    current.publishing = false;
    match ended {
        Ok(status) => current.published = Some(*status),
        Err(Unpublished::Write(kube::Error::Api(answer))) if answer.is_not_found() => {
            // Somebody deleted the run's object: the run goes on, and gets another.
            current.object = Arc::new(begin::create_again(context, &current.object).await?);
            (current.published, current.looked_at) = (None, None);
        }
        Err(Unpublished::Write(error)) => return Err(Error::Publish(error)),
        Err(Unpublished::NotLeading(reason)) => return Err(reason.into()),
    }
    Ok(())
}

fn is_news(before: &FleetRolloutStatus, report: &Report, run: &Run) -> bool {
    let token = before.halt.as_ref().map(|halt| &halt.token);
    before.phase != Phase::from(report.phase) || token != run.halt().map(|halt| &halt.token)
}

fn write(context: &Arc<Context>, daemon_set: Uid, current: &Current, status: FleetRolloutStatus) {
    let (context, letters, object) = (context.clone(), current.written.clone(), current.object.clone());
    tokio::spawn(async move {
        let written = match context.leadership.permit() {
            Ok(_permit) => rollouts::publish(&context.client, &object, &status).await.map_err(Unpublished::from),
            Err(reason) => Err(reason.into()),
        };
        letters.leave(written.map(|()| Box::new(status)));
        context.queue.add_after(daemon_set, STATUS_EVERY / 4);
    });
}

fn announce(context: &Context, target: &Target, report: &Report) {
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
            News::WaveOpened(sentence) => (Severity::Normal, reason::WAVE_OPENED, sentence),
            News::WaveEmpty(sentence) => (Severity::Warning, reason::WAVE_EMPTY, sentence),
            News::WaveSucceeded(sentence) => (Severity::Normal, reason::WAVE_SUCCEEDED, sentence),
            News::AwaitingApproval(sentence) => (Severity::Normal, reason::AWAITING_APPROVAL, sentence),
            News::RollingBack(sentence) => (Severity::Warning, reason::ROLLING_BACK, sentence),
        };
        let subject = subject(&target.namespace, &target.name, target.uid);
        context.events.record(&subject, severity, reason, Note::Said(sentence.clone()));
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
