//! Raw pictures and sound, and what an encoder makes of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::format::{CHANNELS, ColorSpace, SAMPLE_RATE, Size, Timestamp, WallClock};

/// One plane of a planar picture.
#[derive(Clone, Debug)]
pub struct Plane {
    /// Rows of samples, `stride` bytes apart; little-endian 16-bit samples where the depth is over 8.
    pub data: PlaneData,
    /// Bytes from one row to the next; at least the row's own bytes.
    pub stride: usize,
}

/// Who owns the bytes of a plane: a decoder's picture is shown without a copy.
#[derive(Clone)]
pub struct PlaneData(Arc<dyn AsRef<[u8]> + Send + Sync>);

impl PlaneData {
    /// Wraps anything that owns bytes.
    pub fn new(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self(Arc::new(owner))
    }
}

impl std::ops::Deref for PlaneData {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl std::fmt::Debug for PlaneData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PlaneData({} bytes)", self.len())
    }
}

/// One raw picture, planar 4:2:0.
///
/// Cloning shares the planes.
#[derive(Clone, Debug)]
pub struct VideoFrame {
    /// Media time of capture.
    pub timestamp: Timestamp,
    /// Wall clock at capture; on the viewer's side the publisher's wall clock, from `prft`.
    pub captured: WallClock,
    /// Picture size in luma samples.
    pub size: Size,
    /// Matrix and range.
    pub color: ColorSpace,
    /// Bits per sample: 8 or 10.
    pub depth: u8,
    /// Y, U (Cb), V (Cr); chroma at half width and height.
    pub planes: [Plane; 3],
}

impl VideoFrame {
    /// An 8-bit frame from three tightly packed planes (stride = width of the plane).
    pub fn from_i420(
        timestamp: Timestamp,
        captured: WallClock,
        size: Size,
        color: ColorSpace,
        planes: [Vec<u8>; 3],
    ) -> Self {
        let [y, u, v] = planes;
        let width = size.width() as usize;
        debug_assert!(y.len() >= size.pixels() && u.len() >= size.pixels() / 4 && v.len() >= size.pixels() / 4);
        let plane = |data: Vec<u8>, stride| Plane { data: PlaneData::new(data), stride };
        Self {
            timestamp,
            captured,
            size,
            color,
            depth: 8,
            planes: [plane(y, width), plane(u, width / 2), plane(v, width / 2)],
        }
    }
}

/// A block of sound: 48 kHz, stereo, interleaved, nominally within -1.0..=1.0.
#[derive(Clone, Debug)]
pub struct AudioFrame {
    /// Media time of the first sample.
    pub timestamp: Timestamp,
    /// Wall clock at capture of the first sample.
    pub captured: WallClock,
    /// Samples, left and right in turn.
    pub samples: Vec<f32>,
}

impl AudioFrame {
    /// How long the block plays.
    pub fn duration(&self) -> Duration {
        Duration::from_micros((self.samples.len() / CHANNELS) as u64 * 1_000_000 / u64::from(SAMPLE_RATE))
    }
}

/// Which medium a track carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

/// One AV1 temporal unit or one Opus packet.
#[derive(Clone, Debug)]
pub struct EncodedFrame {
    /// Which track it belongs to.
    pub kind: TrackKind,
    /// Media time of presentation; there is no reordering, so of decoding too.
    pub timestamp: Timestamp,
    /// How long it is shown or heard.
    pub duration: Duration,
    /// Wall clock at capture.
    pub captured: WallClock,
    /// Whether decoding can start here. Always true of Opus.
    pub keyframe: bool,
    /// The bitstream.
    pub data: Bytes,
}
