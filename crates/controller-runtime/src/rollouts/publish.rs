//! Telling of a run, from what was committed: events, log, status. The status is written beside the reconcile.

use std::time::{Duration, Instant};

use api::fleet_rollout::FleetRolloutStatus;
use api::names::reason;
use jiff::Timestamp;
use planner::fleet::Uid;
use planner::rollout::{Hold, News, Report};

use super::letters::{StatusEnded, Unpublished};
use super::{Desk, Error, Rollout, Target, objects, status};
use crate::events::{Note, Severity};

/// A status that only counts on is written at most this often; a new phase or halt at once.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// A status names each unit under way, some 250 bytes of it, so that one of a thousand is a quarter of a megabyte: so many units are
/// written each second.
const FLIGHTS: usize = 250;

/// What a status that tells of news lets go on is looked at so soon after it was written.
const TOLD: Duration = Duration::from_millis(250);

impl Desk {
    /// Tells of a plan. Returns when a status that was put off is due.
    pub fn publish(&self, target: Target<'_>, rollout: &mut Rollout, report: Report) -> Option<Duration> {
        self.announce(target, &report);
        let urgent = rollout.published.as_ref().is_none_or(|before| is_news(before, rollout, &report));
        if urgent && rollout.report.as_ref().is_none_or(|before| before.phase != report.phase) {
            tracing::info!(run = rollout.object.metadata.name, phase = ?report.phase, "{}", report.sentence);
        }
        let every = every(rollout.published.as_ref());
        let due = rollout.looked_at.and_then(|at| every.checked_sub(at.elapsed())).filter(|_| !urgent);
        let status = due.is_none().then(|| status::status(rollout, &report, Timestamp::now()));
        if due.is_none() {
            let progress = self.standings.progress(target.uid);
            self.served.tell(&rollout.object, rollout.phase(report.phase), &report, &rollout.run, &progress);
        }
        rollout.report = Some(report);
        let Some(status) = status else { return due };
        rollout.looked_at = Some(Instant::now());
        self.write_news(target, rollout, status, if urgent { TOLD } else { every });
        None
    }

    /// Tells why a run does not go on of whose units nobody can say anything, so that there is no plan of it.
    pub fn hold(&self, target: Target<'_>, rollout: &mut Rollout, hold: &Hold) {
        let status = status::held(rollout, hold, Timestamp::now());
        self.write_news(target, rollout, status, TOLD);
    }

    /// Says, with the next [`Desk::publish`], whether a run that failed is rolled back though its target stays as it is: then what
    /// it changed is back at the last completed revision, as the sentence tells.
    pub fn roll_back(
        &self,
        target: Target<'_>,
        rollout: &mut Rollout,
        is_back: bool,
        sentence: impl FnOnce() -> String,
    ) {
        if rollout.note_rollback(is_back) {
            let note = Note::Said(sentence());
            self.events.record(&self.about(target), Severity::Warning, reason::ROLLED_BACK, note);
        }
    }

    /// Reads how writing the status ended, if it did since the last look.
    ///
    /// # Errors
    /// When it was not written: it will be with the next [`Desk::publish`].
    pub async fn receive(&self, rollout: &mut Rollout) -> Result<(), Error> {
        // Only one is written at a time.
        let Some(ended) = rollout.written.collect().pop() else { return Ok(()) };
        rollout.publishing = false;
        match ended {
            Ok(status) => rollout.published = Some(*status),
            Err(Unpublished::Write(kube::Error::Api(answer))) if answer.is_not_found() => {
                // Somebody deleted the run's object: the run goes on, and gets another.
                self.create_again(rollout).await?;
            }
            Err(Unpublished::Write(error)) => return Err(Error::Publish(error)),
            Err(Unpublished::NotLeading(reason)) => return Err(reason.into()),
        }
        Ok(())
    }

    /// Writes a status if it says something new. While one is being written, the letter about its end wakes the next look.
    fn write_news(&self, target: Target<'_>, rollout: &mut Rollout, status: FleetRolloutStatus, again: Duration) {
        let same = rollout.published.as_ref().is_some_and(|before| status::says_the_same(before, &status));
        if !same && !rollout.publishing {
            rollout.publishing = true;
            self.write(target.uid, rollout, status, again);
        }
    }

    /// Writes a status beside the reconcile. The target is looked at again so long after it was, or soon after it was not.
    fn write(&self, target: Uid, rollout: &Rollout, status: FleetRolloutStatus, again: Duration) {
        let (letters, object) = (rollout.written.clone(), rollout.object.clone());
        let (client, leadership, queue) = (self.client.clone(), self.leadership.clone(), self.queue.clone());
        let manager = self.kind.manager;
        tokio::spawn(async move {
            let written: StatusEnded = match leadership.permit() {
                Ok(_permit) => {
                    let written = objects::publish(&client, manager, &object, &status).await;
                    written.map(|()| Box::new(status)).map_err(Unpublished::from)
                }
                Err(reason) => Err(reason.into()),
            };
            let again = if written.is_ok() { again } else { TOLD };
            letters.leave(written);
            queue.add_after(target, again);
        });
    }

    fn announce(&self, target: Target<'_>, report: &Report) {
        for news in &report.news {
            let (severity, reason, sentence) = match news {
                News::Halted(sentence) => {
                    self.metrics.halts.inc();
                    (Severity::Warning, reason::HALTED, sentence)
                }
                News::StillHeld(sentence) => {
                    self.metrics.held.inc();
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
            self.events.record(&self.about(target), severity, reason, Note::Said(sentence.clone()));
        }
    }
}

/// How far apart two statuses are that only count on.
fn every(before: Option<&FleetRolloutStatus>) -> Duration {
    let flights = before.and_then(|status| status.record.as_ref()).map_or(0, |record| record.flights.len());
    STATUS_EVERY.saturating_mul(u32::try_from(flights.div_ceil(FLIGHTS)).unwrap_or(u32::MAX).max(1))
}

fn is_news(before: &FleetRolloutStatus, rollout: &Rollout, report: &Report) -> bool {
    let token = before.halt.as_ref().map(|halt| &halt.token);
    before.phase != rollout.phase(report.phase) || token != rollout.run.halt().map(|halt| &halt.token)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use planner::rollout::{Flight, Outcome, Record};

    use super::*;

    fn status(flights: usize) -> FleetRolloutStatus {
        let flight = Flight {
            node: "shop".to_owned(),
            node_uid: Uid::default(),
            pool: "shop".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            was_down: false,
            uncontrolled: false,
            inherited: false,
            counted: false,
            first_ready: None,
            left: None,
            outcome: Outcome::Open,
        };
        let record = Record { flights: vec![flight; flights], ..Record::default() };
        FleetRolloutStatus { record: Some(record), ..FleetRolloutStatus::default() }
    }

    #[test]
    fn a_status_of_many_units_under_way_is_written_less_often() {
        assert_eq!(every(None), STATUS_EVERY);
        let waits = [0, 20, 250, 251, 1_000].map(|flights| every(Some(&status(flights))).as_secs());
        assert_eq!(waits, [1, 1, 1, 2, 4]);
    }
}
