//! A short real stream for tests: pictures by the test source, encoded by rav1e, with Opus beside them.

use std::time::Duration;

use crate::encode::opus::OpusEncoder;
use crate::encode::rav1e::{Preset, Rav1eEncoder};
use crate::encode::{VideoEncoder, VideoEncoderConfig};
use crate::format::{ColorSpace, SAMPLE_RATE, Size, Timestamp, WallClock};
use crate::frame::{AudioFrame, EncodedFrame, VideoFrame};
use crate::package::{InitSegment, MediaChunk, PackageOutput, Packager};

/// The wall clock at media time zero.
pub(crate) const EPOCH: i64 = 1_700_000_000_123_456;

pub(crate) fn at(micros: i64) -> (Timestamp, WallClock) {
    (Timestamp::from_micros(micros), WallClock::from_micros(EPOCH + micros))
}

/// A picture with some detail that moves with `index`.
pub(crate) fn picture(index: u32, size: Size, fps: u32) -> VideoFrame {
    let (width, height) = (size.width() as usize, size.height() as usize);
    let shift = index as usize * 2;
    let wave = |x: usize, y: usize| (((x + shift) * 5) ^ (y * 3)) as u8 / 2 + ((x * y / 64) as u8) / 4 + 30;
    let luma = (0..width * height).map(|place| wave(place % width, place / width)).collect();
    let chroma = |seed: usize| {
        (0..width * height / 4).map(|place| (100 + (place % (width / 2) + shift + seed) / 8 % 60) as u8).collect()
    };
    let (timestamp, captured) = at(i64::from(index) * 1_000_000 / i64::from(fps));
    VideoFrame::from_i420(timestamp, captured, size, ColorSpace::default(), [luma, chroma(0), chroma(17)])
}

/// `count` encoded pictures, a keyframe every `interval`.
pub(crate) fn video(size: Size, fps: u32, count: u32, interval: u32) -> Vec<EncodedFrame> {
    let config =
        VideoEncoderConfig { keyframe_interval: interval, threads: 2, ..VideoEncoderConfig::new(size, fps, 400) };
    let mut encoder = Rav1eEncoder::new(Preset::Fast, config).expect("rav1e is always there");
    for index in 0..count {
        encoder.push(&picture(index, size, fps), false).expect("a sound picture");
    }
    encoder.flush().expect("nothing failed before");
    std::iter::from_fn(|| encoder.poll().expect("nothing failed before")).collect()
}

/// `millis` of a 440 Hz tone as Opus packets.
pub(crate) fn audio(millis: u32) -> Vec<EncodedFrame> {
    let mut encoder = OpusEncoder::new(64).expect("legal");
    for block in 0..millis / 10 {
        encoder.push(&tone(block)).expect("sound");
    }
    std::iter::from_fn(|| encoder.poll()).collect()
}

/// Block number `index` of 10 ms of a 440 Hz tone.
pub(crate) fn tone(index: u32) -> AudioFrame {
    let (timestamp, captured) = at(i64::from(index) * 10_000);
    let sample = |n: u32| {
        ((f64::from(index * 480 + n) * 440.0 / f64::from(SAMPLE_RATE) * std::f64::consts::TAU).sin() / 2.0) as f32
    };
    let samples = (0..480).flat_map(|n| [sample(n); 2]).collect();
    AudioFrame { timestamp, captured, samples }
}

/// Everything a packager makes of these frames, pushed in the order of their timestamps.
pub(crate) fn package(packager: &mut Packager, frames: Vec<EncodedFrame>) -> (Vec<InitSegment>, Vec<MediaChunk>) {
    let mut frames = frames;
    frames.sort_by_key(|frame| frame.timestamp);
    for frame in frames {
        packager.push(frame).expect("a sound frame");
    }
    packager.flush().expect("sound frames");
    collect(packager)
}

pub(crate) fn collect(packager: &mut Packager) -> (Vec<InitSegment>, Vec<MediaChunk>) {
    let (mut inits, mut chunks) = (Vec::new(), Vec::new());
    while let Some(output) = packager.poll() {
        match output {
            PackageOutput::Init(init) => inits.push(init),
            PackageOutput::Chunk(chunk) => chunks.push(chunk),
        }
    }
    (inits, chunks)
}

/// The same frames, all later.
pub(crate) fn later(frames: Vec<EncodedFrame>, by: Duration) -> Vec<EncodedFrame> {
    let moved = |frame: EncodedFrame| EncodedFrame {
        timestamp: frame.timestamp.saturating_add(by),
        captured: WallClock::from_micros(frame.captured.as_micros() + by.as_micros() as i64),
        ..frame
    };
    frames.into_iter().map(moved).collect()
}
