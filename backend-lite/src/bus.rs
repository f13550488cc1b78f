//! Carries facts between services that must not know each other.
//!
//! There is one bus, inside the process; a second one (over a network) becomes a second folder beside it.
//! Losing the bus must leave playback and local chat running, so nothing waits for it.

mod local;

use std::sync::Arc;

use runnel_p2p::wire::{BroadcastId, PublicKey, SignedManifest, SignedRevocation};

use crate::api::BroadcastState;
use crate::origin::Held;

pub(crate) use local::Bus;

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub(crate) enum Fact {
    /// A manifest was accepted.
    Manifest {
        /// Whose.
        broadcast: BroadcastId,
        /// The manifest as it travels.
        manifest: SignedManifest,
        /// The channel's keys, one of which signed it.
        channel_keys: Vec<PublicKey>,
    },
    /// A chunk's turn has come.
    Chunk {
        /// Whose.
        broadcast: BroadcastId,
        /// The chunk.
        held: Arc<Held>,
    },
    /// A broadcast changed its state.
    State {
        /// Which one.
        broadcast: BroadcastId,
        /// Its state from now on.
        state: BroadcastState,
    },
    /// A broadcast was taken down.
    Revoked {
        /// Which one.
        broadcast: BroadcastId,
        /// The community's word.
        revocation: SignedRevocation,
    },
}
