//! The last resort: fetching from the server just before a chunk is due.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::window::Chunk;
use super::{Mesh, Output};
use crate::wire::{Control, PieceSet, Sequence};

/// How long the origin takes, as long as it was never asked.
const ASSUMED_FETCH: Duration = Duration::from_millis(200);
/// Time left over when a fetch takes as long as it usually does at most.
const MARGIN: Duration = Duration::from_millis(50);
/// Most fetches under way at once.
const FETCHES: usize = 4;
/// How long after a failed fetch the next one may be tried.
const FETCH_AGAIN: Duration = Duration::from_millis(150);
/// Most chunks that are looked for at the origin while nobody has heard of them.
const UNHEARD: usize = 8;
/// After how long without a new header the stream counts as broken off.
const STUCK: Duration = Duration::from_secs(3);
/// How long the stream may be silent before the next chunk is looked for at the origin.
const SILENCE: Duration = Duration::from_millis(400);

/// What is known of the server's speed.
#[derive(Debug)]
pub(super) struct Origin {
    /// Differs between viewers.
    pub(super) jitter: u64,
    took: VecDeque<Duration>,
    under_way: usize,
}

impl Origin {
    pub(super) fn new(jitter: u64) -> Self {
        Self { jitter, took: VecDeque::new(), under_way: 0 }
    }

    /// How long a fetch takes at most, nearly always.
    fn slow(&self) -> Duration {
        self.took.iter().max().copied().unwrap_or(ASSUMED_FETCH)
    }
}

impl Mesh {
    /// When the origin is to be asked, so that it answers in time.
    pub(super) fn fetch_at(&self, chunk: &Chunk, deadline: Instant) -> Instant {
        // Viewers of one swarm miss the same pieces: they do not ask all at once, and the first one hands them on.
        let hash = (chunk.sequence.0 ^ self.origin.jitter).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        // At the start there is nobody to spare, and the first chunk is needed first.
        let span = Duration::from_millis(if chunk.backlog { 0 } else { 60 });
        let jitter = span.mul_f64(hash as f64 / f64::from(1 << 24));
        let lead = self.origin.slow().min(self.config.target_delay / 2) + MARGIN + jitter;
        let at = deadline.checked_sub(lead).unwrap_or(deadline).max(chunk.heard + MARGIN);
        chunk.fetch_after.map_or(at, |after| after.max(at))
    }

    pub(super) fn fetch(&mut self, now: Instant, sequence: Sequence, deadline: Instant) {
        if !self.config.origin || self.origin.under_way >= FETCHES {
            self.repair_by(now + Duration::from_millis(30));
            return;
        }
        let Some(chunk) = self.window.get_mut(sequence) else { return };
        if chunk.fetching.is_some() {
            return;
        }
        let pieces = chunk.missing();
        chunk.fetching = Some(now);
        let requests = std::mem::take(&mut chunk.requests);
        for request in requests {
            if let Some(neighbour) = self.neighbours.get_mut(&request.to) {
                neighbour.asked = neighbour.asked.saturating_sub(1);
            }
            self.send(request.to, Control::Cancel { sequence, pieces: PieceSet::single(request.piece) });
        }
        self.origin.under_way += 1;
        self.stats.origin_fetches += 1;
        self.outputs.push_back(Output::FetchOrigin { sequence, pieces, deadline });
    }

    pub(super) fn on_origin_done(&mut self, now: Instant, sequence: Sequence, ok: bool) {
        self.origin.under_way = self.origin.under_way.saturating_sub(1);
        let begun = self.window.get_mut(sequence).and_then(|chunk| {
            chunk.fetch_after = Some(now + FETCH_AGAIN);
            chunk.fetching.take()
        });
        if let Some(begun) = begun.filter(|_| ok) {
            if self.origin.took.len() >= 16 {
                self.origin.took.pop_front();
            }
            self.origin.took.push_back(now.saturating_duration_since(begun));
        }
        self.repair_soon(now);
    }

    /// Nobody speaks of new chunks: see whether the origin has the next one. A viewer without parents does so all the time.
    pub(super) fn expect_next_chunk(&mut self, now: Instant) {
        if !self.config.origin || !self.start.is_running() {
            return;
        }
        let Some(last) = self.window.iter().next_back() else { return };
        let unheard = self.window.iter().rev().take_while(|chunk| chunk.meta.is_none()).count();
        let alone = self.parents().all(|parent| parent.is_none());
        let patience = if alone { Duration::ZERO } else { SILENCE.max(3 * self.config.chunk) };
        let ended = last.meta.is_some_and(|meta| meta.end);
        if ended || unheard >= if alone { UNHEARD } else { 1 } || last.heard + self.config.chunk + patience > now {
            return;
        }
        let next = last.sequence.next();
        if let Some(chunk) = self.window.hear_of(now, next) {
            chunk.backlog = true;
            self.repair_soon(now);
        }
    }

    /// The server says where the broadcast is while we are in the middle of it: after a silence, go on from there.
    pub(super) fn catch_up(&mut self, now: Instant, keyframe: Sequence, newest: Sequence) {
        let heard = self.window.iter().rev().find(|chunk| chunk.meta.is_some());
        let stuck = heard.is_none_or(|chunk| now.saturating_duration_since(chunk.heard) > STUCK);
        let beyond = heard.is_none_or(|chunk| chunk.sequence < keyframe);
        if stuck && beyond {
            self.start_at(now, keyframe, newest);
        }
    }
}
