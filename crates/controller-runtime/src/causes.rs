//! An error with its causes in one line.

use std::{error::Error, fmt};

/// Shows an error and what caused it, each after a colon. A cause that its effect has already quoted is left out, as
/// kube and hyper like to do.
pub struct Causes<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !said.ends_with(&text) {
                write!(f, ": {text}")?;
                said = text;
            }
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Trouble {
        #[error("no answer")]
        NoAnswer(#[source] Box<Trouble>),
        #[error("client error: {0}")]
        Quoting(#[source] Box<Trouble>),
        #[error("connection refused")]
        Refused,
    }

    #[test]
    fn causes_are_told_once() {
        let error = Trouble::NoAnswer(Box::new(Trouble::Quoting(Box::new(Trouble::Refused))));
        assert_eq!(Causes(&error).to_string(), "no answer: client error: connection refused");
    }
}
