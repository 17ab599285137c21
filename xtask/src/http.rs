//! One HTTP/1.1 GET, for admin endpoints on loopback.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A service on this machine that takes longer is as good as down.
const WITHIN: Duration = Duration::from_secs(5);

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Asks `address` (host and port) for `path`.
pub async fn get(address: &str, path: &str) -> Result<Answer> {
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        // HTTP/1.0 keeps the answer in one piece: no chunks, and the connection's end is the body's.
        let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = timeout(WITHIN, asked).await.with_context(|| format!("no answer from {address} within {WITHIN:?}"))?;
    parse(&String::from_utf8_lossy(&answer.with_context(|| format!("asking {address} for {path}"))?))
}

fn parse(answer: &str) -> Result<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without a head")?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("an answer without a status")?;
    Ok(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_are_told_apart() {
        let answer = parse("HTTP/1.0 503 Service Unavailable\r\na: b\r\n\r\nnot yet\r\n\r\n").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (503, "not yet\r\n\r\n"));
        assert!(parse("gopher").is_err());
    }
}
