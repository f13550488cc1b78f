//! A picture as a camera gives it, and its way to planar 4:2:0.

use std::time::Duration;

use bytes::Bytes;
use image::ImageFormat;

use crate::capture::{CaptureProblem, ProblemKind};
use crate::format::{Size, Timestamp, WallClock};
use crate::frame::VideoFrame;
use crate::preprocess::convert::{PixelFormat, to_i420};

/// How a camera's bytes are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RawFormat {
    /// Rows of pixels without padding.
    Pixels(PixelFormat),
    /// A JPEG file for each picture.
    Jpeg,
}

/// A picture as it came.
pub(crate) struct Raw {
    pub(crate) format: RawFormat,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) data: Bytes,
    /// The wall clock at its capture, as its driver says, since the Unix epoch.
    pub(crate) stamped: Option<Duration>,
}

impl Raw {
    /// The picture as we use it.
    pub(crate) fn decode(&self, timestamp: Timestamp, captured: WallClock) -> Result<VideoFrame, CaptureProblem> {
        match self.format {
            RawFormat::Pixels(format) => self.pixels(format, self.width, self.height, &self.data, timestamp, captured),
            RawFormat::Jpeg => {
                let mut reader =
                    image::ImageReader::with_format(std::io::Cursor::new(&self.data[..]), ImageFormat::Jpeg);
                let mut limits = image::Limits::default();
                (limits.max_image_width, limits.max_image_height) = (Some(Size::MAX), Some(Size::MAX));
                reader.limits(limits);
                let image = reader.decode().map_err(problem)?.into_rgb8();
                self.pixels(PixelFormat::Rgb, image.width(), image.height(), image.as_raw(), timestamp, captured)
            }
        }
    }

    fn pixels(
        &self,
        format: PixelFormat,
        width: u32,
        height: u32,
        data: &[u8],
        timestamp: Timestamp,
        captured: WallClock,
    ) -> Result<VideoFrame, CaptureProblem> {
        // A last odd row or column is left out; of NV12 no row can be, since its chroma follows.
        let even_height = if format == PixelFormat::Nv12 { height } else { height & !1 };
        let size = Size::new(width & !1, even_height).map_err(problem)?;
        to_i420(format, size, data, format.row_bytes(width as usize), timestamp, captured).map_err(problem)
    }
}

fn problem(error: impl ToString) -> CaptureProblem {
    CaptureProblem::new(ProblemKind::Format, "camera", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(format: RawFormat, width: u32, height: u32, data: Vec<u8>) -> Result<VideoFrame, CaptureProblem> {
        Raw { format, width, height, data: data.into(), stamped: None }.decode(Timestamp::ZERO, WallClock::default())
    }

    #[test]
    fn jpeg_is_decoded() {
        let red = image::RgbImage::from_pixel(64, 48, image::Rgb([255, 0, 0]));
        let mut jpeg = Vec::new();
        red.write_to(&mut std::io::Cursor::new(&mut jpeg), ImageFormat::Jpeg).expect("in memory");
        let frame = decode(RawFormat::Jpeg, 1, 1, jpeg.clone()).expect("a picture");
        assert_eq!(frame.size, Size::new(64, 48).expect("legal"));
        assert!(frame.planes[0].data[100].abs_diff(63) <= 2 && frame.planes[2].data[100].abs_diff(240) <= 3);
        jpeg.truncate(jpeg.len() / 3);
        assert!(decode(RawFormat::Jpeg, 64, 48, jpeg[..50.min(jpeg.len())].to_vec()).is_err());
    }

    #[test]
    fn short_odd_and_absurd_pictures_are_refused_or_cut() {
        let yuyv = RawFormat::Pixels(PixelFormat::Yuyv);
        assert!(decode(yuyv, 32, 16, vec![0; 32 * 16 * 2 - 1]).is_err());
        assert!(decode(yuyv, 0, 0, Vec::new()).is_err());
        assert!(decode(yuyv, u32::MAX, u32::MAX, vec![0; 10]).is_err());
        let gray = decode(RawFormat::Pixels(PixelFormat::Gray), 33, 17, vec![9; 33 * 17]).expect("cut");
        assert_eq!(gray.size, Size::new(32, 16).expect("legal"));
        assert!(decode(RawFormat::Pixels(PixelFormat::Nv12), 32, 17, vec![0; 32 * 17 * 2]).is_err());
    }
}
