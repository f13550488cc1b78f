//! The chunks of one rendition that a node holds: whole and partial, bounded by bytes and age.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::wire::{ChunkHeader, PieceSet, Sequence, SignedChunk, SignedHeader};

/// Most bytes of pieces without a header that are kept for one neighbour.
pub const MAX_HELD: usize = 64 * 1024;
/// How long a piece waits for its header.
const HOLD_TIME: Duration = Duration::from_secs(2);

/// What a store may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreConfig {
    /// Most bytes of payload.
    pub bytes: usize,
    /// How long a chunk is kept after its header came.
    pub age: Duration,
}

impl Default for StoreConfig {
    /// 32 MiB and 30 s: ten seconds of the fastest stream, thirty of a usual one.
    fn default() -> Self {
        Self { bytes: 32 << 20, age: Duration::from_secs(30) }
    }
}

/// What became of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is kept, others are missing.
    New,
    /// It is kept, and the chunk is whole.
    Complete,
    /// It was there.
    Duplicate,
    /// Its chunk is not open, or has no such piece.
    NoPlace,
}

/// A piece that waited for its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPiece {
    /// The neighbour that sent it, by the driver's number.
    pub from: u64,
    /// Which piece.
    pub index: u16,
    /// Its bytes, unchecked.
    pub data: Bytes,
}

/// What a store did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct StoreStats {
    /// Chunks inside now.
    pub chunks: usize,
    /// Bytes of payload inside now.
    pub bytes: usize,
    /// Bytes that wait for a header now.
    pub held_bytes: usize,
    /// Chunks dropped because the store was full.
    pub dropped_full: u64,
    /// Chunks dropped because they were old.
    pub dropped_old: u64,
    /// Pieces dropped because too much waited for headers.
    pub dropped_held: u64,
}

#[derive(Debug)]
struct Chunk {
    header: Arc<ChunkHeader>,
    signed: SignedHeader,
    opened: Instant,
    have: PieceSet,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// The pieces that are here; the others are empty.
    Pieces(Vec<Bytes>),
    Whole(Bytes),
}

#[derive(Debug)]
struct Held {
    sequence: Sequence,
    since: Instant,
    piece: HeldPiece,
}

/// The chunks of one rendition. Only checked bytes belong in here, except those held for a header.
#[derive(Debug)]
pub struct ChunkStore {
    config: StoreConfig,
    chunks: BTreeMap<Sequence, Chunk>,
    held: VecDeque<Held>,
    stats: StoreStats,
}

impl ChunkStore {
    /// An empty store.
    pub fn new(config: StoreConfig) -> Self {
        Self { config, chunks: BTreeMap::new(), held: VecDeque::new(), stats: StoreStats::default() }
    }

    /// Makes room for a chunk whose header was checked, and gives the pieces that waited for it.
    pub fn open(&mut self, now: Instant, header: Arc<ChunkHeader>, signed: SignedHeader) -> Vec<HeldPiece> {
        let sequence = header.sequence;
        let pieces = vec![Bytes::new(); header.pieces.len()];
        self.chunks.entry(sequence).or_insert_with(|| Chunk {
            header,
            signed,
            opened: now,
            have: PieceSet::new(),
            content: Content::Pieces(pieces),
        });
        self.trim(sequence);
        let mut waited = Vec::new();
        let mut rest = VecDeque::with_capacity(self.held.len());
        for held in self.held.drain(..) {
            if held.sequence == sequence {
                self.stats.held_bytes -= held.piece.data.len();
                waited.push(held.piece);
            } else {
                rest.push_back(held);
            }
        }
        self.held = rest;
        waited
    }

    /// Keeps a checked piece of an open chunk, and what its bytes are a slice of: to be a frame of their own, not some big
    /// network buffer.
    pub fn insert(&mut self, sequence: Sequence, index: u16, data: Bytes) -> Inserted {
        let Some(chunk) = self.chunks.get_mut(&sequence) else { return Inserted::NoPlace };
        if chunk.header.piece_size(index) != Some(data.len()) {
            return Inserted::NoPlace;
        }
        if !chunk.have.insert(index) {
            return Inserted::Duplicate;
        }
        self.stats.bytes += data.len();
        if let Content::Pieces(pieces) = &mut chunk.content {
            pieces[usize::from(index)] = data;
        }
        if !chunk.have.is_complete(chunk.header.piece_count()) {
            self.trim(sequence);
            return Inserted::New;
        }
        if let Content::Pieces(pieces) = &chunk.content {
            let mut whole = BytesMut::with_capacity(chunk.header.size as usize);
            pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
            chunk.content = Content::Whole(whole.freeze());
        }
        self.trim(sequence);
        Inserted::Complete
    }

    /// Keeps a whole checked chunk; tells which of its pieces are new.
    pub fn insert_chunk(&mut self, now: Instant, header: Arc<ChunkHeader>, chunk: &SignedChunk) -> PieceSet {
        let sequence = header.sequence;
        let all = PieceSet::first(header.piece_count());
        let before = self.chunks.get(&sequence).map(|chunk| chunk.have.clone()).unwrap_or_default();
        let missing = all.without(&before);
        if missing.is_empty() {
            return missing;
        }
        let opened = self.chunks.get(&sequence).map_or(now, |chunk| chunk.opened);
        self.stats.bytes += missing.iter().filter_map(|piece| header.piece_size(piece)).sum::<usize>();
        let content = Content::Whole(chunk.payload.clone());
        self.chunks.insert(sequence, Chunk { header, signed: chunk.signed.clone(), opened, have: all, content });
        self.trim(sequence);
        missing
    }

    /// Keeps an unchecked piece until its header comes; `false` where this neighbour has too many waiting.
    pub fn hold(&mut self, now: Instant, from: u64, sequence: Sequence, index: u16, data: Bytes) -> bool {
        let mine = || self.held.iter().filter(|held| held.piece.from == from);
        let waiting: usize = mine().map(|held| held.piece.data.len()).sum();
        let twice = mine().any(|held| held.sequence == sequence && held.piece.index == index);
        if twice || waiting + data.len() > MAX_HELD {
            self.stats.dropped_held += 1;
            return false;
        }
        self.stats.held_bytes += data.len();
        let data = Bytes::copy_from_slice(&data);
        self.held.push_back(Held { sequence, since: now, piece: HeldPiece { from, index, data } });
        true
    }

    /// Forgets what waits for a header from a neighbour that left.
    pub fn release(&mut self, from: u64) {
        let stats = &mut self.stats;
        self.held.retain(|held| {
            let keep = held.piece.from != from;
            if !keep {
                stats.held_bytes -= held.piece.data.len();
            }
            keep
        });
    }

    /// A chunk's header, read and as it travels.
    pub fn header(&self, sequence: Sequence) -> Option<(&Arc<ChunkHeader>, &SignedHeader)> {
        self.chunks.get(&sequence).map(|chunk| (&chunk.header, &chunk.signed))
    }

    /// A piece, where it is here.
    pub fn piece(&self, sequence: Sequence, index: u16) -> Option<Bytes> {
        let chunk = self.chunks.get(&sequence)?;
        if !chunk.have.contains(index) {
            return None;
        }
        match &chunk.content {
            Content::Pieces(pieces) => pieces.get(usize::from(index)).cloned(),
            Content::Whole(payload) => Some(payload.slice(chunk.header.piece_range(index)?)),
        }
    }

    /// A chunk, where all of it is here.
    pub fn chunk(&self, sequence: Sequence) -> Option<SignedChunk> {
        let chunk = self.chunks.get(&sequence)?;
        let Content::Whole(payload) = &chunk.content else { return None };
        Some(SignedChunk {
            header: ChunkHeader::clone(&chunk.header),
            signed: chunk.signed.clone(),
            payload: payload.clone(),
        })
    }

    /// Drops what is older than allowed; call it now and then.
    pub fn expire(&mut self, now: Instant) {
        let old = |since: Instant, age: Duration| now.saturating_duration_since(since) > age;
        let stats = &mut self.stats;
        self.chunks.retain(|_, chunk| {
            let keep = !old(chunk.opened, self.config.age);
            if !keep {
                stats.bytes -= chunk.bytes();
                stats.dropped_old += 1;
            }
            keep
        });
        while self.held.front().is_some_and(|held| old(held.since, HOLD_TIME))
            && let Some(held) = self.held.pop_front()
        {
            stats.held_bytes -= held.piece.data.len();
            stats.dropped_held += 1;
        }
    }

    /// Drops everything, as a take-down asks for.
    pub fn wipe(&mut self) {
        self.chunks.clear();
        self.held.clear();
        self.stats.bytes = 0;
        self.stats.held_bytes = 0;
    }

    /// What happened so far.
    pub fn stats(&self) -> StoreStats {
        StoreStats { chunks: self.chunks.len(), ..self.stats }
    }

    /// Drops the oldest chunks but `keep` until the rest fits.
    fn trim(&mut self, keep: Sequence) {
        while self.stats.bytes > self.config.bytes {
            let Some(oldest) = self.chunks.keys().copied().find(|&sequence| sequence != keep) else { return };
            if let Some(chunk) = self.chunks.remove(&oldest) {
                self.stats.bytes -= chunk.bytes();
                self.stats.dropped_full += 1;
            }
        }
    }
}

impl Chunk {
    fn bytes(&self) -> usize {
        match &self.content {
            Content::Whole(payload) => payload.len(),
            Content::Pieces(pieces) => pieces.iter().map(Bytes::len).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::chunk::tests::example;

    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    fn store(bytes: usize) -> ChunkStore {
        ChunkStore::new(StoreConfig { bytes, age: Duration::from_secs(30) })
    }

    fn open(store: &mut ChunkStore, now: Instant, chunk: &SignedChunk) -> Vec<HeldPiece> {
        store.open(now, Arc::new(chunk.header.clone()), chunk.signed.clone())
    }

    #[test]
    fn a_chunk_is_whole_when_its_last_piece_comes() {
        let mut store = store(1 << 20);
        let chunk = example(7, 20_000);
        open(&mut store, start(), &chunk);
        let insert = |store: &mut ChunkStore, index| store.insert(Sequence(7), index, chunk.piece(index).unwrap());
        assert_eq!(insert(&mut store, 2), Inserted::New);
        assert_eq!(insert(&mut store, 2), Inserted::Duplicate);
        assert_eq!(insert(&mut store, 0), Inserted::New);
        assert_eq!(store.piece(Sequence(7), 2), chunk.piece(2));
        assert_eq!(store.piece(Sequence(7), 1), None);
        assert_eq!(store.chunk(Sequence(7)), None);
        assert_eq!(insert(&mut store, 1), Inserted::Complete);
        assert_eq!(store.chunk(Sequence(7)).unwrap(), chunk);
        assert_eq!(store.stats().bytes, 20_000);
    }

    #[test]
    fn what_belongs_nowhere_is_not_kept() {
        let mut store = store(1 << 20);
        let chunk = example(7, 20_000);
        assert_eq!(store.insert(Sequence(7), 0, chunk.piece(0).unwrap()), Inserted::NoPlace);
        open(&mut store, start(), &chunk);
        assert_eq!(store.insert(Sequence(7), 3, Bytes::from_static(b"x")), Inserted::NoPlace);
        assert_eq!(store.insert(Sequence(7), 0, Bytes::from_static(b"x")), Inserted::NoPlace);
        assert_eq!(store.stats().bytes, 0);
    }

    #[test]
    fn the_oldest_goes_when_the_store_is_full_or_time_is_over() {
        let mut store = store(50_000);
        let now = start();
        for sequence in 0..5 {
            let chunk = example(sequence, 20_000);
            store.insert_chunk(now + Duration::from_secs(sequence), Arc::new(chunk.header.clone()), &chunk);
            assert!(store.stats().bytes <= 50_000);
        }
        assert!(store.chunk(Sequence(2)).is_none());
        assert!(store.chunk(Sequence(3)).is_some());
        assert_eq!(store.stats().dropped_full, 3);
        store.expire(now + Duration::from_millis(33_500));
        assert!(store.chunk(Sequence(3)).is_none());
        assert_eq!(store.stats().bytes, 20_000);
        store.wipe();
        assert_eq!(store.stats().bytes, 0);
    }

    #[test]
    fn pieces_wait_for_their_header_within_bounds() {
        let mut store = store(1 << 20);
        let now = start();
        let chunk = example(7, 80_000);
        let pieces = chunk.header.piece_count();
        let held = (0..pieces).filter(|&index| store.hold(now, 1, Sequence(7), index, chunk.piece(index).unwrap()));
        assert_eq!(held.count(), MAX_HELD / 8192);
        assert!(store.hold(now, 2, Sequence(7), 0, chunk.piece(0).unwrap()), "each neighbour has its own bound");
        assert!(!store.hold(now, 2, Sequence(7), 0, chunk.piece(0).unwrap()), "the same piece twice");
        store.release(2);
        assert_eq!(open(&mut store, now, &chunk).len(), 8);
        assert_eq!(store.stats().held_bytes, 0);
        assert!(store.hold(now, 1, Sequence(9), 0, Bytes::from_static(b"x")));
        store.expire(now + Duration::from_secs(3));
        assert_eq!(store.stats().held_bytes, 0);
    }

    #[test]
    fn a_whole_chunk_fills_the_gaps_of_a_partial_one() {
        let mut store = store(1 << 20);
        let chunk = example(7, 20_000);
        open(&mut store, start(), &chunk);
        store.insert(Sequence(7), 1, chunk.piece(1).unwrap());
        let new = store.insert_chunk(start(), Arc::new(chunk.header.clone()), &chunk);
        assert_eq!(new.iter().collect::<Vec<_>>(), [0, 2]);
        assert_eq!(store.stats().bytes, 20_000);
        assert_eq!(store.chunk(Sequence(7)).unwrap(), chunk);
    }
}
