//! Why the origin says no.

use runnel_p2p::wire::{ChunkError, ManifestError};

use crate::store::StoreError;

/// Why the origin did not take or give something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum OriginError {
    /// No such broadcast here.
    #[error("there is no such broadcast here")]
    UnknownBroadcast,
    /// No such epoch here.
    #[error("there is no epoch {epoch} here")]
    UnknownEpoch {
        /// What was asked for.
        epoch: u64,
    },
    /// No such rendition.
    #[error("there is no rendition {rendition} in this broadcast")]
    UnknownRendition {
        /// What was asked for.
        rendition: u8,
    },
    /// Nothing to give yet, and waiting did not help.
    #[error("nothing has been published yet")]
    NotYet,
    /// It will never come or is no longer kept.
    #[error("{what} is not kept any more")]
    Gone {
        /// What was asked for.
        what: String,
    },
    /// There is no such thing.
    #[error("there is no {what}")]
    Missing {
        /// What was asked for.
        what: String,
    },
    /// The broadcast is over.
    #[error("the broadcast is over")]
    Ended,
    /// A moderator removed it.
    #[error("the broadcast was taken down")]
    TakenDown,
    /// Somebody else publishes now.
    #[error("the fence {got} is not the current one, {current}: another publisher took over")]
    StaleFence {
        /// What came.
        got: u64,
        /// What is right.
        current: u64,
    },
    /// Another chunk has this number.
    #[error("another chunk is already stored under number {sequence}")]
    OtherChunk {
        /// Which number.
        sequence: u64,
    },
    /// Another manifest has this version.
    #[error("another manifest is already stored as version {version}")]
    OtherManifest {
        /// Which version.
        version: u32,
    },
    /// A newer manifest is there.
    #[error("manifest version {version} is older than {newest}")]
    OldManifest {
        /// What came.
        version: u32,
        /// What is there.
        newest: u32,
    },
    /// Another init segment has this id.
    #[error("another init segment of rendition {rendition} is already stored under id {init}")]
    OtherInit {
        /// Which rendition.
        rendition: u8,
        /// Which id.
        init: u32,
    },
    /// A broadcast cannot have so many init segments.
    #[error("a broadcast has at most {limit} init segments")]
    TooManyInits {
        /// The limit.
        limit: usize,
    },
    /// Chunks of this length cannot be shown as LL-HLS.
    #[error("chunks of {millis} ms are outside 20..=500 ms")]
    ChunkLength {
        /// What the manifest says.
        millis: u32,
    },
    /// The chunk says it is another one than its address.
    #[error("the chunk says it is {inside}, its address says {address}")]
    Misaddressed {
        /// What it says.
        inside: String,
        /// Where it was put.
        address: String,
    },
    /// The chunk names a manifest version that is not here.
    #[error("the chunk names manifest version {version}, which is not here")]
    UnknownManifest {
        /// Which version.
        version: u32,
    },
    /// The chunk names an init segment that is not here.
    #[error("the chunk names init segment {init}, which is in no manifest")]
    UnknownInit {
        /// Which id.
        init: u32,
    },
    /// The chunk lasts too long or not at all.
    #[error("the chunk lasts {micros} µs, which is outside 1..={most} for chunks of this broadcast")]
    Duration {
        /// What it says.
        micros: u32,
        /// The limit.
        most: u64,
    },
    /// The chunk is too large.
    #[error("the chunk has {bytes} bytes, more than {limit}")]
    TooLarge {
        /// What came.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A piece is not what its hash says.
    #[error("piece {piece} is not what its hash says")]
    BadPiece {
        /// Which one.
        piece: usize,
    },
    /// The body is not what its digest says.
    #[error("the body is not what its Content-Digest says")]
    BadDigest,
    /// The chunk is malformed or not signed by the broadcast key.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// The manifest is malformed or not signed by a key of the channel.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The manifest belongs elsewhere.
    #[error("the manifest is for another {what}")]
    Misplaced {
        /// What does not fit.
        what: &'static str,
    },
    /// A reload asks for what cannot be.
    #[error("{0}")]
    BadReload(&'static str),
    /// No more broadcasts fit.
    #[error("{limit} broadcasts are open, which is the limit of this server")]
    TooManyBroadcasts {
        /// The limit.
        limit: usize,
    },
    /// The server goes down.
    #[error("the server is shutting down")]
    Closing,
    /// The disk failed on a read.
    #[error("the disk failed: {0}")]
    Disk(#[from] std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
