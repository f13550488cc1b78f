//! The newest chunks of a rendition, in memory, bounded by time and by bytes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use runnel_p2p::wire::SignedChunk;

/// A chunk as it came, and read.
#[derive(Debug)]
pub(crate) struct Held {
    /// The whole chunk as HTTP carries it.
    pub encoded: Bytes,
    /// The same, read; its parts share the bytes.
    pub chunk: SignedChunk,
}

/// Chunks in rising order, not all numbers need be there.
#[derive(Debug)]
pub(super) struct Window {
    chunks: VecDeque<Arc<Held>>,
    bytes: usize,
    micros: u64,
    most_bytes: usize,
    most_micros: u64,
}

impl Window {
    pub(super) fn new(most: Duration, most_bytes: usize) -> Self {
        let most_micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Self { chunks: VecDeque::new(), bytes: 0, micros: 0, most_bytes, most_micros }
    }

    /// Adds a chunk after all others and lets the oldest go; the newest always stays.
    pub(super) fn push(&mut self, held: Arc<Held>) {
        self.bytes += held.encoded.len();
        self.micros += u64::from(held.chunk.header.duration_micros);
        self.chunks.push_back(held);
        while self.chunks.len() > 1 && (self.bytes > self.most_bytes || self.micros > self.most_micros) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(old) = self.chunks.pop_front() {
            self.bytes -= old.encoded.len();
            self.micros -= u64::from(old.chunk.header.duration_micros);
        }
    }

    /// Lets the oldest go until at most so many bytes are left.
    pub(super) fn shrink(&mut self, most_bytes: usize) {
        while self.chunks.len() > 1 && self.bytes > most_bytes {
            self.pop();
        }
    }

    pub(super) fn clear(&mut self) {
        self.chunks.clear();
        (self.bytes, self.micros) = (0, 0);
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.chunks.front().map(|held| held.chunk.header.sequence.0)
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Arc<Held>> {
        let index = self.chunks.binary_search_by_key(&sequence, |held| held.chunk.header.sequence.0).ok()?;
        self.chunks.get(index)
    }

    /// The newest chunk that starts with a keyframe.
    pub(super) fn last_keyframe(&self) -> Option<u64> {
        let held = self.chunks.iter().rev().find(|held| held.chunk.header.flags.keyframe)?;
        Some(held.chunk.header.sequence.0)
    }

    /// All chunks from `first` to `last`, or `None` if one is gone.
    pub(super) fn range(&self, first: u64, last: u64) -> Option<Vec<Arc<Held>>> {
        (first..=last).map(|sequence| self.get(sequence).cloned()).collect()
    }
}
