//! A machine-readable strip at the foot of a picture.

use crate::format::{Size, WallClock};
use crate::frame::VideoFrame;
use crate::testing::mean_luma;

/// Cells side by side.
const COLUMNS: usize = 40;
/// Rows of cells.
const ROWS: usize = 3;
/// The strip takes the lowest tenth of the picture, so at 640x360 a cell is 16x12.
const PART_OF_HEIGHT: usize = 10;
/// Black and white of the strip: far enough apart to survive an encoder, not so far that they cost it much.
const DARK: u8 = 48;
const LIGHT: u8 = 208;
/// Tells a strip from a picture, and gives the reader its black and its white: as many ones as zeros.
const MAGIC: u16 = 0b1011_0010_1100_1010;
/// Smallest difference of black and white that is still read.
const MIN_CONTRAST: f64 = 40.0;
/// Steps of the capture time.
const MICROS_PER_STEP: i64 = 100;

/// Frame number and capture time, drawn into the picture itself.
///
/// They are written as black and white cells with a checksum, which stay readable after a strong compression and after
/// scaling; whoever sees the picture knows which frame it is and when it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strip {
    /// Number of the frame.
    pub frame: u32,
    /// Wall clock at its capture, to 100 µs.
    pub captured: WallClock,
}

impl Strip {
    /// Height of the strip in a picture of `size`.
    pub fn height(size: Size) -> usize {
        size.height() as usize / PART_OF_HEIGHT
    }

    /// Draws the strip over the foot of a luma plane of at least `stride` x height bytes.
    pub fn draw(&self, luma: &mut [u8], stride: usize, size: Size) {
        let cells = self.cells();
        let (left, top) = edges(size);
        for row in 0..ROWS {
            for y in top(row)..top(row + 1) {
                let Some(line) = luma.get_mut(y * stride..y * stride + size.width() as usize) else { return };
                for column in 0..COLUMNS {
                    line[left(column)..left(column + 1)].fill(if cells[row * COLUMNS + column] { LIGHT } else { DARK });
                }
            }
        }
    }

    /// Reads the strip of a picture, or nothing where there is none or it is damaged.
    pub fn read(frame: &VideoFrame) -> Option<Self> {
        let (left, top) = edges(frame.size);
        let mut levels = [0.0; COLUMNS * ROWS];
        for (index, level) in levels.iter_mut().enumerate() {
            let (row, column) = (index / COLUMNS, index % COLUMNS);
            *level = mean_luma(frame, middle(left(column), left(column + 1)), middle(top(row), top(row + 1)))?;
        }
        let mean = |wanted: bool| {
            let levels = magic().zip(&levels).filter(|(bit, _)| *bit == wanted).map(|(_, level)| level);
            levels.sum::<f64>() / 8.0
        };
        let (dark, light) = (mean(false), mean(true));
        if light - dark < MIN_CONTRAST {
            return None;
        }
        let threshold = f64::midpoint(dark, light);
        Self::from_cells(levels.map(|level| level > threshold))
    }

    /// Magic, then frame number, time and checksum, each with its highest bit first.
    fn cells(&self) -> [bool; COLUMNS * ROWS] {
        let steps = self.captured.as_micros().div_euclid(MICROS_PER_STEP) as u64 & ((1 << 48) - 1);
        let payload = u128::from(self.frame) << 48 | u128::from(steps);
        let word = payload << 24 | u128::from(checksum(payload));
        let mut cells = [false; COLUMNS * ROWS];
        for (cell, bit) in cells.iter_mut().zip(magic().chain((0..104).rev().map(|bit| word >> bit & 1 == 1))) {
            *cell = bit;
        }
        cells
    }

    fn from_cells(cells: [bool; COLUMNS * ROWS]) -> Option<Self> {
        if !magic().eq(cells.iter().copied().take(16)) {
            return None;
        }
        let word = cells[16..].iter().fold(0u128, |word, cell| word << 1 | u128::from(*cell));
        let payload = word >> 24;
        if u128::from(checksum(payload)) != word & 0xff_ffff {
            return None;
        }
        let captured = WallClock::from_micros((payload & ((1 << 48) - 1)) as i64 * MICROS_PER_STEP);
        Some(Self { frame: (payload >> 48) as u32, captured })
    }
}

fn magic() -> impl Iterator<Item = bool> {
    (0..16).rev().map(|bit| MAGIC >> bit & 1 == 1)
}

/// Left edges of the columns and top edges of the rows.
fn edges(size: Size) -> (impl Fn(usize) -> usize, impl Fn(usize) -> usize) {
    let (width, height) = (size.width() as usize, size.height() as usize);
    let strip = Strip::height(size);
    (move |column| width * column / COLUMNS, move |row| height - strip + strip * row / ROWS)
}

/// The middle half of a cell: its edges belong to its neighbours after scaling and filtering.
fn middle(from: usize, to: usize) -> std::ops::Range<usize> {
    let margin = (to - from) / 4;
    from + margin..(to - margin).max(from + margin)
}

/// CRC-24 of OpenPGP (RFC 4880) over the ten bytes of the payload.
fn checksum(payload: u128) -> u32 {
    payload.to_be_bytes()[6..].iter().fold(0xb7_04ce, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 16, |crc, _| {
            let shifted = crc << 1;
            if shifted & 0x100_0000 == 0 { shifted } else { shifted ^ 0x186_4cfb }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{ColorSpace, Timestamp};
    use crate::frame::{Plane, PlaneData};

    fn picture(luma: Vec<u8>, size: Size) -> VideoFrame {
        let chroma = vec![128; size.pixels() / 4];
        VideoFrame::from_i420(
            Timestamp::ZERO,
            WallClock::default(),
            size,
            ColorSpace::default(),
            [luma, chroma.clone(), chroma],
        )
    }

    fn strip() -> Strip {
        Strip { frame: 0xdead_beef, captured: WallClock::from_micros(1_795_365_123_456_700) }
    }

    #[test]
    fn magic_is_balanced() {
        assert_eq!(MAGIC.count_ones(), 8);
        assert_eq!(16 + 32 + 48 + 24, COLUMNS * ROWS);
    }

    #[test]
    fn is_read_back_at_every_size() {
        for size in ["160x90", "426x240", "640x360", "854x480", "1280x720", "1920x1080", "722x404", "360x640"] {
            let size: Size = size.parse().expect("legal");
            let mut luma = vec![90; size.pixels()];
            strip().draw(&mut luma, size.width() as usize, size);
            assert_eq!(Strip::read(&picture(luma, size)), Some(strip()), "{size}");
        }
    }

    #[test]
    fn survives_scaling_by_two_and_a_lossy_channel() {
        let size = Size::new(1280, 720).expect("legal");
        let mut luma = vec![90; size.pixels()];
        strip().draw(&mut luma, 1280, size);
        let half = Size::new(640, 360).expect("legal");
        // Shifted by a pixel, low-passed, weak and noisy.
        let scaled = (0..half.pixels()).map(|index| {
            let (x, y) = (index % 640 * 2, index / 640 * 2);
            let sum: u32 =
                (0..9).map(|tap| u32::from(luma[(y + tap / 3).min(719) * 1280 + (x + tap % 3).min(1279)])).sum();
            let noise = (index as u32).wrapping_mul(2_654_435_761) >> 27;
            (60 + sum / 9 / 2 + noise) as u8
        });
        assert_eq!(Strip::read(&picture(scaled.collect(), half)), Some(strip()));
    }

    #[test]
    fn survives_av1_at_a_low_rate() {
        use crate::decode::VideoDecoder;
        use crate::decode::dav1d::{Dav1dConfig, Dav1dDecoder};

        let size = Size::new(640, 360).expect("legal");
        let mut picture = crate::testing::TestPicture::new(size, 30);
        let mut encoder = crate::encode::open("rav1e:fast", &crate::encode::VideoEncoderConfig::new(size, 30, 1000))
            .expect("rav1e is built in");
        let mut decoder = Dav1dDecoder::new(Dav1dConfig::default()).expect("dav1d is built in");
        let captured = |n: u32| WallClock::from_micros(1_795_365_000_000_000 + i64::from(n) * 33_300);
        for n in 0..45 {
            encoder
                .push(&picture.draw(n, Timestamp::from_micros(i64::from(n) * 33_333), captured(n)), false)
                .expect("encodes");
        }
        encoder.flush().expect("ends");
        let (mut shown, mut fresh, mut bytes) = (0, 0, 0);
        while let Some(encoded) = encoder.poll().expect("encodes") {
            bytes += encoded.data.len();
            decoder.push(&encoded).expect("decodes");
            while let Some(frame) = decoder.poll().expect("decodes") {
                // While its rate control settles an encoder may starve a few pictures, which then show what was before.
                fresh += usize::from(Strip::read(&frame) == Some(Strip { frame: shown, captured: captured(shown) }));
                let settled = shown >= 15;
                assert!(!settled || Strip::read(&frame).is_some_and(|strip| strip.frame == shown), "picture {shown}");
                shown += 1;
            }
        }
        assert!(shown >= 44 && fresh >= 35, "{fresh} of {shown}");
        assert!(bytes < 300_000, "{bytes} bytes: it should be little");
    }

    #[test]
    fn is_read_from_ten_bits() {
        let size = Size::new(640, 360).expect("legal");
        let mut luma = vec![90; size.pixels()];
        strip().draw(&mut luma, 640, size);
        let wide: Vec<u8> = luma.iter().flat_map(|sample| (u16::from(*sample) << 2).to_le_bytes()).collect();
        let mut frame = picture(luma, size);
        frame.depth = 10;
        frame.planes[0] = Plane { data: PlaneData::new(wide), stride: 1280 };
        assert_eq!(Strip::read(&frame), Some(strip()));
    }

    #[test]
    fn damage_and_absence_are_noticed() {
        let size = Size::new(640, 360).expect("legal");
        assert_eq!(Strip::read(&picture(vec![90; size.pixels()], size)), None);
        let mut luma = vec![90; size.pixels()];
        strip().draw(&mut luma, 640, size);
        // Turn each cell over in turn.
        for index in 0..COLUMNS * ROWS {
            let mut damaged = luma.clone();
            let (x, y) = (index % COLUMNS * 16, 324 + index / COLUMNS * 12);
            for row in damaged[y * 640..(y + 12) * 640].chunks_exact_mut(640) {
                row[x..x + 16].iter_mut().for_each(|sample| *sample = if *sample > 128 { DARK } else { LIGHT });
            }
            assert_eq!(Strip::read(&picture(damaged, size)), None, "cell {index}");
        }
        let mut short = picture(luma, size);
        short.planes[0].data = PlaneData::new(vec![0u8; 100]);
        assert_eq!(Strip::read(&short), None);
        let tiny = Size::new(16, 16).expect("legal");
        assert_eq!(Strip::read(&picture(vec![90; 256], tiny)), None);
    }
}
