//! Chunks that came and are not yet played, in any order, bounded by bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Chunk;
use super::timeline::{Micros, between, micros_of};
use crate::format::Timestamp;

/// How a chunk joins the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    /// Media time goes on, perhaps over a short silence.
    Smooth,
    /// Media time starts anew: the clock must too.
    Break,
}

/// A gap in media time up to this long is played as silence over a still picture.
const LONGEST_GAP: Micros = 2_000_000;
/// Rounding of durations may make chunks overlap by this much.
const LARGEST_OVERLAP: Micros = 40_000;

/// How a chunk that starts at `start` joins media that ended at `end`.
pub(super) fn joint(end: Timestamp, start: Timestamp) -> Joint {
    if (-LARGEST_OVERLAP..=LONGEST_GAP).contains(&between(end, start)) { Joint::Smooth } else { Joint::Break }
}

/// What became of a chunk that was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Insert {
    Kept,
    Duplicate,
    Late,
}

/// A chunk and when it came.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) chunk: Chunk,
    pub(super) arrived: Micros,
}

/// A stretch of chunks that can be played one after the other.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Sequences at which decoding can start, ascending.
    pub(super) entries: Vec<u64>,
    /// End of the last chunk.
    pub(super) end: Timestamp,
}

/// The chunks from the first wanted one on.
#[derive(Debug)]
pub(super) struct ChunkBuffer {
    chunks: BTreeMap<u64, Held>,
    missing: BTreeSet<u64>,
    inits: BTreeSet<u32>,
    first_wanted: u64,
    bytes: usize,
    limit: usize,
}

impl ChunkBuffer {
    /// Bookkeeping counted for each chunk, so that empty ones are bounded too.
    const OVERHEAD: usize = 256;
    /// Holes and init segments remembered.
    const MOST_REMEMBERED: usize = 4096;

    pub(super) fn new(limit: usize) -> Self {
        Self {
            chunks: BTreeMap::new(),
            missing: BTreeSet::new(),
            inits: BTreeSet::new(),
            first_wanted: 0,
            bytes: 0,
            limit: limit.max(Self::OVERHEAD),
        }
    }

    pub(super) fn insert(&mut self, chunk: Chunk, arrived: Micros) -> Insert {
        let sequence = chunk.sequence;
        if sequence < self.first_wanted {
            return Insert::Late;
        }
        if self.chunks.contains_key(&sequence) {
            return Insert::Duplicate;
        }
        self.missing.remove(&sequence);
        self.bytes += chunk.data.len() + Self::OVERHEAD;
        self.chunks.insert(sequence, Held { chunk, arrived });
        Insert::Kept
    }

    /// Drops the oldest chunks beyond the bound, up to the next keyframe; tells how many went.
    pub(super) fn trim(&mut self) -> u64 {
        let mut dropped = 0;
        while self.bytes > self.limit {
            dropped += self.drop_first();
            while self.chunks.first_key_value().is_some_and(|(_, held)| !held.chunk.keyframe) {
                dropped += self.drop_first();
            }
        }
        dropped
    }

    fn drop_first(&mut self) -> u64 {
        let Some((&sequence, _)) = self.chunks.first_key_value() else { return 0 };
        self.take(sequence);
        // It will not be back: whoever waits for it must go on.
        self.mark_missing(sequence);
        1
    }

    pub(super) fn mark_missing(&mut self, sequence: u64) {
        if sequence >= self.first_wanted && !self.chunks.contains_key(&sequence) {
            self.missing.insert(sequence);
            if self.missing.len() > Self::MOST_REMEMBERED {
                self.missing.pop_last();
            }
        }
    }

    pub(super) fn add_init(&mut self, init: u32) {
        self.inits.insert(init);
        if self.inits.len() > Self::MOST_REMEMBERED {
            self.inits.pop_first();
        }
    }

    /// Forgets everything before `sequence`; what comes for it later is late.
    pub(super) fn want_from(&mut self, sequence: u64) {
        self.first_wanted = self.first_wanted.max(sequence);
        while let Some((&first, _)) = self.chunks.first_key_value()
            && first < self.first_wanted
        {
            self.take(first);
        }
        self.missing = self.missing.split_off(&self.first_wanted);
    }

    pub(super) fn take(&mut self, sequence: u64) -> Option<Held> {
        let held = self.chunks.remove(&sequence)?;
        self.bytes -= held.chunk.data.len() + Self::OVERHEAD;
        Some(held)
    }

    /// The chunk of that number, if it is here and can be decoded.
    pub(super) fn ready(&self, sequence: u64) -> Option<&Chunk> {
        self.chunks.get(&sequence).map(|held| &held.chunk).filter(|chunk| self.inits.contains(&chunk.init))
    }

    /// The first decodable chunk after `sequence`.
    pub(super) fn ready_after(&self, sequence: u64) -> Option<&Held> {
        let mut after = self.chunks.range(sequence.saturating_add(1)..).map(|(_, held)| held);
        after.find(|held| self.inits.contains(&held.chunk.init))
    }

    /// The first decodable chunk from `sequence` on at which decoding can start.
    pub(super) fn keyframe_from(&self, sequence: u64) -> Option<&Chunk> {
        let from = self.chunks.range(sequence..).map(|(_, held)| &held.chunk);
        from.into_iter().find(|chunk| chunk.keyframe && self.inits.contains(&chunk.init))
    }

    /// Whether every number of `from..to` will never come.
    pub(super) fn all_missing(&self, from: u64, to: u64) -> bool {
        to.checked_sub(from).is_some_and(|holes| self.missing.range(from..to).count() as u64 == holes)
    }

    /// End of the media that follows `end` without a hole, beginning with chunk `next`.
    pub(super) fn reach(&self, next: u64, mut end: Timestamp) -> Timestamp {
        let mut sequence = next;
        while let Some(chunk) = self.ready(sequence)
            && joint(end, chunk.start) == Joint::Smooth
        {
            end = end.max(chunk.end());
            sequence = sequence.saturating_add(1);
        }
        end
    }

    /// All stretches without a hole, oldest first. `resume` names a chunk that the decoder can go on with.
    pub(super) fn runs(&self, resume: Option<u64>) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut previous: Option<(u64, Timestamp)> = None;
        for (&sequence, Held { chunk, .. }) in &self.chunks {
            if !self.inits.contains(&chunk.init) {
                previous = None;
                continue;
            }
            let joined = previous.is_some_and(|(before, end)| {
                before.checked_add(1) == Some(sequence) && joint(end, chunk.start) == Joint::Smooth
            });
            if !joined {
                runs.push(Run { entries: Vec::new(), end: chunk.start });
            }
            let Some(run) = runs.last_mut() else { continue };
            if chunk.keyframe || resume == Some(sequence) {
                run.entries.push(sequence);
            }
            run.end = run.end.max(chunk.end());
            previous = Some((sequence, run.end));
        }
        runs.retain(|run| !run.entries.is_empty());
        runs
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.chunks.values()
    }

    pub(super) fn first_wanted(&self) -> u64 {
        self.first_wanted
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

impl Chunk {
    /// Where its media ends; a chunk of an absurd length counts as ten seconds.
    pub(super) fn end(&self) -> Timestamp {
        self.start.saturating_add(self.duration.min(Duration::from_secs(10)))
    }

    /// Capture time of a media time within it, in microseconds of the publisher's wall clock.
    pub(super) fn captured_minus_start(&self) -> Micros {
        self.captured.as_micros().saturating_sub(self.start.as_micros())
    }

    /// Its length in microseconds.
    pub(super) fn length(&self) -> Micros {
        micros_of(self.duration.min(Duration::from_secs(10)))
    }
}
