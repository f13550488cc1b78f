//! Encoded frames to CMAF chunks and back: pure, without clocks, threads or files (but for [`record`]).
//!
//! A chunk is `[prft] moof mdat` and holds both tracks' samples; it is what gets named, signed and published.
//! Video (track 1, AV1) counts in microseconds, so that timestamps survive exactly; audio (track 2, Opus) in samples.

use std::time::Duration;

use bytes::Bytes;

use crate::format::{Size, Timestamp, WallClock};

pub mod av1;
mod bits;
mod boxes;
pub mod demux;
#[cfg(test)]
pub(crate) mod fixtures;
mod fragment;
mod init;
mod packager;
mod rebase;
pub mod record;
mod sequence;

pub use packager::{PackageError, Packager, PackagerConfig};

/// Track number of the pictures.
pub const VIDEO_TRACK: u32 = 1;
/// Track number of the sound.
pub const AUDIO_TRACK: u32 = 2;
/// Ticks a second of the video track: microseconds.
pub const VIDEO_TIMESCALE: u32 = 1_000_000;
/// Ticks a second of the audio track: samples.
pub const AUDIO_TIMESCALE: u32 = crate::format::SAMPLE_RATE;
/// Opus samples that a decoder throws away at the start of a stream: libopus' look-ahead at 48 kHz.
pub const OPUS_PRE_SKIP: u16 = 312;

/// What a player needs before the first chunk: `ftyp` and `moov`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitSegment {
    /// Number that chunks name; it grows by one with every change of size or codec parameters.
    pub id: u32,
    /// The bytes.
    pub data: Bytes,
    /// The `codecs` parameter of RFC 6381, such as `av01.0.04M.08,opus`.
    pub codecs: String,
    /// Picture size.
    pub size: Size,
    /// Nominal pictures a second.
    pub fps: u32,
}

/// One CMAF chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaChunk {
    /// The init segment it belongs to.
    pub init: u32,
    /// Number within the epoch: one more than the chunk before it.
    pub sequence: u64,
    /// Media time of its first picture.
    pub start: Timestamp,
    /// From its first picture to the end of its last.
    pub duration: Duration,
    /// Wall clock at the capture of its first picture.
    pub captured: WallClock,
    /// Whether it starts with a keyframe.
    pub keyframe: bool,
    /// Whether a new init segment starts here.
    pub discontinuity: bool,
    /// `[prft] moof mdat`.
    pub data: Bytes,
}

/// What a [`Packager`] gives out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackageOutput {
    /// Comes before the first chunk that names it.
    Init(InitSegment),
    /// The next chunk.
    Chunk(MediaChunk),
}
