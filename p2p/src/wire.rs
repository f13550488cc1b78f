//! What travels between nodes: ids, signed values and messages.
//!
//! No IO happens here. Everything that is read is parsed into a type that cannot be wrong, and every count and length is
//! checked before anything is allocated for it. Signatures are Ed25519 and each purpose has its own prefix, so that none
//! passes for another.
//!
//! Nodes speak version [`WIRE_VERSION`] and the one before it. [`Hello`] carries the range a node speaks,
//! [`Version::negotiate`] picks the newest common one, and a node with none is answered by [`Refuse`].

pub mod chunk;
pub mod control;
pub mod frame;
pub mod hello;
pub mod id;
pub mod key;
pub mod manifest;
pub mod message;
pub mod pieces;
mod proto;
pub mod revocation;
mod signed;
pub mod ticket;
mod version;

pub use chunk::{ChunkError, ChunkFlags, ChunkHeader, ChunkInfo, SignedChunk, SignedHeader};
pub use chunk::{decode_chunk, encode_chunk, sign_chunk};
pub use control::{Control, HaveEntry, Status};
pub use hello::{Bye, Hello, Refuse, RefuseReason, Role};
pub use id::{BroadcastId, ChannelId, Epoch, IdError, PublicKey, RenditionId, Sequence};
pub use key::{BroadcastKey, ChannelKey, CommunityKey};
pub use manifest::{Init, Manifest, ManifestError, Rendition, SignedManifest, Track, TrackKind};
pub use message::{MAX_CONTROL_MESSAGE, MAX_PIECE_MESSAGE, Message, MessageError, Piece};
pub use pieces::PieceSet;
pub use proto::MalformedError;
pub use revocation::{Revocation, RevocationError, Revoked, SignedRevocation};
pub use ticket::{RoleProof, SignedTicket, Ticket, TicketError};
pub use version::{Version, VersionRange};

/// The newest version of the protocol that this build speaks.
pub const WIRE_VERSION: Version = Version::V2;
/// The oldest version of the protocol that this build speaks.
pub const OLDEST_WIRE_VERSION: Version = Version::V1;

/// Length of a piece in bytes; a chunk's last one may be shorter.
pub const PIECE: usize = 8 * 1024;
/// Most pieces in a chunk.
pub const MAX_PIECES: usize = 512;
/// Longest chunk in bytes: 160 Mbit/s at 200 ms.
pub const MAX_CHUNK: usize = PIECE * MAX_PIECES;
/// Longest signed chunk header in bytes.
pub const MAX_HEADER: usize = 32 * MAX_PIECES + 512;
/// Longest signed manifest in bytes.
pub const MAX_MANIFEST: usize = 96 * 1024;
/// Most renditions in a manifest.
pub const MAX_RENDITIONS: usize = 16;
/// Most tracks in a rendition.
pub const MAX_TRACKS: usize = 16;
/// Most init segments in a rendition; a change of size needs a new one.
pub const MAX_INITS: usize = 16;
/// Longest init segment in bytes.
pub const MAX_INIT: usize = 16 * 1024;
/// Longest text in a manifest (a codec string, a language) in bytes.
pub const MAX_TEXT: usize = 128;
/// Most stripes of a rendition.
pub const MAX_STRIPES: u8 = 32;
/// Most entries in one have-map message.
pub const MAX_HAVE: usize = 256;
/// Longest message frame in bytes: a manifest with its envelope.
pub const MAX_FRAME: usize = MAX_MANIFEST + 64;
