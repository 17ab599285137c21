//! A view and a server: nobody is called before something is asked for, every target that is asked for is followed, and what
//! the server does not know is unknown.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chassis::peer::{Peer, PeerAddress};
use futures::{Stream, stream};
use planner::rollout::Met;
use proto::rollout::v1::rollout_service_server::{RolloutService, RolloutServiceServer};
use proto::rollout::v1::{
    GetRequest, GetResponse, ListRequest, ListResponse, Mark, Revision, Rollout, Target as TargetMessage, TargetName,
    UpToDate, WatchRequest, WatchResponse,
};
use rollouts::{Follow, Settings, Target, View};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, async_trait};

/// More than anything here takes.
const MINUTE: Duration = Duration::from_mins(1);

/// Tells that every target is up to date, but for those whose name begins with `unknown`.
#[derive(Clone, Default)]
struct Server {
    /// The targets of each watch.
    asked: Arc<Mutex<Vec<Vec<TargetName>>>>,
}

#[async_trait]
impl RolloutService for Server {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn get(&self, _: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn list(&self, _: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let targets = request.into_inner().selector.unwrap_or_default().targets;
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(targets.clone());
        let told = stream::unfold(targets, |targets| async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let mark = Mark { resume_token: vec![1], synced: true, ..Mark::default() };
            let rollouts = targets.iter().map(rollout).collect();
            let told = WatchResponse { rollouts, mark: Some(mark), ..WatchResponse::default() };
            Some((Ok(told), targets))
        });
        Ok(Response::new(Box::pin(told)))
    }
}

fn rollout(TargetName { namespace, kind, name }: &TargetName) -> Rollout {
    let known = !name.starts_with("unknown");
    Rollout {
        namespace: namespace.clone(),
        name: format!("{name}-r1"),
        target: Some(TargetMessage { kind: kind.clone(), name: name.clone(), ..TargetMessage::default() }),
        revision: Some(Revision { number: 1, ..Revision::default() }),
        up_to_date: UpToDate::Yes.into(),
        pools: known.then_some(0),
        ..Rollout::default()
    }
}

async fn until_up_to_date(view: &View, target: &Target) -> Result<(), Box<dyn Error>> {
    let mut changes = view.subscribe();
    let waits = async {
        while view.progress(target).everywhere != Met::Yes {
            changes.changed().await?;
        }
        Ok(())
    };
    tokio::time::timeout(MINUTE, waits).await?
}

#[tokio::test]
async fn targets_are_followed_from_when_they_are_asked_for() {
    let (server, listener) = (Server::default(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = format!("http://{}", listener.local_addr().unwrap());
    let service = RolloutServiceServer::new(server.clone());
    let incoming = TcpListenerStream::new(listener);
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "a.b.c").unwrap();
    let mut settings = Settings::at(PeerAddress::try_from(address).unwrap());
    settings.peer = Peer { token, ..settings.peer };
    let Follow { view, following } = rollouts::follow(&settings).unwrap();
    tokio::spawn(following);

    let target = |name: &str| Target::new("shops", "YurtAppSet", name);
    assert!(server.asked.lock().unwrap().is_empty());
    assert_eq!(view.progress(&target("till")).everywhere, Met::Unknown, "not yet");
    until_up_to_date(&view, &target("till")).await.unwrap();
    assert_eq!(view.progress(&target("unknown")).everywhere, Met::Unknown, "not followed yet");
    until_up_to_date(&view, &target("screen")).await.unwrap();
    assert_eq!(view.progress(&target("till")).everywhere, Met::Yes);
    assert_eq!(view.progress(&target("unknown")).everywhere, Met::Unknown, "a server that does not lead");
    let asked = server.asked.lock().unwrap().clone();
    let names = |targets: &Vec<TargetName>| targets.iter().map(|target| target.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&asked[0]), ["till"]);
    assert_eq!(asked.last().map(names).unwrap(), ["screen", "till", "unknown"]);
}
