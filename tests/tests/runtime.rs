//! controller-runtime's parts against a real API server: what a scripted one cannot vouch for.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use controller_runtime::{
    client::{ApiCalls, ClientSettings, Deleted, Verb, connect, delete_pod},
    events::{EventMetrics, EventRecorder, EventSettings, Note, Severity, Subject, Tally},
    lease::{LeaderState, Leadership, LeaseElection, LeaseMetrics, LeaseSettings},
    watch::{ResourceVersion, Versioned, Watch, WatchMetrics, WatchSignal, WatchTarget},
};
use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{ConfigMap, Pod},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use tests::fixture::eventually;
use tokio::{sync::OnceCell, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use xtask::cluster::{Cluster, ClusterSpec, Component};

const PATIENCE: Duration = Duration::from_mins(4);

async fn shared() -> Result<&'static Cluster> {
    static SHARED: OnceCell<Cluster> = OnceCell::const_new();
    SHARED.get_or_try_init(|| Cluster::start(ClusterSpec::new(0, 1).long_leases())).await
}

async fn client_of(cluster: &Cluster, calls: &ApiCalls) -> Result<Client> {
    let settings = ClientSettings { kubeconfig: Some(cluster.kubeconfig().to_owned()), ..ClientSettings::default() };
    Ok(connect("tests", "0", &settings, calls).await?)
}

fn object<T: DeserializeOwned>(json: serde_json::Value) -> Result<T> {
    Ok(serde_json::from_value(json)?)
}

#[derive(Debug, Deserialize)]
struct Slim {
    metadata: SlimMetadata,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SlimMetadata {
    name: String,
    resource_version: ResourceVersion,
}

impl Versioned for Slim {
    fn resource_version(&self) -> ResourceVersion {
        self.metadata.resource_version
    }
}

/// What a watch has shown, by name, and whether the list it is telling has named it.
#[derive(Default)]
struct Mirror {
    objects: BTreeMap<String, (ResourceVersion, bool)>,
    /// Objects that were shown older than before, or could not be decoded.
    wrong: Vec<String>,
}

impl Mirror {
    fn take(&mut self, signal: WatchSignal<Slim>) {
        match signal {
            WatchSignal::Restarted => self.objects.values_mut().for_each(|(_, named)| *named = false),
            WatchSignal::Applied(Slim { metadata }) => {
                let version = metadata.resource_version;
                let old = self.objects.insert(metadata.name.clone(), (version, true));
                if old.is_some_and(|(old, _)| old > version) {
                    self.wrong.push(metadata.name);
                }
            }
            WatchSignal::Deleted(gone) => drop(self.objects.remove(&gone.metadata.name)),
            WatchSignal::InitDone(_) => self.objects.retain(|_, (_, named)| *named),
            WatchSignal::Bookmark(_) | WatchSignal::Skipped | WatchSignal::Interrupted { .. } => {}
            WatchSignal::Undecodable(error) => self.wrong.push(error.to_string()),
        }
    }

    fn versions(&self) -> BTreeMap<String, ResourceVersion> {
        self.objects.iter().map(|(name, (version, _))| (name.clone(), *version)).collect()
    }
}

fn locked(mirror: &Mutex<Mirror>) -> MutexGuard<'_, Mirror> {
    mirror.lock().unwrap_or_else(PoisonError::into_inner)
}

fn mirrored(client: Client, namespace: &str) -> (Arc<Mutex<Mirror>>, JoinHandle<()>) {
    let mirror = Arc::new(Mutex::new(Mirror::default()));
    // A short silence, so that a paused server is noticed within the test; the bookmark's minute is too long for it.
    let target = WatchTarget::of::<ConfigMap>(Some(namespace)).silent_after(Duration::from_secs(2));
    let mut watch = Watch::<Slim>::new(client, target, &WatchMetrics::default());
    let view = mirror.clone();
    let task = tokio::spawn(async move {
        let mut batch = Vec::new();
        loop {
            watch.next_batch(&mut batch).await;
            let mut mirror = locked(&view);
            batch.drain(..).for_each(|signal| mirror.take(signal));
        }
    });
    (mirror, task)
}

/// Creates, changes and deletes objects until told to stop, whatever the server does. Returns how often it succeeded.
async fn churn(api: Api<ConfigMap>, stop: Arc<AtomicBool>) -> u32 {
    let done = AtomicU32::new(0);
    let churn = async |lane: u32| {
        for step in 0_u32.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let name = format!("c-{lane}-{}", step % 7);
            let config = ConfigMap {
                metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() },
                data: Some([("step".to_owned(), step.to_string())].into()),
                ..ConfigMap::default()
            };
            let ok = match step % 11 {
                0..=4 => api.create(&PostParams::default(), &config).await.is_ok(),
                5..=8 => api.patch(&name, &PatchParams::default(), &Patch::Merge(&config)).await.is_ok(),
                _ => api.delete(&name, &DeleteParams::default()).await.is_ok(),
            };
            done.fetch_add(u32::from(ok), Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::join!(churn(1), churn(2), churn(3));
    done.into_inner()
}

#[tokio::test]
async fn a_mirror_equals_a_full_list_whatever_happened_to_the_api_server() -> Result<()> {
    let cluster = Cluster::start(ClusterSpec::new(0, 1).long_leases()).await?;
    cluster.namespace("churn").await?;
    let api = Api::<ConfigMap>::namespaced(cluster.client()?, "churn");
    let (mirror, task) = mirrored(client_of(&cluster, &ApiCalls::default()).await?, "churn");
    let stop = Arc::new(AtomicBool::new(false));
    let churning = tokio::spawn(churn(api.clone(), stop.clone()));
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.restart(Component::ApiServer).await?;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.pause(Component::ApiServer).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    cluster.resume(Component::ApiServer).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    let writes = churning.await?;
    assert!(writes > 20, "only {writes} writes succeeded");

    eventually("the mirror to equal a list", PATIENCE, async || {
        let list = api.list(&ListParams::default()).await?;
        let listed: BTreeMap<_, _> = list
            .items
            .into_iter()
            .filter_map(|config| Some((config.metadata.name?, config.metadata.resource_version?)))
            .map(|(name, version)| Ok((name, ResourceVersion(version.parse()?))))
            .collect::<Result<_>>()?;
        Ok((locked(&mirror).versions() == listed).then_some(()))
    })
    .await?;
    assert_eq!(locked(&mirror).wrong, [""; 0]);
    task.abort();
    Ok(())
}

#[tokio::test]
async fn a_delete_is_of_one_uid() -> Result<()> {
    let cluster = shared().await?;
    cluster.namespace("deletes").await?;
    let calls = ApiCalls::default();
    let client = client_of(cluster, &calls).await?;
    let pods = Api::<Pod>::namespaced(cluster.client()?, "deletes");
    let pod: Pod = {
        let spec = json!({"schedulerName": "none", "containers": [{"name": "c", "image": "i"}]});
        object(json!({"metadata": {"name": "a"}, "spec": spec}))?
    };
    let created = eventually("the namespace's service account", PATIENCE, async || {
        Ok(pods.create(&PostParams::default(), &pod).await.ok())
    })
    .await?;
    let uid = created.metadata.uid.context("a UID")?;
    let other = "00000000-0000-0000-0000-000000000000";
    assert_eq!(delete_pod(&client, "deletes", "a", other).await?, Deleted::Moved);
    assert!(pods.get_opt("a").await?.is_some());
    assert_eq!(delete_pod(&client, "deletes", "a", &uid).await?, Deleted::Accepted);
    assert_eq!(delete_pod(&client, "deletes", "a", &uid).await?, Deleted::Gone);

    pods.create(&PostParams::default(), &pod).await?;
    assert_eq!(delete_pod(&client, "deletes", "a", &uid).await?, Deleted::Moved, "recreated under the same name");
    let counts: Vec<_> = calls.counts().into_iter().map(|count| (count.verb, count.status, count.count)).collect();
    assert_eq!(counts, [(Verb::Delete, Some(200), 1), (Verb::Delete, Some(404), 1), (Verb::Delete, Some(409), 2)]);
    Ok(())
}

#[tokio::test]
async fn a_storm_is_one_event_that_describe_shows() -> Result<()> {
    let cluster = shared().await?;
    cluster.namespace("storm").await?;
    let configs = Api::<ConfigMap>::namespaced(cluster.client()?, "storm");
    let config: ConfigMap = object(json!({"metadata": {"name": "subject"}}))?;
    let subject = Subject::of(&configs.create(&PostParams::default(), &config).await?).context("a subject")?;
    let settings = EventSettings { window: Duration::from_millis(300), ..EventSettings::default() };
    let recorder = EventRecorder::new(settings, EventMetrics::default());
    let (client, stop) = (client_of(cluster, &ApiCalls::default()).await?, CancellationToken::new());
    let running = tokio::spawn({
        let (recorder, stop) = (recorder.clone(), stop.clone());
        async move { recorder.run(client, "tests", "me".into(), stop).await }
    });
    let say = |tally: &Tally| format!("Deleted {} pods: {}", tally.count(), tally.names());
    for n in 0..100 {
        recorder.record(&subject, Severity::Normal, "SuccessfulDelete", Note::Item { item: format!("p{n}"), say });
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    running.await?;
    let described = cluster.kubectl(&["-n", "storm", "describe", "configmap", "subject"]).await?;
    let events: Vec<_> = described.lines().filter(|line| line.contains("SuccessfulDelete")).collect();
    assert_eq!(events.len(), 1, "{described}");
    assert!(events[0].contains("(x100 over"), "{described}");
    assert!(events[0].ends_with("Deleted 100 pods: p0, p1, p2 and 97 more"), "{described}");
    Ok(())
}

struct Replica {
    leadership: Leadership,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Replica {
    async fn join(cluster: &Cluster, namespace: &str, identity: &str) -> Result<Self> {
        let settings = LeaseSettings {
            // No machine is so busy that it lasts no renewal; what must not wait for it is told apart by it.
            duration: Duration::from_mins(3),
            renew_every: Duration::from_millis(600),
            margin: Duration::from_secs(1),
            handover: Duration::from_millis(500),
            ..LeaseSettings::new(namespace, "drover")
        };
        let client = client_of(cluster, &ApiCalls::default()).await?;
        let (lease, watch) = (LeaseMetrics::default(), WatchMetrics::default());
        let election = LeaseElection::new(client, settings, identity.to_owned(), lease, watch)?;
        let (leadership, stop) = (election.leadership(), CancellationToken::new());
        let task = tokio::spawn(election.run(stop.clone()));
        Ok(Self { leadership, stop, task })
    }

    async fn reaches(&self, wanted: impl Fn(&LeaderState) -> bool) -> Result<LeaderState> {
        let mut state = self.leadership.subscribe();
        let reached =
            tokio::time::timeout(PATIENCE, state.wait_for(wanted)).await.context("waiting for a standing")??;
        Ok(reached.clone())
    }

    async fn leads(&self) -> Result<LeaderState> {
        self.reaches(|state| matches!(state, LeaderState::Leading { .. })).await
    }

    async fn follows(&self, leader: &str) -> Result<LeaderState> {
        let expected = LeaderState::Following { leader: Some(leader.to_owned()) };
        self.reaches(|state| *state == expected).await
    }
}

#[tokio::test]
async fn of_two_replicas_one_leads_through_release_edits_and_deletion() -> Result<()> {
    let cluster = shared().await?;
    cluster.namespace("election").await?;
    let leases = Api::<Lease>::namespaced(cluster.client()?, "election");
    let a = Replica::join(cluster, "election", "a").await?;
    assert_eq!(a.leads().await?, LeaderState::Leading { term: 1 });
    let b = Replica::join(cluster, "election", "b").await?;
    b.follows("a").await?;

    // Whatever happens below, the two never lead at once.
    let both = Arc::new(AtomicBool::new(false));
    let guard = tokio::spawn({
        let (a, b, both) = (a.leadership.clone(), b.leadership.clone(), both.clone());
        async move {
            loop {
                both.fetch_or(a.leads() && b.leads(), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    });

    let label = json!({"metadata": {"labels": {"seen": "yes"}, "annotations": {"by": "somebody"}}});
    leases.patch("drover", &PatchParams::default(), &Patch::Merge(label)).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(a.leads().await?, LeaderState::Leading { term: 1 }, "an edit of labels costs no term");

    leases.delete("drover", &DeleteParams::default()).await?;
    let held = eventually("a new lease", PATIENCE, async || {
        let lease = leases.get_opt("drover").await?;
        Ok(lease.and_then(|lease| lease.spec?.holder_identity))
    })
    .await?;
    let (first, second) = if held == "a" { (a, b) } else { (b, a) };
    second.follows(&held).await?;
    first.leads().await?;
    let label = json!({"metadata": {"labels": {"seen": "again"}}});
    leases.patch("drover", &PatchParams::default(), &Patch::Merge(label)).await?;

    let began = Instant::now();
    first.stop.cancel();
    first.task.await?;
    second.leads().await?;
    let took = began.elapsed();
    assert!(took < Duration::from_mins(2), "a released lease is taken at once, not when it expires: {took:?}");
    let lease = leases.get("drover").await?;
    assert_eq!(lease.metadata.labels.context("labels")?["seen"], "again", "others' fields survive");
    assert!(!both.load(Ordering::Relaxed), "two leaders");
    guard.abort();
    second.stop.cancel();
    second.task.await?;
    Ok(())
}
