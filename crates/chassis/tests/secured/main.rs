//! The gRPC listener among strangers: over TLS, with tokens, under attack. The API server's part is played by a
//! reviewer here; the suite `security` has a real one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod attacks;
mod callers;
mod certificates;
mod peers;
mod rude;
mod support;
