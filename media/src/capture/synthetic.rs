//! The test source: a picture and a sound whose every frame is known beforehand.
//!
//! The picture has the detail of a real one (a textured landscape gliding by, a zone plate, moving shapes), because encoders
//! and latencies measured on flat patterns say nothing. Frame `n` is the same on every machine, so tests can compare.

pub(crate) mod landscape;
pub(crate) mod text;

use std::time::Duration;

use crate::capture::session::Session;
use crate::capture::timeline::BLOCK_FRAMES;
use crate::capture::{CaptureClock, CaptureError};
use crate::format::{CHANNELS, ColorSpace, SAMPLE_RATE, Size, Timestamp, WallClock};
use crate::frame::{AudioFrame, VideoFrame};
use crate::testing::strip::Strip;
use crate::testing::{flash, tone};
use landscape::{Canvas, Landscape};

/// How long the flash and the beep last.
const SIGNAL_MICROS: i64 = 100_000;
const BEEP_AMPLITUDE: f64 = 0.4;
/// The beep fades in and out over 5 ms, so that no codec makes a click of it.
const EDGE_FRAMES: f64 = 240.0;

/// Draws the frames of the test picture.
pub struct TestPicture {
    size: Size,
    fps: u32,
    landscape: Landscape,
}

impl TestPicture {
    /// A test picture of `size` at `fps` frames a second; this draws its textures, which takes tens of milliseconds.
    pub fn new(size: Size, fps: u32) -> Self {
        Self { size, fps: fps.max(1), landscape: Landscape::new(size) }
    }

    /// Frame `n` as a picture captured at `timestamp` and `captured`, which the strip carries.
    pub fn draw(&mut self, n: u32, timestamp: Timestamp, captured: WallClock) -> VideoFrame {
        let micros = frame_time(u64::from(n), self.fps);
        let mut canvas = self.landscape.draw(micros);
        self.draw_flash(&mut canvas, micros.rem_euclid(1_000_000) < SIGNAL_MICROS);
        let (hours, seconds, millis) = (micros / 3_600_000_000, micros / 1_000_000 % 3600, micros / 1000 % 1000);
        let clock = format!("{hours:02}:{:02}:{:02}.{millis:03}", seconds / 60, seconds % 60);
        let cell = (self.size.height() as usize / 120).max(1);
        text::draw(&mut canvas, cell * 4, cell * 4, cell * 2, &clock);
        text::draw(&mut canvas, cell * 4, cell * 22, cell, &format!("{n:08}"));
        Strip { frame: n, captured }.draw(&mut canvas.luma, self.size.width() as usize, self.size);
        canvas.neutral(
            0..self.size.width() as usize,
            self.size.height() as usize - Strip::height(self.size)..self.size.height() as usize,
        );
        VideoFrame::from_i420(timestamp, captured, self.size, ColorSpace::default(), [canvas.luma, canvas.u, canvas.v])
    }

    fn draw_flash(&self, canvas: &mut Canvas, lit: bool) {
        let (x, y) = flash::patch(self.size);
        canvas.fill(x.clone(), y.clone(), if lit { flash::LIGHT } else { flash::DARK });
        canvas.neutral(x, y);
    }
}

/// Media time of frame `n` in microseconds.
pub(crate) fn frame_time(n: u64, fps: u32) -> i64 {
    i64::try_from(u128::from(n) * 1_000_000 / u128::from(fps.max(1))).unwrap_or(i64::MAX)
}

/// Frame `n` of the test picture, for tests that need only one.
pub fn test_picture(n: u32, size: Size, fps: u32, captured: WallClock) -> VideoFrame {
    TestPicture::new(size, fps).draw(n, Timestamp::from_micros(frame_time(u64::from(n), fps)), captured)
}

/// Makes the blocks of the test sound: a beep of 100 ms at each whole second, silence between.
#[derive(Clone, Copy, Debug, Default)]
pub struct TestSound;

impl TestSound {
    /// The 10 ms of stereo samples from `block` times 10 ms on.
    pub fn samples(block: u64) -> Vec<f32> {
        let first = block * BLOCK_FRAMES as u64;
        let mut samples = Vec::with_capacity(BLOCK_FRAMES * CHANNELS);
        for frame in first..first + BLOCK_FRAMES as u64 {
            let within = (frame % u64::from(SAMPLE_RATE)) as f64;
            let length = SIGNAL_MICROS as f64 * f64::from(SAMPLE_RATE) / 1e6;
            let sample = if within < length {
                let edge = (within.min(length - within) / EDGE_FRAMES).min(1.0);
                let envelope = 0.5 - 0.5 * (std::f64::consts::PI * edge).cos();
                let phase = std::f64::consts::TAU * tone::BEEP_HERTZ * within / f64::from(SAMPLE_RATE);
                (BEEP_AMPLITUDE * envelope * phase.sin()) as f32
            } else {
                0.0
            };
            samples.extend([sample, sample]);
        }
        samples
    }
}

/// Block `block` of the test sound, timed from media time zero.
pub fn test_sound(block: u64) -> AudioFrame {
    let micros = i64::try_from(block).unwrap_or(i64::MAX).saturating_mul(10_000);
    AudioFrame {
        timestamp: Timestamp::from_micros(micros),
        captured: WallClock::from_micros(micros),
        samples: TestSound::samples(block),
    }
}

/// Starts the thread that draws the test picture in real time.
pub(crate) fn start_picture(session: &mut Session) -> Result<(), CaptureError> {
    let (out, stop, stats) = (session.video.clone(), session.stop.clone(), session.stats.clone());
    let (size, fps, clock) = (session.config.size, session.config.fps, session.config.clock);
    session.spawn("runnel-test-picture", move || {
        let mut picture = TestPicture::new(size, fps);
        let mut n = next_frame(&clock, fps);
        loop {
            let due = Timestamp::from_micros(frame_time(n, fps));
            if stop.wait_until(clock.instant(due)) {
                return;
            }
            let frame = picture.draw(n as u32, due, clock.wall_clock(due));
            if out.send(frame).is_err() {
                return;
            }
            // A machine too busy to draw skips frames; it does not fall behind.
            let next = next_frame(&clock, fps).saturating_sub(1).max(n + 1);
            stats.count_skipped(next - n - 1);
            n = next;
        }
    })
}

/// The first frame that is not due yet.
fn next_frame(clock: &CaptureClock, fps: u32) -> u64 {
    let now = u128::try_from(clock.now().as_micros()).unwrap_or(0);
    u64::try_from(now * u128::from(fps) / 1_000_000).unwrap_or(u64::MAX) + 1
}

/// Starts the thread that makes the test sound in real time.
pub(crate) fn start_sound(session: &mut Session) -> Result<(), CaptureError> {
    const PERIOD: Duration = Duration::from_millis(10);
    let (out, stop, clock) = (session.audio.clone(), session.stop.clone(), session.config.clock);
    session.spawn("runnel-test-sound", move || {
        let mut block = u64::try_from(clock.now().as_micros() / 10_000).unwrap_or(0) + 1;
        loop {
            let at = Timestamp::from_micros(i64::try_from(block).unwrap_or(i64::MAX).saturating_mul(10_000));
            // Like a microphone's, a block exists once its last sample has been heard.
            if stop.wait_until(clock.instant(at.saturating_add(PERIOD)))
                || out.send(at, TestSound::samples(block)).is_err()
            {
                return;
            }
            block += 1;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::psnr;

    fn size(text: &str) -> Size {
        text.parse().expect("legal")
    }

    #[test]
    fn a_frame_is_the_same_each_time_and_moves() {
        let captured = WallClock::from_micros(1_700_000_000_000_000);
        let one = test_picture(77, size("640x360"), 30, captured);
        let mut picture = TestPicture::new(size("640x360"), 30);
        picture.draw(3, Timestamp::ZERO, captured);
        let again = picture.draw(77, one.timestamp, captured);
        assert_eq!(psnr(&one, &again), Some(f64::INFINITY));
        let next = picture.draw(78, one.timestamp, captured);
        let moved = psnr(&one, &next).expect("same size");
        assert!((15.0..45.0).contains(&moved), "{moved}");
    }

    #[test]
    fn has_detail_everywhere() {
        let frame = test_picture(15, size("640x360"), 30, WallClock::default());
        let luma = &frame.planes[0].data;
        let mut flat = 0;
        for (y, x) in (0..320).step_by(16).flat_map(|y| (0..640).step_by(16).map(move |x| (y, x))) {
            let block: Vec<u8> = (0..16).flat_map(|row| luma[(y + row) * 640 + x..][..16].to_vec()).collect();
            let (low, high) = block
                .iter()
                .fold((255, 0), |(low, high), sample| (sample.min(&low).to_owned(), sample.max(&high).to_owned()));
            flat += usize::from(high - low < 6);
        }
        assert!(flat < 80, "{flat} of 800 blocks are flat");
        assert!(
            frame.planes[1].data.iter().any(|sample| *sample < 110)
                && frame.planes[2].data.iter().any(|sample| *sample > 140)
        );
    }

    #[test]
    fn carries_its_number_and_time() {
        let captured = WallClock::from_micros(1_700_000_000_123_400);
        for text in ["160x90", "640x360", "1280x720"] {
            let frame = test_picture(4711, size(text), 25, captured);
            assert_eq!(Strip::read(&frame), Some(Strip { frame: 4711, captured }), "{text}");
        }
    }

    #[test]
    fn every_legal_size_draws() {
        for text in ["16x16", "16x7680", "7680x16", "18x34", "322x242"] {
            let frame = test_picture(1, size(text), 60, WallClock::default());
            assert_eq!(frame.planes[0].data.len(), size(text).pixels(), "{text}");
        }
    }

    #[test]
    fn beeps_start_softly_and_last_a_tenth() {
        let second: Vec<f32> = (100..200).flat_map(TestSound::samples).collect();
        let loud: Vec<usize> = (0..48_000).filter(|frame| second[2 * frame].abs() > 1e-4).collect();
        assert!(loud[0] < 40 && (4_700..4_800).contains(loud.last().expect("a beep")));
        let steepest = second.windows(3).step_by(2).map(|pair| (pair[2] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.06, "{steepest}");
    }
}
