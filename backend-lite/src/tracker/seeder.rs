//! The community's own node in each swarm: gives the first copies and stands in for peers that are missing.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use runnel_p2p::node::{Multiaddr, Node, NodeConfig, NodeEvent};
use runnel_p2p::wire::{BroadcastId, CommunityKey, PublicKey, RenditionId, SignedManifest, SignedRevocation};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Tracker;
use crate::api::{PeerEntry, PeerKind};
use crate::bus::{Bus, Fact};
use crate::origin::Held;
use crate::telemetry::Metrics;

/// How long a node goes on spreading a take-down before it ends.
const LAST_WORD: Duration = Duration::from_secs(3);
/// How long to wait for a node's first address.
const LISTENING: Duration = Duration::from_secs(5);
/// How often the nodes hear how large their swarm is, by which they seed more or less.
const COUNT: Duration = Duration::from_secs(2);

/// Tells whether a broadcast is still open.
pub(crate) type IsOpen = Arc<dyn Fn(BroadcastId) -> bool + Send + Sync>;

/// Runs a node for each rendition of each open broadcast.
pub(crate) struct Seeder {
    /// Where the nodes are made known.
    pub tracker: Arc<Tracker>,
    /// Where chunks come from.
    pub bus: Bus,
    /// Proves that a node is the community's.
    pub key: CommunityKey,
    /// Where the nodes listen.
    pub listen: IpAddr,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// For finding out what was missed when the bus was too fast.
    pub is_open: IsOpen,
    /// Ends everything.
    pub closing: CancellationToken,
    /// What a shutdown waits for.
    pub tasks: TaskTracker,
}

type Nodes = BTreeMap<u8, Node>;

impl Seeder {
    /// Starts the task that follows the bus; what is published from now on is not missed.
    pub(crate) fn start(self) {
        let facts = self.bus.subscribe();
        let tasks = self.tasks.clone();
        tasks.spawn(self.run(facts));
    }

    async fn run(self, mut facts: tokio::sync::broadcast::Receiver<Fact>) {
        let mut broadcasts: HashMap<BroadcastId, Nodes> = HashMap::new();
        let mut count = tokio::time::interval(COUNT);
        count.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let fact = tokio::select! {
                biased;
                () = self.closing.cancelled() => break,
                _ = count.tick() => {
                    self.count(&broadcasts);
                    continue;
                }
                fact = facts.recv() => fact,
            };
            match fact {
                Ok(Fact::Manifest { broadcast, manifest, channel_keys }) => {
                    let nodes = broadcasts.entry(broadcast).or_default();
                    self.follow(broadcast, nodes, &manifest, &channel_keys);
                }
                Ok(Fact::Chunk { broadcast, held }) => {
                    if let Some(nodes) = broadcasts.get(&broadcast) {
                        self.seed(nodes, &held);
                    }
                }
                Ok(Fact::State { broadcast, state }) if !state.is_open() => {
                    if let Some(nodes) = broadcasts.remove(&broadcast) {
                        self.end(nodes, None);
                    }
                }
                Ok(Fact::State { .. }) => {}
                Ok(Fact::Revoked { broadcast, revocation }) => {
                    if let Some(nodes) = broadcasts.remove(&broadcast) {
                        self.end(nodes, Some(&revocation));
                    }
                }
                Err(RecvError::Lagged(missed)) => {
                    self.metrics.seeder_missed.add(missed);
                    let over: Vec<_> = broadcasts.keys().copied().filter(|one| !(self.is_open)(*one)).collect();
                    for nodes in over.iter().filter_map(|broadcast| broadcasts.remove(broadcast)) {
                        self.end(nodes, None);
                    }
                }
                Err(RecvError::Closed) => break,
            }
        }
        futures::future::join_all(broadcasts.values().flat_map(BTreeMap::values).map(Node::shutdown)).await;
    }

    fn count(&self, broadcasts: &HashMap<BroadcastId, Nodes>) {
        for (broadcast, nodes) in broadcasts {
            let viewers = self.tracker.viewers(*broadcast) as usize;
            // A node that is too busy to hear it hears it in a moment.
            nodes.values().for_each(|node| drop(node.swarm_size(viewers)));
        }
    }

    /// Tells the nodes of a new manifest, and starts those that are missing.
    fn follow(&self, broadcast: BroadcastId, nodes: &mut Nodes, manifest: &SignedManifest, channel_keys: &[PublicKey]) {
        let Ok(described) = manifest.peek() else { return };
        for rendition in &described.renditions {
            let id = rendition.id;
            match nodes.get(&id.0) {
                Some(node) => {
                    let keys = node.set_channel_keys(channel_keys.to_vec());
                    if let Err(error) = keys.and_then(|()| node.update_manifest(manifest.clone())) {
                        tracing::warn!(%broadcast, rendition = id.0, %error, "the seeding node missed a manifest");
                    }
                }
                None => match Node::start(self.config(manifest, channel_keys, id)) {
                    Ok((node, events)) => {
                        let watched = watch(broadcast, id, node.clone(), events, Arc::clone(&self.tracker));
                        self.tasks.spawn(watched);
                        nodes.insert(id.0, node);
                    }
                    // Viewers still have the origin and each other.
                    Err(error) => tracing::warn!(%broadcast, rendition = id.0, %error, "no seeding node"),
                },
            }
        }
    }

    fn config(&self, manifest: &SignedManifest, channel_keys: &[PublicKey], rendition: RenditionId) -> NodeConfig {
        let config = NodeConfig::seeder(manifest.clone(), channel_keys.to_vec(), rendition, Some(self.key.clone()));
        if self.listen.is_loopback() {
            return config.on_loopback();
        }
        let version = if self.listen.is_ipv4() { "ip4" } else { "ip6" };
        let address = |rest: &str| format!("/{version}/{}/{rest}", self.listen).parse::<Multiaddr>().ok();
        let listen: Vec<Multiaddr> = [address("udp/0/quic-v1"), address("tcp/0")].into_iter().flatten().collect();
        NodeConfig { listen, ..config }
    }

    fn seed(&self, nodes: &Nodes, held: &Held) {
        let Some(node) = nodes.get(&held.chunk.header.rendition.0) else { return };
        let counter = match node.publish(held.chunk.clone()) {
            Ok(()) => &self.metrics.seeded_chunks,
            Err(_) => &self.metrics.seeder_missed,
        };
        counter.add(1);
    }

    fn end(&self, nodes: Nodes, revocation: Option<&SignedRevocation>) {
        let revoked = revocation.is_some();
        for node in nodes.values() {
            if let Some(revocation) = revocation
                && let Err(error) = node.revoke(revocation.clone())
            {
                tracing::warn!(%error, "the seeding node did not take a take-down");
            }
        }
        let closing = self.closing.clone();
        self.tasks.spawn(async move {
            if revoked {
                tokio::select! {
                    () = tokio::time::sleep(LAST_WORD) => {}
                    () = closing.cancelled() => {}
                }
            }
            futures::future::join_all(nodes.values().map(Node::shutdown)).await;
        });
    }
}

/// Makes a node known once it listens, and unknown when it ends.
async fn watch(
    broadcast: BroadcastId,
    rendition: RenditionId,
    node: Node,
    mut events: mpsc::Receiver<NodeEvent>,
    tracker: Arc<Tracker>,
) {
    if tokio::time::timeout(LISTENING, node.listening()).await.is_err() {
        tracing::warn!(%broadcast, rendition = rendition.0, "the seeding node does not listen");
    }
    let entry = PeerEntry {
        peer_id: node.peer_id().to_string(),
        addresses: node.addresses().iter().map(Multiaddr::to_string).collect(),
        kind: PeerKind::Server,
    };
    if !entry.addresses.is_empty() {
        tracker.set_server(broadcast, rendition.0, Some(entry));
    }
    // Only the seeder's own handle keeps the node alive.
    drop(node);
    while let Some(event) = events.recv().await {
        match event {
            NodeEvent::Ended => break,
            NodeEvent::Problem(problem) => tracing::debug!(%broadcast, %problem, "seeding node"),
            _ => {}
        }
    }
    tracker.set_server(broadcast, rendition.0, None);
}
