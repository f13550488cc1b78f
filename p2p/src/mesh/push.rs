//! Sending: pushes to children, answers to requests, and the credit that bounds both.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::event::NeighbourId;
use super::neighbour::{InFlight, MAX_QUEUE, Neighbour, Queued};
use super::{Mesh, Output};
use crate::wire::{Control, MAX_PIECES, PIECE, PieceSet, Sequence};

/// How much later than a push a request is served that came at the same time: a piece that is not pushed is asked for next.
const HANDICAP: Duration = Duration::from_millis(40);
/// Longest time that requests may wait here; more are refused at once, so that they are asked elsewhere.
const BACKLOG: Duration = Duration::from_millis(120);
/// How far back a new subscription reaches for pieces that are here already, in chunks.
pub(super) const REACH_BACK: u64 = 4;

impl Mesh {
    /// Sends a header ahead of its pieces to all children that will get any.
    pub(super) fn forward_header(&mut self, sequence: Sequence) {
        let Some(meta) = self.window.get(sequence).and_then(|chunk| chunk.meta) else { return };
        for &to in &self.children {
            let Some(child) = self.neighbours.get_mut(&to) else { continue };
            let gets_some = (0..meta.pieces()).any(|piece| child.wants.covers(sequence, piece));
            if child.wants.headers && gets_some && !child.have.has_header(sequence) {
                child.have.insert_header(sequence);
                self.outputs.push_back(Output::SendHeader { to, sequence });
            }
        }
    }

    /// Queues a piece that is here now for every child of its stripe.
    pub(super) fn push_piece(&mut self, now: Instant, sequence: Sequence, piece: u16, bytes: u32) {
        for index in 0..self.children.len() {
            self.push_piece_to(now, self.children[index], sequence, piece, bytes);
        }
    }

    /// Tells children to whom nothing was pushed since then that we are still here: those of some stripes, as a mask.
    pub(super) fn reassure(&mut self, now: Instant, since: Instant, stripes: u32) {
        for &to in &self.children {
            let Some(child) = self.neighbours.get_mut(&to) else { continue };
            if child.served < since && child.wants.mask() & stripes != 0 {
                child.served = now;
                self.outputs.push_back(Output::Send { to, control: Control::HaveDelta { entries: Vec::new() } });
            }
        }
    }

    fn push_piece_to(&mut self, now: Instant, to: NeighbourId, sequence: Sequence, piece: u16, bytes: u32) {
        let patience = self.config.chunk.max(self.config.target_delay / 4);
        let Some(child) = self.neighbours.get_mut(&to) else { return };
        if !child.wants.covers(sequence, piece) || child.have.has(sequence, piece) {
            return;
        }
        if child.pushes.len() >= MAX_QUEUE {
            self.stats.pieces_skipped += 1;
            self.send(to, Control::Skipped { sequence, pieces: PieceSet::single(piece) });
            return;
        }
        child.have.insert(sequence, piece);
        self.order += 1;
        // What cannot leave within that time is better pulled from someone else.
        let until = now + (child.rtt + Duration::from_millis(60)).max(patience);
        child.pushes.push_back(Queued { order: self.order, sequence, piece, bytes, since: now, until });
        self.waits(to);
    }

    /// Something is queued for this neighbour.
    fn waits(&mut self, to: NeighbourId) {
        if !self.waiting.contains(&to) {
            self.waiting.push(to);
        }
    }

    /// Pushes what a new child of some stripes is due and is here already.
    pub(super) fn push_present(&mut self, now: Instant, to: NeighbourId, from: Sequence) {
        let newest = self.window.newest().unwrap_or_default();
        let mut sequence = from.max(newest.before(REACH_BACK)).max(self.window.base());
        while sequence < self.window.end() {
            if let Some(chunk) = self.window.get(sequence)
                && let Some(meta) = chunk.meta
            {
                let present = chunk.have.clone();
                for piece in present.iter() {
                    self.push_piece_to(now, to, sequence, piece, meta.piece_size(piece));
                }
            }
            sequence = sequence.next();
        }
        self.pump(now);
    }

    /// Sends what credit and budget allow, in the order in which it was due.
    pub(super) fn pump(&mut self, now: Instant) {
        self.pump_at = None;
        if self.waiting.is_empty() {
            return;
        }
        self.skip_stale(now);
        while let Some((to, urgent)) = self.next_to_send() {
            let Some(neighbour) = self.neighbours.get_mut(&to) else { return };
            let queue = if urgent { &mut neighbour.urgent } else { &mut neighbour.pushes };
            let Some(queued) = queue.front().copied() else { return };
            let Queued { sequence, piece, bytes, since, .. } = queued;
            if let Err(wait) = self.upload.take(now, bytes) {
                self.pump_by(now + wait);
                break;
            }
            queue.pop_front();
            // What leaves wait for says nothing about how soon the others are served.
            if !urgent && neighbour.hands_on(sequence, piece) {
                self.wait.add(now.saturating_duration_since(since));
            }
            if (urgent || neighbour.wants.headers) && !neighbour.have.has_header(sequence) {
                neighbour.have.insert_header(sequence);
                self.outputs.push_back(Output::SendHeader { to, sequence });
            }
            if neighbour.in_flight.is_empty() {
                neighbour.progress = now;
            }
            neighbour.in_flight.push_back(InFlight { sequence, piece, bytes, at: now });
            neighbour.flying += u64::from(bytes);
            neighbour.sent += u64::from(bytes);
            neighbour.served = now;
            self.stats.bytes_sent += u64::from(bytes);
            self.outputs.push_back(Output::SendPiece { to, sequence, piece });
        }
        let neighbours = &self.neighbours;
        self.waiting.retain(|id| neighbours.get(id).is_some_and(Neighbour::is_waiting));
        let stale = |queue: &VecDeque<Queued>| queue.front().map(|queued| queued.until);
        let next = self.waiting.iter().filter_map(|id| neighbours.get(id));
        let next = next.flat_map(|neighbour| [stale(&neighbour.pushes), stale(&neighbour.urgent)]).flatten().min();
        if let Some(at) = next {
            self.pump_by(at);
        }
    }

    fn pump_by(&mut self, at: Instant) {
        self.pump_at = Some(self.pump_at.map_or(at, |other| other.min(at)));
    }

    /// The neighbour to send to next, and whether it is an answer to a request.
    fn next_to_send(&self) -> Option<(NeighbourId, bool)> {
        let rate = self.pace.0;
        let mut best: Option<((Instant, u64), NeighbourId, bool)> = None;
        let mut offer = |key: (Instant, u64), id: NeighbourId, urgent: bool| {
            if best.is_none_or(|(other, ..)| key < other) {
                best = Some((key, id, urgent));
            }
        };
        for &id in &self.waiting {
            let Some(neighbour) = self.neighbours.get(&id) else { continue };
            if let Some(front) = neighbour.urgent.front() {
                // Repair and start-up may use a whole stream's rate.
                let room = neighbour.room(2.0 * rate, Duration::from_millis(50)).max(8 * PIECE as u64);
                if neighbour.flying + u64::from(front.bytes) <= room {
                    offer((front.since + HANDICAP, front.order), id, true);
                }
            }
            if let Some(front) = neighbour.pushes.front() {
                let share = neighbour.wants.count().max(1) as f64 / f64::from(neighbour.wants.modulus().max(1));
                let room = neighbour.room(rate * share, self.config.chunk);
                if neighbour.flying + u64::from(front.bytes) <= room {
                    offer((front.since + neighbour.handicap(front.sequence, front.piece), front.order), id, false);
                }
            }
        }
        best.map(|(_, id, urgent)| (id, urgent))
    }

    /// Gives up what waited too long, and says so.
    fn skip_stale(&mut self, now: Instant) {
        for &to in &self.waiting {
            let Some(neighbour) = self.neighbours.get_mut(&to) else { continue };
            while let Some(queued) = neighbour
                .pushes
                .pop_front_if(|queued| queued.until <= now)
                .or_else(|| neighbour.urgent.pop_front_if(|queued| queued.until <= now))
            {
                let pieces = PieceSet::single(queued.piece);
                neighbour.have.remove(queued.sequence, &pieces);
                self.stats.pieces_skipped += 1;
                self.upload.skipped(now);
                self.outputs
                    .push_back(Output::Send { to, control: Control::Skipped { sequence: queued.sequence, pieces } });
            }
        }
    }

    pub(super) fn on_ack(&mut self, now: Instant, from: NeighbourId, bytes: u64) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        // More than was sent is a lie or a restart: nothing is in flight then.
        let confirmed = bytes.min(neighbour.sent);
        while neighbour.sent - neighbour.flying < confirmed
            && let Some(flight) = neighbour.in_flight.pop_front()
        {
            neighbour.flying -= u64::from(flight.bytes);
            self.upload.delivered(flight.bytes);
            if !neighbour.is_held_up(now, flight.at) {
                neighbour.prompt = now;
            }
        }
        neighbour.progress = now;
        self.pump(now);
    }

    pub(super) fn on_not_sent(&mut self, to: NeighbourId, sequence: Sequence, piece: u16) {
        let Some(neighbour) = self.neighbours.get_mut(&to) else { return };
        let same = |flight: &InFlight| flight.sequence == sequence && flight.piece == piece;
        if let Some(index) = neighbour.in_flight.iter().position(same)
            && let Some(flight) = neighbour.in_flight.remove(index)
        {
            neighbour.flying -= u64::from(flight.bytes);
            neighbour.sent -= u64::from(flight.bytes);
            self.stats.bytes_sent -= u64::from(flight.bytes);
        }
        neighbour.have.remove(sequence, &PieceSet::single(piece));
        self.send(to, Control::Skipped { sequence, pieces: PieceSet::single(piece) });
    }

    pub(super) fn on_need_header(&mut self, from: NeighbourId, sequence: Sequence) {
        if self.window.get(sequence).is_some_and(|chunk| chunk.meta.is_some()) {
            if let Some(neighbour) = self.neighbours.get_mut(&from) {
                neighbour.have.insert_header(sequence);
            }
            self.outputs.push_back(Output::SendHeader { to: from, sequence });
        }
    }

    pub(super) fn on_request(
        &mut self,
        now: Instant,
        from: NeighbourId,
        sequence: Sequence,
        pieces: &PieceSet,
        within: Duration,
    ) {
        let forbidden = self.upload.is_forbidden();
        let asking = self.waiting.iter().filter_map(|id| self.neighbours.get(id));
        let mut queued_bytes: u64 =
            asking.flat_map(|neighbour| &neighbour.urgent).map(|queued| u64::from(queued.bytes)).sum();
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        let chunk = self.window.get(sequence);
        let meta = chunk.and_then(|chunk| chunk.meta);
        let present =
            chunk.filter(|_| !forbidden && meta.is_some()).map(|chunk| chunk.have.clone()).unwrap_or_default();
        if pieces.len() < MAX_PIECES {
            // Who names pieces knows the header.
            neighbour.have.insert_header(sequence);
        }
        let mut refused = pieces.without(&present);
        if let Some(meta) = meta {
            for piece in pieces.and(&present).iter() {
                let same = |queued: &Queued| queued.sequence == sequence && queued.piece == piece;
                let flying = neighbour.in_flight.iter().any(|it| it.sequence == sequence && it.piece == piece);
                if flying || neighbour.urgent.iter().any(same) {
                    continue;
                }
                neighbour.pushes.retain(|queued| !same(queued));
                queued_bytes += u64::from(meta.piece_size(piece));
                if neighbour.urgent.len() >= MAX_QUEUE || self.upload.time_for(queued_bytes) > BACKLOG.min(within) {
                    self.stats.requests_dropped += 1;
                    refused.insert(piece);
                    continue;
                }
                self.order += 1;
                neighbour.have.insert(sequence, piece);
                let bytes = meta.piece_size(piece);
                let queued = Queued { order: self.order, sequence, piece, bytes, since: now, until: now + within };
                let place = neighbour.urgent.partition_point(|other| other.until <= queued.until);
                neighbour.urgent.insert(place, queued);
            }
        }
        if neighbour.is_waiting() {
            self.waits(from);
        }
        // Who asks for a chunk without knowing its header asks for all pieces that could be.
        let refused = match meta {
            Some(meta) => refused.and(&PieceSet::first(meta.pieces())),
            None => refused,
        };
        if !refused.is_empty() {
            self.send(from, Control::Skipped { sequence, pieces: refused });
        }
        self.pump(now);
    }

    pub(super) fn on_cancel(&mut self, from: NeighbourId, sequence: Sequence, pieces: &PieceSet) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        let wanted = |queued: &Queued| queued.sequence != sequence || !pieces.contains(queued.piece);
        neighbour.urgent.retain(wanted);
        neighbour.pushes.retain(wanted);
        // Only who has it takes a wish back.
        if pieces.len() < MAX_PIECES {
            neighbour.have.insert_all(sequence, pieces);
        }
    }

    /// A piece came in: its sender gets its credit, and the request for it is answered.
    pub(super) fn on_piece_arrived(
        &mut self,
        now: Instant,
        from: NeighbourId,
        sequence: Sequence,
        piece: u16,
        bytes: u32,
    ) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.received += u64::from(bytes);
        neighbour.spoke = now;
        neighbour.have.insert(sequence, piece);
        if !self.answered(now, from, sequence, piece) {
            self.note_delivery(now, from, sequence, piece);
        }
        self.acknowledge(from);
        let known = self.window.get(sequence).is_some_and(|chunk| chunk.meta.is_some());
        if !known && !self.is_source() && self.window.hear_of(now, sequence).is_some() {
            if let Some(chunk) = self.window.get_mut(sequence) {
                chunk.held = true;
            }
            self.repair_by(now + super::repair::HEADER_WAIT);
        }
    }
}
