//! The reference policies: units of one or more chunks, pulled from neighbours at random, from the server before they are due.
//!
//! What is told is told at once, and refusals are told too, so this is the kind at its best: the systems it stands for
//! exchange have-maps at intervals and learn of refusals by timeouts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::mesh::{ChunkMeta, Config, Input, NeighbourId, NeighbourInfo, Output, Source, Stats};
use crate::wire::{Control, HaveEntry, PieceSet, Role, Sequence};

/// How often the machine looks around.
const TICK: Duration = Duration::from_millis(20);
/// Most chunks asked of neighbours at once.
const PARALLEL: usize = 24;
/// How long a request may go without a piece.
const PATIENCE: Duration = Duration::from_millis(500);
/// Time set aside for the server, as in the mesh.
const FETCH: Duration = Duration::from_millis(250);
/// Longest queue before requests are refused.
const BACKLOG: Duration = Duration::from_millis(400);
/// Chunks that are remembered.
const WINDOW: u64 = 128;

#[derive(Debug, Default)]
struct Chunk {
    meta: Option<ChunkMeta>,
    have: PieceSet,
    done: bool,
    asked: Option<(NeighbourId, Instant)>,
    fetching: bool,
    /// Neighbours that refused it.
    refused: Vec<NeighbourId>,
}

#[derive(Debug)]
pub(super) struct Puller {
    config: Config,
    /// Chunks in a unit.
    unit: u64,
    rng: ChaCha8Rng,
    outputs: VecDeque<Output>,
    neighbours: BTreeMap<NeighbourId, (NeighbourInfo, BTreeSet<u64>)>,
    chunks: BTreeMap<u64, Chunk>,
    /// Whole units.
    whole: BTreeSet<u64>,
    first: Option<u64>,
    playhead: Option<(u64, Instant)>,
    /// When what is to be sent will be out.
    busy_until: Instant,
    tick_at: Instant,
    candidates_at: Instant,
    lucky_at: Instant,
    stats: Stats,
}

impl Puller {
    pub(super) fn new(config: Config, unit: u64, seed: u64, now: Instant) -> Self {
        Self {
            unit: unit.max(1),
            rng: ChaCha8Rng::seed_from_u64(seed),
            outputs: VecDeque::new(),
            neighbours: BTreeMap::new(),
            chunks: BTreeMap::new(),
            whole: BTreeSet::new(),
            first: None,
            playhead: None,
            busy_until: now,
            tick_at: now + TICK,
            candidates_at: now + Duration::from_secs(1),
            lucky_at: now + Duration::from_secs(1),
            stats: Stats::default(),
            config,
        }
    }

    pub(super) fn stats(&self) -> &Stats {
        &self.stats
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        Some(self.tick_at)
    }

    pub(super) fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Joined { neighbour, info } => {
                self.neighbours.insert(neighbour, (info, BTreeSet::new()));
                let have: Vec<u64> = self.whole.iter().copied().collect();
                self.tell(&[neighbour], &have);
            }
            Input::Left { neighbour } => {
                self.neighbours.remove(&neighbour);
                let waiting = self.chunks.values_mut().filter(|it| it.asked.is_some_and(|(to, _)| to == neighbour));
                waiting.for_each(|chunk| chunk.asked = None);
            }
            Input::Control { neighbour, control } => self.on_control(now, neighbour, control),
            Input::HeaderVerified { meta, .. } => {
                self.chunks.entry(meta.sequence.0).or_default().meta = Some(meta);
            }
            Input::PieceArrived { from, sequence, .. } => {
                let asked = self.chunks.get_mut(&sequence.0).and_then(|chunk| chunk.asked.as_mut());
                if let Some((_, until)) = asked.filter(|(to, _)| *to == from) {
                    *until = now + PATIENCE;
                }
            }
            Input::PieceVerified { from, sequence, piece } => self.on_piece(from, sequence, piece),
            Input::OriginDone { sequence, .. } => {
                if let Some(chunk) = self.chunks.get_mut(&sequence.0) {
                    chunk.fetching = false;
                }
            }
            Input::Published { meta } => {
                let chunk = self.chunks.entry(meta.sequence.0).or_default();
                (chunk.meta, chunk.have, chunk.done) = (Some(meta), PieceSet::first(meta.pieces()), true);
                self.look_for_unit(meta.sequence.0);
            }
            Input::LiveEdge { keyframe, .. } => self.start(keyframe.0),
            Input::Playhead { sequence, at } => self.playhead = Some((sequence.0, at)),
            Input::Timeout => self.tick(now),
            _ => {}
        }
    }

    fn start(&mut self, keyframe: u64) {
        self.first.get_or_insert(keyframe / self.unit * self.unit);
    }

    fn tell(&mut self, to: &[NeighbourId], units: &[u64]) {
        if units.is_empty() || self.config.upload == Some(0) {
            return;
        }
        let count = self.unit as u32;
        let entry = |unit: &u64| HaveEntry::Complete { first: Sequence(unit * self.unit), count };
        let entries: Vec<HaveEntry> = units.iter().map(entry).collect();
        let messages =
            to.iter().map(|&to| Output::Send { to, control: Control::HaveDelta { entries: entries.clone() } });
        self.outputs.extend(messages);
    }

    fn on_control(&mut self, now: Instant, from: NeighbourId, control: Control) {
        match control {
            Control::HaveDelta { entries } => {
                let unit = self.unit;
                let firsts = entries.iter().filter_map(|entry| match entry {
                    HaveEntry::Complete { first, .. } => Some(first.0 / unit),
                    HaveEntry::Partial { .. } => None,
                });
                if let Some((_, have)) = self.neighbours.get_mut(&from) {
                    have.extend(firsts);
                }
                self.pull(now);
            }
            Control::Request { sequence, .. } => self.serve(now, from, sequence),
            Control::Skipped { sequence, .. } => {
                if let Some(chunk) = self.chunks.get_mut(&sequence.0) {
                    chunk.asked.take_if(|(to, _)| *to == from);
                    chunk.refused.push(from);
                }
                self.pull(now);
            }
            _ => {}
        }
    }

    fn serve(&mut self, now: Instant, to: NeighbourId, sequence: Sequence) {
        let meta = self.chunks.get(&sequence.0).filter(|chunk| chunk.done).and_then(|chunk| chunk.meta);
        let rate = self.config.upload.map_or(f64::MAX, |bits| bits as f64 / 8.0);
        let waiting = self.busy_until.saturating_duration_since(now);
        let Some(meta) = meta.filter(|_| waiting <= BACKLOG && rate > 0.0) else {
            self.stats.requests_dropped += 1;
            self.outputs
                .push_back(Output::Send { to, control: Control::Skipped { sequence, pieces: PieceSet::new() } });
            return;
        };
        self.busy_until = now + waiting + Duration::from_secs_f64(f64::from(meta.size) / rate);
        self.stats.bytes_sent += u64::from(meta.size);
        self.outputs.push_back(Output::SendHeader { to, sequence });
        self.outputs.extend((0..meta.pieces()).map(|piece| Output::SendPiece { to, sequence, piece }));
    }

    fn on_piece(&mut self, from: Source, sequence: Sequence, piece: u16) {
        let Some(chunk) = self.chunks.get_mut(&sequence.0) else { return };
        let Some(meta) = chunk.meta else { return };
        let bytes = u64::from(meta.piece_size(piece));
        if !chunk.have.insert(piece) {
            self.stats.bytes_duplicate += bytes;
            return;
        }
        let role = match from {
            Source::Origin => None,
            Source::Neighbour(id) => Some(self.neighbours.get(&id).map_or(Role::Viewer, |(info, _)| info.role)),
        };
        *match role {
            None => &mut self.stats.bytes_from_origin,
            Some(Role::Viewer) => &mut self.stats.bytes_from_viewers,
            Some(Role::Publisher) => &mut self.stats.bytes_from_publisher,
            Some(Role::Server) => &mut self.stats.bytes_from_server,
        } += bytes;
        if chunk.have.is_complete(meta.pieces()) {
            (chunk.done, chunk.asked) = (true, None);
            self.stats.chunks_complete += 1;
            self.outputs.push_back(Output::ChunkComplete { sequence });
            self.look_for_unit(sequence.0);
        }
    }

    /// Tells of a unit once it is whole.
    fn look_for_unit(&mut self, sequence: u64) {
        let unit = sequence / self.unit;
        let whole = (unit * self.unit..(unit + 1) * self.unit).all(|it| self.chunks.get(&it).is_some_and(|it| it.done));
        if whole && self.whole.insert(unit) {
            let all: Vec<NeighbourId> = self.neighbours.keys().copied().collect();
            self.tell(&all, &[unit]);
        }
        let oldest = sequence.saturating_sub(WINDOW);
        self.chunks.retain(|chunk, _| *chunk >= oldest);
        self.whole.retain(|unit| (unit + 1) * self.unit > oldest);
    }

    fn tick(&mut self, now: Instant) {
        self.tick_at = now + TICK;
        if self.config.role.is_source() {
            return;
        }
        for chunk in self.chunks.values_mut() {
            if let Some((to, _)) = chunk.asked.take_if(|(_, until)| *until <= now) {
                self.stats.requests_timed_out += 1;
                chunk.refused.push(to);
            }
        }
        if self.candidates_at <= now && self.neighbours.len() < 12 {
            self.candidates_at = now + Duration::from_secs(2);
            self.outputs.push_back(Output::WantCandidates { count: 12 - self.neighbours.len() });
        }
        self.pull(now);
        self.fetch_due(now);
    }

    /// Asks for what neighbours have, the earliest first, each chunk of one chosen at random.
    fn pull(&mut self, now: Instant) {
        if self.config.role.is_source() {
            return;
        }
        let newest = self.neighbours.values().filter_map(|(_, have)| have.last().copied()).max();
        let Some(newest) = newest else { return };
        // The beginning of the newest unit but one: what is there can be had quickly.
        let first = *self.first.get_or_insert(newest.saturating_sub(1) * self.unit);
        let from = self.playhead.map_or(first, |(playhead, _)| playhead.max(first));
        let mut under_way = self.chunks.values().filter(|chunk| chunk.asked.is_some()).count();
        for sequence in from..(newest + 1) * self.unit {
            if under_way >= PARALLEL {
                break;
            }
            let chunk = self.chunks.entry(sequence).or_default();
            if chunk.done || chunk.asked.is_some() || chunk.fetching {
                continue;
            }
            let unit = sequence / self.unit;
            let mut holders: Vec<NeighbourId> = self
                .neighbours
                .iter()
                .filter(|(id, (_, have))| have.contains(&unit) && !chunk.refused.contains(id))
                .map(|(id, _)| *id)
                .collect();
            if holders.is_empty() {
                chunk.refused.clear();
                continue;
            }
            let to = holders.swap_remove(self.rng.random_range(0..holders.len()));
            chunk.asked = Some((to, now + PATIENCE));
            under_way += 1;
            self.stats.pieces_requested += 1;
            let control =
                Control::Request { sequence: Sequence(sequence), pieces: PieceSet::new(), within_millis: 1000 };
            self.outputs.push_back(Output::Send { to, control });
        }
    }

    /// Fetches from the server what is due soon; whole segments also by chance, so that somebody has them early.
    fn fetch_due(&mut self, now: Instant) {
        if !self.config.origin {
            return;
        }
        let Some((next, at)) = self.playhead.or_else(|| self.first.map(|first| (first, now))) else { return };
        let span = self.config.chunk;
        let ahead = (FETCH.as_micros() / span.as_micros().max(1)) as u64 + 2;
        let due = |sequence: u64| at + span * (sequence - next).min(1000) as u32;
        let mut wanted: Vec<u64> =
            (next..next + ahead).filter(|&sequence| due(sequence) <= now + FETCH + span).collect();
        if self.unit > 1 && self.lucky_at <= now {
            // With p = 1/(peers + 1), looked at once a second on average.
            self.lucky_at = now + Duration::from_secs_f64(0.5 + self.rng.random::<f64>());
            let newest = self.neighbours.values().filter_map(|(_, have)| have.last().copied()).max();
            let unit = newest.map_or(next / self.unit, |newest| newest + 1);
            if self.rng.random::<f64>() < 1.0 / (self.neighbours.len() as f64 + 1.0) {
                wanted.extend((unit * self.unit..(unit + 1) * self.unit).filter(|it| *it >= next));
            }
        }
        for sequence in wanted {
            let chunk = self.chunks.entry(sequence).or_default();
            if chunk.done || chunk.fetching {
                continue;
            }
            (chunk.fetching, chunk.asked) = (true, None);
            self.stats.origin_fetches += 1;
            let pieces = match chunk.meta {
                Some(meta) => PieceSet::first(meta.pieces()).without(&chunk.have),
                None => PieceSet::new(),
            };
            self.outputs.push_back(Output::FetchOrigin {
                sequence: Sequence(sequence),
                pieces,
                deadline: due(sequence),
            });
        }
    }
}
