//! Elections on an API server that keeps one Lease, with the clock in the test's hand.

use super::*;
use crate::lease::{LeaderState, NotLeading};
use bytes::Bytes;
use futures::channel::mpsc;
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use kube::client::Body;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;
use tower::{BoxError, service_fn};

type Answer = Response<BoxBody<Bytes, BoxError>>;
type Watcher = mpsc::UnboundedSender<Result<Frame<Bytes>, BoxError>>;

/// One Lease, as the API server keeps it.
#[derive(Default)]
struct Api {
    lease: Option<Value>,
    version: u64,
    watchers: Vec<Watcher>,
    writes: u32,
}

#[derive(Clone, Default)]
struct Server(Arc<Mutex<Api>>);

/// How one replica reaches the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Up,
    Down,
    /// Requests arrive, answers do not.
    AnswersLost,
}

struct Replica {
    leadership: Leadership,
    link: Arc<Mutex<Link>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn settings() -> LeaseSettings {
    LeaseSettings { renew_every: Duration::from_secs(4), ..LeaseSettings::new("ns", "drover") }
}

impl Api {
    fn answer(&mut self, method: &Method, query: &str, body: &[u8]) -> Answer {
        let patch = || serde_json::from_slice::<Value>(body).unwrap();
        match *method {
            Method::GET if query.contains("watch=true") => self.watch(query),
            Method::GET => whole(json!({"items": self.lease.as_slice()}).to_string()),
            Method::POST if self.lease.is_some() => status(409),
            Method::POST => self.write(patch(), "ADDED"),
            Method::PATCH => {
                let (Some(mut lease), patch) = (self.lease.clone(), patch()) else { return status(404) };
                if patch["metadata"]["resourceVersion"] != lease["metadata"]["resourceVersion"] {
                    return status(409);
                }
                for (field, value) in patch["spec"].as_object().unwrap() {
                    lease["spec"][field] = value.clone();
                }
                self.write(lease, "MODIFIED")
            }
            _ => status(405),
        }
    }

    fn write(&mut self, mut lease: Value, kind: &str) -> Answer {
        self.writes += 1;
        self.version += 1;
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.tell(kind, &lease);
        self.lease = Some(lease.clone());
        whole(lease.to_string())
    }

    fn label(&mut self, value: &str) {
        let mut lease = self.lease.clone().unwrap();
        lease["metadata"]["labels"] = json!({"seen": value});
        self.write(lease, "MODIFIED");
    }

    fn delete(&mut self) {
        let lease = self.lease.take().unwrap();
        self.version += 1;
        self.tell("DELETED", &lease);
    }

    fn tell(&mut self, kind: &str, object: &Value) {
        let line = format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n");
        self.watchers.retain(|watcher| watcher.unbounded_send(Ok(Frame::data(line.clone().into()))).is_ok());
    }

    fn watch(&mut self, query: &str) -> Answer {
        assert!(query.contains("fieldSelector=metadata.name%3Ddrover"), "{query}");
        let (watcher, body) = mpsc::unbounded();
        self.watchers.push(watcher);
        if let Some(lease) = self.lease.clone() {
            self.tell("ADDED", &lease);
        }
        let end = json!({"metadata": {
            "resourceVersion": self.version.to_string(), "annotations": {"k8s.io/initial-events-end": "true"},
        }});
        self.tell("BOOKMARK", &end);
        Response::new(BodyExt::boxed(StreamBody::new(body)))
    }
}

fn status(code: u16) -> Answer {
    let body = json!({"kind": "Status", "code": code, "status": "Failure", "message": "", "reason": ""});
    let mut answer = whole(body.to_string());
    *answer.status_mut() = StatusCode::from_u16(code).unwrap();
    answer
}

fn whole(text: String) -> Answer {
    Response::new(BodyExt::boxed(Full::new(Bytes::from(text)).map_err(|never| match never {})))
}

impl Server {
    fn lock(&self) -> std::sync::MutexGuard<'_, Api> {
        self.0.lock().unwrap()
    }

    fn holder(&self) -> String {
        self.lock().lease.as_ref().unwrap()["spec"]["holderIdentity"].as_str().unwrap().to_owned()
    }

    fn join(&self, name: &str) -> Replica {
        let link = Arc::new(Mutex::new(Link::Up));
        let (server, reach) = (self.clone(), link.clone());
        let service = service_fn(move |request: Request<Body>| {
            let (server, reach) = (server.clone(), reach.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect_bytes().await?;
                let link = *reach.lock().unwrap();
                if link == Link::Down {
                    return Err(BoxError::from("no route to host"));
                }
                let answer = server.lock().answer(&head.method, head.uri.query().unwrap_or_default(), &body);
                if link == Link::AnswersLost && head.method != Method::GET {
                    std::future::pending::<()>().await;
                }
                Ok(answer)
            }
        });
        let client = Client::new(service, "default");
        let election =
            LeaseElection::new(client, settings(), name.into(), LeaseMetrics::default(), WatchMetrics::default());
        let election = election.unwrap();
        let (leadership, stop) = (election.leadership(), CancellationToken::new());
        let task = tokio::spawn(election.run(stop.clone()));
        Replica { leadership, link, stop, task }
    }
}

impl Replica {
    fn set(&self, link: Link) {
        *self.link.lock().unwrap() = link;
    }

    async fn leads(&self) -> u64 {
        let mut state = self.leadership.subscribe();
        let state = state.wait_for(|state| matches!(state, LeaderState::Leading { .. })).await.unwrap();
        let LeaderState::Leading { term } = *state else { panic!("it was waited for") };
        term
    }

    async fn follows(&self, leader: &str) {
        let expected = LeaderState::Following { leader: Some(leader.to_owned()) };
        self.leadership.subscribe().wait_for(|state| *state == expected).await.unwrap();
    }
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// `a` leads and `b` follows.
async fn pair() -> (Server, Replica, Replica) {
    let server = Server::default();
    let a = server.join("a");
    a.leads().await;
    let b = server.join("b");
    b.follows("a").await;
    (server, a, b)
}

#[tokio::test(start_paused = true)]
async fn one_leads_and_goes_on_leading() {
    let (server, a, b) = pair().await;
    let term = a.leads().await;
    for _ in 0..100 {
        seconds(1).await;
        assert_eq!(a.leadership.permit().unwrap().term(), term);
        assert_eq!(b.leadership.permit().unwrap_err(), NotLeading { leader: Some("a".into()) });
    }
    let writes = server.lock().writes;
    assert!((24..=28).contains(&writes), "one renewal each 4 s, nothing else: {writes}");
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_taken_at_once() {
    let (server, a, b) = pair().await;
    let began = Instant::now();
    a.stop.cancel();
    a.task.await.unwrap();
    let term = b.leads().await;
    assert!(began.elapsed() < Duration::from_millis(50), "{:?}", began.elapsed());
    assert_eq!((server.holder().as_str(), term), ("b", 2));
    assert!(a.leadership.permit().is_err());
}

#[tokio::test(start_paused = true)]
async fn an_edited_lease_is_released_too() {
    let (server, a, b) = pair().await;
    server.lock().label("again");
    let began = Instant::now();
    a.stop.cancel();
    b.leads().await;
    assert!(began.elapsed() < Duration::from_millis(50), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_not_released_before_the_last_write_has_ended() {
    let (server, a, b) = pair().await;
    let permit = a.leadership.permit().unwrap();
    a.stop.cancel();
    seconds(3).await;
    assert_eq!(server.holder(), "a");
    assert!(a.leadership.permit().is_err(), "no more of them");
    drop(permit);
    b.leads().await;
    assert_eq!(server.holder(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_dead_leaders_lease_is_taken_when_it_has_expired_and_its_writes_have_ended() {
    let (server, a, b) = pair().await;
    let began = Instant::now();
    a.task.abort();
    let term = b.leads().await;
    let LeaseSettings { duration, handover, renew_every, .. } = settings();
    let took = began.elapsed();
    assert!(
        took + renew_every >= duration + handover && took <= duration + handover + Duration::from_secs(1),
        "{took:?}"
    );
    assert_eq!((server.holder().as_str(), term), ("b", 2));
}

#[tokio::test(start_paused = true)]
async fn a_leader_cut_off_stops_before_another_may_start() {
    let (_server, a, b) = pair().await;
    let cut = Instant::now();
    a.set(Link::Down);
    while a.leadership.leads() {
        assert!(!b.leadership.leads());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let stopped = cut.elapsed();
    b.leads().await;
    let LeaseSettings { duration, handover, margin, .. } = settings();
    assert!(stopped + margin <= duration + Duration::from_millis(50), "{stopped:?}");
    assert!(
        cut.elapsed() + Duration::from_millis(100) >= stopped + margin + handover,
        "{:?} {stopped:?}",
        cut.elapsed()
    );
    a.set(Link::Up);
    a.follows("b").await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_renewal_costs_nothing() {
    let (_server, a, _b) = pair().await;
    let term = a.leads().await;
    a.set(Link::AnswersLost);
    seconds(5).await;
    a.set(Link::Up);
    for _ in 0..30 {
        seconds(1).await;
        assert_eq!(a.leadership.permit().unwrap().term(), term);
    }
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_the_lease_by_others_costs_nothing() {
    let (server, a, b) = pair().await;
    let term = a.leads().await;
    server.lock().label("yes");
    for _ in 0..30 {
        seconds(1).await;
        assert_eq!(a.leadership.permit().unwrap().term(), term);
        assert!(!b.leadership.leads());
    }
    assert_eq!(server.lock().lease.as_ref().unwrap()["metadata"]["labels"]["seen"], "yes");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_takeover_does_not_skip_the_handover() {
    let (server, a, b) = pair().await;
    let began = Instant::now();
    a.task.abort();
    b.set(Link::AnswersLost);
    while server.holder() != "b" {
        seconds(1).await;
    }
    b.set(Link::Up);
    b.leads().await;
    let LeaseSettings { duration, handover, renew_every, .. } = settings();
    assert!(began.elapsed() + renew_every >= duration + handover, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_lease_makes_no_two_leaders() {
    let (server, a, b) = pair().await;
    seconds(1).await;
    server.lock().delete();
    let overlap = async {
        for _ in 0..400 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(!(a.leadership.leads() && b.leadership.leads()));
        }
    };
    overlap.await;
    assert!(a.leadership.leads() || b.leadership.leads());
}

#[tokio::test(start_paused = true)]
async fn a_paused_leader_wakes_without_a_permit() {
    let server = Server::default();
    let a = server.join("a");
    assert_eq!(a.leads().await, 1);
    // As after SIGCONT: the clock has gone on, and no task of this process has run yet.
    tokio::time::advance(settings().duration).await;
    assert!(a.leadership.permit().is_err());
    // Nobody took it meanwhile, but what it knew is old: a new term.
    a.leadership.subscribe().wait_for(|state| *state == LeaderState::Leading { term: 2 }).await.unwrap();
    assert_eq!(a.leadership.permit().unwrap().term(), 2);
}
