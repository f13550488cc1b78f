//! Measuring instruments: what went in is recognized in what comes out.
//!
//! The synthetic source carries a machine-readable [`Strip`], and a flash together with a beep each second, so that latency
//! and lip sync are read from what is really shown and heard. These instruments are used by headless viewers and by tests.

pub mod flash;
pub mod strip;
pub mod tone;

use crate::frame::VideoFrame;

pub use crate::capture::synthetic::{TestPicture, TestSound, test_picture, test_sound};
pub use flash::FlashDetector;
pub use strip::Strip;
pub use tone::{AvSync, BeepDetector};

/// Peak signal-to-noise ratio of the luma of two pictures in dB: infinite where they are equal, nothing where their sizes
/// differ.
pub fn psnr(one: &VideoFrame, other: &VideoFrame) -> Option<f64> {
    if one.size != other.size {
        return None;
    }
    let mut error = 0u64;
    let (mut row_one, mut row_other) = (Vec::new(), Vec::new());
    for y in 0..one.size.height() as usize {
        luma_row(one, y, &mut row_one)?;
        luma_row(other, y, &mut row_other)?;
        error += row_one.iter().zip(&row_other).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum::<u64>();
    }
    let mean = error as f64 / one.size.pixels() as f64;
    Some(if error == 0 { f64::INFINITY } else { 10.0 * (255.0 * 255.0 / mean).log10() })
}

/// A row of luma at 8 bits; nothing where the picture's plane is shorter than its size claims.
pub(crate) fn luma_row(frame: &VideoFrame, y: usize, row: &mut Vec<u8>) -> Option<()> {
    let width = frame.size.width() as usize;
    let plane = &frame.planes[0];
    let from = y.checked_mul(plane.stride)?;
    row.clear();
    if frame.depth > 8 {
        let bytes = plane.data.get(from..from + 2 * width)?;
        let shift = frame.depth - 8;
        row.extend(bytes.chunks_exact(2).map(|pair| (u16::from_le_bytes([pair[0], pair[1]]) >> shift) as u8));
    } else {
        row.extend_from_slice(plane.data.get(from..from + width)?);
    }
    Some(())
}

/// The mean luma at 8 bits of a rectangle of a picture, every other row and column; nothing where it reaches outside.
pub(crate) fn mean_luma(frame: &VideoFrame, x: std::ops::Range<usize>, y: std::ops::Range<usize>) -> Option<f64> {
    if x.is_empty() || y.is_empty() || x.end > frame.size.width() as usize {
        return None;
    }
    let plane = &frame.planes[0];
    let step = if frame.depth > 8 { 2 } else { 1 };
    let (mut sum, mut count) = (0u64, 0u64);
    for row in y.step_by(2) {
        let row = plane.data.get(row * plane.stride..)?.get(x.start * step..x.end * step)?;
        for sample in row.chunks_exact(step).step_by(2) {
            sum += match *sample {
                [low, high] => u64::from(u16::from_le_bytes([low, high]) >> (frame.depth - 8)),
                [sample] => u64::from(sample),
                _ => 0,
            };
            count += 1;
        }
    }
    (count > 0).then(|| sum as f64 / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{ColorSpace, Size, Timestamp, WallClock};

    fn flat(luma: u8, size: Size) -> VideoFrame {
        let planes = [vec![luma; size.pixels()], vec![128; size.pixels() / 4], vec![128; size.pixels() / 4]];
        VideoFrame::from_i420(Timestamp::ZERO, WallClock::default(), size, ColorSpace::default(), planes)
    }

    #[test]
    fn psnr_of_known_differences() {
        let size = Size::new(64, 32).expect("legal");
        assert_eq!(psnr(&flat(100, size), &flat(100, size)), Some(f64::INFINITY));
        let one_off = psnr(&flat(100, size), &flat(101, size)).expect("same size");
        assert!((one_off - 48.13).abs() < 0.01, "{one_off}");
        assert_eq!(psnr(&flat(1, size), &flat(1, Size::new(32, 32).expect("legal"))), None);
    }
}
