//! Units and formats of pictures and sound.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Media time in microseconds since the first captured frame of an epoch.
///
/// It is monotonic within an epoch and is never compared with a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The start of an epoch.
    pub const ZERO: Self = Self(0);

    /// A timestamp of so many microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the start of the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Time from `earlier` to `self`, or zero where `earlier` is later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This timestamp moved forward, saturating at the end of the range.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This timestamp moved back, saturating at the start of the range.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// Wall-clock time in microseconds since the Unix epoch.
///
/// It exists for measuring delay between machines and for `prft`; nothing is scheduled by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WallClock(i64);

impl WallClock {
    /// A wall-clock time of so many microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }
}

/// Width and height of a picture in pixels.
///
/// Both are even and within [`Size::MIN`] and [`Size::MAX`], so that 4:2:0 planes always fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawSize", into = "RawSize")]
pub struct Size {
    width: u32,
    height: u32,
}

#[derive(Serialize, Deserialize)]
struct RawSize {
    width: u32,
    height: u32,
}

/// A size outside what Runnel handles.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid size {0} (expected even WIDTHxHEIGHT, each within 16..=7680)")]
pub struct InvalidSize(pub String);

impl Size {
    /// Smallest side in pixels: the smallest AV1 block worth encoding.
    pub const MIN: u32 = 16;
    /// Largest side in pixels: 8K, beyond which buffers would be unreasonably large.
    pub const MAX: u32 = 7680;

    /// A size of even sides within the legal range.
    ///
    /// # Errors
    /// [`InvalidSize`] for odd or out-of-range sides.
    pub fn new(width: u32, height: u32) -> Result<Self, InvalidSize> {
        let fits = |side: u32| side.is_multiple_of(2) && (Self::MIN..=Self::MAX).contains(&side);
        if fits(width) && fits(height) {
            Ok(Self { width, height })
        } else {
            Err(InvalidSize(format!("{width}x{height}")))
        }
    }

    /// Width in pixels.
    pub const fn width(self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub const fn height(self) -> u32 {
        self.height
    }

    /// Number of luma samples.
    pub const fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }
}

impl TryFrom<RawSize> for Size {
    type Error = InvalidSize;

    fn try_from(raw: RawSize) -> Result<Self, Self::Error> {
        Self::new(raw.width, raw.height)
    }
}

impl From<Size> for RawSize {
    fn from(size: Size) -> Self {
        Self { width: size.width, height: size.height }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Size {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidSize(text.to_owned());
        let (width, height) = text.split_once(['x', 'X']).ok_or_else(invalid)?;
        let side = |part: &str| part.trim().parse().map_err(|_| invalid());
        Self::new(side(width)?, side(height)?).map_err(|_| invalid())
    }
}

/// The matrix that turns R'G'B' into Y'CbCr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// Rec. ITU-R BT.601: standard definition and most cameras.
    Bt601,
    /// Rec. ITU-R BT.709: high definition; also what an unspecified matrix means.
    #[default]
    Bt709,
    /// Rec. ITU-R BT.2020, non-constant luminance.
    Bt2020,
}

/// Which sample values black and white have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Range {
    /// 16..=235 for luma at 8 bits ("TV").
    #[default]
    Limited,
    /// 0..=255 at 8 bits ("PC").
    Full,
}

/// Matrix and range of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ColorSpace {
    /// The matrix.
    pub matrix: Matrix,
    /// The range.
    pub range: Range,
}

/// Sample rate of all sound inside Runnel, in Hz: Opus' own rate.
pub const SAMPLE_RATE: u32 = 48_000;
/// Channels of all sound inside Runnel, interleaved left, right.
pub const CHANNELS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_parse_or_say_what_is_legal() {
        assert_eq!("640x360".parse(), Size::new(640, 360));
        for bad in ["", "640", "641x360", "0x0", "8000x600", "640x", "ax b", "-2x16"] {
            let error = bad.parse::<Size>().expect_err(bad);
            assert!(error.to_string().contains("expected even WIDTHxHEIGHT"), "{error}");
        }
    }

    #[test]
    fn timestamps_saturate() {
        let end = Timestamp::from_micros(i64::MAX);
        assert_eq!(end.saturating_add(Duration::from_secs(1)), end);
        assert_eq!(Timestamp::ZERO.saturating_since(end), Duration::ZERO);
    }
}
