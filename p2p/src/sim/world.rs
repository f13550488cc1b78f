//! The virtual world: what happens when, and to whom.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::chance::{exponential, lognormal};
use super::network::{Network, Way};
use super::peer::{Peer, State, number};
use super::queue::Queue;
use super::report::{Percentiles, Report};
use super::scenario::Scenario;
use super::stream::{Published, publish};
use crate::mesh::{Config, Input, Mesh, NeighbourId, NeighbourInfo, Output, Source, Stats};
use crate::wire::{Control, PieceSet, Role, Sequence};

/// The broadcaster's and the server's place in the list of peers.
const PUBLISHER: usize = 0;
const SERVER: usize = 1;
/// How many neighbours the tracker names.
const CANDIDATES: usize = 12;
/// How many of those because they can upload much.
const STRONG_CANDIDATES: usize = 3;
/// Viewers that a source's node has room for beside; the others know it by name only.
const SOURCE_NEIGHBOURS: usize = 100;
/// After how long a neighbour that left without a word is noticed.
const IDLE: u64 = 4_000_000;
/// Share of a line that the user lets Runnel have.
const SHARED: f64 = 0.9;

#[derive(Debug)]
enum Event {
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
enum Packet {
    Control(Control),
    Header(Sequence),
    Piece(Sequence, u16),
}

pub(super) struct World {
    scenario: Scenario,
    base: Instant,
    now: u64,
    end: u64,
    queue: Queue<Event>,
    network: Network,
    rng: ChaCha8Rng,
    published: Vec<Published>,
    /// Chunks at the server.
    ingested: usize,
    peers: Vec<Peer>,
    lags: Vec<u64>,
    late: u64,
    hash: u64,
    started: Instant,
    seed: u64,
}

#[expect(clippy::disallowed_methods, reason = "virtual time needs an origin, and the report says how long it took")]
fn wall_clock() -> Instant {
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

    fn instant(&self, micros: u64) -> Instant {
        self.base + Duration::from_micros(micros)
    }

    /// Rounded up: a timer must not fire a moment before it is due.
    fn micros(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.base).as_nanos().div_ceil(1000) as u64
    }

    fn populate(&mut self) {
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

    /// Uplinks in the planned shares, to the very peer, in random order.
    fn shuffled_uplinks(&mut self) -> Vec<u64> {
        let total: f64 = self.scenario.uplinks.iter().map(|uplink| uplink.share).sum();
        let peers = self.scenario.peers;
        let mut uplinks = Vec::with_capacity(peers);
        let mut sum = 0.0;
        for uplink in &self.scenario.uplinks {
            sum += uplink.share / total;
            let until = ((sum * peers as f64 + 0.5) as usize).min(peers);
            uplinks.resize(until.max(uplinks.len()), uplink.kbps);
        }
        let last = uplinks.last().copied().unwrap_or_default();
        uplinks.resize(peers, last);
        for index in (1..peers).rev() {
            let other = self.rng.random_range(0..=index);
            uplinks.swap(index, other);
        }
        uplinks
    }

    fn add_peer(&mut self, role: Role, up_kbps: u64) -> usize {
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

    fn publish(&mut self, peer: usize, index: usize) {
        let meta = self.published[index].meta;
        self.peers[peer].headers.insert(meta.sequence);
        self.input(peer, Input::Published { meta });
    }

    fn join(&mut self, peer: usize) {
        self.peers[peer].state = State::Here;
        self.peers[peer].joined = self.now;
        if self.now >= self.scenario.warmup_s * 1_000_000 {
            self.peers[peer].set_baseline();
        }
        if self.peers[peer].role != Role::Viewer {
            if peer == SERVER {
                self.dial(SERVER, PUBLISHER);
            }
            self.wake(peer);
            return;
        }
        // One round trip to the tracker.
        let one_way = self.network.one_way(peer, SERVER);
        self.queue.plan(self.now + 2 * one_way + 5000, Event::Candidates(peer));
        self.queue.plan(self.now + 2 * one_way + 5000, Event::Edge(peer));
        self.plan_leave(peer);
        self.wake(peer);
    }

    fn plan_leave(&mut self, peer: usize) {
        let churn = self.scenario.churn.clone();
        let word = self.rng.random::<f64>() >= churn.crash_share;
        // Those of the beginning are there to stay for a while.
        let newcomer = self.now > (self.scenario.join.from_s + self.scenario.join.over_s) as u64 * 1_000_000;
        if newcomer && self.rng.random::<f64>() < churn.short_share {
            let stay = 1e6 + 4e6 * self.rng.random::<f64>();
            self.queue.plan(self.now + stay as u64, Event::Leave(peer, word));
        } else if churn.per_minute > 0.0 {
            let stay = exponential(&mut self.rng, 60e6 / churn.per_minute);
            self.queue.plan(self.now + stay as u64, Event::Leave(peer, word));
        }
    }

    fn leave(&mut self, peer: usize, word: bool) {
        if !self.peers[peer].is_here() {
            return;
        }
        self.peers[peer].state = State::Gone;
        let now = self.now;
        self.peers[peer].playout.finish(now);
        let neighbours: Vec<usize> = self.peers[peer].ways.keys().copied().collect();
        for other in neighbours {
            let delay = if word { self.network.one_way(peer, other) } else { IDLE };
            self.queue.plan(now + delay, Event::Lost(other, number(peer)));
        }
        if self.scenario.churn.per_minute > 0.0 {
            let kbps = self.peers[peer].up_kbps;
            let newcomer = self.add_peer(Role::Viewer, kbps);
            self.queue.plan(now + 1, Event::Join(newcomer));
        }
    }

    /// The tracker names neighbours.
    fn introduce(&mut self, peer: usize) {
        if !self.peers[peer].is_here() {
            return;
        }
        let mut others: Vec<usize> = (2..self.peers.len())
            .filter(|&other| other != peer && self.peers[other].is_here() && !self.peers[peer].met.contains(&other))
            .collect();
        for index in 0..others.len().min(CANDIDATES) {
            let pick = self.rng.random_range(index..others.len());
            others.swap(index, pick);
        }
        // Most by chance, some because they can upload much.
        let mut strong: Vec<usize> = others.iter().copied().skip(CANDIDATES - STRONG_CANDIDATES).collect();
        others.truncate(CANDIDATES - STRONG_CANDIDATES);
        strong.sort_by_key(|&other| std::cmp::Reverse((self.peers[other].up_kbps, other)));
        strong.truncate(strong.len().div_ceil(5).max(STRONG_CANDIDATES));
        for _ in 0..STRONG_CANDIDATES.min(strong.len()) {
            let pick = self.rng.random_range(0..strong.len());
            others.push(strong.swap_remove(pick));
        }
        for source in [PUBLISHER, SERVER] {
            let room = self.peers[source].ways.len() < SOURCE_NEIGHBOURS;
            if room && self.peers[source].is_here() && !self.peers[peer].met.contains(&source) {
                others.push(source);
            }
        }
        for other in others {
            self.dial(peer, other);
        }
    }

    fn dial(&mut self, peer: usize, other: usize) {
        self.peers[peer].met.insert(other);
        self.peers[other].met.insert(peer);
        let handshake = 4 * self.network.one_way(peer, other);
        self.queue.plan(self.now + handshake, Event::Connected(peer, other));
    }

    fn connect(&mut self, peer: usize, other: usize) {
        if !self.peers[peer].is_here() || !self.peers[other].is_here() {
            return;
        }
        let rtt = Duration::from_micros(2 * self.network.one_way(peer, other));
        self.peers[peer].ways.insert(other, Way::default());
        self.peers[other].ways.insert(peer, Way::default());
        for (one, another, outbound) in [(peer, other, true), (other, peer, false)] {
            let info = NeighbourInfo { role: self.peers[another].role, outbound, rtt, network: None };
            self.input(one, Input::Joined { neighbour: number(another), info });
        }
    }

    fn disconnect(&mut self, peer: usize, other: usize) {
        self.peers[peer].ways.remove(&other);
        if self.peers[other].ways.contains_key(&peer) {
            let at = self.now + self.network.one_way(peer, other);
            self.queue.plan(at, Event::Lost(other, number(peer)));
        }
    }

    fn tell_edge(&mut self, peer: usize) {
        let Some(newest) = self.ingested.checked_sub(1) else { return };
        let keyframe = self.published[..=newest].iter().rev().find(|chunk| chunk.meta.keyframe);
        if let Some(keyframe) = keyframe.map(|chunk| chunk.meta.sequence)
            && self.scenario.server.http
        {
            self.input(peer, Input::LiveEdge { keyframe, newest: Sequence(newest as u64) });
        }
    }

    fn tell_swarm_size(&mut self) {
        let viewers = self.peers.iter().filter(|peer| peer.role == Role::Viewer && peer.is_here()).count();
        for peer in 0..self.peers.len() {
            if self.peers[peer].is_here() {
                self.input(peer, Input::SwarmSize { viewers });
            }
        }
        self.queue.plan(self.now + 2_000_000, Event::SwarmSize);
    }

    fn arrive(&mut self, to: usize, from: usize, packet: Packet) {
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

    fn take_header(&mut self, peer: usize, from: Source, sequence: Sequence) {
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

    fn fetched(&mut self, peer: usize, sequence: Sequence, pieces: &PieceSet, ok: bool) {
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

    fn header_bytes(&self, sequence: Sequence) -> u64 {
        160 + 32 * u64::from(self.published[sequence.0 as usize].meta.pieces())
    }

    /// Tells a mesh something and does what it says.
    fn input(&mut self, peer: usize, input: Input) {
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

    fn wake(&mut self, peer: usize) {
        let Some(at) = self.peers[peer].mesh.poll_timeout() else { return };
        let at = self.micros(at).max(self.now);
        let earlier = self.peers[peer].timer.is_none_or(|timer| at < timer);
        if earlier {
            self.peers[peer].timer = Some(at);
            self.queue.plan(at, Event::Timer(peer));
        }
    }

    fn output(&mut self, peer: usize, output: Output) {
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

    fn transmit(&mut self, from: usize, to: NeighbourId, packet: Packet, bytes: u64) {
        let to = to.0 as usize;
        let one_way = self.network.one_way(from, to);
        let control = matches!(packet, Packet::Control(_));
        let out = self.peers[from].access.upload(self.now, bytes, control);
        let Some(way) = self.peers[from].ways.get_mut(&to) else { return };
        let arrives = self.network.carry(way, usize::from(!control), out, one_way, bytes);
        let at = if control { arrives } else { self.peers[to].access.download(arrives, bytes) };
        self.queue.plan(at, Event::Arrive { to, from, packet });
    }

    fn fetch(&mut self, peer: usize, sequence: Sequence, pieces: PieceSet) {
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

    fn completed(&mut self, peer: usize, sequence: Sequence) {
        let chunk = self.published[sequence.0 as usize];
        if self.now >= self.scenario.warmup_s * 1_000_000 && chunk.signed > self.peers[peer].joined {
            self.lags.push(self.now - chunk.signed);
        }
        let target = self.scenario.target_delay_ms * 1000;
        self.peers[peer].playout.completed(self.now, &chunk, target);
        self.play(peer);
    }

    fn play(&mut self, peer: usize) {
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

    /// Mixes an output into the trace's hash (FNV-1a over words).
    fn note(&mut self, peer: usize, output: &Output) {
        let (kind, to, sequence, piece) = match output {
            Output::Send { to, control } => (1, to.0, control.frame_len() as u64, u64::from(control.since().number())),
            Output::SendHeader { to, sequence } => (2, to.0, sequence.0, 0),
            Output::SendPiece { to, sequence, piece } => (3, to.0, sequence.0, u64::from(*piece)),
            Output::FetchOrigin { sequence, pieces, .. } => (4, 0, sequence.0, pieces.len() as u64),
            Output::Drop { neighbour, .. } => (5, neighbour.0, 0, 0),
            Output::ChunkComplete { sequence } => (6, 0, sequence.0, 0),
            Output::ChunkMissed { sequence } => (7, 0, sequence.0, 0),
            Output::WantCandidates { count } => (8, *count as u64, 0, 0),
        };
        for word in [self.now, peer as u64, kind, to, sequence, piece] {
            self.hash = (self.hash ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(23);
        }
    }

    pub(super) fn report(mut self, seed: u64) -> Report {
        let now = self.now;
        let mut total = Stats::default();
        let (mut control, mut played, mut stalled, mut stalls) = (0, 0, 0, 0);
        let mut first_frames = Vec::new();
        let (mut depth, mut depths) = (0.0, 0.0);
        for peer in &mut self.peers {
            if peer.role != Role::Viewer || peer.state == State::Away {
                continue;
            }
            peer.playout.finish(now);
            total.add(&peer.mesh.stats().since(&peer.baseline));
            control += peer.control - peer.baseline_control;
            let (before_played, before_stalled, before_stalls) = peer.baseline_played;
            played += peer.playout.played - before_played;
            stalled += peer.playout.stalled - before_stalled;
            stalls += peer.playout.stalls - before_stalls;
            match peer.playout.first_frame {
                Some(at) => {
                    // The broadcast itself may begin later.
                    let begun = peer.joined.max(self.published.first().map_or(0, |chunk| chunk.signed));
                    first_frames.push(at.saturating_sub(begun));
                }
                None if peer.is_here() => first_frames.push(now - peer.joined),
                None => {}
            }
            if peer.is_here() {
                for hops in peer.mesh.depths().filter(|depth| *depth < 255) {
                    depth += f64::from(hops);
                    depths += 1.0;
                }
            }
        }
        let from =
            [total.bytes_from_viewers, total.bytes_from_publisher, total.bytes_from_server, total.bytes_from_origin];
        let media: u64 = from.iter().sum();
        let ratio = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let uploads: u64 = self.peers[2..].iter().filter(|peer| peer.is_here()).map(|peer| peer.up_kbps).sum();
        let here = self.peers[2..].iter().filter(|peer| peer.is_here()).count() as u64;
        let chunks = total.chunks_complete + self.late;
        Report {
            scenario: self.scenario.name.clone(),
            peers: self.scenario.peers,
            seed,
            seconds: self.scenario.seconds,
            offload: ratio(total.bytes_from_viewers, media),
            lag_ms: Percentiles::of_micros(std::mem::take(&mut self.lags)),
            first_frame_ms: Percentiles::of_micros(first_frames),
            stall_ratio: ratio(stalled, played + stalled),
            stalls,
            late_ratio: ratio(self.late, chunks),
            duplicate_ratio: ratio(total.bytes_duplicate, media),
            control_ratio: ratio(control, media),
            sigma: ratio(uploads, here * u64::from(self.scenario.stream.bitrate_kbps)),
            bytes_from: from,
            depth_mean: if depths > 0.0 { depth / depths } else { 0.0 },
            counters: total,
            wall_seconds: wall_clock().saturating_duration_since(self.started).as_secs_f64(),
            trace_hash: format!("{:016x}", self.hash),
        }
    }
}
