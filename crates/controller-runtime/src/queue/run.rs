//! The loop that runs keys.

use super::{Disposition, Queue, ReconcileError, Requeue, agenda::Next, metrics::Ended};
use crate::causes::Causes;
use futures::FutureExt;
use std::{fmt::Display, future::Future, panic::AssertUnwindSafe};
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// A run that ended.
struct Finished<K> {
    key: K,
    next: Next,
}

impl<K: Clone + Ord + Display + Send + 'static> Queue<K> {
    /// Runs keys until `stop` is cancelled, then waits for those in progress; waiting ones are left, since whoever comes
    /// next looks at the world anew. Dropping this future abandons what runs. A reconcile that panics counts as failed.
    ///
    /// Only one `run` at a time: a second would run keys beside the first.
    pub async fn run<R, F, E>(&self, reconcile: R, stop: CancellationToken)
    where
        R: Fn(K) -> F,
        F: Future<Output = Result<Requeue, E>> + Send + 'static,
        E: ReconcileError,
    {
        let mut running = JoinSet::new();
        loop {
            let due = self.start_due(&reconcile, &mut running);
            tokio::select! {
                () = stop.cancelled() => break,
                Some(finished) = running.join_next() => self.finish(finished),
                () = self.0.bell.notified() => {}
                () = until(due) => {}
            }
            // Whatever else has finished meanwhile makes room at once.
            while let Some(finished) = running.try_join_next() {
                self.finish(finished);
            }
        }
        while let Some(finished) = running.join_next().await {
            self.finish(finished);
        }
    }

    /// Starts what may run and returns when to look again at the latest.
    fn start_due<R, F, E>(&self, reconcile: &R, running: &mut JoinSet<Finished<K>>) -> Option<Instant>
    where
        R: Fn(K) -> F,
        F: Future<Output = Result<Requeue, E>> + Send + 'static,
        E: ReconcileError,
    {
        let mut starting = Vec::new();
        let due = {
            let mut state = self.locked();
            let now = Instant::now();
            state.agenda.promote(now);
            let depth = state.agenda.waiting();
            state.limit.follow(depth, now);
            while state.agenda.running() < state.limit.now()
                && let Some(key) = state.agenda.start()
            {
                starting.push(key);
            }
            self.0.metrics.limit.set(gauge(state.limit.now()));
            self.0.metrics.waiting.set(gauge(state.agenda.waiting()));
            self.0.metrics.running.set(gauge(state.agenda.running()));
            state.agenda.next_due()
        };
        for key in starting {
            let run = reconcile(key.clone());
            let metrics = self.0.metrics.clone();
            running.spawn(async move {
                let began = Instant::now();
                let ended = AssertUnwindSafe(run).catch_unwind().await;
                metrics.seconds.observe(began.elapsed().as_secs_f64());
                let (next, ended) = ended.map_or_else(|_| panicked(&key), |result| judge(&key, result));
                metrics.runs.get_or_create(&ended).inc();
                Finished { key, next }
            });
        }
        due
    }

    fn finish(&self, finished: Result<Finished<K>, JoinError>) {
        // A task catches its own panics and nobody aborts it, so an error here is the runtime shutting down.
        if let Ok(Finished { key, next }) = finished {
            let failures = self.locked().agenda.finish(&key, next, Instant::now());
            if failures > 1 {
                tracing::info!(%key, failures, "reconcile keeps failing");
            }
        }
    }
}

fn judge<K: Display, E: ReconcileError>(key: &K, result: Result<Requeue, E>) -> (Next, Ended) {
    let error = match result {
        Ok(Requeue::Await) => return (Next::Nothing, Ended { outcome: "await", error: "" }),
        Ok(Requeue::After(wait)) => return (Next::After(wait), Ended { outcome: "after", error: "" }),
        Err(error) => error,
    };
    let kind = error.kind();
    let reason = Causes(&error);
    match error.disposition() {
        Disposition::Backoff => {
            tracing::warn!(%key, kind, error = %reason, "reconcile failed, trying again");
            (Next::Backoff, Ended { outcome: "backoff", error: kind })
        }
        Disposition::AwaitChange => {
            tracing::info!(%key, kind, error = %reason, "reconcile waits for a change");
            (Next::Nothing, Ended { outcome: "await_change", error: kind })
        }
        Disposition::Terminal => {
            tracing::error!(%key, kind, error = %reason, "reconcile failed for good");
            (Next::Nothing, Ended { outcome: "terminal", error: kind })
        }
    }
}

fn panicked<K: Display>(key: &K) -> (Next, Ended) {
    tracing::error!(%key, "reconcile panicked, trying again");
    (Next::Backoff, Ended { outcome: "panicked", error: "panic" })
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
