//! The named tasks of a process.

use std::any::Any;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Starts the tasks of a process. Each runs until the process stops: one that ends before, in
/// whatever way, ends the process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tasks {
    tracker: TaskTracker,
    stopping: CancellationToken,
    ended: UnboundedSender<Ended>,
    running: Arc<Running>,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    /// It was done.
    Finished,
    /// It failed; the error with its causes.
    Failed(String),
    /// It panicked; the message.
    Panicked(String),
}

/// A task that ended, other than by being abandoned.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) task: &'static str,
    pub(super) end: TaskEnd,
}

#[derive(Debug, Default)]
struct Running {
    next: AtomicU64,
    tasks: Mutex<HashMap<u64, (&'static str, AbortHandle)>>,
}

/// Takes a task off the list when it ends, abandoned or not.
struct Listed {
    id: u64,
    running: Arc<Running>,
}

impl Tasks {
    pub(super) fn new(stopping: CancellationToken) -> (Self, UnboundedReceiver<Ended>) {
        let (ended, receiver) = unbounded_channel();
        let tasks = Self { tracker: TaskTracker::new(), stopping, ended, running: Arc::default() };
        (tasks, receiver)
    }

    /// Starts a task that runs until [`Tasks::stopping`], and is named when it does not.
    pub fn spawn<E>(&self, name: &'static str, task: impl Future<Output = Result<(), E>> + Send + 'static)
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let id = self.running.next.fetch_add(1, Ordering::Relaxed);
        let listed = Listed { id, running: Arc::clone(&self.running) };
        let ended = self.ended.clone();
        // Held until the task is listed, so that it cannot take itself off before.
        let mut running = self.running.lock();
        let handle = self.tracker.spawn(async move {
            let _listed = listed;
            let end = match AssertUnwindSafe(task).catch_unwind().await {
                Ok(Ok(())) => TaskEnd::Finished,
                Ok(Err(error)) => TaskEnd::Failed(causes(error.into().as_ref())),
                Err(panic) => TaskEnd::Panicked(message(panic.as_ref())),
            };
            // Nobody listens any more once the process has ended.
            let _ = ended.send(Ended { task: name, end });
        });
        running.insert(id, (name, handle.abort_handle()));
    }

    /// Is cancelled when tasks should take in no more work, finish what they have and end.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Waits until no task runs; tasks started meanwhile are waited for too.
    pub(super) async fn all_ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Drops every task where it waits, and names them.
    pub(super) fn abandon(&self) -> Vec<&'static str> {
        let tasks: Vec<_> = self.running.lock().values().cloned().collect();
        let abandoned = tasks.into_iter().map(|(name, handle)| {
            handle.abort();
            name
        });
        abandoned.collect()
    }
}

impl fmt::Display for TaskEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("it had nothing more to do"),
            Self::Failed(causes) => f.write_str(causes),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
        }
    }
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (&'static str, AbortHandle)>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.running.lock().remove(&self.id);
    }
}

/// An error and what caused it, on one line.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}
