//! A client's view through whatever happens to its server.

use ::topology::{Follow, Interest, Known, View};
use chassis::peer::{Peer, PeerAddress};

use super::*;

/// A client that follows everything; its token file is needed as long as it is.
struct Following {
    view: View,
    task: tokio::task::JoinHandle<()>,
    _token: tempfile::NamedTempFile,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn follow(address: SocketAddr, unknown_after: Period<1_000, 3_600_000>) -> Following {
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "YQ.YQ.YQ").unwrap();
    let address = PeerAddress::try_from(format!("http://{address}")).unwrap();
    let peer = Peer { token: token.path().to_owned(), ..Peer::at(address) };
    let settings = ::topology::Settings { peer, unknown_after };
    let Follow { view, following } = ::topology::follow(&settings, Interest::everything()).unwrap();
    Following { view, task: tokio::spawn(following), _token: token }
}

impl Following {
    /// Waits until the view is as wanted, woken by its changes alone.
    async fn until(&self, what: &str, wanted: impl Fn(&View) -> bool) {
        let mut changes = self.view.subscribe();
        let there = async {
            while !wanted(&self.view) {
                changes.changed().await.unwrap();
            }
        };
        let in_time = tokio::time::timeout(MINUTE, there).await.is_ok();
        assert!(in_time, "{what} is not so: {:?}, {:?}", self.view.nodes(), self.view.pools());
    }
}

fn knows_ready(view: &View, node: &str, ready: bool) -> bool {
    matches!(view.node(node), Known::Known(Some(known)) if known.ready == ready)
}

fn fleet() -> Fake {
    let fake = Fake::default();
    fake.pool("p", ("tier", "gold"), &["a"]);
    fake.node("a", "p", true);
    fake.node("b", "p", true);
    fake.node("free", "", false);
    fake
}

#[tokio::test]
async fn a_view_follows_pools_and_nodes() {
    let fake = fleet();
    let topology = listed(&fake);
    let served = serve(&topology, settings(), caller("drover-admin", None));
    let client = follow(served.address, Period::of_millis::<60_000>());
    assert!(!client.view.node("a").is_known(), "before anything was heard");
    client.until("everything is known", |view| view.nodes().is_known() && view.pools().is_known()).await;
    let view = &client.view;
    let a = view.node("a").known().unwrap().unwrap();
    assert_eq!((a.pool.as_deref(), a.ready, a.since.is_some()), (Some("p"), true, true));
    assert_eq!(view.node("nobody"), Known::Known(None));
    assert_eq!(view.node("free").known().unwrap().unwrap().pool, None);
    assert_eq!(view.nodes_of("p").known().unwrap().len(), 2);
    let pool = view.pool("p").known().unwrap().unwrap();
    assert_eq!((pool.ready_nodes, pool.leaders[0].node.as_str()), (2, "a"));

    fake.node("a", "p", false);
    topology.heed("p", &fake);
    client.until("a is lost", |view| knows_ready(view, "a", false)).await;
    let led = |view: &View| view.pool("p").known().flatten().is_some_and(|pool| !pool.leaders.is_empty());
    client.until("p has no leader", |view| !led(view)).await;
    fake.no_node("a");
    topology.heed("p", &fake);
    client.until("a is gone", |view| view.node("a") == Known::Known(None)).await;
}

#[tokio::test]
async fn a_restarted_server_is_followed_without_a_moment_of_emptiness() {
    let fake = fleet();
    let topology = listed(&fake);
    let served = serve(&topology, settings(), caller("drover-admin", None));
    let client = follow(served.address, Period::of_millis::<3_600_000>());
    client.until("b is known", |view| knows_ready(view, "b", true)).await;
    // Watches every change of the view, from before the restart on.
    let (view, mut changes) = (client.view.clone(), client.view.subscribe());
    let watching = tokio::spawn(async move {
        loop {
            let nodes = view.nodes().known().expect("known all the time");
            assert!(nodes.iter().any(|node| node.name == "b"), "b is missing from {nodes:?}");
            if nodes.iter().any(|node| node.name == "c") {
                return;
            }
            changes.changed().await.unwrap();
        }
    });
    let address = served.kill();
    // While nobody serves, and in a process that knows nothing of the first.
    fake.no_node("a");
    fake.node("c", "p", true);
    let again = listed(&fake);
    let _served = serve_at(address, &again, settings(), caller("drover-admin", None));
    tokio::time::timeout(MINUTE, watching).await.expect("c does not appear").unwrap();
    assert_eq!(client.view.node("a"), Known::Known(None), "what was not told again is gone");
}

#[tokio::test]
async fn what_is_not_confirmed_becomes_unknown_and_is_known_again() {
    let fake = fleet();
    let topology = listed(&fake);
    let served = serve(&topology, settings(), caller("drover-admin", None));
    let client = follow(served.address, Period::of_millis::<1_000>());
    client.until("a is known", |view| knows_ready(view, "a", true)).await;
    assert!(client.view.nodes_age().is_some());
    let address = served.kill();
    client.until("a is unknown", |view| !view.node("a").is_known() && !view.pool("p").is_known()).await;
    let Known::Unknown(unknown) = client.view.node("a") else { panic!("known again") };
    assert!(unknown.age.is_some_and(|age| age > Duration::from_secs(1)), "{unknown}");
    let _served = serve_at(address, &topology, settings(), caller("drover-admin", None));
    client.until("a is known again", |view| knows_ready(view, "a", true) && view.pool("p").is_known()).await;
}

#[tokio::test]
async fn streams_that_end_of_age_are_gone_on_with() {
    let fake = fleet();
    let topology = listed(&fake);
    let young = Settings { watch_age: Period::of_millis::<1_000>(), ..settings() };
    let served = serve(&topology, young, caller("drover-admin", None));
    let client = follow(served.address, Period::of_millis::<60_000>());
    client.until("a is known", |view| knows_ready(view, "a", true)).await;
    let (begun, mut ready) = (std::time::Instant::now(), true);
    // Longer than any stream of this server lasts, twice.
    while begun.elapsed() < Duration::from_secs(3) {
        ready = !ready;
        fake.node("a", "p", ready);
        topology.heed("p", &fake);
        client.until("a changed", |view| knows_ready(view, "a", ready)).await;
    }
}

#[tokio::test]
async fn a_server_that_has_lost_its_source_is_as_old_as_that() {
    let fake = fleet();
    let topology = listed(&fake);
    let stopping = CancellationToken::new();
    let age = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let source_age = {
        let age = age.clone();
        move || Duration::from_secs(age.load(Ordering::Relaxed))
    };
    let service = Service::new(topology, settings(), Metrics::default(), source_age, stopping.clone());
    let served =
        serve_service(TcpListener::bind("127.0.0.1:0").unwrap(), service, stopping, caller("drover-admin", None));
    let client = follow(served.address, Period::of_millis::<30_000>());
    client.until("a is known", |view| knows_ready(view, "a", true)).await;
    age.store(100, Ordering::Relaxed);
    client.until("a is unknown", |view| !view.node("a").is_known()).await;
    age.store(0, Ordering::Relaxed);
    client.until("a is known again", |view| knows_ready(view, "a", true)).await;
}
