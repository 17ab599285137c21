//! A process and a program, from outside: what it shows, how it ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod ending;
mod program;
mod serving;
mod support;
