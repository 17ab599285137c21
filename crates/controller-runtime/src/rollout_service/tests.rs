//! The service without a network: what is told, when, and to whom.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chassis::{Period, Standing};
use futures::StreamExt as _;
use planner::rollout::{Counts, Met, PoolReport, RunPhase};
use proto::rollout::v1::rollout_service_server::RolloutService;
use proto::rollout::v1::{
    self as messages, GetRequest, ListRequest, Selector, TargetName, WatchRequest, WatchResponse,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};

use super::*;

type Stream = <Service as RolloutService>::WatchStream;

/// More than anything here takes.
const MINUTE: Duration = Duration::from_mins(1);

/// What clients take by default.
const LARGEST_MESSAGE: usize = 4 << 20;

fn object(target: &str, revision: i64, version: u64) -> Arc<FleetRollout> {
    let uid = format!("00000000-0000-4000-8000-00000000000{revision}");
    let target_uid = format!("00000000-0000-4000-8000-{:012x}", target.len());
    let run = json!({
        "apiVersion": "drover.dev/v1alpha1", "kind": "FleetRollout",
        "metadata": {"namespace": "edge", "name": format!("{target}-r{revision}"), "uid": uid, "resourceVersion": version.to_string()},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": target, "uid": target_uid},
            "revision": {"name": format!("{target}-{revision}"), "number": revision},
        },
        "status": {
            "phase": "Superseded",
            "units": {"desired": 7, "updated": 5},
            "waves": [{"name": "all", "state": "Open", "updated": 5, "failed": 0}],
        },
    });
    Arc::new(serde_json::from_value(run).unwrap())
}

fn report(pools: u32) -> Report {
    let counts = Counts { desired: 2, settled: 2, ..Counts::default() };
    let pool = |number: u32| PoolReport {
        pool: format!("pool-{number:04}").into(),
        wave: "rest".into(),
        counts,
        holds: vec![("Budget", 2, "ö".repeat(2_000))],
        needs_attention: false,
    };
    Report {
        phase: RunPhase::Progressing,
        sentence: "it goes on".to_owned(),
        counts,
        waves: Vec::new(),
        wave: "rest".into(),
        pools: (0..pools).map(pool).collect(),
        hold: None,
        units: Vec::new(),
        news: Vec::new(),
    }
}

fn behind(pools: &[&str]) -> Progress {
    let pools = pools.iter().map(|pool| ((*pool).into(), Met::No)).collect();
    Progress { everywhere: Met::No, pools, elsewhere: Met::Yes }
}

/// A service, and whether it leads.
fn service(served: &Served) -> (Service, Arc<AtomicBool>) {
    let leads = Arc::new(AtomicBool::new(true));
    let asked = leads.clone();
    let standing = move || {
        if asked.load(Ordering::Relaxed) {
            Standing::Leading("me".to_owned())
        } else {
            Standing::StandBy(Some("updater-2".to_owned()))
        }
    };
    let settings = Settings { heartbeat: Period::of_millis::<100>(), ..Settings::default() };
    let source_age = || Duration::ZERO;
    (Service::new(served.clone(), &settings, source_age, standing, CancellationToken::new()), leads)
}

fn tell(served: &Served, object: &FleetRollout, pools: u32, progress: &Progress) {
    let report = report(pools);
    served.tell(object, report.phase.into(), &report, &Run::default(), progress);
}

async fn watch(service: &Service, pools: bool) -> Result<Stream, Status> {
    let targets = vec![TargetName { namespace: "edge".into(), kind: "DaemonSet".into(), name: "agent".into() }];
    let selector = Some(Selector { targets, namespaces: vec![] });
    let request = WatchRequest { selector, pools, resume_token: vec![] };
    Ok(service.watch(Request::new(request)).await?.into_inner())
}

async fn next(stream: &mut Stream) -> Result<WatchResponse, Status> {
    tokio::time::timeout(MINUTE, stream.next()).await.expect("the stream is silent").expect("the stream ended")
}

/// What comes up to the next synced message.
async fn whole(stream: &mut Stream) -> WatchResponse {
    let mut all = WatchResponse::default();
    loop {
        let message = next(stream).await.unwrap();
        assert!(prost::Message::encoded_len(&message) < LARGEST_MESSAGE);
        all.rollouts.extend(message.rollouts);
        all.pools.extend(message.pools);
        all.removed.extend(message.removed);
        if message.mark.is_some_and(|mark| mark.synced) {
            return all;
        }
    }
}

async fn get(service: &Service, name: &str) -> Result<messages::GetResponse, Status> {
    let request = GetRequest { namespace: "edge".to_owned(), name: name.to_owned() };
    Ok(service.get(Request::new(request)).await?.into_inner())
}

#[tokio::test]
async fn a_thousand_pools_with_long_sentences_fit_their_messages() {
    let (served, run) = (Served::default(), object("agent", 2, 1));
    let (service, _) = service(&served);
    assert_eq!(get(&service, "agent-r2").await.unwrap_err().code(), Code::Unavailable, "not listed yet");
    served.sweep(&[], true);
    assert_eq!(get(&service, "agent-r2").await.unwrap_err().code(), Code::NotFound);
    tell(&served, &run, 1_000, &behind(&["pool-0007"]));
    let got = get(&service, "agent-r2").await.unwrap();
    assert!(prost::Message::encoded_len(&got) < LARGEST_MESSAGE);
    assert_eq!((got.pools.len(), got.more_pools, got.rollout.unwrap().pools), (1_000, 0, Some(1_000)));
    let up_to_date: Vec<_> = got.pools.iter().filter(|pool| pool.up_to_date() == messages::UpToDate::No).collect();
    assert_eq!(up_to_date.len(), 1);
    assert_eq!((up_to_date[0].name.as_str(), up_to_date[0].holds[0].kind.as_str()), ("pool-0007", "Budget"));
    tell(&served, &run, 2_500, &behind(&[]));
    let got = get(&service, "agent-r2").await.unwrap();
    assert!(prost::Message::encoded_len(&got) < LARGEST_MESSAGE);
    assert_eq!((got.pools.len(), got.more_pools), (2_000, 500));
    let told = whole(&mut watch(&service, true).await.unwrap()).await;
    assert_eq!((told.rollouts.len(), told.pools.len()), (1, 2_500));
}

#[tokio::test]
async fn a_new_run_takes_the_pools_over_and_the_old_one_is_told_from_its_object() {
    let (served, old, new) = (Served::default(), object("agent", 1, 1), object("agent", 2, 1));
    let (service, _) = service(&served);
    tell(&served, &old, 2, &behind(&[]));
    served.sweep(&[old.clone(), object("other", 3, 1)], true);
    let mut stream = watch(&service, true).await.unwrap();
    let told = whole(&mut stream).await;
    assert_eq!((told.rollouts.len(), told.pools.len()), (1, 2), "of the target that was asked for");
    assert_eq!(told.rollouts[0].phase(), messages::Phase::Progressing);
    tell(&served, &new, 1, &behind(&[]));
    served.sweep(&[old, new], true);
    let (mut rollouts, mut removed) = (std::collections::BTreeMap::new(), BTreeSet::new());
    while rollouts.len() < 2 || removed.len() < 2 {
        let told = whole(&mut stream).await;
        rollouts.extend(told.rollouts.into_iter().map(|rollout| (rollout.name.clone(), rollout.phase())));
        removed.extend(told.removed);
    }
    assert_eq!(rollouts["agent-r1"], messages::Phase::Superseded);
    assert_eq!(rollouts["agent-r2"], messages::Phase::Progressing);
    assert_eq!(removed.into_iter().collect::<Vec<_>>(), ["edge/agent-r1/pool-0000", "edge/agent-r1/pool-0001"]);
}

#[tokio::test]
async fn a_stand_by_tells_what_stands_in_the_objects_and_names_who_knows_of_pools() {
    let (served, run) = (Served::default(), object("agent", 2, 1));
    let (service, leads) = service(&served);
    tell(&served, &run, 2, &behind(&[]));
    served.sweep(std::slice::from_ref(&run), true);
    let mut stream = watch(&service, true).await.unwrap();
    whole(&mut stream).await;
    leads.store(false, Ordering::Relaxed);
    served.sweep(std::slice::from_ref(&run), false);
    let ended = loop {
        match next(&mut stream).await {
            Ok(_) => {}
            Err(ended) => break ended,
        }
    };
    assert_eq!(ended.code(), Code::FailedPrecondition);
    let Err(refused) = watch(&service, true).await else { panic!("a stand-by knows of no pools") };
    assert!(refused.code() == Code::FailedPrecondition && refused.message().contains("updater-2"), "{refused}");
    let told = whole(&mut watch(&service, false).await.unwrap()).await;
    assert_eq!((told.rollouts[0].phase(), told.rollouts[0].pools), (messages::Phase::Superseded, None));
    assert_eq!(told.rollouts[0].up_to_date(), messages::UpToDate::Unspecified);
    let got = get(&service, "agent-r2").await.unwrap();
    assert_eq!((got.rollout.unwrap().units.unwrap().updated, got.pools.len()), (5, 0));
    served.sweep(&[], false);
    assert_eq!(get(&service, "agent-r2").await.unwrap_err().code(), Code::NotFound, "it is gone");
}

#[tokio::test]
async fn lists_come_in_pages_and_bad_requests_name_what_is_allowed() {
    let served = Served::default();
    let (service, _) = service(&served);
    let objects: Vec<_> = (1..=5).map(|revision| object("agent", revision, 1)).collect();
    served.sweep(&objects, true);
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListRequest { page_size: 2, page_token, selector: None };
        let page = service.list(Request::new(request)).await.unwrap().into_inner();
        assert!(page.rollouts.len() <= 2);
        names.extend(page.rollouts.into_iter().map(|rollout| rollout.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["agent-r1", "agent-r2", "agent-r3", "agent-r4", "agent-r5"]);
    let selecting = |targets, namespaces| Some(Selector { targets, namespaces });
    let nameless = TargetName { namespace: "edge".to_owned(), kind: "DaemonSet".to_owned(), name: String::new() };
    for (request, words) in [
        (ListRequest { page_size: 501, ..Default::default() }, "page_size is 501: from 0 (for 100) to 500"),
        (ListRequest { page_token: "x".to_owned(), ..Default::default() }, "next_page_token"),
        (ListRequest { selector: selecting(vec![nameless], vec![]), ..Default::default() }, "selector.targets[0].name"),
        (ListRequest { selector: selecting(vec![], vec![String::new()]), ..Default::default() }, "selector.namespaces"),
        (
            ListRequest { selector: selecting(vec![], vec!["x".to_owned(); 1_001]), ..Default::default() },
            "1001 entries",
        ),
    ] {
        let refused = service.list(Request::new(request)).await.unwrap_err();
        assert!(refused.code() == Code::InvalidArgument && refused.message().contains(words), "{refused}");
    }
    let garbage = WatchRequest { resume_token: b"garbage".to_vec(), ..Default::default() };
    let Err(refused) = service.watch(Request::new(garbage)).await else { panic!("that is no token") };
    assert!(refused.message().starts_with("resume_token: "), "{refused}");
}
