//! Pictures to try encoders on: detail of every size, two layers that move apart, as a film has them.

use crate::format::{ColorSpace, Size, Timestamp, WallClock};
use crate::frame::VideoFrame;

/// Pictures after which the pan turns round.
const FRAMES: usize = 12;

/// A handful of pictures of one slow pan; use them forwards and backwards in turn.
pub fn pictures(size: Size, fps: u32) -> Vec<VideoFrame> {
    let (width, height) = (size.width() as usize, size.height() as usize);
    let (wide, high) = (width + 4 * FRAMES, height + 2 * FRAMES);
    let far = noise(wide, high, 1);
    let near = noise(wide, high, 2);
    let frame = |index: usize| {
        let mut luma = Vec::with_capacity(width * height);
        for y in 0..height {
            let far = &far[(y + index) * wide + index..][..width];
            let near = &near[(y + 2 * index) * wide + 4 * index..][..width];
            // The near layer covers what is bright in it, as things before a background do.
            luma.extend(far.iter().zip(near).map(|(far, near)| if *near > 150 { *near } else { *far / 4 * 3 + 20 }));
        }
        let chroma = |seed: usize| -> Vec<u8> {
            let rows = (0..height / 2).map(|y| &far[(y + index + seed) * wide + index..][..width / 2]);
            rows.flatten().map(|value| 112 + value / 8).collect()
        };
        let at = index as i64 * 1_000_000 / i64::from(fps.max(1));
        let planes = [luma, chroma(0), chroma(7)];
        VideoFrame::from_i420(Timestamp::from_micros(at), WallClock::default(), size, ColorSpace::default(), planes)
    };
    (0..FRAMES).map(frame).collect()
}

/// Smooth noise in five octaves, whose energy falls with frequency as that of photographs does.
fn noise(width: usize, height: usize, seed: u32) -> Vec<u8> {
    let mut sum = vec![0u16; width * height];
    for octave in 0..5u32 {
        let cell = 64usize >> octave;
        let weight = 112u32 >> octave;
        let columns = width / cell + 2;
        let corners: Vec<u32> =
            (0..columns * (height / cell + 2)).map(|n| hash(n as u32, seed * 31 + octave)).collect();
        for y in 0..height {
            let (row, down) = (y / cell * columns, (y % cell) as u32);
            for x in 0..width {
                let (left, right) = (x / cell, (x % cell) as u32);
                let mix = |row: usize| corners[row + left] * (cell as u32 - right) + corners[row + left + 1] * right;
                let value = (mix(row) * (cell as u32 - down) + mix(row + columns) * down) / (cell * cell) as u32;
                sum[y * width + x] += (value * weight / 255) as u16;
            }
        }
    }
    // The octaves add up to a mean of 108; stretched, so that there is contrast to encode.
    sum.into_iter().map(|value| ((i32::from(value) - 108) * 2 + 126).clamp(16, 235) as u8).collect()
}

/// A number 0..=255 that looks random.
fn hash(n: u32, seed: u32) -> u32 {
    let mut x = n.wrapping_mul(0x9e37_79b9) ^ seed.wrapping_mul(0x85eb_ca6b);
    x = (x ^ x >> 15).wrapping_mul(0x2c1b_3c6d);
    x = (x ^ x >> 12).wrapping_mul(0x297a_2d39);
    (x ^ x >> 15) >> 24
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_have_detail_and_move() {
        let size = Size::new(320, 180).expect("legal");
        let pictures = pictures(size, 30);
        assert_eq!(pictures.len(), FRAMES);
        let luma = &pictures[0].planes[0].data;
        let mean = luma.iter().map(|value| f64::from(*value)).sum::<f64>() / luma.len() as f64;
        let variance = luma.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / luma.len() as f64;
        assert!((500.0..4000.0).contains(&variance), "{variance}");
        let changed = luma.iter().zip(pictures[1].planes[0].data.iter()).filter(|(a, b)| a != b).count();
        assert!(changed > luma.len() / 2, "{changed}");
    }
}
