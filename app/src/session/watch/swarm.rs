//! Our node among the viewers, and what it needs from the server.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend_lite::api::{Announce, Announced, ClientError, PeerKind};
use runnel_p2p::node::{Keypair, Node, NodeConfig, NodeEvent, ReachConfig};
use runnel_p2p::wire::{Role, SignedChunk};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::find::Found;
use super::way::{self, Way};
use super::{Delivery, WatchConfig, WatchError};
use crate::session::announce::{Announcer, Tracked, candidates, peer_stats, ticket_bytes};
use crate::session::broadcast::RENDITION;
use crate::session::clock;
use crate::session::uplink::{Cap, Uplink};
use crate::settings::P2pMode;

/// Chunks that are fetched from the server at once.
const FETCHES: usize = 8;
/// How long the tracker may take before we join without its word.
const TRACKER: Duration = Duration::from_secs(2);
/// Least time that a fetch is given, however late it is.
const LEAST: Duration = Duration::from_millis(500);
/// Most time that a fetch is given.
const MOST: Duration = Duration::from_secs(5);

/// A node with its announcements and its fetches from the server.
pub(super) struct Swarm {
    pub(super) node: Node,
    events: mpsc::Receiver<NodeEvent>,
    pub(super) tracked: watch::Receiver<Tracked>,
    announcing: JoinHandle<()>,
    stop: CancellationToken,
    since: Instant,
    hungry: Arc<Notify>,
    cap: Cap,
    found: Found,
    fetches: JoinSet<(u64, Result<SignedChunk, ClientError>)>,
    /// What is being fetched or waits for that, with its deadline.
    wanted: HashMap<u64, Instant>,
    waiting: VecDeque<u64>,
}

impl Swarm {
    /// Asks the tracker, starts a node with a fresh identity, and announces it.
    pub(super) async fn join(config: &WatchConfig, found: Found) -> Result<Self, WatchError> {
        let keypair = Keypair::generate_ed25519();
        let peer_id = keypair.public().to_peer_id().to_string();
        let first = first_announce(&found, peer_id, config.upload_cap_kbps).await;
        let stream_kbps = found.manifest.rendition(RENDITION).map_or(0, |rendition| rendition.bitrate_kbps);
        let cap = Cap::new(config.upload_cap_kbps);
        let mut node_config = NodeConfig::viewer(found.signed.clone(), found.channel_keys.clone(), RENDITION);
        node_config.community_key = Some(found.community_key);
        node_config.target_delay = config.player.target_delay;
        node_config.upload_cap_kbps = config.upload_cap_kbps;
        let origin = config.mode == P2pMode::Assist;
        node_config.origin = origin;
        node_config.keypair = Some(keypair);
        node_config.ticket = first.as_ref().and_then(|announced| ticket_bytes(&announced.ticket));
        if config.near_only {
            node_config.reach = ReachConfig::lan();
        }
        if config.loopback {
            node_config = node_config.on_loopback();
        }
        let (node, events) = Node::start(node_config)?;
        if let Some(announced) = &first
            && let Err(error) = node.add_candidates(candidates(&announced.peers, origin))
        {
            tracing::debug!(%error, "the tracker's first peers were not taken");
        }
        let (stop, hungry) = (CancellationToken::new(), Arc::new(Notify::new()));
        let announcer = Announcer {
            client: found.client.clone(),
            broadcast: found.broadcast.id,
            node: node.clone(),
            role: PeerKind::Viewer,
            server: origin,
            uplink: Uplink::new(cap.clone(), stream_kbps),
            ticket: first.map(|announced| announced.ticket),
            counters: Box::new({
                let node = node.clone();
                move || peer_stats(&node.stats())
            }),
            hungry: hungry.clone(),
        };
        let (announcing, tracked) = announcer.spawn(stop.clone());
        Ok(Self {
            node,
            events,
            tracked,
            announcing,
            stop,
            since: clock::now(),
            hungry,
            cap,
            found,
            fetches: JoinSet::new(),
            wanted: HashMap::new(),
            waiting: VecDeque::new(),
        })
    }

    /// Wants a chunk from the server; asked twice it is fetched once.
    pub(super) fn fetch(&mut self, sequence: u64, deadline: Instant) {
        if self.wanted.insert(sequence, deadline).is_none() {
            self.waiting.push_back(sequence);
            self.start_fetches();
        }
    }

    fn start_fetches(&mut self) {
        while self.fetches.len() < FETCHES
            && let Some(sequence) = self.waiting.pop_front()
        {
            let deadline = self.wanted.get(&sequence).copied().unwrap_or_else(clock::now);
            let patience = deadline.saturating_duration_since(clock::now()).clamp(LEAST, MOST);
            let (client, epoch) = (self.found.client.clone(), self.found.manifest.epoch.0);
            self.fetches.spawn(async move {
                let late = |_| Err(ClientError::Answer("the chunk did not come in time".to_owned()));
                let outcome = tokio::time::timeout(patience, client.chunk(epoch, RENDITION.0, sequence)).await;
                (sequence, outcome.unwrap_or_else(late))
            });
        }
    }

    /// The node's next event; fetches from the server go on meanwhile. `None` when the node ended.
    pub(super) async fn next(&mut self) -> Option<NodeEvent> {
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(NodeEvent::CandidatesWanted(_)) => self.hungry.notify_one(),
                    event => return event,
                },
                Some(fetched) = self.fetches.join_next() => self.fetched(fetched),
            }
        }
    }

    fn fetched(&mut self, fetched: Result<(u64, Result<SignedChunk, ClientError>), tokio::task::JoinError>) {
        if let Ok((sequence, outcome)) = fetched {
            self.wanted.remove(&sequence);
            let told = match outcome {
                Ok(chunk) => self.node.supply_origin(chunk),
                Err(error) => {
                    tracing::debug!(%error, sequence, "the server did not give a chunk");
                    self.node.origin_failed(sequence)
                }
            };
            if let Err(error) = told {
                tracing::debug!(%error, sequence, "the node did not take the server's answer");
            }
        }
        self.start_fetches();
    }

    /// Puts another upload cap in force, and lets the tracker know with the next announce.
    pub(super) fn set_upload_cap(&self, kbps: Option<u32>) {
        self.cap.set(kbps);
        if let Err(error) = self.node.set_upload_cap(kbps) {
            tracing::warn!(%error, "the upload cap could not be changed");
        }
    }

    /// Another manifest of the same broadcast is in force.
    pub(super) fn set_manifest(&mut self, found: Found) {
        self.found = found;
    }

    /// Where the bytes came from so far.
    pub(super) fn delivery(&self) -> Delivery {
        let stats = self.node.stats();
        Delivery {
            from_peers: stats.bytes_from_peers,
            from_publisher: stats.bytes_from_publisher,
            from_origin: stats.bytes_from_origin + stats.bytes_from_server,
            to_peers: stats.bytes_to_peers,
            rejected: stats.chunks_rejected,
            neighbours: stats.neighbours.len(),
            viewers: stats.neighbours.iter().filter(|neighbour| neighbour.kind == Role::Viewer).count(),
        }
    }

    /// How others are reached.
    pub(super) fn way(&self) -> Way {
        way::judge(&self.node.stats(), clock::now().saturating_duration_since(self.since))
    }

    /// Leaves in good order, and gives the final figures.
    pub(super) async fn leave(mut self) -> Delivery {
        self.stop.cancel();
        self.fetches.abort_all();
        self.node.shutdown().await;
        if (&mut self.announcing).await.is_err() {
            tracing::error!("announcing panicked");
        }
        Delivery { neighbours: 0, viewers: 0, ..self.delivery() }
    }
}

async fn first_announce(found: &Found, peer_id: String, uplink_kbps: Option<u32>) -> Option<Announced> {
    let announce = Announce { peer_id, rendition: RENDITION.0, uplink_kbps, ..Announce::default() };
    match tokio::time::timeout(TRACKER, found.client.announce(found.broadcast.id, &announce)).await {
        Ok(Ok(announced)) => Some(announced),
        Ok(Err(error)) => {
            tracing::info!(%error, "the tracker did not let us in yet");
            None
        }
        Err(_) => {
            tracing::info!("the tracker does not answer");
            None
        }
    }
}
