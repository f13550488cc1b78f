//! How peers find each other.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::BroadcastState;

/// What a peer does in the swarm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeerKind {
    /// Watches and shares.
    #[default]
    Viewer,
    /// The broadcaster's own node.
    Publisher,
    /// The community's seeder; counts as origin.
    Server,
}

/// Counters since the node started, for the community's statistics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PeerStats {
    /// Media bytes from other viewers.
    pub bytes_from_peers: u64,
    /// Media bytes from the broadcaster's node.
    pub bytes_from_publisher: u64,
    /// Media bytes from the server, by HTTP or libp2p.
    pub bytes_from_origin: u64,
    /// Media bytes given to others.
    pub bytes_to_peers: u64,
    /// Chunks and pieces refused because they did not verify.
    pub chunks_rejected: u64,
    /// Times playback stood still.
    pub stalls: u64,
}

/// Body of `POST /v1/broadcasts/{id}/peers`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Announce {
    /// The libp2p PeerId, in base58.
    pub peer_id: String,
    /// Multiaddresses at which the peer can be reached; at most 8. Empty for one that only watches.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// `viewer` or `publisher`; `publisher` needs the right to publish.
    #[serde(default)]
    pub role: PeerKind,
    /// The rendition whose swarm it joins.
    #[serde(default)]
    pub rendition: u8,
    /// The ticket of the last announce; without it the peer counts as new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The peer goes away: forget it.
    #[serde(default)]
    pub leaving: bool,
    /// What the peer can upload in kbit/s: the user's cap, or else the most that it has given so far; left out where neither
    /// is known. More than 200,000 counts as that. Strong peers are named to more others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uplink_kbps: Option<u32>,
    /// Counters, if the user lets them be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<PeerStats>,
}

/// A peer to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeerEntry {
    /// Its PeerId.
    pub peer_id: String,
    /// Where it can be reached.
    pub addresses: Vec<String>,
    /// What it is.
    pub kind: PeerKind,
}

/// Answer of an announce.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Announced {
    /// Proves to the tracker and to peers that one was let in; base64.
    pub ticket: String,
    /// When the ticket dies, in seconds since 1970: ten minutes from now.
    pub expires: i64,
    /// Announce again after so many seconds; already spread at random.
    pub interval_seconds: f64,
    /// Up to 40 others, half by chance and half by their uplinks, with at most two of one strange network. In a swarm of
    /// fifty and more, server and broadcaster are named only to those who can hand several copies of the stream on.
    pub peers: Vec<PeerEntry>,
    /// How many watch now.
    pub viewers: u32,
    /// Where the broadcast stands.
    pub state: BroadcastState,
    /// Its current publishing run.
    pub epoch: Option<u64>,
}
