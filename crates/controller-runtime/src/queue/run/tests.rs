use super::super::{QueueMetrics, WorkerBounds};
use super::*;
use chassis::workers::{WorkerSetting, Workers};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Semaphore;

#[derive(Debug, thiserror::Error)]
#[error("cannot")]
struct Cannot(Disposition);

impl ReconcileError for Cannot {
    fn disposition(&self) -> Disposition {
        self.0
    }

    fn kind(&self) -> &'static str {
        "cannot"
    }
}

/// Notes what runs and checks that no key runs twice at once.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Runs>>);

#[derive(Default)]
struct Runs {
    order: Vec<u32>,
    now: BTreeSet<u32>,
    most: usize,
}

impl Log {
    fn begin(&self, key: u32) {
        let mut runs = self.0.lock().unwrap();
        assert!(runs.now.insert(key), "{key} runs twice at once");
        runs.order.push(key);
        runs.most = runs.most.max(runs.now.len());
    }

    fn end(&self, key: u32) {
        assert!(self.0.lock().unwrap().now.remove(&key));
    }

    fn order(&self) -> Vec<u32> {
        self.0.lock().unwrap().order.clone()
    }
}

fn queue(workers: i128) -> Queue<u32> {
    Queue::new(WorkerSetting::fixed(workers).unwrap(), WorkerBounds::default(), QueueMetrics::default())
}

/// Runs the queue with reconciles that take `takes`, until it has nothing left to do, and returns how it went.
async fn work_off(queue: &Queue<u32>, takes: Duration, until: Duration) -> Log {
    let log = Log::default();
    let stop = CancellationToken::new();
    let runs = log.clone();
    let reconcile = move |key| {
        let log = runs.clone();
        async move {
            log.begin(key);
            tokio::time::sleep(takes).await;
            log.end(key);
            Ok::<_, Cannot>(Requeue::Await)
        }
    };
    let work = queue.run(reconcile, stop.clone());
    let end = async {
        tokio::time::sleep(until).await;
        stop.cancel();
    };
    tokio::join!(work, end);
    log
}

#[tokio::test(start_paused = true)]
async fn keys_run_in_order_with_bounded_company() {
    let queue = queue(3);
    for key in (0..20).chain(0..20) {
        queue.add(key);
    }
    assert_eq!(queue.status().queued, 20);
    let log = work_off(&queue, Duration::from_millis(10), Duration::from_secs(1)).await;
    assert_eq!(log.order(), (0..20).collect::<Vec<_>>());
    assert_eq!(log.0.lock().unwrap().most, 3);
    assert_eq!((queue.status().queued, queue.status().busy), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn workers_changed_under_load_lose_repeat_and_reorder_nothing() {
    let queue = queue(4);
    for key in 0..1000 {
        queue.add(key);
    }
    let change = async {
        for workers in [1, 256, 2, 17, 1, 64].into_iter().cycle().take(60) {
            tokio::time::sleep(Duration::from_millis(3)).await;
            queue.set(WorkerSetting::fixed(workers).unwrap());
        }
    };
    let (log, ()) = tokio::join!(work_off(&queue, Duration::from_millis(10), Duration::from_mins(1)), change);
    assert_eq!(log.order(), (0..1000).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_lowered_limit_lets_what_runs_finish() {
    let queue = queue(8);
    (0..20).for_each(|key| queue.add(key));
    let lower = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!((queue.status().busy, queue.status().active), (8, 8));
        queue.set(WorkerSetting::fixed(1).unwrap());
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!((queue.status().busy, queue.status().active), (8, 1));
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!((queue.status().busy, queue.status().queued), (1, 11));
    };
    tokio::join!(work_off(&queue, Duration::from_millis(10), Duration::from_secs(1)), lower);
}

#[tokio::test(start_paused = true)]
async fn auto_grows_with_the_queue() {
    let queue = Queue::new(WorkerSetting::Auto, WorkerBounds { min: 1, max: 16 }, QueueMetrics::default());
    (0..500).for_each(|key| queue.add(key));
    let log = work_off(&queue, Duration::from_millis(10), Duration::from_secs(5)).await;
    assert_eq!(log.order(), (0..500).collect::<Vec<_>>());
    assert_eq!(log.0.lock().unwrap().most, 16);
}

#[tokio::test(start_paused = true)]
async fn outcomes_decide_when_a_key_runs_again() {
    let queue = queue(8);
    let counts: Arc<Mutex<BTreeMap<u32, u32>>> = Arc::default();
    let counted = counts.clone();
    let reconcile = move |key| {
        let nth = {
            let mut counts = counted.lock().unwrap();
            let count = counts.entry(key).or_default();
            *count += 1;
            *count
        };
        async move {
            match (key, nth) {
                (1, _) => Ok(Requeue::After(Duration::from_secs(10))),
                (2, 1..4) => Err(Cannot(Disposition::Backoff)),
                (3, _) => Err(Cannot(Disposition::AwaitChange)),
                (4, _) => Err(Cannot(Disposition::Terminal)),
                (5, 1) => panic!("on purpose"),
                _ => Ok(Requeue::Await),
            }
        }
    };
    (0..6).for_each(|key| queue.add(key));
    let stop = CancellationToken::new();
    let end = async {
        tokio::time::sleep(Duration::from_secs(35)).await;
        stop.cancel();
    };
    tokio::join!(queue.run(reconcile, stop.clone()), end);
    let counts: Vec<_> = counts.lock().unwrap().values().copied().collect();
    assert_eq!(counts, [1, 4, 4, 1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn it_stops_when_what_runs_has_finished_and_starts_nothing_more() {
    let queue = queue(2);
    (0..4).for_each(|key| queue.add(key));
    let gate = Arc::new(Semaphore::new(0));
    let log = Log::default();
    let (inside, runs) = (gate.clone(), log.clone());
    let reconcile = move |key| {
        let (gate, log) = (inside.clone(), runs.clone());
        async move {
            log.begin(key);
            gate.acquire().await.unwrap().forget();
            log.end(key);
            Ok::<_, Cannot>(Requeue::Await)
        }
    };
    let stop = CancellationToken::new();
    let work = tokio::spawn({
        let (queue, stop) = (queue.clone(), stop.clone());
        async move { queue.run(reconcile, stop).await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    stop.cancel();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!work.is_finished(), "two are in progress");
    gate.add_permits(4);
    work.await.unwrap();
    assert_eq!(log.order(), [0, 1]);
    assert_eq!(queue.status().queued, 2);
}

/// Paused time advances only while every task sleeps, so a loop that spins never ends here.
#[tokio::test(start_paused = true)]
async fn an_idle_queue_sleeps() {
    let queue = queue(3);
    queue.add_after(7, Duration::from_hours(1));
    let log = work_off(&queue, Duration::ZERO, Duration::from_hours(2)).await;
    assert_eq!(log.order(), [7]);
}
