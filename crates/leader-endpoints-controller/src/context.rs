//! What reconciles share: mirrors, the queue, the lease, and what is remembered of each pool.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use controller_runtime::client::Writer;
use controller_runtime::events::EventRecorder;
use controller_runtime::lease::{Gate, Leadership};
use controller_runtime::mirror::Mirror;
use controller_runtime::queue::Queue;
use kube::Client;
use planner::fleet::Name;
use serde::Serialize;
use tokio::sync::{Notify, watch};

use crate::config::Config;
use crate::ledger::Ledger;
use crate::members::ToldUnreadable;
use crate::memory::Memories;
use crate::metrics::Metrics;
use crate::mode::Decision;
use crate::multiplexer::{Role, Scopes};
use crate::nodes::Node;
use crate::outputs::{Output, Seen};
use crate::pools::Pool;
use crate::topology::Topology;

/// Changes of what pools scope come in bursts (a start, a deployment) and make one role.
const SCOPES: Duration = Duration::from_millis(100);

/// What is looked at in one go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// The pool of this name, or the nodes that have none if it is empty.
    Pool(Name),
    /// The role that all pools share.
    Multiplexer,
}

/// What all reconciles share.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) writer: Writer,
    pub(crate) config: Config,
    pub(crate) pools: Mirror<Pool>,
    pub(crate) nodes: Mirror<Node>,
    pub(crate) outputs: Outputs,
    pub(crate) roles: Mirror<Role>,
    pub(crate) queue: Queue<Key>,
    pub(crate) leadership: Leadership,
    pub(crate) decision: watch::Sender<Decision>,
    pub(crate) events: EventRecorder,
    pub(crate) gate: Gate,
    pub(crate) memories: Memories,
    pub(crate) scopes: Scopes,
    pub(crate) unreadable: ToldUnreadable,
    /// For callers of `TopologyService`, on every replica.
    pub(crate) topology: Topology,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) metrics: Metrics,
    /// Rung when a mirror has completed a full list.
    pub(crate) listed: Notify,
    /// When a change of a pool's nodes was received that no reconcile has looked at.
    pub(crate) heard: Mutex<BTreeMap<Name, Instant>>,
}

/// The objects in which leaders are published, as they are; by the pools that their names name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outputs {
    pub(crate) endpoints: Mirror<Seen>,
    pub(crate) config_maps: Mirror<Seen>,
    pub(crate) slices: Mirror<Seen>,
}

impl Outputs {
    /// The mirror in which an output is seen.
    pub(crate) fn of(&self, output: Output) -> &Mirror<Seen> {
        match output {
            Output::Endpoints => &self.endpoints,
            Output::ConfigMap => &self.config_maps,
            Output::SliceIpv4 | Output::SliceIpv6 => &self.slices,
        }
    }

    pub(crate) fn all(&self) -> [&Mirror<Seen>; 3] {
        [&self.endpoints, &self.config_maps, &self.slices]
    }
}

impl Context {
    /// A NodePool changed, by us or by others: its object is in the mirror, or gone from it.
    pub(crate) fn on_pool(&self, pool: Option<Name>) {
        let Some(pool) = pool else { return self.listed.notify_one() };
        self.queue.set_fleet_size(self.pools.len());
        self.pool_changed(&pool);
        let object = self.pool(&pool);
        if self.scopes.set(&pool, object.as_ref().map(|object| &object.spec)) {
            self.queue.add_after(Key::Multiplexer, SCOPES);
        }
        self.queue.add(Key::Pool(pool));
    }

    /// A node of a pool changed, came or went.
    pub(crate) fn on_node(&self, pool: Option<Name>) {
        let Some(pool) = pool else { return self.listed.notify_one() };
        self.pool_changed(&pool);
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.entry(pool.clone()).or_insert_with(Instant::now);
        drop(heard);
        self.queue.add(Key::Pool(pool));
    }

    /// The pool of this name. Of two, which a full list shows that names one and not yet not the other, the newer.
    pub(crate) fn pool(&self, name: &Name) -> Option<Arc<Pool>> {
        self.pools.of(&**name).into_iter().max_by_key(|pool| pool.metadata.resource_version)
    }

    /// An output of a pool changed, and not by us.
    pub(crate) fn on_output(&self, pool: Option<Name>) {
        match pool {
            Some(pool) => self.queue.add(Key::Pool(pool)),
            None => self.listed.notify_one(),
        }
    }

    /// The role changed, and not by us.
    pub(crate) fn on_role(&self, role: Option<()>) {
        match role {
            Some(()) => self.queue.add(Key::Multiplexer),
            None => self.listed.notify_one(),
        }
    }

    /// A NodePool or its nodes are different in the mirrors.
    pub(crate) fn pool_changed(&self, pool: &Name) {
        self.topology.pool_changed(pool, &self.pools, &self.nodes);
    }

    /// When the change of the pool's nodes was received that this reconcile looks at first.
    pub(crate) fn take_heard(&self, pool: &Name) -> Option<Instant> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).remove(pool)
    }

    /// Something changed that concerns everything.
    pub(crate) fn wake_all(&self) {
        let pools = self.pools.owners().into_iter().chain(self.nodes.owners());
        pools.for_each(|pool| self.queue.add(Key::Pool(pool)));
        self.queue.add(Key::Multiplexer);
    }

    /// Whether every mirror is complete.
    pub(crate) fn is_listed(&self) -> bool {
        let outputs = self.outputs.all().into_iter().all(Mirror::is_listed);
        outputs && self.pools.is_listed() && self.nodes.is_listed() && self.roles.is_listed()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool(name) if name.is_empty() => f.write_str("nodes without pool"),
            Self::Pool(name) => write!(f, "pool {name}"),
            Self::Multiplexer => f.write_str("role"),
        }
    }
}

/// The mirrors in numbers, for `AdminService.Dump`.
#[derive(Debug, Serialize)]
pub(crate) struct MirrorDump {
    listed: bool,
    pools: usize,
    nodes: usize,
    endpoints: usize,
    config_maps: usize,
    endpoint_slices: usize,
}

impl MirrorDump {
    pub(crate) fn of(context: &Context) -> Self {
        let Outputs { endpoints, config_maps, slices } = &context.outputs;
        Self {
            listed: context.is_listed(),
            pools: context.pools.len(),
            nodes: context.nodes.len(),
            endpoints: endpoints.len(),
            config_maps: config_maps.len(),
            endpoint_slices: slices.len(),
        }
    }
}
