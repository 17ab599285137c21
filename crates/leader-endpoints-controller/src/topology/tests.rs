//! The service and a real client, in one process.

mod calls;
mod clients;
mod members;
mod source;
mod watches;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use chassis::Period;
use chassis::access::{Account, Bound, Caller};
use proto::topology::v1::topology_service_client::TopologyServiceClient;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::transport::server::TcpIncoming;

use self::source::Fake;
use super::*;

/// More than anything here takes.
const MINUTE: Duration = Duration::from_mins(1);

/// A server with a runtime of its own; when it is dropped, its connections break as those of a killed process.
struct Served {
    address: SocketAddr,
    listener: TcpListener,
    /// Ends it in order.
    stopping: CancellationToken,
    killed: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.killed.cancel();
        // A server that failed has failed the test otherwise.
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

impl Served {
    /// Kills it. Whoever calls meanwhile waits for the next one at this address.
    fn kill(self) -> TcpListener {
        self.listener.try_clone().unwrap()
    }

    async fn client(&self) -> TopologyServiceClient<Channel> {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        // HTTP/2's own default, so that who does not read is soon sent nothing more.
        let endpoint = endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
        TopologyServiceClient::new(endpoint.connect().await.unwrap())
    }
}

/// Quick enough for tests.
fn settings() -> Settings {
    Settings { heartbeat: Period::of_millis::<100>(), ..Settings::default() }
}

/// A caller with a token that is bound to this node, or to none.
fn caller(account: &str, node: Option<&str>) -> Caller {
    let node = node.map(|name| Bound { name: name.to_owned(), uid: "1".to_owned() });
    Caller { node, ..Caller::new(Account::new("drover-system", account).unwrap()) }
}

/// Serves to who is taken for `caller`.
fn serve(topology: &Topology, settings: Settings, caller: Caller) -> Served {
    serve_at(TcpListener::bind("127.0.0.1:0").unwrap(), topology, settings, caller)
}

fn serve_at(listener: TcpListener, topology: &Topology, settings: Settings, caller: Caller) -> Served {
    let stopping = CancellationToken::new();
    let service = Service::new(topology.clone(), settings, Metrics::default(), || Duration::ZERO, stopping.clone());
    serve_service(listener, service, stopping, caller)
}

fn serve_service(listener: TcpListener, service: Service, stopping: CancellationToken, caller: Caller) -> Served {
    listener.set_nonblocking(true).unwrap();
    let (address, killed, caller) = (listener.local_addr().unwrap(), CancellationToken::new(), Arc::new(caller));
    let known = move |mut request: tonic::Request<()>| {
        request.extensions_mut().insert(caller.clone());
        Ok(request)
    };
    let service = InterceptedService::new(service.into_server(), known);
    let until = killed.clone().cancelled_owned();
    let own = listener.try_clone().unwrap();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(own).unwrap());
            let server = tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming);
            tokio::select! { end = server => end.unwrap(), () = until => {} }
        });
    });
    Served { address, listener, stopping, killed, thread: Some(thread) }
}

/// A topology that answers, of this source.
fn listed(source: &Fake) -> Topology {
    let topology = Topology::default();
    topology.open(source.all_pools().iter().map(String::as_str), source);
    topology
}

impl Topology {
    /// News of a pool.
    fn heed(&self, pool: &str, source: &Fake) {
        self.take_in(&mut self.index(), pool, source);
    }
}
