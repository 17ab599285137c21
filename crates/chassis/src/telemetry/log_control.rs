//! The log filter of a running process.

use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::config::{Directives, DirectivesError};

/// Shows and changes the log filter of a process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogControl {
    configured: Directives,
    current: Arc<Mutex<Directives>>,
    filter: reload::Handle<EnvFilter, Registry>,
}

/// Why the log filter was not changed.
#[derive(Debug, thiserror::Error)]
pub enum LogControlError {
    /// The text is no filter.
    #[error(transparent)]
    Directives(#[from] DirectivesError),
    /// The process no longer logs.
    #[error("changing the log filter")]
    Reload(#[from] reload::Error),
}

impl LogControl {
    pub(super) fn new(configured: Directives, filter: reload::Handle<EnvFilter, Registry>) -> Self {
        Self { current: Arc::new(Mutex::new(configured.clone())), configured, filter }
    }

    /// The filter in use.
    pub fn current(&self) -> Directives {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the filter until the process ends; an empty text restores the configured one.
    /// Returns the filter before.
    ///
    /// # Errors
    /// When the text is no filter; the filter is not changed then.
    pub fn set(&self, text: &str) -> Result<Directives, LogControlError> {
        let wanted = match text.trim() {
            "" => self.configured.clone(),
            text => text.parse()?,
        };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        self.filter.reload(EnvFilter::new(wanted.as_str()))?;
        Ok(std::mem::replace(&mut *current, wanted))
    }
}
