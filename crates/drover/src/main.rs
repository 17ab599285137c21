//! The program `drover`, also `kubectl drover` when it is on the path as `kubectl-drover`.

use std::process::ExitCode;

fn main() -> ExitCode {
    drover::run()
}
