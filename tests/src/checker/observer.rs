//! The independent watcher: pods, nodes, DaemonSets and their revisions, with the time at which each change arrived.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::{mpsc, oneshot};

use super::audit::{AuditLog, Call};
use super::note::{Kind, Note, Seen};

/// After a failed watch.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// After the API server said that it knows no such kind: its definition may come.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// A list of everything takes well under a second.
const LISTED_WITHIN: Duration = Duration::from_mins(1);

/// Watches a cluster from a thread of its own until it is dropped.
pub struct Observer {
    notes: Arc<Mutex<Vec<Note>>>,
    audit: Mutex<AuditLog>,
    /// Its end ends the thread.
    _stop: oneshot::Sender<()>,
}

impl Observer {
    /// Starts watching the cluster of `config`, whose audit log is `audit`; back when everything that is there was seen.
    pub async fn start(config: kube::Config, audit: AuditLog) -> Result<Self> {
        let notes = Arc::<Mutex<Vec<Note>>>::default();
        let (stop, mut stopped) = oneshot::channel();
        let (listed, mut all_listed) = mpsc::channel(Kind::ALL.len());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
        let watched = notes.clone();
        std::thread::Builder::new().name("observer".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let Ok(client) = Client::try_from(config) else { return };
                for kind in Kind::ALL {
                    let watch = Watch { kind, client: client.clone(), notes: watched.clone(), known: HashMap::new() };
                    tokio::spawn(watch.run(listed.clone()));
                }
                drop(listed);
                let _ = (&mut stopped).await;
            });
        })?;
        for _ in Kind::ALL {
            let one = tokio::time::timeout(LISTED_WITHIN, all_listed.recv()).await;
            ensure!(one.context("the watcher cannot list")?.is_some(), "the watcher cannot connect");
        }
        Ok(Self { notes, audit: Mutex::new(audit), _stop: stop })
    }

    /// Hands the audited calls until now to `look`.
    pub fn calls<T>(&self, look: impl FnOnce(&[Call]) -> T) -> Result<T> {
        Ok(look(self.audit.lock().unwrap_or_else(PoisonError::into_inner).read()?))
    }

    /// Hands what is known now to `look`: the notes and the audited calls.
    pub fn evidence<T>(&self, look: impl FnOnce(&[Note], &[Call]) -> T) -> Result<T> {
        let mut audit = self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = audit.read()?;
        // Not under the lock: the watcher must not wait, or its times are wrong.
        let notes = held(&self.notes).clone();
        Ok(look(&notes, calls))
    }
}

/// The watch of one kind.
struct Watch {
    kind: Kind,
    client: Client,
    notes: Arc<Mutex<Vec<Note>>>,
    /// The last note of each object, for those that vanish between two watches.
    known: HashMap<String, Note>,
}

impl Watch {
    async fn run(mut self, listed: mpsc::Sender<()>) {
        let mut listed = Some(listed);
        loop {
            let version = self.list(listed.is_some()).await;
            let unknown = version.as_ref().is_err_and(is_unknown);
            if (version.is_ok() || unknown)
                && let Some(listed) = listed.take()
            {
                let _ = listed.send(()).await;
            }
            if let Ok(version) = version {
                self.follow(version).await;
            }
            tokio::time::sleep(if unknown { LOOK_AGAIN_AFTER } else { RETRY_AFTER }).await;
        }
    }

    /// Everything there is; objects that are not listed any more are gone.
    async fn list(&mut self, at_first: bool) -> Result<String> {
        let list = self.api().list(&ListParams::default()).await.context("listing")?;
        let received = Timestamp::now();
        let mut left = std::mem::take(&mut self.known);
        for object in list.items {
            left.remove(&object.uid().unwrap_or_default());
            self.note(object, received, at_first, false)?;
        }
        let gone = left.into_values().map(|note| Note { received, gone: true, version: String::new(), ..note });
        held(&self.notes).extend(gone);
        list.metadata.resource_version.context("a list without a version")
    }

    /// Follows from `version` on for as long as the API server can resume there.
    async fn follow(&mut self, mut version: String) {
        while let Ok(next) = self.watch(version).await {
            version = next;
        }
    }

    async fn watch(&mut self, mut version: String) -> Result<String> {
        let api = self.api();
        let mut events = api.watch(&WatchParams::default(), &version).await.context("watching")?.boxed();
        while let Some(event) = events.try_next().await.context("watching")? {
            let received = Timestamp::now();
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    version = object.resource_version().unwrap_or(version);
                    self.note(object, received, false, false)?;
                }
                WatchEvent::Deleted(object) => {
                    version = object.resource_version().unwrap_or(version);
                    self.note(object, received, false, true)?;
                }
                WatchEvent::Bookmark(bookmark) => version = bookmark.metadata.resource_version,
                WatchEvent::Error(status) => anyhow::bail!("the watch ended: {status:?}"),
            }
        }
        Ok(version)
    }

    fn note(&mut self, object: DynamicObject, received: Timestamp, at_first: bool, gone: bool) -> Result<()> {
        let (uid, version) = (object.uid().unwrap_or_default(), object.resource_version().unwrap_or_default());
        let Some(seen) = self.kind.read(serde_json::to_value(object)?)? else { return Ok(()) };
        let note = Note { received, at_first, version, gone, seen };
        if gone {
            self.known.remove(&uid);
        } else {
            self.known.insert(uid, note.clone());
        }
        held(&self.notes).push(note);
        Ok(())
    }

    fn api(&self) -> Api<DynamicObject> {
        let (group, version, kind, plural) = match self.kind {
            Kind::Node => ("", "v1", "Node", "nodes"),
            Kind::Pod => ("", "v1", "Pod", "pods"),
            Kind::DaemonSet => ("apps", "v1", "DaemonSet", "daemonsets"),
            Kind::Revision => ("apps", "v1", "ControllerRevision", "controllerrevisions"),
            Kind::Run => ("drover.dev", "v1alpha1", "FleetRollout", "fleetrollouts"),
            Kind::Pool => ("apps.openyurt.io", "v1beta2", "NodePool", "nodepools"),
            Kind::Approval => ("drover.dev", "v1alpha1", "ApprovalRequest", "approvalrequests"),
        };
        let resource = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") },
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        };
        Api::all_with(self.client.clone(), &resource)
    }
}

/// Whether the API server knows no such kind.
fn is_unknown(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(kube::Error::Api(status)) if status.code == 404)
}

fn held(notes: &Mutex<Vec<Note>>) -> MutexGuard<'_, Vec<Note>> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    /// The namespace of an object that has one; revisions go with their DaemonSet.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Pod(pod) => Some(&pod.namespace),
            Self::DaemonSet(set) => Some(&set.metadata.namespace),
            Self::Run(run) => Some(&run.namespace),
            Self::Approval(request) => Some(&request.namespace),
            Self::Node(_) | Self::Revision(_) | Self::Pool(_) => None,
        }
    }
}
