//! A watch against a scripted API server: every request is answered by the test, every chunk sent by it.

use super::*;
use futures::channel::{mpsc, oneshot};
use http::{Request, Response};
use http_body::Frame as BodyFrame;
use http_body_util::StreamBody;
use serde::Deserialize;
use tower::{BoxError, service_fn};

#[derive(Debug, Deserialize)]
struct Thing {
    metadata: Metadata,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    resource_version: ResourceVersion,
}

impl Versioned for Thing {
    fn resource_version(&self) -> ResourceVersion {
        self.metadata.resource_version
    }
}

type Chunk = Result<BodyFrame<Bytes>, BoxError>;
type Answer = Response<StreamBody<mpsc::UnboundedReceiver<Chunk>>>;

struct Asked {
    query: String,
    answer: oneshot::Sender<Answer>,
}

struct Server(mpsc::UnboundedReceiver<Asked>);

struct Connection(mpsc::UnboundedSender<Chunk>);

impl Server {
    fn start() -> (Client, Self) {
        let (asked, questions) = mpsc::unbounded();
        let service = service_fn(move |request: Request<Body>| {
            let (answer, answered) = oneshot::channel();
            let query = request.uri().query().unwrap_or_default().to_owned();
            let sent = asked.unbounded_send(Asked { query, answer });
            async move {
                sent?;
                answered.await.map_err(BoxError::from)
            }
        });
        (Client::new(service, "default"), Self(questions))
    }

    async fn asked(&mut self) -> Asked {
        futures::StreamExt::next(&mut self.0).await.unwrap()
    }
}

impl Asked {
    fn status(self, status: u16) -> Connection {
        let (chunks, body) = mpsc::unbounded();
        let answer = Response::builder().status(status).body(StreamBody::new(body)).unwrap();
        assert!(self.answer.send(answer).is_ok());
        Connection(chunks)
    }

    fn is_list(&self) -> bool {
        self.query.contains("sendInitialEvents=true")
    }
}

impl Connection {
    fn send(&self, text: &str) {
        self.0.unbounded_send(Ok(BodyFrame::data(Bytes::copy_from_slice(text.as_bytes())))).unwrap();
    }

    fn object(&self, kind: &str, name: &str, version: u64) {
        self.send(&frame(kind, name, version));
    }

    fn bookmark(&self, version: u64, last: bool) {
        let annotations = if last { r#","annotations":{"k8s.io/initial-events-end":"true"}"# } else { "" };
        self.send(&format!(
            "{{\"type\":\"BOOKMARK\",\"object\":{{\"metadata\":{{\"resourceVersion\":\"{version}\"{annotations}}}}}}}\n"
        ));
    }
}

fn frame(kind: &str, name: &str, version: u64) -> String {
    format!(
        "{{\"type\":\"{kind}\",\"object\":{{\"metadata\":{{\"name\":\"{name}\",\"resourceVersion\":\"{version}\"}}}}}}\n"
    )
}

fn watch(client: Client) -> Watch<Thing> {
    Watch::new(client, WatchTarget::at("/api/v1/things"), &WatchMetrics::default())
}

fn told(signals: &[WatchSignal<Thing>]) -> Vec<String> {
    signals
        .iter()
        .map(|signal| match signal {
            WatchSignal::Restarted => "restarted".to_owned(),
            WatchSignal::Applied(thing) => format!("+{}@{}", thing.metadata.name, thing.metadata.resource_version),
            WatchSignal::Deleted(thing) => format!("-{}@{}", thing.metadata.name, thing.metadata.resource_version),
            WatchSignal::InitDone(version) => format!("done@{version}"),
            WatchSignal::Bookmark(version) => format!("mark@{version}"),
            WatchSignal::Skipped => "skipped".to_owned(),
            WatchSignal::Undecodable(_) => "undecodable".to_owned(),
            WatchSignal::Interrupted { reason, .. } => reason.kind().to_owned(),
        })
        .collect()
}

async fn batch(watch: &mut Watch<Thing>) -> Vec<String> {
    let mut signals = Vec::new();
    watch.next_batch(&mut signals).await;
    told(&signals)
}

/// A watch that has listed `a` as of version 5, and its connection.
async fn listed() -> (Server, Watch<Thing>, Connection) {
    let (client, mut server) = Server::start();
    let mut watch = watch(client);
    let answer = async {
        let asked = server.asked().await;
        assert!(asked.is_list());
        let connection = asked.status(200);
        connection.object("ADDED", "a", 3);
        connection.bookmark(5, true);
        connection
    };
    let (signals, connection) = tokio::join!(batch(&mut watch), answer);
    assert_eq!(signals, ["restarted", "+a@3", "done@5"]);
    (server, watch, connection)
}

#[tokio::test(start_paused = true)]
async fn what_arrives_together_is_one_batch() {
    let (_server, mut watch, connection) = listed().await;
    let text = frame("MODIFIED", "a", 6) + &frame("ADDED", "b", 7);
    let (head, tail) = text.split_at(70);
    connection.send(head);
    connection.send(tail);
    connection.object("DELETED", "a", 8);
    connection.bookmark(9, false);
    assert_eq!(batch(&mut watch).await, ["+a@6", "+b@7", "-a@8", "mark@9"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_list_comes_in_bounded_batches() {
    let (_server, mut watch, connection) = listed().await;
    for version in 10..10 + 3 * BATCH as u64 {
        connection.object("ADDED", "x", version);
    }
    for _ in 0..3 {
        assert_eq!(batch(&mut watch).await.len(), BATCH);
    }
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_after_the_server_ends_the_stream() {
    let (mut server, mut watch, connection) = listed().await;
    connection.object("MODIFIED", "a", 6);
    drop(connection);
    assert_eq!(batch(&mut watch).await, ["+a@6", "ended"]);
    let answer = async {
        let asked = server.asked().await;
        assert_eq!(asked.query, "watch=true&allowWatchBookmarks=true&resourceVersion=6");
        let connection = asked.status(200);
        connection.object("DELETED", "a", 7);
        connection
    };
    let began = Instant::now();
    let (signals, _connection) = tokio::join!(batch(&mut watch), answer);
    assert_eq!(signals, ["-a@7"]);
    assert!(began.elapsed() < Duration::from_millis(5), "at once");
}

#[tokio::test(start_paused = true)]
async fn an_expired_version_starts_over() {
    for in_stream in [false, true] {
        let (mut server, mut watch, connection) = listed().await;
        if in_stream {
            connection.send("{\"type\":\"ERROR\",\"object\":{\"code\":410,\"message\":\"too old\"}}\n{\"type\":\"ADD");
            assert_eq!(batch(&mut watch).await, ["expired"]);
        } else {
            drop(connection);
            assert_eq!(batch(&mut watch).await, ["ended"]);
            let answer = async { drop(server.asked().await.status(410)) };
            assert_eq!(tokio::join!(batch(&mut watch), answer).0, ["expired"]);
        }
        let answer = async {
            let asked = server.asked().await;
            assert!(asked.is_list());
            let connection = asked.status(200);
            connection.bookmark(50, true);
            connection
        };
        assert_eq!(tokio::join!(batch(&mut watch), answer).0, ["restarted", "done@50"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_breaks_off_is_begun_again() {
    let (client, mut server) = Server::start();
    let mut watch = watch(client);
    let answer = async {
        let connection = server.asked().await.status(200);
        connection.object("ADDED", "a", 3);
        connection.0.unbounded_send(Err("reset".into())).unwrap();
        connection
    };
    assert_eq!(tokio::join!(batch(&mut watch), answer).0, ["restarted", "+a@3", "broken"]);
    let again = async {
        let asked = server.asked().await;
        assert!(asked.is_list(), "version 3 of one object is no version to go on from");
        asked.status(200)
    };
    assert_eq!(tokio::join!(batch(&mut watch), again).0, ["restarted"]);
}

#[tokio::test(start_paused = true)]
async fn silence_is_noticed_and_bookmarks_are_no_silence() {
    let (mut server, mut watch, connection) = listed().await;
    for version in 10..13 {
        tokio::time::sleep(Duration::from_mins(1)).await;
        connection.bookmark(version, false);
        assert_eq!(batch(&mut watch).await, [format!("mark@{version}")]);
    }
    let began = Instant::now();
    assert_eq!(batch(&mut watch).await, ["silent"]);
    assert_eq!(began.elapsed().as_secs(), 90);
    let answer = async { assert!(server.asked().await.query.ends_with("resourceVersion=12")) };
    let mut none = Vec::new();
    tokio::select! { () = watch.next_batch(&mut none) => panic!("nothing to tell"), () = answer => {} }
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_and_success_forgets_them() {
    let (client, mut server) = Server::start();
    let mut watch = watch(client);
    let mut waits = Vec::new();
    for _ in 0..8 {
        let answer = async { drop(server.asked().await.status(500)) };
        let mut signals = Vec::new();
        tokio::join!(watch.next_batch(&mut signals), answer);
        let WatchSignal::Interrupted { reason: WatchError::Refused { status: 500, .. }, retry_in } = signals.remove(0)
        else {
            panic!("a refusal")
        };
        waits.push(retry_in);
    }
    assert!(waits[0] <= RETRY.first && waits[7] >= RETRY.longest / 2 && waits[7] <= RETRY.longest, "{waits:?}");
    let answer = async {
        let connection = server.asked().await.status(200);
        connection.bookmark(5, true);
    };
    assert_eq!(tokio::join!(batch(&mut watch), answer).0, ["restarted", "done@5", "ended"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_streaming_lists_is_listed_by_pages() {
    let (client, mut server) = Server::start();
    let mut watch = watch(client);
    let item = |name: &str| format!("{{\"metadata\":{{\"name\":\"{name}\",\"resourceVersion\":\"3\"}}}}");
    let answer = async {
        drop(server.asked().await.status(422));
        let first = server.asked().await;
        assert_eq!(first.query, "limit=100");
        first.status(200).send(&format!(
            "{{\"metadata\":{{\"resourceVersion\":\"9\",\"continue\":\"t/1\"}},\"items\":[{}]}}",
            item("a")
        ));
        let second = server.asked().await;
        assert_eq!(second.query, "limit=100&continue=t%2F1");
        second.status(200).send(&format!("{{\"metadata\":{{\"resourceVersion\":\"9\"}},\"items\":[{}]}}", item("b")));
        let changes = server.asked().await;
        assert!(changes.query.ends_with("&resourceVersion=9"));
        changes.status(200)
    };
    let collect = async {
        let mut all = Vec::new();
        while all.last().is_none_or(|last| last != "done@9") {
            all.extend(batch(&mut watch).await);
        }
        all
    };
    let changes = async {
        let connection = answer.await;
        connection.object("ADDED", "c", 10);
        connection
    };
    let (signals, _connection) = tokio::join!(collect, changes);
    assert_eq!(signals, ["restarted", "+a@3", "+b@3", "done@9"]);
    assert_eq!(batch(&mut watch).await, ["+c@10"]);
}

#[tokio::test(start_paused = true)]
async fn the_filter_sees_changes_only_and_what_it_drops_is_a_sign_of_life() {
    let (client, mut server) = Server::start();
    let target = WatchTarget::at("/api/v1/things").skip(|line| memchr::memmem::find(line, b"beat").is_some());
    let mut watch = Watch::<Thing>::new(client, target, &WatchMetrics::default());
    let answer = async {
        let connection = server.asked().await.status(200);
        connection.object("ADDED", "beat", 3);
        connection.bookmark(5, true);
        connection.object("MODIFIED", "beat", 6);
        connection.object("MODIFIED", "beat", 7);
        connection.object("MODIFIED", "a", 8);
        connection.object("DELETED", "beat", 9);
        connection
    };
    let (signals, _connection) = tokio::join!(batch(&mut watch), answer);
    assert_eq!(signals, ["restarted", "+beat@3", "done@5", "skipped", "+a@8", "-beat@9"]);
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_object_is_told_and_the_rest_goes_on() {
    let (_server, mut watch, connection) = listed().await;
    connection.send("{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":7}}}\n");
    connection.object("ADDED", "b", 7);
    assert_eq!(batch(&mut watch).await, ["undecodable", "+b@7"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_loses_nothing() {
    let (_server, mut watch, connection) = listed().await;
    connection.object("ADDED", "b", 6);
    let mut signals = Vec::new();
    // Polled once: the frame is decoded and held for company, then the call is dropped.
    assert!(futures::FutureExt::now_or_never(watch.next_batch(&mut signals)).is_none());
    connection.object("ADDED", "c", 7);
    assert_eq!(batch(&mut watch).await, ["+b@6", "+c@7"]);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_need_not_be_known_is_an_empty_list_until_it_is() {
    let (client, mut server) = Server::start();
    let mut watch =
        Watch::<Thing>::new(client, WatchTarget::at("/apis/x/v1/things").optional(), &WatchMetrics::default());
    for _ in 0..2 {
        let answer = async { drop(server.asked().await.status(404)) };
        assert_eq!(tokio::join!(batch(&mut watch), answer).0, ["restarted", "done@0"]);
    }
    let answer = async {
        let asked = server.asked().await;
        assert!(asked.is_list());
        let connection = asked.status(200);
        connection.object("ADDED", "a", 3);
        connection.bookmark(5, true);
        connection
    };
    let (signals, connection) = tokio::join!(batch(&mut watch), answer);
    assert_eq!(signals, ["restarted", "+a@3", "done@5"]);
    // The kind goes again: so do its objects.
    drop(connection);
    assert_eq!(batch(&mut watch).await, ["ended"]);
    let answer = async { drop(server.asked().await.status(404)) };
    assert_eq!(tokio::join!(batch(&mut watch), answer).0, ["restarted", "done@0"]);
}
