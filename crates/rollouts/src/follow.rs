//! What is known, to be asked at any time, and what keeps it up to date.

use std::collections::BTreeSet;
use std::sync::Arc;

use chassis::follow::{Followed, Line, Settings, follow as follow_source};
use chassis::peer::PeerError;
use futures::future::{self, BoxFuture};
use planner::rollout::Progress;
use tokio::sync::watch;

use crate::answer;
use crate::model::{Target, Thing};
use crate::stream::Rollouts;

/// What is known of the targets that were asked for. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct View {
    followed: Followed<Thing>,
    targets: watch::Sender<BTreeSet<Target>>,
}

/// A view, and what keeps it up to date.
#[must_use]
pub struct Follow {
    /// What is known.
    pub view: View,
    /// Follows for ever; to be spawned. When it is dropped, the view grows old.
    pub following: BoxFuture<'static, ()>,
}

/// Follows the targets that the view is asked for. Must be called within a tokio runtime.
///
/// # Errors
/// When the peer's address or name cannot be used.
pub fn follow(settings: &Settings) -> Result<Follow, PeerError> {
    let line = Arc::new(Line::to(&settings.peer)?);
    let followed = Followed::new(settings.unknown_after.get(), watch::Sender::new(0), "nothing is followed yet");
    let view = View { followed, targets: watch::Sender::new(BTreeSet::new()) };
    let following = Box::pin(go_on(view.clone(), line, settings.clone()));
    Ok(Follow { view, following })
}

impl Follow {
    /// Follows for ever, and tells of every change of an answer.
    pub async fn run(self, mut on_change: impl FnMut()) {
        let Self { view, following } = self;
        let told = async {
            let mut changes = view.subscribe();
            while changes.changed().await.is_ok() {
                on_change();
            }
        };
        future::join(following, told).await;
    }
}

impl View {
    /// How far a target is, as far as that is known at the moment. From the first time on the target is followed: the
    /// answer is another one soon, and [`View::subscribe`] tells when.
    pub fn progress(&self, target: &Target) -> Progress {
        self.targets.send_if_modified(|targets| targets.insert(target.clone()));
        self.followed.ask(|things| answer::progress(things, target)).unwrap_or_else(|_| answer::unknown())
    }

    /// Wakes whenever an answer may be another one than before: something changed, became unknown, or is known again. The
    /// number means nothing but that it differs.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.followed.subscribe()
    }
}

async fn go_on(view: View, line: Arc<Line>, settings: Settings) {
    let wakes = view.followed.wake_when_unknown();
    let follows = async {
        let mut targets = view.targets.subscribe();
        loop {
            let names: Vec<_> = targets.borrow_and_update().iter().map(Into::into).collect();
            let changed = targets.changed();
            if names.is_empty() {
                // Its sender is the view's own.
                let _ = changed.await;
                continue;
            }
            let source = Rollouts(names);
            let following = follow_source(&source, &view.followed, &line, settings.silence());
            // With other targets the stream begins anew: what is known stays until that has told everything.
            future::select(Box::pin(following), Box::pin(changed)).await;
        }
    };
    future::join(wakes, follows).await;
}
