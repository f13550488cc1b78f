//! What a node counts.

use serde::{Deserialize, Serialize};

use crate::wire::Role;

/// What a node has done so far.
///
/// Bytes are those of pieces; what arrived twice is counted in `bytes_duplicate` only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeStats {
    /// The node's id.
    pub peer_id: String,
    /// Media bytes that other viewers gave us.
    pub bytes_from_peers: u64,
    /// Media bytes that the broadcaster's node gave us.
    pub bytes_from_publisher: u64,
    /// Media bytes that the server's node gave us.
    pub bytes_from_server: u64,
    /// Media bytes that were fetched by HTTP and handed to the node.
    pub bytes_from_origin: u64,
    /// Media bytes that were made here or put here: the publisher's and the server's own.
    pub bytes_published: u64,
    /// Media bytes that we gave to others.
    pub bytes_to_peers: u64,
    /// Media bytes that arrived although we had them.
    pub bytes_duplicate: u64,
    /// Pieces that arrived although we had them.
    pub duplicates: u64,
    /// Bytes of control messages and headers that arrived.
    pub control_bytes_in: u64,
    /// Bytes of control messages and headers that left.
    pub control_bytes_out: u64,
    /// Chunks that became complete.
    pub chunks_complete: u64,
    /// Chunks that were given up.
    pub chunks_missed: u64,
    /// Headers, pieces and chunks that were not what was signed.
    pub chunks_rejected: u64,
    /// Neighbours that were dropped because of what they did.
    pub peers_dropped: u64,
    /// Pieces that waited for their header and were left out.
    pub waiting_dropped: u64,
    /// Holes that were punched through routers, on this side or the other's initiative.
    pub holes_punched: u64,
    /// Times that no hole could be punched.
    pub holes_failed: u64,
    /// Events that nobody took in time.
    pub events_dropped: u64,
    /// Candidates that were left out.
    pub candidates_dropped: u64,
    /// Direct connections over QUIC that came about, whoever dialed.
    pub connections_quic: u64,
    /// Direct connections over TCP that came about, whoever dialed.
    pub connections_tcp: u64,
    /// Addresses beyond this machine that could not be reached over QUIC; many and never a connection mean that the network
    /// blocks UDP.
    pub quic_dials_failed: u64,
    /// Who we exchange with now.
    pub neighbours: Vec<NeighbourStats>,
}

impl NodeStats {
    /// All media bytes that arrived from anywhere, duplicates left out.
    pub fn bytes_received(&self) -> u64 {
        self.bytes_from_peers + self.bytes_from_publisher + self.bytes_from_server + self.bytes_from_origin
    }

    /// The share of the media bytes that came from other viewers; 0 when nothing came.
    pub fn offload(&self) -> f64 {
        match self.bytes_received() {
            0 => 0.0,
            all => self.bytes_from_peers as f64 / all as f64,
        }
    }
}

/// One neighbour, and what it exchanged with us.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NeighbourStats {
    /// Its id.
    pub peer: String,
    /// What it is.
    pub kind: Role,
    /// Its address.
    pub address: String,
    /// Whether we dialed it.
    pub outbound: bool,
    /// Whether a hole was punched through routers to reach it.
    #[serde(default)]
    pub punched: bool,
    /// The round trip, once measured.
    pub rtt_ms: Option<f64>,
    /// Media bytes it gave us.
    pub bytes_in: u64,
    /// Media bytes we gave it.
    pub bytes_out: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offload_counts_other_viewers_only() {
        assert_eq!(NodeStats::default().offload(), 0.0);
        let stats = NodeStats {
            bytes_from_peers: 60,
            bytes_from_publisher: 10,
            bytes_from_server: 10,
            bytes_from_origin: 20,
            bytes_duplicate: 1000,
            ..NodeStats::default()
        };
        assert_eq!(stats.bytes_received(), 100);
        assert!((stats.offload() - 0.6).abs() < 1e-9);
    }

    #[test]
    fn stats_of_an_older_node_can_be_read() {
        let stats: NodeStats = serde_json::from_str(r#"{"bytes_from_peers":3,"later":1}"#).unwrap();
        assert_eq!(stats.bytes_from_peers, 3);
    }
}
