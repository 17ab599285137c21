//! Accepting connections, so that the slow and the many among them cost the others nothing.

mod connection;
mod http2;
mod seats;
mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Metrics;
pub(super) use connection::{CallInProgress, Connection};
pub(super) use http2::App;
use http2::Http2;
use seats::Seats;
pub use tls::CertificateError;
pub(crate) use tls::Certificates;

/// A listener with what its connections share.
pub(super) struct Door<A> {
    tls: Option<Arc<Certificates>>,
    http2: Http2<A>,
    all: Arc<Seats>,
    unproven: Arc<Seats>,
    open: Gauge,
    dropped: Family<Labels, Counter>,
    stopping: CancellationToken,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    reason: Dropped,
}

/// Why a connection was ended before its client did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Dropped {
    /// It was the oldest of the address with the most, and there were too many.
    Full,
    /// The same among those that had proved nothing.
    Crowded,
    /// Too many of its calls were refused one after the other.
    Refused,
    /// No TLS 1.3 handshake came about.
    Handshake,
    /// Its handshake took too long.
    HandshakeLate,
    /// It did not speak HTTP/2, or badly.
    Protocol,
    /// No call of it was let in in time.
    Unproven,
    /// It had no call for a while.
    Idle,
}

/// Connections at once; the oldest of the address with the most makes room for a new one. Each costs 30 to 60 KB and a
/// file descriptor.
const MOST: usize = 4_096;

/// Connections at once without a call that was let in, in the same way. An honest client needs some milliseconds to
/// prove itself.
const MOST_UNPROVEN: usize = 512;

/// How long a TLS handshake may take: some round trips over a bad link.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// How long nothing is accepted after accepting failed, mostly for want of file descriptors.
const BREATH: Duration = Duration::from_millis(100);

impl<A: App> Door<A> {
    pub(super) fn new(
        app: A,
        tls: Option<Arc<Certificates>>,
        metrics: &Metrics,
        stopping: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            tls,
            http2: Http2::new(app),
            all: Seats::new(MOST),
            unproven: Seats::new(MOST_UNPROVEN),
            open: metrics.register("grpc_connections", "gRPC connections open", Gauge::default()),
            dropped: metrics.register(
                "grpc_connections_dropped",
                "gRPC connections ended before their clients did, by reason",
                Family::default(),
            ),
            stopping,
        })
    }

    /// Serves until the process stops, and then until every call has ended.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.let_in(&mut connections, stream, peer),
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept gRPC connections");
                        tokio::time::sleep(BREATH).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    fn let_in(self: &Arc<Self>, connections: &mut JoinSet<()>, stream: TcpStream, peer: std::net::SocketAddr) {
        let (any, unproven) = (Arc::clone(&self.all).seat(peer.ip()), Arc::clone(&self.unproven).seat(peer.ip()));
        let connection = Connection::new(peer, any, unproven);
        let door = Arc::clone(self);
        connections.spawn(async move {
            door.open.inc();
            // Without it small answers wait for the client's acknowledgements.
            let _ = stream.set_nodelay(true);
            if let Err(dropped) = door.attend(stream, connection).await {
                tracing::debug!(%peer, reason = ?dropped, "gRPC connection dropped");
                door.count(dropped);
            }
            door.open.dec();
        });
    }

    async fn attend(&self, stream: TcpStream, connection: Arc<Connection>) -> Result<(), Dropped> {
        let ousted = Arc::clone(&connection);
        let served = async {
            let Some(tls) = &self.tls else {
                return self.http2.serve(stream, connection, &self.stopping).await;
            };
            let handshake = tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream));
            let handshaken = tokio::select! {
                handshaken = handshake => handshaken.map_err(|_| Dropped::HandshakeLate)?,
                () = self.stopping.cancelled() => return Ok(()),
            };
            let stream = handshaken.map_err(|error| {
                tracing::debug!(%error, peer = %connection.peer(), "no TLS handshake");
                Dropped::Handshake
            })?;
            self.http2.serve(stream, connection, &self.stopping).await
        };
        tokio::select! {
            ended = served => ended,
            dropped = ousted.ousted() => Err(dropped),
        }
    }

    fn count(&self, reason: Dropped) {
        self.dropped.get_or_create(&Labels { reason }).inc();
    }
}

/// Errors of accept(2) that say nothing about the next connection.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
