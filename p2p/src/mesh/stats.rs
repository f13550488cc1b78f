//! What a mesh counted.

use serde::Serialize;

/// What a mesh counted since its start. Bytes are those of pieces, each counted once unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Stats {
    /// From other viewers.
    pub bytes_from_viewers: u64,
    /// From the broadcaster's node.
    pub bytes_from_publisher: u64,
    /// From the server's node.
    pub bytes_from_server: u64,
    /// From the server over HTTP.
    pub bytes_from_origin: u64,
    /// Pieces that were here already.
    pub bytes_duplicate: u64,
    /// To anyone.
    pub bytes_sent: u64,
    /// Pieces that were not what their header said.
    pub pieces_rejected: u64,
    /// Chunks that became whole.
    pub chunks_complete: u64,
    /// Chunks that were given up.
    pub chunks_missed: u64,
    /// Headers that came a second time.
    pub headers_duplicate: u64,
    /// Pieces asked of neighbours.
    pub pieces_requested: u64,
    /// Requests that were not answered in time.
    pub requests_timed_out: u64,
    /// Fetches asked of the server.
    pub origin_fetches: u64,
    /// Pieces that were not pushed because a child's queue was too long.
    pub pieces_skipped: u64,
    /// Parents asked where something is that they should have pushed.
    pub parents_probed: u64,
    /// Parents given up because they fell silent.
    pub parents_silent: u64,
    /// Parents changed for better ones.
    pub parents_improved: u64,
    /// Stripes refused to those who asked for them.
    pub stripes_rejected: u64,
    /// Children that had to make place for stronger ones.
    pub children_preempted: u64,
    /// Wishes dropped because a neighbour had too many.
    pub requests_dropped: u64,
}

impl Stats {
    /// Every counter, in the order of the fields.
    fn counters(&mut self) -> [&mut u64; 20] {
        [
            &mut self.bytes_from_viewers,
            &mut self.bytes_from_publisher,
            &mut self.bytes_from_server,
            &mut self.bytes_from_origin,
            &mut self.bytes_duplicate,
            &mut self.bytes_sent,
            &mut self.pieces_rejected,
            &mut self.chunks_complete,
            &mut self.chunks_missed,
            &mut self.headers_duplicate,
            &mut self.pieces_requested,
            &mut self.requests_timed_out,
            &mut self.origin_fetches,
            &mut self.pieces_skipped,
            &mut self.parents_probed,
            &mut self.parents_silent,
            &mut self.parents_improved,
            &mut self.stripes_rejected,
            &mut self.children_preempted,
            &mut self.requests_dropped,
        ]
    }

    /// Adds another's counters to these.
    pub fn add(&mut self, other: &Self) {
        let mut other = *other;
        for (ours, theirs) in self.counters().into_iter().zip(other.counters()) {
            *ours += *theirs;
        }
    }

    /// What was counted since an earlier reading.
    pub fn since(&self, earlier: &Self) -> Self {
        let (mut now, mut before) = (*self, *earlier);
        for (now, before) in now.counters().into_iter().zip(before.counters()) {
            *now = now.saturating_sub(*before);
        }
        now
    }
}
