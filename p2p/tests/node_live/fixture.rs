//! A show with its keys, nodes that play parts in it, and ways to wait for what happens.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use libp2p::multiaddr::Protocol;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use runnel_p2p::{
    node::{Candidate, Multiaddr, Node, NodeConfig, NodeEvent, NodeProblem, Role},
    wire::{
        BroadcastId, BroadcastKey, ChannelId, ChannelKey, ChunkFlags, ChunkInfo, CommunityKey, Epoch, Init, Manifest,
        PublicKey, Rendition, RenditionId, Sequence, SignedChunk, SignedManifest, Track, TrackKind, sign_chunk,
    },
};
use tokio::{sync::mpsc, time::timeout};

/// Everything must happen within this time; nothing waits for it to pass.
pub(crate) const LIMIT: Duration = Duration::from_secs(40);

/// How long a chunk plays: the shortest there is, so that tests are short.
pub(crate) const CHUNK: Duration = Duration::from_millis(20);

/// Every so-many-th chunk is a keyframe.
pub(crate) const GOP: u64 = 20;

pub(crate) const RENDITION: RenditionId = RenditionId(1);

/// Which transport the nodes of a test listen on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Over {
    Quic,
    Tcp,
}

pub(crate) struct Show {
    pub(crate) channel: ChannelKey,
    pub(crate) broadcast: BroadcastKey,
    pub(crate) community: CommunityKey,
    pub(crate) id: BroadcastId,
    pub(crate) epoch: u64,
    pub(crate) over: Over,
}

impl Show {
    pub(crate) fn new(over: Over) -> Self {
        Self {
            channel: ChannelKey::from_bytes([1; 32]),
            broadcast: BroadcastKey::from_bytes([2; 32]),
            community: CommunityKey::from_bytes([3; 32]),
            id: BroadcastId([4; 16]),
            epoch: 1,
            over,
        }
    }

    /// The next epoch, with a key of its own.
    pub(crate) fn next_epoch(&self) -> Self {
        let broadcast = BroadcastKey::from_bytes([0x80 + self.epoch as u8; 32]);
        Self { broadcast, epoch: self.epoch + 1, ..Self::new(self.over) }
    }

    pub(crate) fn manifest(&self, version: u32) -> SignedManifest {
        let track = |kind, codec: &str| Track { kind, codec: codec.into(), language: "en".into() };
        let rendition = Rendition {
            id: RENDITION,
            width: 640,
            height: 360,
            fps: 50,
            bitrate_kbps: 4800,
            codecs: "av01.0.04M.08,opus".into(),
            tracks: vec![track(TrackKind::Video, "av01.0.04M.08"), track(TrackKind::Audio, "opus")],
            inits: vec![Init { id: 0, data: vec![7; 600].into() }],
            chunk_millis: CHUNK.as_millis() as u32,
            stripes: 2,
        };
        let manifest = Manifest {
            version,
            channel: ChannelId([5; 16]),
            broadcast: self.id,
            epoch: Epoch(self.epoch),
            broadcast_key: self.broadcast.public(),
            renditions: vec![rendition],
            created: 1_790_000_000_000_000,
        };
        manifest.sign(&self.channel).unwrap()
    }

    fn keys(&self) -> Vec<PublicKey> {
        vec![self.channel.public()]
    }

    /// A chunk of about 12 kB, keyframes twice that; the same each time.
    pub(crate) fn chunk(&self, sequence: u64) -> SignedChunk {
        let keyframe = sequence.is_multiple_of(GOP);
        let mut rng = ChaCha8Rng::seed_from_u64(sequence ^ self.epoch << 32);
        let mut payload = vec![0; if keyframe { 24_000 } else { 10_000 + (sequence * 37 % 4_000) as usize }];
        rng.fill_bytes(&mut payload);
        let at = sequence as i64 * CHUNK.as_micros() as i64;
        let info = ChunkInfo {
            broadcast: self.id,
            epoch: Epoch(self.epoch),
            rendition: RENDITION,
            sequence: Sequence(sequence),
            manifest_version: 1,
            init: 0,
            start_micros: at,
            duration_micros: CHUNK.as_micros() as u32,
            captured_micros: 1_790_000_000_000_000 + at,
            flags: ChunkFlags { keyframe, discontinuity: false, end: false },
            key_id: None,
        };
        sign_chunk(&self.broadcast, info, payload.into()).unwrap()
    }

    /// A configuration as tests want it; `seed` makes its choices repeatable.
    pub(crate) fn config(&self, role: Role, seed: u64) -> NodeConfig {
        let (manifest, keys) = (self.manifest(1), self.keys());
        let config = match role {
            Role::Publisher => NodeConfig::publisher(manifest, keys, RENDITION, self.broadcast.clone()),
            Role::Server => NodeConfig::seeder(manifest, keys, RENDITION, Some(self.community.clone())),
            Role::Viewer => NodeConfig { origin: false, ..NodeConfig::viewer(manifest, keys, RENDITION) },
        };
        let host = Multiaddr::from(std::net::Ipv4Addr::LOCALHOST);
        let listen = match self.over {
            Over::Quic => host.with(Protocol::Udp(0)).with(Protocol::QuicV1),
            Over::Tcp => host.with(Protocol::Tcp(0)),
        };
        NodeConfig {
            listen: vec![listen],
            community_key: Some(self.community.public()),
            seed: Some(seed),
            ..config.on_loopback()
        }
    }

    pub(crate) async fn start(&self, role: Role, seed: u64) -> Actor {
        Actor::start(NodeConfig { listen: self.config(role, seed).listen, ..self.config(role, seed) }).await
    }
}

/// A node and what it has told so far.
pub(crate) struct Actor {
    pub(crate) node: Node,
    events: mpsc::Receiver<NodeEvent>,
    pub(crate) role: Role,
    pub(crate) addresses: Vec<Multiaddr>,
    /// The chunks it got, in order of number.
    pub(crate) chunks: BTreeMap<u64, SignedChunk>,
    pub(crate) first: Option<u64>,
    pub(crate) missed: BTreeSet<u64>,
    pub(crate) twice: BTreeSet<u64>,
    pub(crate) neighbours: usize,
    pub(crate) problems: Vec<NodeProblem>,
}

impl Actor {
    pub(crate) async fn start(config: NodeConfig) -> Self {
        let role = config.role;
        let (node, events) = Node::start(config).unwrap();
        Self::of(role, node, events).await
    }

    /// Takes over a node that was just started.
    pub(crate) async fn of(role: Role, node: Node, events: mpsc::Receiver<NodeEvent>) -> Self {
        let addresses = timeout(LIMIT, node.listening()).await.unwrap();
        Self {
            node,
            events,
            role,
            addresses,
            chunks: BTreeMap::new(),
            first: None,
            missed: BTreeSet::new(),
            twice: BTreeSet::new(),
            neighbours: 0,
            problems: Vec::new(),
        }
    }

    pub(crate) fn candidate(&self) -> Candidate {
        Candidate { peer: self.node.peer_id(), addresses: self.addresses.clone(), kind: self.role }
    }

    pub(crate) fn knows(&self, others: &[&Self]) {
        self.node.add_candidates(others.iter().map(|other| other.candidate()).collect()).unwrap();
    }

    /// Takes the next event in, and gives it.
    pub(crate) async fn next(&mut self) -> NodeEvent {
        let event = timeout(LIMIT, self.events.recv()).await.expect("an event in time").expect("the node is there");
        match &event {
            NodeEvent::Chunk(chunk) => {
                let sequence = chunk.header.sequence.0;
                self.first.get_or_insert(sequence);
                if self.chunks.insert(sequence, chunk.clone()).is_some() {
                    self.twice.insert(sequence);
                }
            }
            NodeEvent::Missed(sequence) => {
                self.missed.insert(sequence.0);
            }
            NodeEvent::NeighboursChanged(n) => self.neighbours = *n,
            NodeEvent::Problem(problem) => self.problems.push(problem.clone()),
            _ => {}
        }
        event
    }

    pub(crate) async fn until(&mut self, what: &str, mut fits: impl FnMut(&Self, &NodeEvent) -> bool) {
        let wait = async {
            loop {
                let event = self.next().await;
                if fits(self, &event) {
                    return;
                }
            }
        };
        if timeout(LIMIT, wait).await.is_err() {
            panic!(
                "{what} did not happen: {} chunks, first {:?}, last {:?}, missed {:?}, neighbours {}, problems {:?}, {:#?}",
                self.chunks.len(),
                self.first,
                self.chunks.last_key_value().map(|(n, _)| *n),
                self.missed,
                self.neighbours,
                self.problems,
                self.node.stats(),
            );
        }
    }

    pub(crate) async fn meets(&mut self, n: usize) {
        if self.neighbours < n {
            self.until(&format!("meeting {n} neighbours"), |actor, _| actor.neighbours >= n).await;
        }
    }

    /// Waits until this chunk is here or given up.
    pub(crate) async fn sees(&mut self, last: u64) {
        let over = |actor: &Self| actor.chunks.contains_key(&last) || actor.missed.contains(&last);
        if !over(self) {
            self.until(&format!("chunk {last}"), |actor, _| over(actor)).await;
        }
    }

    /// Waits until every chunk from the first one on to `last` is here.
    pub(crate) async fn has_all(&mut self, last: u64) {
        let whole = |actor: &Self| {
            actor.first.is_some() && {
                let first = *actor.chunks.first_key_value().unwrap().0;
                actor.chunks.range(..=last).count() as u64 == last + 1 - first
            }
        };
        if !whole(self) {
            self.until(&format!("all chunks up to {last}"), |actor, _| whole(actor)).await;
        }
    }

    /// Checks that all that came is what was published, and came once.
    pub(crate) fn check(&self, show: &Show) {
        assert!(self.twice.is_empty(), "came twice: {:?}", self.twice);
        for (sequence, chunk) in &self.chunks {
            assert_eq!(chunk, &show.chunk(*sequence), "chunk {sequence}");
        }
    }
}

/// Publishes chunks in real time, on the publisher and, as if it had been put there, on the server.
pub(crate) async fn publish(show: &Show, sources: &[&Node], sequences: std::ops::Range<u64>) {
    let mut pace = tokio::time::interval(CHUNK);
    for sequence in sequences {
        pace.tick().await;
        let chunk = show.chunk(sequence);
        for source in sources {
            source.publish(chunk.clone()).unwrap();
        }
    }
}
