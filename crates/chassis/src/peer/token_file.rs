//! The token that this service presents.

use std::io;
use std::path::PathBuf;

use http::HeaderValue;

use crate::access::Token;

/// A file in which the kubelet keeps a token fresh.
#[derive(Clone, Debug)]
pub(super) struct TokenFile(pub(super) PathBuf);

/// There is no token to present.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// The file cannot be read.
    #[error("reading the token file {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} holds no token of a service account", file.display())]
    NoToken {
        /// The file.
        file: PathBuf,
    },
}

impl TokenFile {
    /// The value of `authorization`. Reads the file: a projected token is in memory, about 1 KB, and changes within the
    /// hour.
    pub(super) fn authorization(&self) -> Result<HeaderValue, TokenFileError> {
        let text =
            std::fs::read_to_string(&self.0).map_err(|source| TokenFileError::Read { file: self.0.clone(), source })?;
        let no_token = || TokenFileError::NoToken { file: self.0.clone() };
        let token = Token::new(&text).ok_or_else(no_token)?;
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| no_token())?;
        // Neither shown by Debug nor kept in HTTP/2's table of headers.
        value.set_sensitive(true);
        Ok(value)
    }
}
