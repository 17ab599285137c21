//! Calls that are refused: counted, logged, answered.

use std::net::SocketAddr;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::pace::Pace;
use crate::Metrics;
use crate::access::Caller;
use crate::grpc::methods::Method;

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Reason {
    /// It brought no token.
    NoToken,
    /// Its token is not good.
    BadToken,
    /// Too many bad tokens came from its address.
    TooManyBadTokens,
    /// Its token cannot be reviewed now.
    Unavailable,
    /// Its caller calls too often.
    TooFast,
    /// Its caller may not call the method.
    NotAllowed,
}

/// Counts and logs refusals. Labels are bounded by the methods served and the reasons.
pub(super) struct Refusals {
    counted: Family<Labels, Counter>,
    logged: Pace<()>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: String,
    method: String,
    reason: Reason,
}

/// Lines of log a second for refusals: strangers must not fill a disk. The metric counts all of them.
const LOGGED_PER_SECOND: u32 = 5;
const LOGGED_AT_ONCE: u32 = 50;

impl Refusals {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            counted: metrics.register(
                "grpc_calls_refused",
                "gRPC calls that were not let in, by method and reason",
                Family::default(),
            ),
            logged: Pace::new(LOGGED_PER_SECOND, LOGGED_AT_ONCE),
        }
    }

    /// The answer to a call that is refused. `words` must hold nothing of its token.
    pub(super) fn refuse(
        &self,
        method: Method,
        peer: SocketAddr,
        caller: Option<&Caller>,
        reason: Reason,
        words: String,
    ) -> Status {
        if self.logged.take((), Instant::now()) {
            let account = caller.map(|caller| tracing::field::display(&caller.account));
            let Method { service, method } = &method;
            tracing::info!(%peer, service, method, account, ?reason, words, "call refused");
        }
        let Method { service, method } = method;
        self.counted.get_or_create(&Labels { service, method, reason }).inc();
        Status::new(reason.code(), words)
    }
}

impl Reason {
    fn code(self) -> Code {
        match self {
            Self::NoToken | Self::BadToken => Code::Unauthenticated,
            Self::TooManyBadTokens | Self::TooFast => Code::ResourceExhausted,
            Self::Unavailable => Code::Unavailable,
            Self::NotAllowed => Code::PermissionDenied,
        }
    }
}
