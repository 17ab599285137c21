//! What the tests of a process share: a way to have one, and ways to ask it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chassis::access::{Account, Caller, Review, Reviewer, Table, Token, Unavailable};
use chassis::config::{self, Startup, load};
use chassis::peer::{Channel, Peer, PeerAddress};
use chassis::{About, Loaded, LogControl, Period, Process, ServiceConfig, Telemetry};
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long anything may take before a test fails.
pub(crate) const SOON: Duration = Duration::from_mins(2);

/// The log filter that the processes start with: what a test expects to happen is no news.
pub(crate) const CONFIGURED_FILTER: &str = "off";

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Herd {}

impl ServiceConfig for Herd {
    const ABOUT: About = About { service: "herd", version: "1.2.3", summary: "Keeps sheep." };
}

/// The token of who may call `AdminService`, for a [`Believer`].
pub(crate) const ADMIN_TOKEN: &str = "sheep.drover-system.drover-admin";

/// Believes every token: `sheep.NAMESPACE.NAME` is that account's.
pub(crate) struct Believer;

impl Reviewer for Believer {
    fn review(&self, token: Token) -> BoxFuture<'_, Result<Review, Unavailable>> {
        Box::pin(async move {
            let parts: Vec<&str> = token.expose().split('.').collect();
            Ok(match Account::new(parts[1], parts[2]) {
                Ok(account) => Review::Good { caller: Caller::new(account), expires: None },
                Err(error) => Review::Bad(error.to_string()),
            })
        })
    }
}

/// A process on free ports of this host, which believes its callers.
pub(crate) async fn process(args: &[&str]) -> Result<Process> {
    let mut process = Process::bind(&loaded(args)?, log()).await?;
    process.access(Believer, Table::default());
    Ok(process)
}

pub(crate) fn loaded(args: &[&str]) -> Result<Loaded<Herd>> {
    let ports = ["herd", "--admin-listen=127.0.0.1:0", "--grpc-listen=127.0.0.1:0"];
    let args = ports.iter().chain(args).map(OsString::from);
    match load(args, [])? {
        Startup::Run(loaded) => Ok(*loaded),
        Startup::Print(text) => bail!("printed {text}"),
    }
}

/// The log control of this test program, which all of its processes share.
pub(crate) fn log() -> LogControl {
    static LOG: OnceLock<LogControl> = OnceLock::new();
    let install = || {
        let config =
            config::Telemetry { log: CONFIGURED_FILTER.parse().unwrap(), ..chassis::Config::default().telemetry };
        let telemetry = Telemetry::install(Herd::ABOUT, &config).unwrap();
        telemetry.log().clone()
    };
    LOG.get_or_init(install).clone()
}

/// Status code and body of a GET.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: herd\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no body")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, body.to_owned()))
}

/// A channel to a process that serves plaintext, for who may call `AdminService`.
pub(crate) fn channel(address: SocketAddr) -> Result<Channel> {
    // Written once: a channel reads it for every call.
    static TOKEN: OnceLock<PathBuf> = OnceLock::new();
    let token = TOKEN.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("admin-token");
        let draft = path.with_extension(std::process::id().to_string());
        std::fs::write(&draft, ADMIN_TOKEN).and_then(|()| std::fs::rename(&draft, &path)).unwrap();
        path
    });
    let token = token.clone();
    let address = PeerAddress::try_from(format!("http://{address}"))?;
    Ok(Channel::lazy(&Peer { token, deadline: Period::of_millis::<600_000>(), ..Peer::at(address) })?)
}

/// Asks until the answer is as wanted.
pub(crate) async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, asking).await.context("never came true")
}
