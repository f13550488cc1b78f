//! What a session needs of a player: the one with pictures and sound, or the bare one.

use std::time::Instant;

use bytes::Bytes;
use runnel_media::format::WallClock;
use runnel_media::pipeline::watch::{Playhead, WatchChunk, WatchStats, Watcher};

/// Takes chunks and plays them; [`Watcher`] says what each call means.
pub trait Player: Send + Sync + 'static {
    /// An init segment.
    fn push_init(&self, id: u32, data: Bytes);
    /// A chunk, in any order.
    fn push_chunk(&self, chunk: WatchChunk);
    /// A chunk that will never come.
    fn missing(&self, sequence: u64);
    /// The publisher has captured until then.
    fn live_edge(&self, captured: WallClock);
    /// The broadcast is over after this chunk.
    fn ended(&self, last: Option<u64>);
    /// What to add to our wall clock to get the publisher's.
    fn set_clock_offset(&self, micros: i64);
    /// What was counted so far.
    fn stats(&self) -> WatchStats;
    /// Where playing is.
    fn playhead(&self) -> Option<Playhead>;
    /// When a chunk captured then has to be here.
    fn deadline(&self, captured: WallClock) -> Instant;
    /// Stops it; may wait for threads.
    fn stop(&self);
}

impl Player for Watcher {
    fn push_init(&self, id: u32, data: Bytes) {
        self.push_init(id, data);
    }

    fn push_chunk(&self, chunk: WatchChunk) {
        self.push_chunk(chunk);
    }

    fn missing(&self, sequence: u64) {
        self.missing(sequence);
    }

    fn live_edge(&self, captured: WallClock) {
        self.live_edge(captured);
    }

    fn ended(&self, last: Option<u64>) {
        self.ended(last);
    }

    fn set_clock_offset(&self, micros: i64) {
        self.set_clock_offset(micros);
    }

    fn stats(&self) -> WatchStats {
        self.stats()
    }

    fn playhead(&self) -> Option<Playhead> {
        self.playhead()
    }

    fn deadline(&self, captured: WallClock) -> Instant {
        self.deadline(captured)
    }

    fn stop(&self) {
        self.stop();
    }
}
