//! A small JPEG of a picture: pure.

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::format::{Matrix, Range};
use crate::frame::VideoFrame;

/// Longer side in pixels.
const SIDE: usize = 480;
/// JPEG quality, 1..=100.
const QUALITY: u8 = 72;

/// A JPEG of at most 480 pixels a side; `None` for pictures that are not whole.
pub(crate) fn jpeg(frame: &VideoFrame) -> Option<Bytes> {
    let (width, height) = (frame.size.width() as usize, frame.size.height() as usize);
    let step = width.max(height).div_ceil(SIDE).max(1);
    let (columns, rows) = (width / step, height / step);
    let mut rgb = Vec::with_capacity(columns * rows * 3);
    let convert = converter(frame);
    for row in 0..rows {
        for column in 0..columns {
            let luma = mean(frame, 0, column * step, row * step, step)?;
            // Chroma has half the resolution.
            let (x, y, step) = (column * step / 2, row * step / 2, step.div_ceil(2));
            rgb.extend(convert(luma, mean(frame, 1, x, y, step)?, mean(frame, 2, x, y, step)?));
        }
    }
    let mut data = Vec::new();
    let (columns, rows) = (u32::try_from(columns).ok()?, u32::try_from(rows).ok()?);
    JpegEncoder::new_with_quality(&mut data, QUALITY).write_image(&rgb, columns, rows, ExtendedColorType::Rgb8).ok()?;
    Some(data.into())
}

/// Mean of a square of 8-bit samples.
fn mean(frame: &VideoFrame, plane: usize, x: usize, y: usize, step: usize) -> Option<f32> {
    let plane = &frame.planes[plane];
    let mut sum = 0u32;
    for row in y..y + step {
        let start = row * plane.stride + x;
        sum += plane.data.get(start..start + step)?.iter().map(|sample| u32::from(*sample)).sum::<u32>();
    }
    Some(sum as f32 / (step * step) as f32)
}

fn converter(frame: &VideoFrame) -> impl Fn(f32, f32, f32) -> [u8; 3] + use<> {
    let (red, blue) = match frame.color.matrix {
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
        Matrix::Bt2020 => (0.2627, 0.0593),
    };
    let green = 1.0 - red - blue;
    let (black, scale, chroma) = match frame.color.range {
        Range::Limited => (16.0, 255.0 / 219.0, 255.0 / 224.0),
        Range::Full => (0.0, 1.0, 1.0),
    };
    move |y: f32, u: f32, v: f32| {
        let (y, u, v) = ((y - black) * scale, (u - 128.0) * chroma, (v - 128.0) * chroma);
        let (r, b) = (y + 2.0 * (1.0 - red) * v, y + 2.0 * (1.0 - blue) * u);
        let g = (y - red * r - blue * b) / green;
        [r, g, b].map(|value| value.round().clamp(0.0, 255.0) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{ColorSpace, Size, Timestamp, WallClock};

    fn plain(y: u8, u: u8, v: u8, color: ColorSpace) -> VideoFrame {
        let size = Size::new(1000, 500).expect("legal");
        let planes = [vec![y; 500_000], vec![u; 125_000], vec![v; 125_000]];
        VideoFrame::from_i420(Timestamp::ZERO, WallClock::default(), size, color, planes)
    }

    #[track_caller]
    fn check(frame: &VideoFrame, wanted: [u8; 3]) {
        let image = image::load_from_memory(&jpeg(frame).expect("whole")).expect("a JPEG").to_rgb8();
        assert_eq!(image.dimensions(), (333, 166));
        let pixel = image.get_pixel(100, 100).0;
        assert!(pixel.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 4), "{pixel:?} for {wanted:?}");
    }

    #[test]
    fn colors_are_right() {
        let limited = ColorSpace::default();
        check(&plain(16, 128, 128, limited), [0, 0, 0]);
        check(&plain(235, 128, 128, limited), [255, 255, 255]);
        check(&plain(63, 102, 240, limited), [255, 0, 0]);
        check(&plain(173, 42, 26, limited), [0, 255, 0]);
        check(&plain(100, 128, 128, ColorSpace { range: Range::Full, ..limited }), [100, 100, 100]);
    }

    #[test]
    fn a_torn_picture_gives_none() {
        let mut frame = plain(16, 128, 128, ColorSpace::default());
        frame.planes[0].stride = 2000;
        assert_eq!(jpeg(&frame), None);
    }
}
