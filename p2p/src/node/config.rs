//! What a node is told when it starts, and what it is told about others.

use std::time::Duration;

use crate::{
    reach::ReachConfig,
    wire::{BroadcastKey, CommunityKey, PublicKey, RenditionId, Role, SignedManifest},
};
use bytes::Bytes;
use libp2p::{Multiaddr, PeerId, identity::Keypair, multiaddr::Protocol};

/// A key that proves to others that a node is more than a viewer; it never leaves the node.
#[derive(Clone, Debug)]
pub enum RoleKey {
    /// Of the publisher.
    Broadcast(BroadcastKey),
    /// Of the community's server.
    Community(CommunityKey),
}

/// What the tracker says a peer is: the same words as what it says itself.
pub type CandidateKind = Role;

/// A peer that could become a neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub peer: PeerId,
    /// Where it listens, best first.
    pub addresses: Vec<Multiaddr>,
    /// What it is.
    pub kind: CandidateKind,
}

/// How a node starts.
///
/// The constructors choose for each role what suits it; every field can be changed afterwards.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// What the node does.
    pub role: Role,
    /// The manifest to begin with; it names channel, broadcast and epoch.
    pub manifest: SignedManifest,
    /// Who may sign manifests of this channel.
    pub channel_keys: Vec<PublicKey>,
    /// Who may sign revocations, and prove to be the server.
    pub community_key: Option<PublicKey>,
    /// The key that proves this node's role.
    pub role_key: Option<RoleKey>,
    /// Which rendition's swarm to join.
    pub rendition: RenditionId,
    /// From the capture of a chunk's first frame to that frame on screen.
    pub target_delay: Duration,
    /// The most upload in kilobits a second; nothing means that the node finds out itself, 0 that it never uploads.
    pub upload_cap_kbps: Option<u32>,
    /// Whether chunks can be fetched from the origin, so that [`NodeEvent::OriginWanted`](super::NodeEvent) makes sense.
    pub origin: bool,
    /// Where to listen; port 0 takes any free one.
    pub listen: Vec<Multiaddr>,
    /// Addresses under which the node is known to be reachable from outside.
    pub external: Vec<Multiaddr>,
    /// Which helpers to use to reach and to be reached.
    pub reach: ReachConfig,
    /// The tracker's ticket, shown to neighbours.
    pub ticket: Option<Bytes>,
    /// Whether viewers without a ticket signed by the community are refused.
    pub require_ticket: bool,
    /// The node's identity; nothing draws a new one, so that nobody can follow a viewer from broadcast to broadcast.
    pub keypair: Option<Keypair>,
    /// Seed of the mesh's choices; nothing draws one.
    pub seed: Option<u64>,
    /// The most neighbours at a time.
    pub max_neighbours: usize,
    /// The most bytes of chunks held for others.
    pub store_bytes: usize,
}

impl NodeConfig {
    fn new(role: Role, manifest: SignedManifest, channel_keys: Vec<PublicKey>, rendition: RenditionId) -> Self {
        Self {
            role,
            manifest,
            channel_keys,
            community_key: None,
            role_key: None,
            rendition,
            target_delay: Duration::from_secs(1),
            upload_cap_kbps: None,
            origin: true,
            listen: listen_on([0, 0, 0, 0]),
            external: Vec::new(),
            reach: ReachConfig::default(),
            ticket: None,
            require_ticket: false,
            keypair: None,
            seed: None,
            max_neighbours: 24,
            store_bytes: 32 << 20,
        }
    }

    /// A node that watches.
    pub fn viewer(manifest: SignedManifest, channel_keys: Vec<PublicKey>, rendition: RenditionId) -> Self {
        Self::new(Role::Viewer, manifest, channel_keys, rendition)
    }

    /// The broadcaster's node.
    pub fn publisher(
        manifest: SignedManifest,
        channel_keys: Vec<PublicKey>,
        rendition: RenditionId,
        key: BroadcastKey,
    ) -> Self {
        let role_key = Some(RoleKey::Broadcast(key));
        Self {
            role_key,
            origin: false,
            max_neighbours: 64,
            ..Self::new(Role::Publisher, manifest, channel_keys, rendition)
        }
    }

    /// The server's node; without the community's key viewers know it by the tracker's word only.
    pub fn seeder(
        manifest: SignedManifest,
        channel_keys: Vec<PublicKey>,
        rendition: RenditionId,
        key: Option<CommunityKey>,
    ) -> Self {
        Self {
            community_key: key.as_ref().map(CommunityKey::public),
            role_key: key.map(RoleKey::Community),
            origin: false,
            reach: ReachConfig::server(),
            max_neighbours: 64,
            ..Self::new(Role::Server, manifest, channel_keys, rendition)
        }
    }

    /// Listens on loopback only and uses no helper: for tests, demos and several apps on one machine.
    pub fn on_loopback(self) -> Self {
        Self { listen: listen_on([127, 0, 0, 1]), reach: ReachConfig::off(), ..self }
    }
}

fn listen_on(ip: [u8; 4]) -> Vec<Multiaddr> {
    let host = Multiaddr::from(std::net::Ipv4Addr::from(ip));
    vec![host.clone().with(Protocol::Udp(0)).with(Protocol::QuicV1), host.with(Protocol::Tcp(0))]
}
