//! The virtual world: what happens when, and to whom.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::meter::{Histogram, Second};
use super::network::Network;
use super::peer::{Character, Clock, Peer};
use super::policy::{Brain, Policy};
use super::queue::Queue;
use super::scenario::Scenario;
use super::stream::{Published, publish};
use crate::mesh::{Config, Input, NeighbourId};
use crate::wire::{Control, PieceSet, Role, Sequence};

/// The broadcaster's and the server's place in the list of peers.
pub(super) const PUBLISHER: usize = 0;
pub(super) const SERVER: usize = 1;
/// Share of a line that the user lets Runnel have.
const SHARED: f64 = 0.9;

#[derive(Debug)]
pub(super) enum Event {
    Publish(usize),
    Ingest(usize),
    Join(usize),
    /// The peer leaves, with or without a word.
    Leave(usize, bool),
    /// The viewer that sends most leaves without a word.
    KillBusiest,
    Connected(usize, usize),
    Lost(usize, NeighbourId),
    Arrive {
        to: usize,
        from: usize,
        epoch: u32,
        packet: Packet,
    },
    /// A message begins to come in.
    Reach {
        to: usize,
        from: usize,
        epoch: u32,
        packet: Packet,
        bytes: u32,
    },
    Timer(usize),
    Play(usize),
    Fetched {
        peer: usize,
        sequence: Sequence,
        pieces: PieceSet,
        ok: bool,
    },
    Candidates(usize),
    Edge(usize),
    SwarmSize,
    WarmedUp,
    /// A second is over.
    Tick,
    SlowDown,
    /// The server is gone, or back.
    Origin(bool),
    /// The broadcaster is gone, or back.
    Broadcaster(bool),
}

#[derive(Debug)]
pub(super) enum Packet {
    /// In a box, so that events stay small.
    Control(Box<Control>),
    Header(Sequence),
    /// A piece, and whether its bytes are what the broadcaster signed.
    Piece(Sequence, u16, bool),
    /// There is a newer epoch.
    Epoch(u32),
}

pub(super) struct World {
    pub(super) scenario: Scenario,
    pub(super) policy: Policy,
    pub(super) base: Instant,
    pub(super) now: u64,
    pub(super) end: u64,
    pub(super) queue: Queue<Event>,
    pub(super) network: Network,
    pub(super) rng: ChaCha8Rng,
    pub(super) published: Vec<Published>,
    /// Chunks at the server.
    pub(super) ingested: usize,
    pub(super) server_up: bool,
    pub(super) epoch: u32,
    pub(super) peers: Vec<Peer>,
    /// The viewers that are there, as the tracker knows them.
    pub(super) roster: Vec<usize>,
    pub(super) lags: Histogram,
    pub(super) latencies: Histogram,
    pub(super) late: u64,
    pub(super) seconds: Vec<Second>,
    /// Stripes whose parent was lost or became slow: since when, and who it was.
    pub(super) wounds: BTreeMap<(usize, u8), (u64, NeighbourId)>,
    pub(super) heals: Histogram,
    /// Bad pieces that each viewer took from each polluter.
    pub(super) bad_pieces: BTreeMap<(usize, usize), u64>,
    pub(super) bad_bytes_forwarded: u64,
    pub(super) bad_bytes_played: u64,
    pub(super) old_epoch_refused: u64,
    pub(super) sybil_stripes: f64,
    pub(super) hash: u64,
    pub(super) started: Instant,
    pub(super) seed: u64,
}

#[expect(clippy::disallowed_methods, reason = "virtual time needs an origin, and the report says how long it took")]
pub(super) fn wall_clock() -> Instant {
    Instant::now()
}

impl World {
    pub(super) fn new(scenario: &Scenario, policy: Policy, seed: u64) -> Self {
        let started = wall_clock();
        let mut world = Self {
            scenario: scenario.clone(),
            policy,
            base: started,
            now: 0,
            end: scenario.seconds * 1_000_000,
            queue: Queue::new(),
            network: Network::new(&scenario.network, seed),
            rng: ChaCha8Rng::seed_from_u64(seed),
            published: publish(&scenario.stream, &scenario.broadcaster_outage, scenario.seconds, seed),
            ingested: 0,
            server_up: true,
            epoch: 0,
            peers: Vec::new(),
            roster: Vec::new(),
            lags: Histogram::new(),
            latencies: Histogram::new(),
            late: 0,
            seconds: Vec::new(),
            wounds: BTreeMap::new(),
            heals: Histogram::new(),
            bad_pieces: BTreeMap::new(),
            bad_bytes_forwarded: 0,
            bad_bytes_played: 0,
            old_epoch_refused: 0,
            sybil_stripes: 0.0,
            hash: 0xcbf2_9ce4_8422_2325,
            started,
            seed,
        };
        world.populate();
        world.plan_events();
        world
    }

    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// A peer's own clock at this time.
    pub(super) fn instant(&self, peer: usize, micros: u64) -> Instant {
        self.base + Duration::from_micros(self.peers[peer].clock.local(micros))
    }

    /// When a peer's own clock shows this. Rounded up: a timer must not fire a moment before it is due.
    pub(super) fn micros(&self, peer: usize, at: Instant) -> u64 {
        let local = at.saturating_duration_since(self.base).as_nanos().div_ceil(1000) as u64;
        self.peers[peer].clock.global(local)
    }

    /// How far from capture to screen.
    pub(super) fn target(&self) -> u64 {
        let stream = &self.scenario.stream;
        match self.policy {
            // A segment is there when its last chunk is; players hold back three of them.
            Policy::SegmentPull => (3.0 * stream.gop_s * 1e6) as u64 + stream.publish_delay_ms * 1000,
            _ => self.scenario.target_delay_ms * 1000,
        }
    }

    pub(super) fn is_warm(&self) -> bool {
        self.now >= self.scenario.warmup_s * 1_000_000
    }

    fn populate(&mut self) {
        let plan = self.scenario.server.clone();
        let seeds = plan.seeds && self.policy != Policy::SegmentPull;
        self.add_peer(Role::Publisher, plan.publisher_kbps, Character::Honest);
        self.add_peer(Role::Server, plan.server_kbps, Character::Honest);
        if self.policy != Policy::SegmentPull {
            self.queue.plan(0, Event::Join(PUBLISHER));
        }
        if seeds {
            self.queue.plan(0, Event::Join(SERVER));
        }
        let uplinks = self.shuffled_uplinks();
        let join = self.scenario.join.clone();
        let early = self.scenario.peers - join.crowd;
        for (index, kbps) in uplinks.into_iter().enumerate() {
            let (place, count, from, over) = match index.checked_sub(early) {
                None => (index, early, join.from_s, join.over_s),
                Some(place) => (place, join.crowd, join.crowd_from_s, join.crowd_over_s),
            };
            let character = self.cast(index);
            let peer = self.add_peer(Role::Viewer, kbps, character);
            let at = (from + over * (place as f64 + self.chance()) / count as f64) * 1e6;
            self.queue.plan(at as u64, Event::Join(peer));
        }
        for (index, chunk) in self.published.iter().enumerate() {
            self.queue.plan(chunk.signed, Event::Publish(index));
            self.queue.plan(chunk.signed + plan.ingest_ms * 1000, Event::Ingest(index));
        }
    }

    pub(super) fn chance(&mut self) -> f64 {
        use rand::RngExt;
        self.rng.random()
    }

    pub(super) fn add_peer(&mut self, role: Role, up_kbps: u64, character: Character) -> usize {
        let index = self.peers.len();
        let down_kbps = if role == Role::Viewer { self.scenario.network.download_kbps } else { 1_000_000 };
        let clock = match role {
            Role::Viewer => Clock::random(&self.scenario.clocks, &mut self.rng),
            _ => Clock::default(),
        };
        let now = self.base + Duration::from_micros(clock.local(self.now));
        let brain = self.brain(role, up_kbps, character, index, now);
        let mut peer = Peer::new(brain, role, up_kbps, down_kbps);
        (peer.character, peer.clock, peer.epoch) = (character, clock, self.epoch);
        peer.reach = self.reach_of(role, index);
        self.peers.push(peer);
        index
    }

    pub(super) fn brain(&self, role: Role, up_kbps: u64, character: Character, index: usize, now: Instant) -> Brain {
        let stream = &self.scenario.stream;
        let mut config = Config::new(role, stream.stripes, Duration::from_millis(stream.chunk_ms.into()));
        config.target_delay = Duration::from_micros(self.target());
        config.upload = Some((character.claims(up_kbps) as f64 * 1e3 * SHARED) as u64);
        config.origin = role == Role::Viewer && self.scenario.server.http;
        let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(index as u64);
        let seed = seed.wrapping_add(u64::from(self.epoch) << 40);
        Brain::new(self.policy, config, stream.chunks_per_gop(), seed, now)
    }

    /// Lets the next thing happen; `false` at the end.
    pub(super) fn step(&mut self) -> bool {
        let Some((at, event)) = self.queue.pop() else { return false };
        if at >= self.end {
            self.now = self.end;
            return false;
        }
        self.now = at;
        match event {
            Event::Publish(index) => self.publish(PUBLISHER, index),
            Event::Ingest(index) => self.ingest(index),
            Event::Join(peer) => self.join(peer),
            Event::Leave(peer, word) => self.leave(peer, word),
            Event::KillBusiest => {
                let busiest = self.viewers().max_by_key(|&peer| (self.peers[peer].sent(), peer));
                if let Some(busiest) = busiest {
                    self.leave(busiest, false);
                }
            }
            Event::Connected(peer, other) => self.connect(peer, other),
            Event::Lost(peer, neighbour) => {
                // A connection that was made anew since is another one.
                if !self.peers[peer].ways.contains_key(&(neighbour.0 as usize)) {
                    return true;
                }
                if self.is_over(peer, neighbour.0 as usize) {
                    self.peers[peer].ways.remove(&(neighbour.0 as usize));
                    self.input(peer, Input::Left { neighbour });
                }
            }
            Event::Arrive { to, from, epoch, packet } => self.arrive(to, from, epoch, packet),
            Event::Reach { to, from, epoch, packet, bytes } => {
                let at = self.peers[to].access.download(at, bytes.into());
                self.queue.plan(at, Event::Arrive { to, from, epoch, packet });
            }
            Event::Timer(peer) => {
                if self.peers[peer].timer.take_if(|timer| *timer == at).is_some() {
                    self.input(peer, Input::Timeout);
                }
            }
            Event::Play(peer) => {
                if self.peers[peer].play_at.take_if(|play| *play == at).is_some() {
                    self.play(peer);
                }
            }
            Event::Fetched { peer, sequence, pieces, ok } => self.fetched(peer, sequence, &pieces, ok),
            Event::Candidates(peer) => self.introduce(peer),
            Event::Edge(peer) => self.tell_edge(peer),
            Event::SwarmSize => self.tell_swarm_size(),
            Event::WarmedUp => self.peers.iter_mut().for_each(Peer::set_baseline),
            Event::Tick => self.tick(),
            Event::SlowDown => self.slow_down(),
            Event::Origin(up) => self.origin(up),
            Event::Broadcaster(up) => self.broadcaster(up),
        }
        true
    }

    /// Whether the other side of a connection is gone or has let go of it.
    fn is_over(&self, peer: usize, other: usize) -> bool {
        !self.peers[other].is_here() || !self.peers[other].ways.contains_key(&peer)
    }
}
