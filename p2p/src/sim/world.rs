//! The virtual world: what happens when, and to whom.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::chance::lognormal;
use super::network::Network;
use super::peer::{Peer, number};
use super::queue::Queue;
use super::scenario::Scenario;
use super::stream::{Published, publish};
use crate::mesh::{Config, Input, Mesh, NeighbourId, Output, Source};
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
        packet: Packet,
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
}

#[derive(Debug)]
pub(super) enum Packet {
    Control(Control),
    Header(Sequence),
    Piece(Sequence, u16),
}

pub(super) struct World {
    pub(super) scenario: Scenario,
    pub(super) base: Instant,
    pub(super) now: u64,
    pub(super) end: u64,
    pub(super) queue: Queue<Event>,
    pub(super) network: Network,
    pub(super) rng: ChaCha8Rng,
    pub(super) published: Vec<Published>,
    /// Chunks at the server.
    pub(super) ingested: usize,
    pub(super) peers: Vec<Peer>,
    pub(super) lags: Vec<u64>,
    pub(super) late: u64,
    pub(super) hash: u64,
    pub(super) started: Instant,
    pub(super) seed: u64,
}

#[expect(clippy::disallowed_methods, reason = "virtual time needs an origin, and the report says how long it took")]
pub(super) fn wall_clock() -> Instant {
    Instant::now()
}

impl World {
    pub(super) fn new(scenario: &Scenario, seed: u64) -> Self {
        let started = wall_clock();
        let mut world = Self {
            scenario: scenario.clone(),
            base: started,
            now: 0,
            end: scenario.seconds * 1_000_000,
            queue: Queue::new(),
            network: Network::new(&scenario.network, seed),
            rng: ChaCha8Rng::seed_from_u64(seed),
            published: publish(&scenario.stream, scenario.seconds, seed),
            ingested: 0,
            peers: Vec::new(),
            lags: Vec::new(),
            late: 0,
            hash: 0xcbf2_9ce4_8422_2325,
            started,
            seed,
        };
        world.populate();
        world
    }

    pub(super) fn now(&self) -> u64 {
        self.now
    }

    pub(super) fn instant(&self, micros: u64) -> Instant {
        self.base + Duration::from_micros(micros)
    }

    /// Rounded up: a timer must not fire a moment before it is due.
    pub(super) fn micros(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.base).as_nanos().div_ceil(1000) as u64
    }

    pub(super) fn populate(&mut self) {
        let plan = self.scenario.server.clone();
        self.add_peer(Role::Publisher, plan.publisher_kbps);
        self.add_peer(Role::Server, plan.server_kbps);
        self.queue.plan(0, Event::Join(PUBLISHER));
        if plan.seeds {
            self.queue.plan(0, Event::Join(SERVER));
        }
        let uplinks = self.shuffled_uplinks();
        let (from, over) = (self.scenario.join.from_s * 1e6, self.scenario.join.over_s * 1e6);
        for (index, kbps) in uplinks.into_iter().enumerate() {
            let peer = self.add_peer(Role::Viewer, kbps);
            let at = from + over * (index as f64 + self.rng.random::<f64>()) / self.scenario.peers as f64;
            self.queue.plan(at as u64, Event::Join(peer));
        }
        for (index, chunk) in self.published.iter().enumerate() {
            self.queue.plan(chunk.signed, Event::Publish(index));
            self.queue.plan(chunk.signed + plan.ingest_ms * 1000, Event::Ingest(index));
        }
        self.queue.plan(500_000, Event::SwarmSize);
        self.queue.plan(self.scenario.warmup_s * 1_000_000, Event::WarmedUp);
        if self.scenario.churn.kill_busiest_at_s > 0.0 {
            self.queue.plan((self.scenario.churn.kill_busiest_at_s * 1e6) as u64, Event::KillBusiest);
        }
    }

    pub(super) fn add_peer(&mut self, role: Role, up_kbps: u64) -> usize {
        let stream = &self.scenario.stream;
        let mut config = Config::new(role, stream.stripes, Duration::from_millis(stream.chunk_ms.into()));
        config.target_delay = Duration::from_millis(self.scenario.target_delay_ms);
        config.upload = Some((up_kbps as f64 * 1e3 * SHARED) as u64);
        config.origin = role == Role::Viewer && self.scenario.server.http;
        let index = self.peers.len();
        let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(index as u64);
        let mesh = Mesh::new(config, seed, self.instant(self.now));
        let down_kbps = if role == Role::Viewer { self.scenario.network.download_kbps } else { 1_000_000 };
        self.peers.push(Peer::new(mesh, role, up_kbps, down_kbps));
        index
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
            Event::Ingest(index) => {
                self.ingested = self.ingested.max(index + 1);
                if self.peers[SERVER].is_here() {
                    self.publish(SERVER, index);
                }
            }
            Event::Join(peer) => self.join(peer),
            Event::Leave(peer, word) => self.leave(peer, word),
            Event::KillBusiest => {
                let viewers = (0..self.peers.len())
                    .filter(|&peer| self.peers[peer].role == Role::Viewer && self.peers[peer].is_here());
                if let Some(busiest) = viewers.max_by_key(|&peer| (self.peers[peer].sent(), peer)) {
                    self.leave(busiest, false);
                }
            }
            Event::Connected(peer, other) => self.connect(peer, other),
            Event::Lost(peer, neighbour) => self.input(peer, Input::Left { neighbour }),
            Event::Arrive { to, from, packet } => self.arrive(to, from, packet),
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
        }
        true
    }

    pub(super) fn publish(&mut self, peer: usize, index: usize) {
        let meta = self.published[index].meta;
        self.peers[peer].headers.insert(meta.sequence);
        self.input(peer, Input::Published { meta });
    }

    pub(super) fn arrive(&mut self, to: usize, from: usize, packet: Packet) {
        if !self.peers[to].is_here() || !self.peers[to].ways.contains_key(&from) {
            return;
        }
        match packet {
            Packet::Control(control) => {
                self.peers[to].control += control.frame_len() as u64;
                self.input(to, Input::Control { neighbour: number(from), control });
            }
            Packet::Header(sequence) => {
                self.peers[to].control += self.header_bytes(sequence);
                self.take_header(to, Source::Neighbour(number(from)), sequence);
            }
            Packet::Piece(sequence, piece) => {
                let bytes = self.published[sequence.0 as usize].meta.piece_size(piece);
                self.input(to, Input::PieceArrived { from: number(from), sequence, piece, bytes });
                if self.peers[to].headers.contains(&sequence) {
                    self.input(to, Input::PieceVerified { from: Source::Neighbour(number(from)), sequence, piece });
                } else {
                    self.peers[to].held.push((from, sequence, piece));
                }
            }
        }
    }

    pub(super) fn take_header(&mut self, peer: usize, from: Source, sequence: Sequence) {
        let meta = self.published[sequence.0 as usize].meta;
        self.peers[peer].headers.insert(sequence);
        self.input(peer, Input::HeaderVerified { from, meta });
        let held = std::mem::take(&mut self.peers[peer].held);
        let (ready, rest): (Vec<_>, Vec<_>) = held.into_iter().partition(|held| held.1 == sequence);
        self.peers[peer].held = rest;
        for (from, sequence, piece) in ready {
            self.input(peer, Input::PieceVerified { from: Source::Neighbour(number(from)), sequence, piece });
        }
    }

    pub(super) fn fetched(&mut self, peer: usize, sequence: Sequence, pieces: &PieceSet, ok: bool) {
        if !self.peers[peer].is_here() {
            return;
        }
        if ok {
            let meta = self.published[sequence.0 as usize].meta;
            if !self.peers[peer].headers.contains(&sequence) {
                self.take_header(peer, Source::Origin, sequence);
            }
            let all = PieceSet::first(meta.pieces());
            for piece in if pieces.is_empty() { &all } else { pieces }.iter() {
                self.input(peer, Input::PieceVerified { from: Source::Origin, sequence, piece });
            }
        }
        self.input(peer, Input::OriginDone { sequence, ok });
    }

    pub(super) fn header_bytes(&self, sequence: Sequence) -> u64 {
        160 + 32 * u64::from(self.published[sequence.0 as usize].meta.pieces())
    }

    /// Tells a mesh something and does what it says.
    pub(super) fn input(&mut self, peer: usize, input: Input) {
        if !self.peers[peer].is_here() {
            return;
        }
        let now = self.instant(self.now);
        self.peers[peer].mesh.handle(now, input);
        while let Some(output) = self.peers[peer].mesh.poll_output() {
            self.note(peer, &output);
            self.output(peer, output);
        }
        self.wake(peer);
    }

    pub(super) fn wake(&mut self, peer: usize) {
        let Some(at) = self.peers[peer].mesh.poll_timeout() else { return };
        let at = self.micros(at).max(self.now);
        let earlier = self.peers[peer].timer.is_none_or(|timer| at < timer);
        if earlier {
            self.peers[peer].timer = Some(at);
            self.queue.plan(at, Event::Timer(peer));
        }
    }

    pub(super) fn output(&mut self, peer: usize, output: Output) {
        match output {
            Output::Send { to, control } => {
                let bytes = control.frame_len() as u64;
                self.transmit(peer, to, Packet::Control(control), bytes);
            }
            Output::SendHeader { to, sequence } => {
                let bytes = self.header_bytes(sequence);
                self.transmit(peer, to, Packet::Header(sequence), bytes);
            }
            Output::SendPiece { to, sequence, piece } => {
                let size = self.published[sequence.0 as usize].meta.piece_size(piece) as usize;
                let bytes = crate::wire::message::piece_frame_len(size) as u64;
                self.transmit(peer, to, Packet::Piece(sequence, piece), bytes);
            }
            Output::FetchOrigin { sequence, pieces, .. } => self.fetch(peer, sequence, pieces),
            Output::Drop { neighbour, .. } => self.disconnect(peer, neighbour.0 as usize),
            Output::ChunkComplete { sequence } => self.completed(peer, sequence),
            Output::ChunkMissed { sequence } => {
                self.late += u64::from(self.now >= self.scenario.warmup_s * 1_000_000);
                self.peers[peer].playout.missed(sequence.0);
                self.play(peer);
            }
            Output::WantCandidates { .. } => {
                let one_way = self.network.one_way(peer, SERVER);
                self.queue.plan(self.now + 2 * one_way, Event::Candidates(peer));
            }
        }
    }

    pub(super) fn transmit(&mut self, from: usize, to: NeighbourId, packet: Packet, bytes: u64) {
        let to = to.0 as usize;
        let one_way = self.network.one_way(from, to);
        let control = matches!(packet, Packet::Control(_));
        let out = self.peers[from].access.upload(self.now, bytes, control);
        let Some(way) = self.peers[from].ways.get_mut(&to) else { return };
        let arrives = self.network.carry(way, usize::from(!control), out, one_way, bytes);
        let at = if control { arrives } else { self.peers[to].access.download(arrives, bytes) };
        self.queue.plan(at, Event::Arrive { to, from, packet });
    }

    pub(super) fn fetch(&mut self, peer: usize, sequence: Sequence, pieces: PieceSet) {
        let took = lognormal(&mut self.rng, self.scenario.server.fetch_ms * 1e3, 0.3) as u64;
        let chunk = usize::try_from(sequence.0).ok().and_then(|index| self.published.get(index));
        let Some(chunk) = chunk else {
            let event = Event::Fetched { peer, sequence, pieces, ok: false };
            self.queue.plan(self.now + took, event);
            return;
        };
        let there = chunk.signed + self.scenario.server.ingest_ms * 1000;
        let bytes: u64 = match pieces.is_empty() {
            true => chunk.meta.size.into(),
            false => pieces.iter().map(|piece| u64::from(chunk.meta.piece_size(piece))).sum(),
        };
        // The server lets the request wait for a chunk that comes within ten seconds.
        let ok = there < self.now + 10_000_000;
        let begin = if ok { there.max(self.now) } else { self.now };
        let at = self.peers[peer].access.download(begin + took, bytes);
        self.queue.plan(at, Event::Fetched { peer, sequence, pieces, ok });
    }

    pub(super) fn completed(&mut self, peer: usize, sequence: Sequence) {
        let chunk = self.published[sequence.0 as usize];
        if self.now >= self.scenario.warmup_s * 1_000_000 && chunk.signed > self.peers[peer].joined {
            self.lags.push(self.now - chunk.signed);
        }
        let target = self.scenario.target_delay_ms * 1000;
        self.peers[peer].playout.completed(self.now, &chunk, target);
        self.play(peer);
    }

    pub(super) fn play(&mut self, peer: usize) {
        if self.peers[peer].role != Role::Viewer || !self.peers[peer].is_here() {
            return;
        }
        let target = self.scenario.target_delay_ms * 1000;
        let before = self.peers[peer].playout.playhead();
        let again = self.peers[peer].playout.play(self.now, &self.published, target);
        if let Some(at) = again
            && self.peers[peer].play_at.is_none_or(|planned| at < planned)
        {
            self.peers[peer].play_at = Some(at);
            self.queue.plan(at, Event::Play(peer));
        }
        let after = self.peers[peer].playout.playhead();
        if let Some((sequence, due)) = after.filter(|_| after != before) {
            let at = self.instant(due);
            self.input(peer, Input::Playhead { sequence: Sequence(sequence), at });
        }
    }
}
