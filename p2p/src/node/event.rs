//! What a node tells its owner, and what its owner tells it.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use libp2p::{Multiaddr, PeerId};
use thiserror::Error;

use super::{Candidate, RoleKey};
use crate::wire::{Manifest, PublicKey, Revocation, Sequence, SignedChunk, SignedManifest, SignedRevocation};

/// What a node tells its owner.
#[derive(Debug)]
#[non_exhaustive]
pub enum NodeEvent {
    /// The node can be reached under this address.
    Listening(Multiaddr),
    /// A chunk is complete and verified; chunks come in the order in which they became so.
    Chunk(SignedChunk),
    /// The broadcaster changed the manifest: a new version, or a new epoch.
    ManifestChanged(Arc<Manifest>, SignedManifest),
    /// A neighbour has a manifest signed by a key that we were not told of: ask the community for the channel's keys and
    /// hand them to [`Node::set_channel_keys`](super::Node::set_channel_keys). Told now and then for as long as it is so.
    KeysWanted,
    /// Somebody has to fetch this chunk over HTTP; answer with `supply_origin` or `origin_failed` in any case.
    OriginWanted {
        /// Which chunk.
        sequence: Sequence,
        /// When it is due.
        deadline: Instant,
    },
    /// A chunk is given up: its deadline is over.
    Missed(Sequence),
    /// The community took the broadcast down: stop playing. The node has wiped its store and forwards nothing more.
    Revoked(Revocation),
    /// So many neighbours there are now.
    NeighboursChanged(usize),
    /// More neighbours are wanted than there are candidates: ask the tracker.
    CandidatesWanted(usize),
    /// Something went wrong that the node gets over.
    Problem(NodeProblem),
    /// The node has ended; nothing comes after this.
    Ended,
}

/// What went wrong without ending the node.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NodeProblem {
    /// A neighbour was dropped because of what it did.
    #[error("neighbour {peer} was dropped: {reason}")]
    NeighbourDropped {
        /// Who.
        peer: PeerId,
        /// Why.
        reason: String,
        /// Whether it may not come back.
        banned: bool,
    },
    /// A neighbour did not want us.
    #[error("neighbour {peer} refused us: {reason}")]
    Refused {
        /// Who.
        peer: PeerId,
        /// Its words.
        reason: String,
    },
    /// The node can no longer be reached under some address.
    #[error("listening on {address} ended: {reason}")]
    ListenerClosed {
        /// Which one.
        address: String,
        /// Why.
        reason: String,
    },
    /// What the owner handed over was not what was signed.
    #[error("{what} was not accepted: {reason}")]
    NotAccepted {
        /// What it was.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

/// What the owner tells the node.
#[derive(Debug)]
pub(crate) enum Command {
    Publish(SignedChunk),
    Manifest(SignedManifest),
    ChannelKeys(Vec<PublicKey>),
    RoleKey(RoleKey),
    Ticket(Bytes),
    Candidates(Vec<Candidate>),
    Origin(SignedChunk),
    OriginFailed(Sequence),
    Playhead(Sequence, Instant),
    LiveEdge { keyframe: Sequence, newest: Sequence },
    SwarmSize(usize),
    UploadCap(Option<u32>),
    Revoke(SignedRevocation),
    Shutdown,
}
