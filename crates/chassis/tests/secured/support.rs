//! A process that serves over TLS, with an authority, a reviewer and clients.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chassis::access::{Account, Bound, Caller, Review, Reviewer, Table, Token, Unavailable};
use chassis::config::{Startup, load};
use chassis::peer::{Channel, Peer, PeerAddress};
use chassis::{About, LogControl, Period, Process, ServiceConfig, Shutdown, Telemetry};
use futures::future::BoxFuture;
use proto::admin::v1::admin_service_client::AdminServiceClient;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long anything may take before a test fails; the machine may be busy.
pub(crate) const SOON: Duration = Duration::from_mins(2);

/// The token of who may call `AdminService`.
pub(crate) const ADMIN: &str = "canary7.drover-system.drover-admin";

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Herd {}

impl ServiceConfig for Herd {
    const ABOUT: About = About { service: "herd", version: "1.2.3", summary: "Keeps sheep." };
}

/// Knows whose token is whose: `canary7.NAMESPACE.NAME` is that account's, and of one in namespace `edge` on node NAME.
#[derive(Clone, Default)]
pub(crate) struct Oracle {
    /// Tokens that are not good any more.
    pub(crate) revoked: Arc<Mutex<Vec<String>>>,
    /// Whether it can be asked.
    pub(crate) down: Arc<Mutex<bool>>,
}

impl Reviewer for Oracle {
    fn review(&self, token: Token) -> BoxFuture<'_, Result<Review, Unavailable>> {
        let review = if *self.down.lock().unwrap() {
            Err(Unavailable("no API server at 10.96.0.1".into()))
        } else {
            Ok(self.judge(token.expose()))
        };
        Box::pin(async { review })
    }
}

impl Oracle {
    fn judge(&self, token: &str) -> Review {
        let parts: Vec<&str> = token.split('.').collect();
        let is_good = parts[0] == "canary7" && !self.revoked.lock().unwrap().iter().any(|revoked| revoked == token);
        match Account::new(parts[1], parts[2]) {
            Ok(account) if is_good => {
                let bound = || Bound { name: parts[2].to_owned(), uid: parts[2].to_owned() };
                let node = (parts[1] == "edge").then(bound);
                Review::Good { caller: Caller { node, ..Caller::new(account) }, expires: None }
            }
            _ => Review::Bad("nobody knows it".to_owned()),
        }
    }
}

/// An authority with the certificates it signed.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn der(&self) -> rustls::pki_types::CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A server's certificate and key.
    pub(crate) fn server(&self) -> Result<(String, String)> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        Ok((params.signed_by(&key, &self.0)?.pem(), key.serialize_pem()))
    }
}

/// A process that runs beside a test.
pub(crate) struct Server {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) authority: Authority,
    pub(crate) oracle: Oracle,
    shutdown: Shutdown,
    ended: tokio::task::JoinHandle<Result<(), chassis::ProcessError>>,
    folder: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start() -> Result<Self> {
        Self::with(&[], Table::default(), |_| {}).await
    }

    pub(crate) async fn with(args: &[&str], table: Table, add: impl FnOnce(&mut Process)) -> Result<Self> {
        let (folder, authority, oracle) = (tempfile::tempdir()?, Authority::new()?, Oracle::default());
        put(&folder.path().join("ca.crt"), authority.pem())?;
        let (certificate, key) = authority.server()?;
        put(&folder.path().join("tls.crt"), certificate)?;
        put(&folder.path().join("tls.key"), key)?;
        let file = |name: &str| folder.path().join(name).display().to_string();
        let own = [
            "herd".to_owned(),
            "--admin-listen=127.0.0.1:0".to_owned(),
            "--grpc-listen=127.0.0.1:0".to_owned(),
            "--set=grpc.deadline=2m".to_owned(),
            format!("--set=grpc.tls.certificate={}", file("tls.crt")),
            format!("--set=grpc.tls.key={}", file("tls.key")),
        ];
        let args = own.iter().map(OsString::from).chain(args.iter().map(OsString::from));
        let Startup::Run(loaded) = load::<Herd>(args, [])? else { bail!("it only prints") };
        let mut process = Process::bind(&loaded, log()).await?;
        process.access(oracle.clone(), table);
        add(&mut process);
        let (addresses, shutdown) = (process.addresses(), process.shutdown().clone());
        let ended = tokio::spawn(process.run());
        Ok(Self { grpc: addresses.grpc, http: addresses.admin, authority, oracle, shutdown, ended, folder })
    }

    /// Gives it another certificate of the same authority; it takes some seconds to notice.
    pub(crate) fn renew(&self) -> Result<()> {
        let (certificate, key) = self.authority.server()?;
        for (name, text) in [("tls.crt", certificate), ("tls.key", key)] {
            put(&self.folder.path().join("draft"), text)?;
            std::fs::rename(self.folder.path().join("draft"), self.folder.path().join(name))?;
        }
        Ok(())
    }

    pub(crate) fn peer(&self, token: &str) -> Result<Peer> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let file = self.folder.path().join(format!("token-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        put(&file, token)?;
        let address = PeerAddress::try_from(format!("https://{}", self.grpc))?;
        // On a machine that is busy with other tests.
        let deadline = Period::of_millis::<120_000>();
        Ok(Peer { authority: self.folder.path().join("ca.crt"), token: file, deadline, ..Peer::at(address) })
    }

    /// A channel for who presents this token; it connects when it is used.
    pub(crate) fn channel(&self, token: &str) -> Result<Channel> {
        Ok(Channel::lazy(&self.peer(token)?)?)
    }

    pub(crate) fn admin(&self, token: &str) -> Result<AdminServiceClient<Channel>> {
        Ok(AdminServiceClient::new(self.channel(token)?))
    }

    pub(crate) async fn metrics(&self) -> Result<String> {
        let mut stream = TcpStream::connect(self.http).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: herd\r\nconnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// Waits for a line of the metrics that begins like this and ends with a number that is not less.
    pub(crate) async fn await_metric(&self, line: &str, least: f64) -> Result<()> {
        let counted = async {
            loop {
                let text = self.metrics().await?;
                let value = text.lines().find_map(|found| found.strip_prefix(line)?.trim().parse::<f64>().ok());
                if value.is_some_and(|value| value >= least) {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(SOON, counted).await.with_context(|| format!("{line} never became {least}"))?
    }

    /// The error with which it ends by itself.
    pub(crate) async fn ended_by_itself(self) -> String {
        let ended = tokio::time::timeout(SOON, self.ended).await.unwrap().unwrap();
        ended.unwrap_err().to_string()
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.shutdown.request();
        Ok(tokio::time::timeout(SOON, self.ended).await???)
    }
}

fn put(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

/// The log control of this test program, which all of its processes share.
fn log() -> LogControl {
    static LOG: OnceLock<LogControl> = OnceLock::new();
    let install = || {
        let config = chassis::config::Telemetry { log: "off".parse().unwrap(), ..chassis::Config::default().telemetry };
        Telemetry::install(Herd::ABOUT, &config).unwrap().log().clone()
    };
    LOG.get_or_init(install).clone()
}
