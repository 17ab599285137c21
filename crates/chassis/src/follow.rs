//! The other end of a [`feed`](crate::feed): a view of what another service serves, kept up to date over streams that resume
//! where they broke. A view can be asked at any time, without waiting, and knows its age.
//!
//! A client crate says with a [`Source`] how its stream is asked for and read; the rest is the same for all.

mod followed;
mod line;
mod settings;
pub mod table;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tonic::{Code, Status, Streaming};

use crate::backoff::Backoff;
use crate::peer::Channel;
pub use followed::{Followed, Unknown};
pub use line::Line;
pub use settings::Settings;
use table::{Malformed, Message, Row, Taken};

/// Waits before a stream is asked for again. One that went away by itself, such as a replica that shuts down, costs no more than
/// the first; a server that comes back meets all of its clients within the longest, scattered.
const RETRY: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };

/// A stream of another service.
pub trait Source: Send + Sync {
    /// What is followed, for the log, such as "pools".
    const WATCHED: &'static str;
    /// A thing that it tells of.
    type Row: Row + Send;
    /// One message.
    type Response: Send;

    /// Asks for the stream, from the beginning where the token is empty.
    fn ask(
        &self,
        channel: Channel,
        resume_token: Vec<u8>,
    ) -> impl Future<Output = Result<Streaming<Self::Response>, Status>> + Send;

    /// Reads a message.
    fn message(response: Self::Response) -> Message<Self::Row>;
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("{}: {}", .0.code(), .0.message())]
    Refused(Status),
    #[error("nothing was heard for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("the server does not keep to the protocol: {0}")]
    Malformed(#[from] Malformed),
    #[error("the server ended the stream")]
    InOrder,
}

/// Follows for ever, and says so in `followed`. A stream on which nothing came for `silence` is given up and resumed.
pub async fn follow<S: Source>(source: &S, followed: &Followed<S::Row>, line: &Arc<Line>, silence: Duration) {
    // In a row, this attempt included; none once the view is whole.
    let mut failures = 0;
    loop {
        failures += 1;
        let (number, channel) = line.channel();
        let ended = read(source, followed, channel, silence, &mut failures).await;
        if let Err(error) = line.hang_up(number) {
            tracing::warn!(%error, "no fresh connection can be prepared");
        }
        if failures == 0 && matches!(ended, Ended::InOrder) {
            tokio::time::sleep(RETRY.moment()).await;
        } else {
            note_trouble::<S>(followed, &ended);
            tokio::time::sleep(RETRY.after(failures.max(1))).await;
        }
    }
}

/// Reads one stream to its end.
async fn read<S: Source>(
    source: &S,
    followed: &Followed<S::Row>,
    channel: Channel,
    silence: Duration,
    failures: &mut u32,
) -> Ended {
    let token = followed.side().table.begin();
    let mut stream = match tokio::time::timeout(silence, source.ask(channel, token)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(refused)) => return Ended::Refused(refused),
        Err(_) => return Ended::Silent(silence),
    };
    loop {
        let response = match tokio::time::timeout(silence, stream.message()).await {
            Ok(Ok(Some(response))) => response,
            Ok(Ok(None)) => return Ended::InOrder,
            Ok(Err(broken)) => return Ended::Refused(broken),
            Err(_) => return Ended::Silent(silence),
        };
        match take::<S>(followed, S::message(response)) {
            Ok(Taken::Partly) => {}
            Ok(Taken::Heard | Taken::Changed) => *failures = 0,
            Err(malformed) => return malformed.into(),
        }
    }
}

/// Takes in a message, and wakes who waits for what it brings.
fn take<S: Source>(followed: &Followed<S::Row>, message: Message<S::Row>) -> Result<Taken, Malformed> {
    let now = Instant::now();
    let mut side = followed.side();
    let was_known = followed.is_fresh(&side, now);
    let taken = side.table.take(message, now)?;
    if taken != Taken::Partly && side.trouble.take().is_some() {
        tracing::info!(watched = S::WATCHED, things = side.table.rows().len(), "another service is followed");
    }
    let wakes = taken == Taken::Changed || followed.is_fresh(&side, now) != was_known;
    drop(side);
    if wakes {
        followed.wake();
    }
    Ok(taken)
}

fn note_trouble<S: Source>(followed: &Followed<S::Row>, ended: &Ended) {
    let (trouble, mut side) = (ended.to_string(), followed.side());
    if ended.loses_place() {
        side.table.lose_place();
    }
    if side.trouble.as_ref() != Some(&trouble) {
        tracing::warn!(watched = S::WATCHED, trouble, "another service is not followed at the moment");
    }
    side.trouble = Some(trouble);
}

impl Ended {
    /// Whether to begin anew rather than where it ended.
    fn loses_place(&self) -> bool {
        match self {
            Self::Refused(status) => status.code() == Code::InvalidArgument,
            Self::Malformed(_) => true,
            Self::Silent(_) | Self::InOrder => false,
        }
    }
}
