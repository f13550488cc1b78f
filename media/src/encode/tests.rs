//! Every encoder that this machine has: pictures in, the same pictures out of a decoder.

use super::*;
use crate::decode::VideoDecoder;
use crate::decode::dav1d::{Dav1dConfig, Dav1dDecoder};
use crate::format::WallClock;
use crate::package::av1::sequence_header;
use crate::package::fixtures::{EPOCH, picture};
use crate::testing::test_picture;

const FPS: u32 = 30;

fn size() -> Size {
    Size::new(320, 180).expect("legal")
}

fn config(kbps: u32) -> VideoEncoderConfig {
    VideoEncoderConfig { threads: 2, ..VideoEncoderConfig::new(size(), FPS, kbps) }
}

/// The encoders that are here; of GStreamer's presets one each, as they differ in speed only.
fn here() -> Vec<&'static str> {
    let mut families = Vec::new();
    names()
        .into_iter()
        .filter(|name| name.starts_with("rav1e") || gst::is_here(name).is_ok())
        .filter(|name| {
            let family = name.split(':').next().expect("a first part");
            let new = family == "rav1e" || !families.contains(&family);
            families.push(family);
            new
        })
        .collect()
}

fn take(encoder: &mut dyn VideoEncoder, frames: &mut Vec<EncodedFrame>) {
    while let Some(frame) = encoder.poll().expect("it works") {
        frames.push(frame);
    }
}

/// Encodes `count` pictures with a keyframe forced where asked.
fn encode(name: &str, config: &VideoEncoderConfig, count: u32, keyframes: &[u32]) -> Vec<EncodedFrame> {
    let mut encoder = open(name, config).expect(name);
    assert_eq!(encoder.name(), name);
    let mut frames = Vec::new();
    for index in 0..count {
        encoder.push(&picture(index, size(), FPS), keyframes.contains(&index)).expect(name);
        take(encoder.as_mut(), &mut frames);
    }
    encoder.flush().expect(name);
    take(encoder.as_mut(), &mut frames);
    assert_eq!(encoder.push(&picture(0, size(), FPS), false), Err(EncodeError::Flushed), "{name}");
    frames
}

fn psnr(a: &VideoFrame, b: &VideoFrame) -> f64 {
    let width = a.size.width() as usize;
    let row = |frame: &VideoFrame, y: usize| frame.planes[0].data[y * frame.planes[0].stride..][..width].to_vec();
    let error: u64 = (0..a.size.height() as usize)
        .flat_map(|y| row(a, y).into_iter().zip(row(b, y)))
        .map(|(a, b)| u64::from(a.abs_diff(b)).pow(2))
        .sum();
    10.0 * (255.0 * 255.0 / (error as f64 / a.size.pixels() as f64)).log10()
}

#[test]
fn what_is_encoded_decodes_to_the_same_pictures() {
    for name in here() {
        let frames = encode(name, &config(1500), 40, &[25]);
        assert_eq!(frames.len(), 40, "{name}");
        let keyframes: Vec<_> = (0..40).filter(|index| frames[*index].keyframe).collect();
        assert_eq!(keyframes, [0, 25], "{name}");
        let mut decoder = Dav1dDecoder::new(Dav1dConfig::default()).expect("dav1d is there");
        for (index, frame) in frames.iter().enumerate() {
            let source = picture(index as u32, size(), FPS);
            assert_eq!((frame.timestamp, frame.captured), (source.timestamp, source.captured), "{name}");
            assert_eq!(frame.captured.as_micros(), EPOCH + frame.timestamp.as_micros());
            assert_eq!(frame.keyframe, sequence_header(&frame.data).is_some(), "{name} {index}");
            decoder.push(frame).expect(name);
            let shown = decoder.poll().expect(name).expect("without delay");
            assert_eq!((shown.timestamp, shown.captured, shown.size), (source.timestamp, source.captured, size()));
            assert_eq!((shown.depth, shown.color), (8, source.color), "{name}");
            let psnr = psnr(&source, &shown);
            assert!(psnr > 27.0, "{name} picture {index}: {psnr:.1} dB");
        }
    }
}

#[test]
fn decoding_can_start_at_a_forced_keyframe() {
    for name in here() {
        let frames = encode(name, &config(800), 24, &[12]);
        let mut decoder = Dav1dDecoder::new(Dav1dConfig::default()).expect("dav1d is there");
        decoder.push(&frames[12]).expect(name);
        assert!(decoder.poll().expect(name).is_some(), "{name}");
    }
}

#[test]
fn keyframes_come_by_themselves_at_the_interval() {
    for name in here() {
        let frames = encode(name, &VideoEncoderConfig { keyframe_interval: 10, ..config(800) }, 31, &[]);
        let keyframes: Vec<_> = (0..31).filter(|index| frames[*index].keyframe).collect();
        assert_eq!(keyframes, [0, 10, 20, 30], "{name}");
    }
}

#[test]
fn the_rate_follows() {
    for name in here() {
        let mut encoder = open(name, &config(1600)).expect(name);
        let mut frames = Vec::new();
        for index in 0..120 {
            if index == 60 {
                encoder.set_bitrate(400).expect(name);
            }
            encoder.push(&picture(index, size(), FPS), index % 60 == 0).expect(name);
            take(encoder.as_mut(), &mut frames);
        }
        encoder.flush().expect(name);
        take(encoder.as_mut(), &mut frames);
        assert_eq!(frames.len(), 120, "{name}: nothing is lost by a change");
        let kbps = |range: std::ops::Range<usize>| {
            let bytes: usize = frames[range.clone()].iter().map(|frame| frame.data.len()).sum();
            bytes as f64 * 8.0 * f64::from(FPS) / range.len() as f64 / 1000.0
        };
        let (before, after) = (kbps(0..60), kbps(75..120));
        assert!((1000.0..2100.0).contains(&before), "{name}: {before:.0}");
        assert!((200.0..640.0).contains(&after), "{name}: {after:.0}");
        let error = encoder.set_bitrate(1).expect_err("too low").to_string();
        assert_eq!(error, "invalid bitrate_kbps 1 (expected 16..=200000)");
    }
}

#[test]
fn pictures_of_another_size_or_depth_are_refused_and_the_next_is_fine() {
    for name in here() {
        let mut encoder = open(name, &config(800)).expect(name);
        let other = picture(0, Size::new(160, 90).expect("legal"), FPS);
        let error = encoder.push(&other, false).expect_err("refused").to_string();
        assert_eq!(error, "picture is 160x90 of 8 bits (expected 320x180 of 8 bits, whole planes)");
        let deep = VideoFrame { depth: 10, ..picture(0, size(), FPS) };
        assert!(matches!(encoder.push(&deep, false), Err(EncodeError::Picture { .. })));
        let mut torn = picture(0, size(), FPS);
        torn.planes[2].stride = 16;
        assert!(matches!(encoder.push(&torn, false), Err(EncodeError::Picture { .. })));
        encoder.push(&picture(0, size(), FPS), false).expect(name);
    }
}

#[test]
fn sizes_that_are_no_multiple_of_anything_work() {
    let odd = Size::new(214, 122).expect("legal");
    for name in here() {
        let mut encoder = open(name, &VideoEncoderConfig { size: odd, ..config(400) }).expect(name);
        encoder.push(&picture(0, odd, FPS), true).expect(name);
        encoder.flush().expect(name);
        let frame = encoder.poll().expect(name).expect("one picture");
        let mut decoder = Dav1dDecoder::new(Dav1dConfig::default()).expect("dav1d is there");
        decoder.push(&frame).expect(name);
        let shown = decoder.poll().expect(name).expect("one picture");
        assert_eq!(shown.size, odd, "{name}");
        assert!(psnr(&shown, &picture(0, odd, FPS)) > 20.0, "{name}");
    }
}

#[test]
fn what_is_not_here_is_an_error_with_a_reason() {
    for name in gst::names().filter(|name| gst::is_here(name).is_err()) {
        let error = open(name, &config(800)).err().expect("not here").to_string();
        assert!(error.starts_with(&format!("{name} is not here: GStreamer")), "{error}");
    }
    assert!(matches!(open("x264", &config(800)), Err(EncodeError::Unknown { .. })));
}

#[test]
fn keyframe_chunks_of_pictures_alike_stay_small() {
    for name in here() {
        let interval = 60;
        let frames = encode(name, &VideoEncoderConfig { keyframe_interval: interval, ..config(500) }, 180, &[]);
        let chunk = |from: usize| frames[from..from + 3].iter().map(|frame| frame.data.len()).sum::<usize>() as f64;
        let mean = (0..180).step_by(3).map(chunk).sum::<f64>() / 60.0;
        // The first keyframe of a stream comes before anything is known about the pictures.
        let largest = (interval as usize..180).step_by(interval as usize).map(chunk).fold(0.0, f64::max) / mean;
        assert!(largest < 4.0, "{name}: {largest:.2}");
    }
}

#[test]
fn keyframe_chunks_stay_small() {
    const INTERVAL: u32 = 60;
    let mut large = Vec::new();
    for name in here() {
        let mut encoder = open(name, &VideoEncoderConfig { keyframe_interval: INTERVAL, ..config(500) }).expect(name);
        let mut frames = Vec::new();
        for index in 0..3 * INTERVAL {
            encoder.push(&test_picture(index, size(), FPS, WallClock::default()), false).expect(name);
            take(encoder.as_mut(), &mut frames);
        }
        encoder.flush().expect(name);
        take(encoder.as_mut(), &mut frames);
        let sizes: Vec<_> = frames.iter().map(|frame| frame.data.len()).collect();
        let chunks: Vec<_> = sizes.chunks(3).map(|chunk| chunk.iter().sum::<usize>() as f64).collect();
        let mean = chunks.iter().sum::<f64>() / chunks.len() as f64;
        // Nothing is known about the pictures at a stream's first keyframe, and little at its second.
        let [second, third] = [20, 40].map(|index: usize| (chunks[index] / mean * 100.0).round() / 100.0);
        if second > 3.0 || third > keyframe::LIMIT {
            large.push((name, second, third));
        }
    }
    assert!(large.is_empty(), "times the mean: {large:?}");
}
