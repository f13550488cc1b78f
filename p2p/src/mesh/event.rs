//! What goes into the mesh and what comes out of it.

use std::fmt;
use std::time::{Duration, Instant};

use crate::wire::{ChunkHeader, Control, MAX_PIECES, PIECE, PieceSet, Role, Sequence};

/// A neighbour, numbered by the driver; a number is never used again in the life of a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NeighbourId(pub u64);

impl fmt::Display for NeighbourId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// What the driver knows of a new neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeighbourInfo {
    /// What it is (proved in the handshake).
    pub role: Role,
    /// We chose it, not it us.
    pub outbound: bool,
    /// Round trip, as far as known; the driver tells better values by [`Input::Rtt`].
    pub rtt: Duration,
    /// Groups neighbours of one network (/24, /48); `None` for loopback, private and one's own public address.
    pub network: Option<u64>,
}

/// Where a header or a piece came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A neighbour sent it.
    Neighbour(NeighbourId),
    /// The server gave it over HTTP.
    Origin,
}

/// All that the mesh needs to know of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkMeta {
    /// Its number.
    pub sequence: Sequence,
    /// Length of its payload, 1 to [`crate::wire::MAX_CHUNK`].
    pub size: u32,
    /// Media time of its start.
    pub start_micros: i64,
    /// How long it plays.
    pub duration_micros: u32,
    /// Decoding can start here.
    pub keyframe: bool,
    /// No chunk comes after it.
    pub end: bool,
}

impl ChunkMeta {
    /// How many pieces it has.
    pub fn pieces(&self) -> u16 {
        (self.size as usize).div_ceil(PIECE).clamp(1, MAX_PIECES) as u16
    }

    /// Length of one piece.
    pub fn piece_size(&self, piece: u16) -> u32 {
        let start = u32::from(piece) * PIECE as u32;
        self.size.saturating_sub(start).min(PIECE as u32)
    }
}

impl From<&ChunkHeader> for ChunkMeta {
    fn from(header: &ChunkHeader) -> Self {
        Self {
            sequence: header.sequence,
            size: header.size,
            start_micros: header.start_micros,
            duration_micros: header.duration_micros,
            keyframe: header.flags.keyframe,
            end: header.flags.end,
        }
    }
}

/// What the driver tells the mesh.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A connection was greeted; the mesh answers with its have-map.
    Joined {
        /// Its number.
        neighbour: NeighbourId,
        /// What is known of it.
        info: NeighbourInfo,
    },
    /// A connection is gone.
    Left {
        /// Its number.
        neighbour: NeighbourId,
    },
    /// The round trip was measured anew.
    Rtt {
        /// To whom.
        neighbour: NeighbourId,
        /// How long.
        rtt: Duration,
    },
    /// A neighbour said something.
    Control {
        /// Who.
        neighbour: NeighbourId,
        /// What.
        control: Control,
    },
    /// A header passed its checks; pieces that waited for it follow as [`Input::PieceVerified`]. Say it again when another
    /// neighbour sends the same one (no need to check its signature again if the bytes are equal).
    HeaderVerified {
        /// Who sent it.
        from: Source,
        /// What it says.
        meta: ChunkMeta,
    },
    /// A header failed its checks.
    HeaderRejected {
        /// Who sent it.
        from: NeighbourId,
    },
    /// A piece came from a neighbour: said for every one, before anything is checked, so that its sender gets its credit back.
    PieceArrived {
        /// Who sent it.
        from: NeighbourId,
        /// Of which chunk.
        sequence: Sequence,
        /// Which one.
        piece: u16,
        /// How long it is.
        bytes: u32,
    },
    /// A piece passed its checks and is in the store. Said again for a piece that is there already, it counts as a duplicate
    /// (its hash then needs no check).
    PieceVerified {
        /// Where it came from.
        from: Source,
        /// Of which chunk.
        sequence: Sequence,
        /// Which one.
        piece: u16,
    },
    /// A piece failed its checks.
    PieceRejected {
        /// Who sent it.
        from: NeighbourId,
        /// Of which chunk.
        sequence: Sequence,
        /// Which one.
        piece: u16,
    },
    /// A piece that the mesh wanted sent was not: the store has it no longer.
    NotSent {
        /// To whom.
        to: NeighbourId,
        /// Of which chunk.
        sequence: Sequence,
        /// Which one.
        piece: u16,
    },
    /// An [`Output::FetchOrigin`] is over; what it brought was told piece by piece before.
    OriginDone {
        /// Which chunk.
        sequence: Sequence,
        /// Whether it brought what was asked for.
        ok: bool,
    },
    /// A whole chunk is in the store: made here (publisher) or taken in from the broadcaster (server).
    Published {
        /// What it is.
        meta: ChunkMeta,
    },
    /// The server says where the broadcast is: lets a viewer without neighbours start.
    LiveEdge {
        /// The newest chunk from which decoding can start.
        keyframe: Sequence,
        /// The newest chunk.
        newest: Sequence,
    },
    /// Playout says when a chunk is due on screen; the deadlines of all others follow from it. Chunks before it are not wanted.
    Playhead {
        /// The next chunk that playout needs.
        sequence: Sequence,
        /// When it needs it.
        at: Instant,
    },
    /// The user's upload cap in bits a second: `None` leaves it to measurement, `Some(0)` forbids uploading.
    UploadBudget {
        /// The cap.
        bits_per_second: Option<u64>,
    },
    /// The tracker says how many viewers there are.
    SwarmSize {
        /// So many.
        viewers: usize,
    },
    /// The time that [`super::Mesh::poll_timeout`] gave has come.
    Timeout,
}

/// What the mesh wants the driver to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Say this to a neighbour. What the agreed version does not have is left unsaid.
    Send {
        /// To whom.
        to: NeighbourId,
        /// What.
        control: Control,
    },
    /// Send a chunk's header to a neighbour, on the stream on which its pieces follow.
    SendHeader {
        /// To whom.
        to: NeighbourId,
        /// Of which chunk.
        sequence: Sequence,
    },
    /// Send a piece from the store to a neighbour.
    SendPiece {
        /// To whom.
        to: NeighbourId,
        /// Of which chunk.
        sequence: Sequence,
        /// Which one.
        piece: u16,
    },
    /// Get pieces of a chunk from the server over HTTP; answer with [`Input::OriginDone`] in any case.
    FetchOrigin {
        /// Of which chunk.
        sequence: Sequence,
        /// Which ones; empty where the header is missing too: then the whole chunk.
        pieces: PieceSet,
        /// When they are due.
        deadline: Instant,
    },
    /// Close the connection to a neighbour; no [`Input::Left`] is needed after it.
    Drop {
        /// To whom.
        neighbour: NeighbourId,
        /// Why.
        reason: DropReason,
    },
    /// All pieces of a chunk are here.
    ChunkComplete {
        /// Which chunk.
        sequence: Sequence,
    },
    /// A chunk is given up: its deadline is over.
    ChunkMissed {
        /// Which chunk.
        sequence: Sequence,
    },
    /// More neighbours are wanted.
    WantCandidates {
        /// How many.
        count: usize,
    },
}

/// Why a neighbour is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum DropReason {
    /// It sent a piece that is not what the header says: ban it.
    #[error("it sent a piece that does not match its header")]
    BadPiece,
    /// It sent a header that the broadcast key did not sign: ban it.
    #[error("it sent a header that the broadcast key did not sign")]
    BadHeader,
    /// It broke the rules of the mesh: ban it.
    #[error("it broke the rules of the mesh")]
    Misbehaved,
    /// All places are taken.
    #[error("all places are taken")]
    Full,
    /// It promised to push and did not, time and again.
    #[error("it promised to send and did not, time and again")]
    Unreliable,
}

impl DropReason {
    /// Tells whether the peer must not come back.
    pub fn is_ban(self) -> bool {
        !matches!(self, Self::Full | Self::Unreliable)
    }
}
