//! Decoders: AV1 by dav1d, Opus by libopus. What they are given may have been written by anybody.

use crate::frame::{EncodedFrame, VideoFrame};

pub mod dav1d;
pub mod opus;

/// Why something was not decoded; the next keyframe may well be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The decoder could not be opened.
    #[error("cannot open the decoder: {0}")]
    Open(String),
    /// The bitstream is damaged.
    #[error("damaged bitstream: {0}")]
    Damaged(String),
    /// The stream is sound, but nothing we show.
    #[error("unsupported picture: {0} (expected 4:2:0 of 8 or 10 bits)")]
    Unsupported(String),
    /// There is not enough memory for the picture.
    #[error("not enough memory for a picture")]
    Memory,
}

/// Turns AV1 temporal units into pictures.
pub trait VideoDecoder: Send {
    /// Takes one temporal unit.
    ///
    /// # Errors
    /// [`DecodeError`]; pictures may be wrong until the next keyframe.
    fn push(&mut self, frame: &EncodedFrame) -> Result<(), DecodeError>;

    /// The next picture, if one is ready.
    ///
    /// # Errors
    /// [`DecodeError`]; polling again is fine.
    fn poll(&mut self) -> Result<Option<VideoFrame>, DecodeError>;

    /// Forgets everything; the next unit pushed should be a keyframe.
    fn reset(&mut self);
}
