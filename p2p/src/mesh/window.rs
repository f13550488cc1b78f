//! The chunks a mesh knows of, by number, and when they are due.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::event::{ChunkMeta, NeighbourId};
use crate::wire::{PieceSet, Sequence};

/// Numbers above are nobody's: there must always be a next one.
const LAST: Sequence = Sequence(u64::MAX >> 1);
/// How far ahead of the newest header a neighbour's word for a chunk is believed.
const AHEAD: u64 = 64;

/// What is known of one chunk.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) sequence: Sequence,
    /// Known once its header was verified.
    pub(super) meta: Option<ChunkMeta>,
    /// When it was first heard of.
    pub(super) heard: Instant,
    pub(super) have: PieceSet,
    /// Pieces that nobody is going to push.
    pub(super) unpushed: PieceSet,
    pub(super) requests: Vec<Request>,
    /// Pieces that had to be asked for, though a parent should have pushed them.
    pub(super) pulled: PieceSet,
    /// Parents that were asked where overdue pieces are, and for which pieces that was done.
    pub(super) probes: Vec<Probe>,
    pub(super) probed: PieceSet,
    /// Who was asked for the header, and until when it may take.
    pub(super) header_request: Option<(NeighbourId, Instant)>,
    /// Since when HTTP is fetching it.
    pub(super) fetching: Option<Instant>,
    /// A fetch failed: not before this.
    pub(super) fetch_after: Option<Instant>,
    /// It was whole or was given up.
    pub(super) state: ChunkState,
    /// A neighbour has pieces of it for which its header is needed.
    pub(super) held: bool,
    /// It was there before we came: nobody pushes it.
    pub(super) backlog: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChunkState {
    Open,
    Complete,
    Missed,
}

/// A piece that was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) piece: u16,
    pub(super) to: NeighbourId,
    pub(super) until: Instant,
}

/// A parent that was asked for a piece that it should have pushed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) piece: u16,
    pub(super) to: NeighbourId,
    pub(super) since: Instant,
    pub(super) until: Instant,
}

impl Chunk {
    fn new(sequence: Sequence, heard: Instant) -> Self {
        Self {
            sequence,
            meta: None,
            heard,
            have: PieceSet::new(),
            unpushed: PieceSet::new(),
            requests: Vec::new(),
            pulled: PieceSet::new(),
            probes: Vec::new(),
            probed: PieceSet::new(),
            header_request: None,
            fetching: None,
            fetch_after: None,
            state: ChunkState::Open,
            held: false,
            backlog: false,
        }
    }

    /// The pieces that are not here, if the header is.
    pub(super) fn missing(&self) -> PieceSet {
        self.meta.map(|meta| PieceSet::first(meta.pieces()).without(&self.have)).unwrap_or_default()
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == ChunkState::Open
    }
}

/// A stretch of chunks without gaps.
#[derive(Debug)]
pub(super) struct Window {
    base: Sequence,
    chunks: VecDeque<Chunk>,
    limit: usize,
    chunk: Duration,
    /// The newest one whose header was verified.
    newest: Option<Sequence>,
    /// When playout needs which chunk.
    playhead: Option<(Sequence, Instant)>,
    /// How long after it was first heard of a chunk is due, as long as playout says nothing.
    assumed: Duration,
}

impl Window {
    pub(super) fn new(limit: usize, chunk: Duration, assumed: Duration) -> Self {
        let chunks = VecDeque::with_capacity(limit.min(128));
        Self { base: Sequence(0), chunks, limit, chunk, newest: None, playhead: None, assumed }
    }

    /// The newest chunk whose header was verified.
    pub(super) fn newest(&self) -> Option<Sequence> {
        self.newest
    }

    /// The oldest chunk that is remembered.
    pub(super) fn base(&self) -> Sequence {
        self.base
    }

    /// The chunk after all that are remembered.
    pub(super) fn end(&self) -> Sequence {
        self.base.after(self.chunks.len() as u64)
    }

    pub(super) fn get(&self, sequence: Sequence) -> Option<&Chunk> {
        self.chunks.get(usize::try_from(sequence.0.checked_sub(self.base.0)?).ok()?)
    }

    pub(super) fn get_mut(&mut self, sequence: Sequence) -> Option<&mut Chunk> {
        self.chunks.get_mut(usize::try_from(sequence.0.checked_sub(self.base.0)?).ok()?)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Chunk> {
        self.chunks.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Chunk> {
        self.chunks.iter_mut()
    }

    /// Starts over at this chunk.
    pub(super) fn restart(&mut self, sequence: Sequence) {
        self.chunks.clear();
        self.base = sequence.min(LAST);
        self.newest = None;
    }

    /// Starts at this chunk and keeps what is known of it and those after it.
    pub(super) fn begin(&mut self, now: Instant, sequence: Sequence) {
        let known = self.newest.is_some() && sequence < self.end();
        if !known || self.base.0.saturating_sub(sequence.0) > AHEAD {
            self.restart(sequence);
            return;
        }
        while self.base < sequence && self.chunks.pop_front().is_some() {
            self.base = self.base.next();
        }
        while self.base > sequence {
            self.base = self.base.before(1);
            self.chunks.push_front(Chunk::new(self.base, now));
        }
    }

    /// Makes room for a chunk that somebody spoke of, and all before it; `None` where it is too old or beyond belief.
    pub(super) fn hear_of(&mut self, now: Instant, sequence: Sequence) -> Option<&mut Chunk> {
        let known = self.newest.unwrap_or(self.base);
        if sequence < self.base || sequence > known.after(AHEAD).min(LAST) {
            return None;
        }
        self.grow(now, sequence);
        self.get_mut(sequence)
    }

    /// Takes in a verified header; `None` where it is too old or known already.
    pub(super) fn open(&mut self, now: Instant, meta: ChunkMeta) -> Option<&mut Chunk> {
        let sequence = meta.sequence;
        if self.newest.is_none() && (sequence < self.base || sequence.0 - self.base.0 >= self.limit as u64) {
            // What neighbours said before the first genuine header was wrong.
            self.restart(sequence);
        }
        if sequence < self.base || sequence > LAST {
            return None;
        }
        self.grow(now, sequence);
        self.newest = self.newest.max(Some(sequence));
        let chunk = self.get_mut(sequence)?;
        if chunk.meta.is_some() {
            return None;
        }
        chunk.meta = Some(meta);
        if chunk.state == ChunkState::Missed {
            // It was given up before it was published.
            chunk.state = ChunkState::Open;
            chunk.heard = now;
        }
        Some(chunk)
    }

    fn grow(&mut self, now: Instant, sequence: Sequence) {
        if sequence.0 - self.base.0 >= 2 * self.limit as u64 {
            self.chunks.clear();
            self.base = sequence;
        }
        while self.end() <= sequence {
            if self.chunks.len() >= self.limit {
                self.chunks.pop_front();
                self.base = self.base.next();
            }
            let next = self.end();
            self.chunks.push_back(Chunk::new(next, now));
        }
    }

    /// Playout says when it needs a chunk.
    pub(super) fn set_playhead(&mut self, sequence: Sequence, at: Instant) {
        self.playhead = Some((sequence, at));
    }

    /// The chunk that playout needs next.
    pub(super) fn playhead(&self) -> Option<Sequence> {
        self.playhead.map(|(sequence, _)| sequence)
    }

    /// When a chunk is due.
    pub(super) fn deadline(&self, chunk: &Chunk) -> Instant {
        let Some((anchor, at)) = self.playhead else { return chunk.heard + self.assumed };
        let start = |chunk: &Chunk| chunk.meta.map(|meta| meta.start_micros);
        let exact = self.get(anchor).and_then(start).zip(start(chunk));
        let micros = match exact {
            Some((anchor, this)) => this.saturating_sub(anchor),
            None => (chunk.sequence.0 as i64)
                .saturating_sub(anchor.0.min(LAST.0) as i64)
                .saturating_mul(self.chunk.as_micros() as i64),
        };
        // A header far off in time must not make an instant that does not exist.
        let micros = micros.clamp(-60_000_000, 60_000_000);
        let distance = Duration::from_micros(micros.unsigned_abs());
        if micros >= 0 { at + distance } else { at.checked_sub(distance).unwrap_or(at) }
    }

    /// Mean bytes a second and mean pieces a chunk of what was heard lately.
    pub(super) fn pace(&self) -> Option<(f64, f64)> {
        let (mut bytes, mut micros, mut pieces, mut chunks) = (0.0, 0.0, 0.0, 0.0);
        for meta in self.chunks.iter().rev().filter_map(|chunk| chunk.meta).take(40) {
            bytes += f64::from(meta.size);
            micros += f64::from(meta.duration_micros.max(1));
            pieces += f64::from(meta.pieces());
            chunks += 1.0;
        }
        (chunks > 0.0).then(|| (bytes * 1e6 / micros, pieces / chunks))
    }

    /// The newest whole chunk from which decoding can start.
    pub(super) fn keyframe(&self) -> Option<Sequence> {
        let is_start =
            |chunk: &&Chunk| chunk.state == ChunkState::Complete && chunk.meta.is_some_and(|meta| meta.keyframe);
        self.chunks.iter().rev().find(is_start).map(|chunk| chunk.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    fn meta(sequence: u64) -> ChunkMeta {
        ChunkMeta {
            sequence: Sequence(sequence),
            size: 20_000,
            start_micros: sequence as i64 * 100_000,
            duration_micros: 100_000,
            keyframe: sequence.is_multiple_of(20),
            end: false,
        }
    }

    fn window() -> Window {
        Window::new(80, Duration::from_millis(100), Duration::from_millis(500))
    }

    #[test]
    fn slides_over_the_newest_chunks() {
        let (mut window, now) = (window(), start());
        for sequence in 0..200 {
            assert!(window.open(now, meta(sequence)).is_some());
            assert!(window.open(now, meta(sequence)).is_none(), "a second time is nothing new");
        }
        assert_eq!((window.base(), window.end()), (Sequence(120), Sequence(200)));
        assert!(window.open(now, meta(119)).is_none());
        assert_eq!(window.pace(), Some((200_000.0, 3.0)));
    }

    #[test]
    fn what_neighbours_say_is_believed_a_little_way_ahead() {
        let (mut window, now) = (window(), start());
        window.restart(Sequence(10));
        window.open(now, meta(10));
        assert!(window.hear_of(now, Sequence(12)).is_some());
        assert!(window.get(Sequence(11)).is_some());
        assert!(window.hear_of(now, Sequence(10 + AHEAD + 1)).is_none());
        assert!(window.hear_of(now, Sequence(9)).is_none());
        assert_eq!(window.newest(), Some(Sequence(10)));
    }

    #[test]
    fn a_lie_before_the_first_header_is_forgotten() {
        let (mut window, now) = (window(), start());
        window.restart(Sequence(1 << 60));
        window.hear_of(now, Sequence((1 << 60) + 3));
        assert!(window.open(now, meta(5)).is_some());
        assert_eq!(window.base(), Sequence(5));
    }

    #[test]
    fn a_start_keeps_what_came_before_it_was_chosen() {
        let (mut window, now) = (window(), start());
        window.restart(Sequence(21));
        window.open(now, meta(21));
        window.begin(now, Sequence(20));
        assert!(window.get(Sequence(20)).is_some_and(|chunk| chunk.meta.is_none()));
        assert!(window.get(Sequence(21)).is_some_and(|chunk| chunk.meta.is_some()));
        window.begin(now, Sequence(21));
        assert_eq!((window.base(), window.end()), (Sequence(21), Sequence(22)));
        window.begin(now, Sequence(200));
        assert_eq!(window.newest(), None);
    }

    #[test]
    fn deadlines_follow_playout() {
        let (mut window, now) = (window(), start());
        for sequence in 10..14 {
            window.open(now, meta(sequence));
        }
        let due = |window: &Window, sequence| window.deadline(window.get(Sequence(sequence)).unwrap());
        assert_eq!(due(&window, 13), now + Duration::from_millis(500));
        window.set_playhead(Sequence(11), now + Duration::from_millis(50));
        assert_eq!(due(&window, 13), now + Duration::from_millis(250));
        assert_eq!(window.hear_of(now, Sequence(20)).map(|chunk| chunk.sequence), Some(Sequence(20)));
        assert_eq!(due(&window, 20), now + Duration::from_millis(950));
    }
}
