//! Timing an encoder on real pictures: a driver, which reads the clock.

use std::time::{Duration, Instant};

use super::cpu::Threads;
use super::pictures::pictures;
use super::rank::Verdict;
use super::{ProbeRequest, ProbeRow, quality};
use crate::decode::VideoDecoder;
use crate::decode::dav1d::{Dav1dConfig, Dav1dDecoder};
use crate::encode::{EncodeError, VideoEncoderConfig, gst, keyframe, open};
use crate::format::{Timestamp, WallClock};
use crate::frame::{EncodedFrame, VideoFrame};

/// Frames that are encoded before the clock runs: rate control tries its first keyframe and inter frame twice.
const WARM_UP: usize = 3;
/// The probe asks for a keyframe here, to see how large it is once the encoder has seen some pictures.
const KEYFRAME: usize = 12;

/// What an encoder did.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// Pictures a second.
    pub fps: f64,
    /// Seconds of one core per picture; `None` where the system does not tell.
    pub cpu_per_frame: Option<f64>,
    /// Pictures that have to follow before a packet comes out.
    pub held: usize,
    /// Everything it made.
    pub frames: Vec<EncodedFrame>,
}

impl Measurement {
    /// From a picture going in to its packet coming out, in ms.
    pub fn delay_ms(&self, fps: u32) -> f64 {
        self.held as f64 * 1000.0 / f64::from(fps) + 1000.0 / self.fps
    }

    /// Share of all cores at a rate of pictures, 0..; where the system does not tell, as if all cores were busy.
    pub fn cpu_share(&self, fps: u32, cores: usize) -> f64 {
        let per_frame = self.cpu_per_frame.map_or(1.0 / self.fps, |seconds| seconds / cores.max(1) as f64);
        per_frame * f64::from(fps)
    }

    /// Rate in kbit/s at a rate of pictures.
    pub fn kbps(&self, fps: u32) -> f64 {
        let bytes: usize = self.frames.iter().map(|frame| frame.data.len()).sum();
        bytes as f64 * 8.0 * f64::from(fps) / 1000.0 / self.frames.len().max(1) as f64
    }
}

/// Encodes pictures as fast as it goes, until `count` are through or `patience` is over.
///
/// `picture` gives picture number n; its times are replaced by those of a steady clock.
///
/// # Errors
/// [`EncodeError`] of the encoder.
pub fn measure(
    name: &str,
    config: &VideoEncoderConfig,
    count: usize,
    patience: Duration,
    picture: impl FnMut(usize) -> VideoFrame,
) -> Result<Measurement, EncodeError> {
    timed(name, config, count, patience, None, picture)
}

/// As [`measure`], with a keyframe asked for at one picture.
#[expect(clippy::disallowed_methods, reason = "timing encoders is what this driver is for")]
fn timed(
    name: &str,
    config: &VideoEncoderConfig,
    count: usize,
    patience: Duration,
    keyframe: Option<usize>,
    mut picture: impl FnMut(usize) -> VideoFrame,
) -> Result<Measurement, EncodeError> {
    let threads = Threads::remember();
    let mut encoder = open(name, config)?;
    let deadline = Instant::now() + patience;
    let mut frames = Vec::new();
    let mut started = None;
    let mut pushed = 0;
    while pushed < count {
        let mut frame = picture(pushed);
        (frame.timestamp, frame.captured) = times(pushed, config.fps);
        encoder.push(&frame, keyframe == Some(pushed))?;
        pushed += 1;
        while let Some(frame) = encoder.poll()? {
            frames.push(frame);
        }
        let now = Instant::now();
        if started.is_none() && frames.len() >= WARM_UP {
            started = Some((now, frames.len(), threads.spent()));
        }
        // At least one picture is timed, however slow the encoder is.
        let timed = started.map_or(0, |(_, first, _)| frames.len() - first);
        if now >= deadline && (timed > 0 || now >= deadline + patience) {
            break;
        }
    }
    let (now, spent) = (Instant::now(), threads.spent());
    let held = pushed - frames.len();
    let (fps, cpu_per_frame) = match started {
        Some((start, first, cpu)) if frames.len() > first => {
            let timed = (frames.len() - first) as f64;
            let cpu = spent.zip(cpu).map(|(after, before)| after.saturating_sub(before).as_secs_f64() / timed);
            (timed / now.duration_since(start).as_secs_f64().max(1e-6), cpu)
        }
        // It never got through its warm-up.
        _ => (frames.len() as f64 / (2.0 * patience.as_secs_f64()).max(1e-6), None),
    };
    encoder.flush()?;
    while let Some(frame) = encoder.poll()? {
        frames.push(frame);
    }
    Ok(Measurement { fps: fps.max(0.1), cpu_per_frame, held, frames })
}

fn times(number: usize, fps: u32) -> (Timestamp, WallClock) {
    let at = number as i64 * 1_000_000 / i64::from(fps.max(1));
    (Timestamp::from_micros(at), WallClock::from_micros(at))
}

/// Number n of pictures used forwards and backwards in turn.
fn to_and_fro(pictures: &[VideoFrame], number: usize) -> VideoFrame {
    let turn = 2 * (pictures.len() - 1).max(1);
    let place = number % turn;
    pictures[place.min(turn - place)].clone()
}

/// A row for every candidate, in the order given.
#[expect(clippy::disallowed_methods, reason = "the budget is wall-clock time")]
pub(crate) fn all(
    request: &ProbeRequest,
    config: &VideoEncoderConfig,
    candidates: &[(&'static str, &'static str)],
) -> Vec<ProbeRow> {
    let end = Instant::now() + request.budget;
    let pictures = pictures(request.size, request.fps);
    let asked = |name: &str| request.choice.allows(name);
    let mut left = candidates.iter().filter(|(_, name)| asked(name) && here(name).is_ok()).count();
    let mut failed_family = None;
    let mut rows = Vec::new();
    for (family, name) in candidates {
        let row = |verdict| ProbeRow {
            name: (*name).to_owned(),
            fps: 0.0,
            cpu: 0.0,
            delay_ms: 0.0,
            psnr: 0.0,
            kbps: 0.0,
            keyframes: None,
            quality: quality(name).unwrap_or_default(),
            verdict,
        };
        if !asked(name) {
            rows.push(row(Verdict::NotAsked));
            continue;
        }
        if let Err(error) = here(name) {
            let reason = match error {
                EncodeError::NotHere { reason, .. } => reason,
                other => other.to_string(),
            };
            rows.push(row(Verdict::NotHere { reason }));
            continue;
        }
        let remaining = end.saturating_duration_since(Instant::now());
        let share = remaining / u32::try_from(left.max(1)).unwrap_or(1);
        left = left.saturating_sub(1);
        if failed_family == Some(family) {
            let reason = "a faster preset of it is too slow already".to_owned();
            rows.push(row(Verdict::NotTried { reason }));
            continue;
        }
        // The very first is tried in any case: there has to be one.
        if remaining.is_zero() && rows.iter().any(|row: &ProbeRow| row.verdict == Verdict::Measured) {
            rows.push(row(Verdict::NotTried { reason: "the time for trying is over".to_owned() }));
            continue;
        }
        // A quarter of its time is for opening, draining and looking at what it made.
        let patience = (share * 3 / 4).clamp(Duration::from_millis(60), Duration::from_millis(600));
        let picture = |number| to_and_fro(&pictures, number);
        rows.push(match timed(name, config, 90, patience, Some(KEYFRAME), picture) {
            Ok(measured) => {
                if measured.fps < f64::from(request.fps) * super::MARGIN {
                    failed_family = Some(family);
                }
                ProbeRow {
                    fps: measured.fps,
                    cpu: measured.cpu_share(request.fps, config.threads),
                    delay_ms: measured.delay_ms(request.fps),
                    psnr: decoded_psnr(&measured.frames, picture),
                    keyframes: keyframe::against_rate(&measured.frames, request.fps, request.bitrate_kbps),
                    kbps: measured.kbps(request.fps),
                    ..row(Verdict::Measured)
                }
            }
            Err(error) => row(Verdict::Failed { reason: error.to_string() }),
        });
    }
    rows
}

fn here(name: &str) -> Result<(), EncodeError> {
    if gst::names().any(|known| known == name) { gst::is_here(name) } else { Ok(()) }
}

/// Luma PSNR of the first pictures after decoding; 0 if they cannot be decoded.
fn decoded_psnr(frames: &[EncodedFrame], source: impl Fn(usize) -> VideoFrame) -> f64 {
    const LOOKED_AT: usize = 8;
    let Ok(mut decoder) = Dav1dDecoder::new(Dav1dConfig::default()) else { return 0.0 };
    let mut errors = Vec::new();
    for (number, frame) in frames.iter().take(LOOKED_AT).enumerate() {
        if decoder.push(frame).is_err() {
            return 0.0;
        }
        let Ok(Some(picture)) = decoder.poll() else { return 0.0 };
        errors.push(squared_error(&picture, &source(number)));
    }
    let mean = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
    if errors.is_empty() { 0.0 } else { 10.0 * (255.0 * 255.0 / mean.max(1e-3)).log10() }
}

/// Mean squared difference of luma; as bad as can be where the sizes differ.
fn squared_error(a: &VideoFrame, b: &VideoFrame) -> f64 {
    if a.size != b.size || a.depth != b.depth {
        return 255.0 * 255.0;
    }
    let width = a.size.width() as usize;
    let rows = |frame: &VideoFrame, y: usize| -> Vec<u8> {
        frame.planes[0].data[y * frame.planes[0].stride..][..width].to_vec()
    };
    let of_row =
        |y: usize| -> u64 { rows(a, y).iter().zip(rows(b, y)).map(|(a, b)| u64::from(a.abs_diff(b)).pow(2)).sum() };
    (0..a.size.height() as usize).map(of_row).sum::<u64>() as f64 / a.size.pixels() as f64
}

/// Structural similarity of luma over 8x8 blocks, 0..=1; 0 where the sizes differ.
pub fn ssim(a: &VideoFrame, b: &VideoFrame) -> f64 {
    if a.size != b.size || a.depth != 8 || b.depth != 8 {
        return 0.0;
    }
    let (width, height) = (a.size.width() as usize, a.size.height() as usize);
    let (mut sum, mut blocks) = (0.0, 0u32);
    for y in (0..height - 7).step_by(8) {
        for x in (0..width - 7).step_by(8) {
            sum += block_ssim(a, b, x, y);
            blocks += 1;
        }
    }
    sum / f64::from(blocks.max(1))
}

fn block_ssim(a: &VideoFrame, b: &VideoFrame, x: usize, y: usize) -> f64 {
    let (mut sums, mut squares, mut product) = ([0.0; 2], [0.0; 2], 0.0);
    for row in y..y + 8 {
        let [a, b] = [a, b].map(|frame| &frame.planes[0].data[row * frame.planes[0].stride + x..][..8]);
        for (a, b) in a.iter().zip(b).map(|(a, b)| (f64::from(*a), f64::from(*b))) {
            sums = [sums[0] + a, sums[1] + b];
            squares = [squares[0] + a * a, squares[1] + b * b];
            product += a * b;
        }
    }
    let mean = sums.map(|sum| sum / 64.0);
    let variance = [squares[0] / 64.0 - mean[0] * mean[0], squares[1] / 64.0 - mean[1] * mean[1]];
    let covariance = product / 64.0 - mean[0] * mean[1];
    let (c1, c2) = ((0.01f64 * 255.0).powi(2), (0.03f64 * 255.0).powi(2));
    (2.0 * mean[0] * mean[1] + c1) * (2.0 * covariance + c2)
        / ((mean[0] * mean[0] + mean[1] * mean[1] + c1) * (variance[0] + variance[1] + c2))
}
