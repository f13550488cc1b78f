//! What one viewer of a swarm tells now and then.

use runnel_p2p::node::NodeStats;
use serde::{Deserialize, Serialize};

use crate::session::watch::WatchStatus;
use crate::session::watch::bare::Measured;

/// Counters since the viewer came, and what was measured since it was told last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// When this was read, in milliseconds since the Unix epoch.
    pub at_unix_ms: f64,
    /// When the viewer came.
    pub joined_unix_ms: f64,
    /// State in a word.
    pub state: String,
    /// From its coming to the first picture that was due.
    pub first_frame_ms: Option<f64>,
    /// How often the picture stood still.
    pub stalls: u64,
    /// For how long altogether.
    pub stall_ms: u64,
    /// For how long at the longest.
    pub longest_stall_ms: u64,
    /// Chunks that were left out because they did not come.
    pub missed: u64,
    /// Neighbours.
    pub neighbours: usize,
    /// What its node counted; neighbours are left out.
    pub node: NodeStats,
    /// Chunks as they came whole: number, and when, in microseconds since the Unix epoch.
    pub arrived: Vec<(u64, i64)>,
    /// From capture to the screen, for each chunk that was due.
    pub latency_ms: Vec<f32>,
}

impl Seen {
    /// Puts together what is known of a viewer.
    pub(super) fn of(
        status: &WatchStatus,
        state: &str,
        joined_unix_ms: f64,
        at_unix_ms: f64,
        measured: Measured,
    ) -> Self {
        let node = status.node.as_deref().cloned().unwrap_or_default();
        Self {
            at_unix_ms,
            joined_unix_ms,
            state: state.to_owned(),
            first_frame_ms: status.player.first_frame_ms,
            stalls: status.player.stalls,
            stall_ms: status.player.stall_ms,
            longest_stall_ms: measured.longest_stall_ms,
            missed: status.player.chunks_missing,
            neighbours: node.neighbours.len(),
            node: NodeStats { neighbours: Vec::new(), ..node },
            arrived: measured.arrived,
            latency_ms: measured.latency_ms,
        }
    }

    /// Bytes from viewers, the broadcaster, the server's node and the origin.
    pub(super) fn bytes_from(&self) -> [u64; 4] {
        let node = &self.node;
        [node.bytes_from_peers, node.bytes_from_publisher, node.bytes_from_server, node.bytes_from_origin]
    }
}
