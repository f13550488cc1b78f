//! Our publish and watch paths against the bare codecs, in processor time of the same run.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rav1e::prelude::EncoderStatus;
use runnel_media::decode::VideoDecoder;
use runnel_media::decode::dav1d::{Dav1dConfig, Dav1dDecoder};
use runnel_media::encode::rav1e::{Preset, new_context};
use runnel_media::encode::{self, VideoEncoderConfig};
use runnel_media::format::{ColorSpace, Size, WallClock};
use runnel_media::frame::{EncodedFrame, TrackKind, VideoFrame};
use runnel_media::package::{MediaChunk, PackageOutput, Packager, PackagerConfig, demux};
use runnel_media::preprocess::{Preprocessor, VideoChain};
use runnel_media::testing::test_picture;

use super::usage::cpu_seconds;
use super::{Bound, Table};

const FPS: u32 = 30;
const FRAMES: u32 = 150;
const ROUNDS: usize = 3;

fn size() -> Size {
    Size::new(640, 360).expect("the size is legal")
}

fn config() -> VideoEncoderConfig {
    VideoEncoderConfig {
        size: size(),
        fps: FPS,
        bitrate_kbps: 1000,
        keyframe_interval: 2 * FPS,
        threads: 2,
        color: ColorSpace::default(),
    }
}

fn pictures() -> Vec<VideoFrame> {
    (0..FRAMES).map(|number| test_picture(number, size(), FPS, WallClock::from_micros(i64::from(number)))).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// rav1e alone: pictures in, packets out, nothing else.
fn bare_encode(pictures: &[VideoFrame]) -> Result<usize> {
    let mut context = new_context(Preset::Fast, &config())?;
    let mut bytes = 0;
    let mut take = |context: &mut rav1e::Context<u8>| -> Result<()> {
        loop {
            match context.receive_packet() {
                Ok(packet) => bytes += packet.data.len(),
                Err(EncoderStatus::Encoded) => {}
                Err(EncoderStatus::NeedMoreData | EncoderStatus::LimitReached) => return Ok(()),
                Err(status) => anyhow::bail!("rav1e: {status}"),
            }
        }
    };
    for picture in pictures {
        let mut frame = context.new_frame();
        for (plane, source) in frame.planes.iter_mut().zip(&picture.planes) {
            plane.copy_from_raw_u8(&source.data, source.stride, 1);
        }
        context.send_frame(Arc::new(frame))?;
        take(&mut context)?;
    }
    context.flush();
    take(&mut context)?;
    Ok(bytes)
}

/// What the publisher does with pictures once it has them: preprocess, encode, package.
fn our_encode(pictures: &[VideoFrame]) -> Result<(Vec<EncodedFrame>, Vec<MediaChunk>, Option<bytes::Bytes>)> {
    let mut preprocessor = Preprocessor::new(VideoChain::new(size(), FPS));
    let mut encoder = encode::open(Preset::Fast.name(), &config())?;
    let mut packager =
        Packager::new(PackagerConfig { chunk: Duration::from_millis(100), fps: FPS, first_init: 0, first_sequence: 0 });
    let (mut encoded, mut chunks, mut init) = (Vec::new(), Vec::new(), None);
    let mut take = |encoder: &mut dyn encode::VideoEncoder| -> Result<()> {
        while let Some(frame) = encoder.poll()? {
            encoded.push(frame.clone());
            packager.push(frame)?;
            while let Some(output) = packager.poll() {
                match output {
                    PackageOutput::Init(segment) => init = Some(segment.data),
                    PackageOutput::Chunk(chunk) => chunks.push(chunk),
                }
            }
        }
        Ok(())
    };
    for picture in pictures {
        if let Some(frame) = preprocessor.process(picture.clone()) {
            encoder.push(&frame, false)?;
            take(encoder.as_mut())?;
        }
    }
    encoder.flush()?;
    take(encoder.as_mut())?;
    Ok((encoded, chunks, init))
}

/// Our publish path, source excluded, against a bare rav1e loop with the same settings.
pub(super) fn publish_path(table: &mut Table) -> Result<()> {
    let pictures = pictures();
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(cpu_seconds(|| bare_encode(&pictures).map(drop))?);
        ours.push(cpu_seconds(|| our_encode(&pictures).map(drop))?);
    }
    let (bare, ours) = (median(bare), median(ours));
    table.add("publish-path", "bare rav1e loop, CPU ms a frame", bare * 1e3 / f64::from(FRAMES), Bound::None);
    table.add("publish-path", "ours, CPU ms a frame", ours * 1e3 / f64::from(FRAMES), Bound::None);
    table.add("publish-path", "bare / ours", bare / ours, Bound::Least(0.95));
    Ok(())
}

fn bare_decode(frames: &[EncodedFrame]) -> Result<usize> {
    let mut settings = dav1d::Settings::new();
    settings.set_max_frame_delay(1);
    settings.set_n_threads(2);
    let mut decoder = dav1d::Decoder::with_settings(&settings)?;
    let mut pictures = 0;
    for frame in frames.iter().filter(|frame| frame.kind == TrackKind::Video) {
        decoder.send_data(frame.data.to_vec(), None, None, None)?;
        loop {
            match decoder.get_picture() {
                Ok(_) => pictures += 1,
                Err(dav1d::Error::Again) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(pictures)
}

fn our_decode(init: &[u8], chunks: &[MediaChunk]) -> Result<usize> {
    let tracks = demux::parse_init(init)?;
    let mut decoder = Dav1dDecoder::new(Dav1dConfig { threads: 2, ..Dav1dConfig::default() })?;
    let mut pictures = 0;
    for chunk in chunks {
        for frame in demux::parse_chunk(&tracks, &chunk.data)?.frames {
            if frame.kind == TrackKind::Video {
                decoder.push(&frame)?;
                while decoder.poll()?.is_some() {
                    pictures += 1;
                }
            }
        }
    }
    Ok(pictures)
}

/// Our headless watch path against a bare dav1d loop over the same frames.
pub(super) fn watch_path(table: &mut Table) -> Result<()> {
    let (encoded, chunks, init) = our_encode(&pictures())?;
    let init = init.context("the packager made an init segment")?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    let repeat = 4;
    for _ in 0..ROUNDS {
        bare.push(cpu_seconds(|| (0..repeat).try_for_each(|_| bare_decode(&encoded).map(drop)))?);
        ours.push(cpu_seconds(|| (0..repeat).try_for_each(|_| our_decode(&init, &chunks).map(drop)))?);
    }
    let (bare, ours) = (median(bare), median(ours));
    let frames = f64::from(FRAMES * repeat);
    table.add("watch-path", "bare dav1d loop, CPU ms a frame", bare * 1e3 / frames, Bound::None);
    table.add("watch-path", "ours (demux, decode), CPU ms a frame", ours * 1e3 / frames, Bound::None);
    table.add("watch-path", "bare / ours", bare / ours, Bound::Least(0.9));
    Ok(())
}
