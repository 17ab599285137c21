//! Takes occurrences in and writes them out.

use super::{
    EventMetrics, Note, Severity, Subject,
    series::{Draft, Series},
    store::Store,
};
use kube::Client;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// How occurrences are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSettings {
    /// How long after the first write of a series the others are gathered.
    pub window: Duration,
    /// How long that becomes at most while a series goes on.
    pub longest_window: Duration,
    /// Most series at once; what would begin another is dropped.
    pub most_series: usize,
}

/// Records occurrences without waiting. Cheap to clone; clones are one recorder. [`EventRecorder::run`] writes them.
#[derive(Debug, Clone)]
pub struct EventRecorder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Few at a time: one per object and reason of the last minutes.
    series: Mutex<Vec<Series>>,
    settings: EventSettings,
    bell: Notify,
    metrics: EventMetrics,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self { window: Duration::from_secs(10), longest_window: Duration::from_mins(5), most_series: 500 }
    }
}

impl EventRecorder {
    /// A recorder with nothing to tell.
    pub fn new(settings: EventSettings, metrics: EventMetrics) -> Self {
        Self(Arc::new(Shared { series: Mutex::default(), settings, bell: Notify::new(), metrics }))
    }

    /// Records an occurrence. Never waits.
    pub fn record(&self, subject: &Subject, severity: Severity, reason: &'static str, note: Note) {
        self.0.metrics.recorded.inc();
        let mut all = self.series();
        if let Some(series) = all.iter_mut().find(|series| series.is(subject, severity, reason)) {
            return series.add(note);
        }
        if all.len() >= self.0.settings.most_series {
            self.0.metrics.dropped.inc();
            return;
        }
        all.push(Series::new(subject.clone(), severity, reason, note, &self.0.settings, Instant::now()));
        self.0.bell.notify_one();
    }

    /// Writes Events from `component` (as `daemon-updater`) and `instance` (the replica) until `stop` is cancelled, then
    /// once more what is untold.
    pub async fn run(&self, client: Client, component: &'static str, instance: String, stop: CancellationToken) {
        let store = Store { client, component, instance };
        while !stop.is_cancelled() {
            let next = self.write_due(&store, Instant::now()).await;
            let due = async {
                match next {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.0.bell.notified() => {}
                () = due => {}
            }
        }
        self.flush(&store).await;
    }

    /// Writes what is due, and returns when the next is.
    async fn write_due(&self, store: &Store, now: Instant) -> Option<Instant> {
        while let Some(draft) = self.next_draft(now) {
            self.write(store, &draft).await;
        }
        self.series().iter().map(|series| series.due).min()
    }

    async fn flush(&self, store: &Store) {
        let drafts: Vec<_> = self.series().iter().filter(|series| series.untold() > 0).map(Series::draft).collect();
        for draft in drafts {
            self.write(store, &draft).await;
        }
    }

    /// The series that has been due for longest, if it has something to tell; those that have not are forgotten.
    fn next_draft(&self, now: Instant) -> Option<Draft> {
        let mut all = self.series();
        all.retain(|series| series.due > now || series.untold() > 0);
        all.iter().filter(|series| series.due <= now).min_by_key(|series| series.due).map(Series::draft)
    }

    async fn write(&self, store: &Store, draft: &Draft) {
        self.0.metrics.writes.inc();
        let written = store.write(draft).await;
        let now = Instant::now();
        self.series().retain_mut(|series| {
            let kept = !series.is(&draft.subject, draft.severity, draft.reason)
                || series.written(draft, written, &self.0.settings, now);
            if !kept {
                self.0.metrics.dropped.inc_by(u64::from(series.untold()));
            }
            kept
        });
    }

    fn series(&self) -> MutexGuard<'_, Vec<Series>> {
        self.0.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
