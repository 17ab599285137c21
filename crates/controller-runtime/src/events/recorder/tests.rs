use super::*;
use crate::events::Tally;
use http::{Method, Request, Response};
use kube::client::Body;
use serde_json::Value;
use tower::{BoxError, service_fn};

/// The Events of an API server, by path, and how many writes made them.
#[derive(Default)]
struct Api {
    events: std::collections::BTreeMap<String, Value>,
    writes: u32,
    /// Answers with this status instead.
    broken: Option<u16>,
}

#[derive(Clone, Default)]
struct Server(Arc<Mutex<Api>>);

impl Server {
    fn client(&self) -> Client {
        let server = self.clone();
        Client::new(
            service_fn(move |request: Request<Body>| {
                let server = server.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let body: Value = serde_json::from_slice(&body.collect_bytes().await?)?;
                    let code = server.0.lock().unwrap().write(&head.method, head.uri.path(), body);
                    Ok::<_, BoxError>(Response::builder().status(code).body(Body::empty())?)
                }
            }),
            "default",
        )
    }

    fn messages(&self) -> Vec<(String, u64)> {
        let api = self.0.lock().unwrap();
        let told = |event: &Value| (event["message"].as_str().unwrap().to_owned(), event["count"].as_u64().unwrap());
        api.events.values().map(told).collect()
    }

    fn writes(&self) -> u32 {
        self.0.lock().unwrap().writes
    }
}

impl Api {
    fn write(&mut self, method: &Method, path: &str, body: Value) -> u16 {
        self.writes += 1;
        if let Some(code) = self.broken {
            return code;
        }
        if *method == Method::POST {
            let name = body["metadata"]["name"].as_str().unwrap();
            self.events.insert(format!("{path}/{name}"), body);
            return 201;
        }
        let Some(event) = self.events.get_mut(path) else { return 404 };
        for (field, value) in body.as_object().unwrap() {
            event[field] = value.clone();
        }
        200
    }
}

fn subject(uid: &str) -> Subject {
    Subject {
        api_version: "apps/v1".into(),
        kind: "DaemonSet".into(),
        namespace: Some("ns".into()),
        name: "ds".into(),
        uid: uid.into(),
    }
}

fn deleted(tally: &Tally) -> String {
    match tally.count() {
        1 => format!("Deleted pod: {}", tally.names()),
        count => format!("Deleted {count} pods: {}", tally.names()),
    }
}

fn pod(n: u32) -> Note {
    Note::Item { item: format!("p{n}"), say: deleted }
}

struct Running {
    server: Server,
    recorder: EventRecorder,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn running(settings: EventSettings) -> Running {
    let server = Server::default();
    let recorder = EventRecorder::new(settings, EventMetrics::default());
    let stop = CancellationToken::new();
    let task = tokio::spawn({
        let (recorder, client, stop) = (recorder.clone(), server.client(), stop.clone());
        async move { recorder.run(client, "daemon-updater", "me".into(), stop).await }
    });
    Running { server, recorder, stop, task }
}

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_is_written_at_once_and_the_rest_together() {
    let Running { server, recorder, .. } = running(EventSettings::default());
    recorder.record(&subject("u"), Severity::Normal, "SuccessfulDelete", pod(1));
    pause(1).await;
    assert_eq!(server.messages(), [("Deleted pod: p1".to_owned(), 1)]);
    {
        let api = server.0.lock().unwrap();
        let (path, event) = api.events.first_key_value().unwrap();
        assert!(path.starts_with("/api/v1/namespaces/ns/events/ds."), "{path}");
        assert_eq!((&event["type"], &event["reason"]), (&"Normal".into(), &"SuccessfulDelete".into()));
        assert_eq!(
            (&event["involvedObject"]["uid"], &event["source"]["component"]),
            (&"u".into(), &"daemon-updater".into())
        );
    }
    (2..=37).for_each(|n| recorder.record(&subject("u"), Severity::Normal, "SuccessfulDelete", pod(n)));
    pause(9_000).await;
    assert_eq!(server.writes(), 1);
    pause(2_000).await;
    assert_eq!(server.messages(), [("Deleted 37 pods: p1, p2, p3 and 34 more".to_owned(), 37)]);
    assert_eq!(server.writes(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_long_storm_costs_few_writes() {
    let Running { server, recorder, .. } = running(EventSettings::default());
    for n in 0..1000 {
        recorder.record(&subject("u"), Severity::Normal, "SuccessfulDelete", pod(n));
        pause(1_320).await;
    }
    pause(301_000).await;
    assert!(server.writes() <= 10, "{} writes for 22 minutes", server.writes());
    assert_eq!(server.messages(), [("Deleted 1000 pods: p0, p1, p2 and 997 more".to_owned(), 1000)]);
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_series() {
    let Running { server, recorder, .. } = running(EventSettings::default());
    for n in 0..2 {
        recorder.record(&subject("u"), Severity::Normal, "SuccessfulDelete", pod(n));
        pause(60_000).await;
    }
    assert_eq!(server.messages().len(), 2);
    assert_eq!(recorder.series().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn objects_reasons_and_severities_are_told_apart() {
    let Running { server, recorder, .. } = running(EventSettings::default());
    let said = |text: &str| Note::Said(text.into());
    recorder.record(&subject("u"), Severity::Normal, "A", said("1"));
    recorder.record(&subject("v"), Severity::Normal, "A", said("2"));
    recorder.record(&subject("u"), Severity::Warning, "A", said("3"));
    recorder.record(&subject("u"), Severity::Normal, "B", said("4"));
    pause(10).await;
    let mut told: Vec<_> = server.messages().into_iter().map(|(text, _)| text).collect();
    told.sort();
    assert_eq!(told, ["1", "2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_untold_is_written_when_it_stops() {
    let Running { server, recorder, stop, task } = running(EventSettings::default());
    (0..5).for_each(|n| recorder.record(&subject("u"), Severity::Normal, "SuccessfulDelete", pod(n)));
    pause(10).await;
    recorder.record(&subject("u"), Severity::Normal, "SuccessfulDelete", pod(5));
    stop.cancel();
    task.await.unwrap();
    assert_eq!(server.messages(), [("Deleted 6 pods: p0, p1, p2 and 3 more".to_owned(), 6)]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_out_for_a_while_and_memory_stays_bounded() {
    let Running { server, recorder, .. } = running(EventSettings { most_series: 2, ..EventSettings::default() });
    server.0.lock().unwrap().broken = Some(503);
    for uid in ["u", "v", "w"] {
        recorder.record(&subject(uid), Severity::Warning, "Held", Note::Said(uid.into()));
    }
    assert_eq!(recorder.0.metrics.dropped.get(), 1);
    pause(5_000).await;
    server.0.lock().unwrap().broken = None;
    pause(60_000).await;
    assert_eq!(server.messages().len(), 2);

    server.0.lock().unwrap().broken = Some(403);
    recorder.record(&subject("x"), Severity::Warning, "Held", Note::Said("x".into()));
    pause(10).await;
    assert_eq!((recorder.0.metrics.dropped.get(), recorder.series().len()), (2, 0));
}
