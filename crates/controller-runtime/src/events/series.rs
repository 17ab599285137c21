//! Occurrences that belong together, and when they are written.

use super::{
    note::{Merged, Note},
    recorder::EventSettings,
};
use chassis::backoff::Backoff;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// Waits after writes that failed.
const RETRY: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(30) };

/// Failures in a row after which a series is given up: about a minute.
const TRIES: u32 = 6;

/// The object that an Event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// As `apps/v1`.
    pub api_version: String,
    /// As `DaemonSet`.
    pub kind: String,
    /// None for a cluster-wide object; its Events go to `default`.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its UID: `kubectl describe` shows Events by it.
    pub uid: String,
}

/// The two types that Kubernetes knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Normal,
    /// Somebody should look.
    Warning,
}

/// Occurrences of one reason on one object.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) subject: Subject,
    pub(super) severity: Severity,
    pub(super) reason: &'static str,
    /// Of the Event object; changes when that is found to be gone.
    pub(super) event: String,
    pub(super) created: bool,
    first: Timestamp,
    last: Timestamp,
    merged: Merged,
    /// Occurrences that the Event tells.
    written: u32,
    window: Duration,
    failures: u32,
    /// When to write it or, if there is nothing new, to forget it.
    pub(super) due: Instant,
}

/// What to write of a series at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) subject: Subject,
    pub(super) severity: Severity,
    pub(super) reason: &'static str,
    pub(super) event: String,
    pub(super) create: bool,
    pub(super) count: u32,
    pub(super) message: String,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// The Event says so.
    Done,
    /// There is such an Event already: a create whose answer was lost.
    Exists,
    /// The Event to change is gone: its hour was over.
    Gone,
    /// Trying again may help.
    Failed,
    /// Trying again will not help: forbidden, or its namespace is being deleted.
    Refused,
}

impl Subject {
    /// Of any object; none if it has no name or UID, being from no API server.
    pub fn of<K: kube::Resource<DynamicType = ()>>(object: &K) -> Option<Self> {
        let meta = object.meta();
        Some(Self {
            api_version: K::api_version(&()).into_owned(),
            kind: K::kind(&()).into_owned(),
            namespace: meta.namespace.clone(),
            name: meta.name.clone()?,
            uid: meta.uid.clone()?,
        })
    }
}

impl Severity {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

impl Series {
    /// A series that begins with one occurrence, due at once.
    pub(super) fn new(
        subject: Subject,
        severity: Severity,
        reason: &'static str,
        note: Note,
        settings: &EventSettings,
        now: Instant,
    ) -> Self {
        let moment = Timestamp::now();
        Self {
            event: event_name(&subject.name, moment),
            subject,
            severity,
            reason,
            created: false,
            first: moment,
            last: moment,
            merged: Merged::new(note),
            written: 0,
            window: settings.window,
            failures: 0,
            due: now,
        }
    }

    pub(super) fn is(&self, subject: &Subject, severity: Severity, reason: &str) -> bool {
        self.subject.uid == subject.uid && self.reason == reason && self.severity == severity
    }

    pub(super) fn add(&mut self, note: Note) {
        self.last = Timestamp::now();
        self.merged.add(note);
    }

    /// Occurrences that its Event does not tell yet.
    pub(super) fn untold(&self) -> u32 {
        self.merged.count().saturating_sub(self.written)
    }

    pub(super) fn draft(&self) -> Draft {
        Draft {
            subject: self.subject.clone(),
            severity: self.severity,
            reason: self.reason,
            event: self.event.clone(),
            create: !self.created,
            count: self.merged.count(),
            message: self.merged.message(),
            first: self.first,
            last: self.last,
        }
    }

    /// Takes in how the write of a draft ended. False when the series is given up.
    pub(super) fn written(&mut self, draft: &Draft, written: Written, settings: &EventSettings, now: Instant) -> bool {
        match written {
            Written::Done => {
                self.due = now + self.window;
                self.window = (self.window * 2).min(settings.longest_window);
                self.created = true;
                self.written = draft.count;
                self.failures = 0;
                return true;
            }
            Written::Exists => self.created = true,
            Written::Gone => {
                self.created = false;
                self.event = event_name(&self.subject.name, Timestamp::now());
            }
            Written::Failed => {}
            Written::Refused => return false,
        }
        self.failures += 1;
        self.due = if written == Written::Failed { now + RETRY.after(self.failures) } else { now };
        self.failures < TRIES
    }
}

/// The object's name and a moment, as Kubernetes' own components name Events. Cut to what a name may have.
fn event_name(object: &str, moment: Timestamp) -> String {
    let end = object.floor_char_boundary(220);
    let object = object.get(..end).unwrap_or_default().trim_end_matches('.');
    format!("{object}.{:x}", moment.as_nanosecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(now: Instant) -> Series {
        let subject = Subject {
            api_version: "apps/v1".into(),
            kind: "DaemonSet".into(),
            namespace: Some("ns".into()),
            name: "ds".into(),
            uid: "u".into(),
        };
        Series::new(subject, Severity::Normal, "R", Note::Said("s".into()), &EventSettings::default(), now)
    }

    #[test]
    fn windows_double_while_something_happens() {
        let settings = EventSettings::default();
        let mut now = Instant::now();
        let mut series = series(now);
        let mut windows = Vec::new();
        for _ in 0..9 {
            now = series.due;
            assert!(series.written(&series.draft(), Written::Done, &settings, now));
            assert_eq!(series.untold(), 0);
            windows.push((series.due - now).as_secs());
            series.add(Note::Said("again".into()));
        }
        assert_eq!(windows, [10, 20, 40, 80, 160, 300, 300, 300, 300]);
    }

    #[test]
    fn a_lost_answer_changes_the_event_that_exists() {
        let now = Instant::now();
        let mut series = series(now);
        let draft = series.draft();
        assert!(draft.create);
        assert!(series.written(&draft, Written::Exists, &EventSettings::default(), now));
        let again = series.draft();
        assert!(!again.create && again.event == draft.event && series.due == now);
    }

    #[test]
    fn an_event_that_is_gone_is_made_anew_under_another_name() {
        let now = Instant::now();
        let mut series = series(now);
        let old = series.draft();
        series.written(&old, Written::Done, &EventSettings::default(), now);
        series.add(Note::Said("again".into()));
        assert!(series.written(&series.draft(), Written::Gone, &EventSettings::default(), now));
        let new = series.draft();
        assert!(new.create && new.event != old.event && new.count == 2);
    }

    #[test]
    fn failures_are_tried_a_few_times() {
        let settings = EventSettings::default();
        let mut series = series(Instant::now());
        let mut tries = 1;
        while series.written(&series.draft(), Written::Failed, &settings, series.due) {
            tries += 1;
        }
        assert_eq!(tries, TRIES);
        assert!(!series.written(&series.draft(), Written::Refused, &settings, series.due));
    }

    #[test]
    fn names_fit() {
        let moment = Timestamp::now();
        assert!(event_name("ds", moment).starts_with("ds."));
        let long = event_name(&"x".repeat(253), moment);
        assert!(long.len() <= 253, "{}", long.len());
    }
}
