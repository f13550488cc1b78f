//! Getting what was not pushed: from neighbours that have it, and from the origin just before it is due.

use std::time::{Duration, Instant};

use super::event::NeighbourId;
use super::neighbour::stripe_of;
use super::parents::{Expected, Stripe};
use super::window::{Chunk, ChunkState, Request};
use super::{Mesh, Output};
use crate::wire::{Control, MAX_PIECES, PieceSet, Sequence};

/// How long a chunk may be known without its header before that is asked for.
pub(super) const HEADER_WAIT: Duration = Duration::from_millis(50);
/// How long past its deadline a chunk is still worth waiting for: playout would rather stall a little than lose a picture.
const PATIENCE: Duration = Duration::from_millis(800);
/// Most pieces asked of one neighbour at once.
const ASKED: usize = 24;
/// Time that must be left beyond a round trip to the parent, before the origin would have to be asked.
const PROBE: Duration = Duration::from_millis(70);
/// How long a start may take before the origin helps.
const START_BY: Duration = Duration::from_millis(450);

/// Whom a request goes to and what it asks for.
type Batch = (NeighbourId, Sequence, PieceSet, Duration);

impl Mesh {
    pub(super) fn repair_by(&mut self, at: Instant) {
        self.repair_at = Some(self.repair_at.map_or(at, |other| other.min(at)));
    }

    /// Looks again very soon: several changes of one moment are looked at together.
    pub(super) fn repair_soon(&mut self, now: Instant) {
        if !self.is_source() {
            self.repair_by(now + Duration::from_millis(2));
        }
    }

    /// A neighbour told news: look again if something waits for exactly that.
    pub(super) fn repair_if_starving(&mut self, now: Instant) {
        let waiting = |chunk: &Chunk| chunk.is_open() && (chunk.backlog || !chunk.unpushed.is_empty());
        if self.window.iter().any(waiting) {
            self.repair_soon(now);
        }
    }

    /// Looks at every chunk that is not whole, the earliest first.
    pub(super) fn repair(&mut self, now: Instant) {
        self.repair_at = None;
        self.try_start(now);
        if self.is_source() || !self.start.is_running() {
            return;
        }
        self.time_out_requests(now);
        self.end_probes(now);
        let open: Vec<Sequence> = self
            .window
            .iter()
            .filter(|chunk| chunk.is_open() && chunk.sequence >= self.start.first)
            .map(|chunk| chunk.sequence)
            .collect();
        for sequence in open {
            let Some(chunk) = self.window.get(sequence) else { continue };
            let deadline = self.deadline(chunk);
            if self.is_past(now, chunk, deadline) {
                self.give_up(sequence);
                continue;
            }
            let fetch_at = self.fetch_at(chunk, deadline);
            if fetch_at <= now {
                self.fetch(now, sequence, deadline);
            } else if self.config.origin {
                self.repair_by(fetch_at);
            }
            self.repair_by((deadline + PATIENCE).max(now + Duration::from_millis(5)));
            self.ask_neighbours(now, sequence, deadline, fetch_at);
        }
    }

    /// When a chunk is due; what was there before we came is due soon, whatever its time.
    fn deadline(&self, chunk: &Chunk) -> Instant {
        let deadline = self.window.deadline(chunk);
        if chunk.backlog { deadline.max(chunk.heard + START_BY) } else { deadline }
    }

    fn is_past(&self, now: Instant, chunk: &Chunk, deadline: Instant) -> bool {
        let played = self.window.playhead().is_some_and(|playhead| chunk.sequence < playhead);
        // A chunk under way may still be of use to children, but nobody waits for it here.
        (played && deadline <= now) || deadline + PATIENCE <= now
    }

    fn give_up(&mut self, sequence: Sequence) {
        let Some(chunk) = self.window.get_mut(sequence) else { return };
        chunk.state = ChunkState::Missed;
        let requests = std::mem::take(&mut chunk.requests);
        for request in requests {
            if let Some(neighbour) = self.neighbours.get_mut(&request.to) {
                neighbour.asked = neighbour.asked.saturating_sub(1);
            }
        }
        self.stats.chunks_missed += 1;
        self.outputs.push_back(Output::ChunkMissed { sequence });
    }

    /// Asks neighbours for what nobody pushes, and for what should have come by now.
    fn ask_neighbours(&mut self, now: Instant, sequence: Sequence, deadline: Instant, fetch_at: Instant) {
        let Some(chunk) = self.window.get(sequence) else { return };
        if chunk.fetching.is_some() {
            return;
        }
        let within = deadline.saturating_duration_since(now).max(Duration::from_millis(100));
        // Sources are asked when viewers had their chance.
        let half = chunk.heard + fetch_at.saturating_duration_since(chunk.heard) / 2;
        let sources = now >= half || chunk.backlog;
        if chunk.meta.is_none() {
            self.ask_for_header(now, sequence, within, sources);
            return;
        }
        let mut wake: Option<Instant> = (!sources).then_some(half);
        let (mut wanted, mut late) = (PieceSet::new(), PieceSet::new());
        // With less time than that left nobody waits for a parent's answer.
        let hurry = |parent: &Stripe| {
            let rtt = parent.parent().and_then(|id| self.neighbours.get(&id)).map_or(Duration::ZERO, |it| it.rtt);
            fetch_at < now + rtt + PROBE
        };
        for piece in chunk.missing().iter() {
            if let Some(request) = chunk.requests.iter().find(|request| request.piece == piece) {
                wake = wake.into_iter().chain([request.until]).min();
                continue;
            }
            if let Some(probe) = chunk.probes.iter().find(|probe| probe.piece == piece) {
                wake = wake.into_iter().chain([probe.until]).min();
                continue;
            }
            let expected = match self.expected(sequence, piece, chunk.heard, fetch_at) {
                Expected::By(at) if !chunk.unpushed.contains(piece) && !chunk.backlog => at,
                _ => {
                    wanted.insert(piece);
                    continue;
                }
            };
            if expected <= now {
                let stripe = &self.stripes[usize::from(stripe_of(sequence, piece, self.modulus()))];
                let asked = chunk.probed.contains(piece) || hurry(stripe);
                if asked { &mut wanted } else { &mut late }.insert(piece);
            } else {
                wake = wake.into_iter().chain([expected]).min();
            }
        }
        let mut batches: Vec<Batch> = Vec::new();
        for piece in wanted.iter() {
            let Some(to) = self.best_holder(sequence, piece, sources, &batches) else { continue };
            match batches.iter_mut().find(|batch| batch.0 == to) {
                Some(batch) => {
                    batch.2.insert(piece);
                }
                None => batches.push((to, sequence, PieceSet::single(piece), within)),
            }
        }
        for batch in batches {
            self.ask(now, batch);
        }
        if !late.is_empty() {
            self.probe(now, sequence, &late, within);
        }
        if let Some(wake) = wake {
            self.repair_by(wake.max(now + Duration::from_millis(2)));
        }
    }

    /// The nearest neighbour that has a piece and time for it.
    fn best_holder(&self, sequence: Sequence, piece: u16, sources: bool, batches: &[Batch]) -> Option<NeighbourId> {
        let mut best: Option<(f64, NeighbourId)> = None;
        for (&id, neighbour) in self.neighbours.iter() {
            let about = batches.iter().find(|batch| batch.0 == id).map_or(0, |batch| batch.2.len());
            let asked = neighbour.asked + about;
            if asked >= ASKED || neighbour.is_source() && !sources || !neighbour.offers(sequence, piece) {
                continue;
            }
            let queue = neighbour.status.as_ref().map_or(0.0, |status| f64::from(status.queue_millis));
            let service = neighbour.service.mean().as_secs_f64() * 1e3;
            // A source costs the host; it is the last resort.
            let cost = neighbour.rtt.as_secs_f64() * 1e3
                + queue
                + service * asked as f64
                + 100.0 * f64::from(neighbour.failures)
                // All who miss a piece would ask the same one else.
                + 60.0 * self.whim(id, sequence)
                + if neighbour.is_source() { 400.0 } else { 0.0 };
            if best.is_none_or(|(other, _)| cost < other) {
                best = Some((cost, id));
            }
        }
        best.map(|(_, id)| id)
    }

    /// A number between 0 and 1 that differs between viewers, neighbours and chunks.
    fn whim(&self, id: NeighbourId, sequence: Sequence) -> f64 {
        let mixed = (self.origin.jitter ^ id.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ sequence.0 << 17)
            .wrapping_mul(0xd6e8_feb8_6659_fd93);
        (mixed >> 40) as f64 / f64::from(1 << 24)
    }

    fn ask(&mut self, now: Instant, (to, sequence, pieces, within): Batch) {
        let (Some(neighbour), Some(chunk)) = (self.neighbours.get_mut(&to), self.window.get_mut(sequence)) else {
            return;
        };
        neighbour.asked += pieces.len();
        let until = now + neighbour.patience();
        chunk.requests.extend(pieces.iter().map(|piece| Request { piece, to, until }));
        chunk.pulled.add(&pieces);
        self.stats.pieces_requested += pieces.len() as u64;
        self.spare_parents(now, to, sequence, &pieces);
        let within_millis = within.as_millis().min(10_000) as u16;
        self.send(to, Control::Request { sequence, pieces, within_millis });
        self.repair_by(until);
    }

    /// Asks for a chunk of which not even the header is here.
    fn ask_for_header(&mut self, now: Instant, sequence: Sequence, within: Duration, sources: bool) {
        let Some(chunk) = self.window.get(sequence) else { return };
        let begin = chunk.heard + if chunk.backlog { Duration::ZERO } else { HEADER_WAIT };
        if begin > now {
            self.repair_by(begin);
            return;
        }
        let mut failed = None;
        if let Some((to, until)) = chunk.header_request {
            if until > now {
                self.repair_by(until);
                return;
            }
            failed = Some(to);
        }
        let (backlog, held) = (chunk.backlog, chunk.held);
        let holders = self.neighbours.iter().filter(|(_, neighbour)| {
            neighbour.have.has_any(sequence) || neighbour.have.has_header(sequence) || sources && neighbour.is_source()
        });
        let best = holders.min_by(|(a_id, a), (b_id, b)| {
            let cost = |id: &NeighbourId, neighbour: &super::Neighbour| {
                let service = neighbour.service.mean().as_secs_f64() * neighbour.asked as f64;
                neighbour.rtt.as_secs_f64()
                    + service
                    + if neighbour.is_source() { 0.4 } else { 0.0 }
                    + 0.1 * f64::from(neighbour.failures)
                    + if failed == Some(*id) { 1.0 } else { 0.0 }
            };
            cost(a_id, a).total_cmp(&cost(b_id, b))
        });
        let Some((&to, neighbour)) = best else { return };
        if backlog && neighbour.asked >= ASKED {
            self.repair_by(now + Duration::from_millis(10));
            return;
        }
        let until = now + neighbour.patience();
        let failing = failed.and_then(|failed| self.neighbours.get_mut(&failed));
        if let Some(neighbour) = failing {
            neighbour.failures += 0.5;
        }
        if let Some(chunk) = self.window.get_mut(sequence) {
            chunk.header_request = Some((to, until));
        }
        if backlog && !held {
            // Header and all pieces in one go; its length is not known yet.
            let pieces = PieceSet::first(MAX_PIECES as u16);
            let within_millis = within.as_millis().min(10_000) as u16;
            self.send(to, Control::Request { sequence, pieces, within_millis });
        } else {
            self.send(to, Control::NeedHeader { sequence });
        }
        self.repair_by(until);
    }

    /// A chunk's header came in answer to a request for the whole of it: its pieces are under way.
    pub(super) fn expect_backlog(&mut self, now: Instant, from: NeighbourId, sequence: Sequence) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        let Some(chunk) = self.window.get_mut(sequence) else { return };
        if !chunk.backlog || chunk.header_request.take_if(|(to, _)| *to == from).is_none() {
            return;
        }
        let missing = chunk.missing();
        neighbour.asked += missing.len();
        let until = now + neighbour.patience();
        chunk.requests.extend(missing.iter().map(|piece| Request { piece, to: from, until }));
    }

    /// A neighbour sent something; tells whether it had been asked for that.
    pub(super) fn answered(&mut self, now: Instant, from: NeighbourId, sequence: Sequence, piece: u16) -> bool {
        let Some(chunk) = self.window.get_mut(sequence) else { return false };
        let Some(index) = chunk.requests.iter().position(|it| it.piece == piece && it.to == from) else { return false };
        chunk.requests.swap_remove(index);
        if let Some(neighbour) = self.neighbours.get_mut(&from) {
            neighbour.asked = neighbour.asked.saturating_sub(1);
            neighbour.failures *= 0.8;
            if let Some(last) = neighbour.answered.replace(now).filter(|_| neighbour.asked > 0) {
                neighbour.service.add(now.saturating_duration_since(last).min(Duration::from_secs(1)));
            }
        }
        // What else it was asked for is on its way behind this: it gets its time anew.
        let patience = self.neighbours.get(&from).map_or(Duration::ZERO, super::Neighbour::patience);
        for chunk in self.window.iter_mut().filter(|chunk| !chunk.requests.is_empty()) {
            for request in chunk.requests.iter_mut().filter(|request| request.to == from) {
                request.until = request.until.max(now + patience);
            }
        }
        true
    }

    fn time_out_requests(&mut self, now: Instant) {
        let neighbours = &mut self.neighbours;
        let mut timed_out = 0;
        for chunk in self.window.iter_mut() {
            let sequence = chunk.sequence;
            chunk.requests.retain(|request| {
                if request.until > now {
                    return true;
                }
                timed_out += 1;
                if let Some(neighbour) = neighbours.get_mut(&request.to) {
                    neighbour.asked = neighbour.asked.saturating_sub(1);
                    neighbour.failures += 0.5;
                    // Someone else is asked next, as far as anyone else has it.
                    neighbour.have.remove(sequence, &PieceSet::single(request.piece));
                }
                false
            });
        }
        self.stats.requests_timed_out += timed_out;
    }
}
