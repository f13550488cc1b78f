//! rav1e: the encoder that is always there.
//!
//! Its numbered presets stop where real time begins, so ours are built from single speed settings.
//! It keeps four pictures before it gives the first one back, and cannot change its rate while it runs.
//! So every keyframe starts a new context, and the one before is drained: a new rate counts from the next keyframe on,
//! and the first frames of a context are tried twice by rav1e, which keeps keyframes to the size that was planned
//! (within one context they grew to 3.6 times the mean chunk). Where one is too large all the same, the next context has
//! a floor under its quantiser.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use rav1e::color::{ColorDescription, ColorPrimaries, MatrixCoefficients, PixelRange, TransferCharacteristics};
use rav1e::config::SpeedSettings;
use rav1e::prelude::{
    BlockSize, EncoderConfig, EncoderStatus, FrameType, PartitionRange, Rational, SceneDetectionSpeed, Tune,
};
use rav1e::{Config, Context, Frame};

use super::keyframe::Meter;
use super::{EncodeError, VideoEncoder, VideoEncoderConfig, level};
use crate::format::{ColorSpace, Matrix, Range, Timestamp, WallClock};
use crate::frame::{EncodedFrame, Plane, TrackKind, VideoFrame};
use crate::package::av1::strip_delimiters;

/// A named compromise between quality and speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Preset 10 without CDEF: 32x32 blocks.
    Quality,
    /// 64x64 blocks only.
    Balanced,
    /// 64x64 blocks only, rates estimated in the transform domain.
    Fast,
}

impl Preset {
    /// All presets, best quality first.
    pub const ALL: [Self; 3] = [Self::Quality, Self::Balanced, Self::Fast];

    /// The encoder's name with this preset.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quality => "rav1e:quality",
            Self::Balanced => "rav1e:balanced",
            Self::Fast => "rav1e:fast",
        }
    }

    fn settings(self) -> SpeedSettings {
        let mut settings = SpeedSettings::from_preset(10);
        settings.rdo_lookahead_frames = 1;
        settings.scene_detection_mode = SceneDetectionSpeed::None;
        settings.cdef = false;
        if self != Self::Quality {
            settings.partition.partition_range = PartitionRange::new(BlockSize::BLOCK_64X64, BlockSize::BLOCK_64X64);
        }
        if self == Self::Fast {
            settings.transform.tx_domain_rate = true;
            // With rates as coarse as these, SATD and fine intra angles mislead: without them the same VMAF takes 5 % less.
            settings.motion.use_satd_subpel = false;
            settings.prediction.fine_directional_intra = false;
        } else {
            // Costs nothing that could be measured, and gives about 0.3 VMAF.
            settings.motion.use_satd_subpel = true;
        }
        settings
    }

    const fn tune(self) -> Tune {
        match self {
            Self::Quality => Tune::Psychovisual,
            Self::Balanced | Self::Fast => Tune::Psnr,
        }
    }
}

/// Pictures over which rav1e evens out its rate, which also bounds keyframes: the least it allows.
///
/// A frame gets at most what the reservoir holds, and it starts half full: six and a half pictures' worth for a keyframe.
const RESERVOIR: i32 = 12;

/// A keyframe comes out about 16 steps of the quantiser index (0..=255) finer than the floor under it, others 17 coarser.
const KEYFRAME_FINER: u8 = 16;
const OTHERS_COARSER: u8 = 17;
/// How large the chunk with a keyframe should be against the mean chunk.
const AIM: f64 = 2.0;
/// Steps of the index that halve a keyframe.
const STEPS: f64 = 52.0;
/// How far the other pictures may be coarsened for a smaller keyframe.
const YIELDS: u8 = 10;
/// A floor on which the other pictures rest sinks by so much from group to group.
const SINKS: u8 = 8;

/// Finer than this no picture is quantised at this rate: in easy scenes rav1e would spend a second's bits on what nobody
/// sees, and miss them at the next cut. Measured at 0.11 bits a pixel; who gives more bits gets finer pictures.
fn finest(config: &VideoEncoderConfig) -> u8 {
    let pixels = config.size.pixels() as f64 * f64::from(config.fps);
    let bits = f64::from(config.bitrate_kbps) * 1000.0 / pixels;
    (70.0 - 40.0 * (bits / 0.11).log2()).clamp(0.0, 70.0) as u8
}

/// The floor under the quantiser of the next group, from how the last one came out.
///
/// Raised only where the keyframe was too large, and hardly so far that it would coarsen the pictures after it.
fn next_floor(floor: u8, finest: u8, ratio: f64, keyframe: u8, others: u8) -> u8 {
    let steps = STEPS * (ratio / AIM).log2();
    let from = if steps > 0.0 { floor.max(keyframe.saturating_add(KEYFRAME_FINER)) } else { floor };
    let mut highest = others.saturating_sub(OTHERS_COARSER - YIELDS);
    if others <= floor.saturating_add(OTHERS_COARSER) {
        highest = highest.min(floor.saturating_sub(SINKS));
    }
    (f64::from(from) + steps).clamp(f64::from(finest), f64::from(highest.max(finest))) as u8
}

/// Times of a picture that is being encoded.
#[derive(Clone, Copy)]
struct Times {
    timestamp: Timestamp,
    captured: WallClock,
}

/// rav1e behind our trait.
pub struct Rav1eEncoder {
    preset: Preset,
    config: VideoEncoderConfig,
    context: Context<u8>,
    in_context: u32,
    since_keyframe: u32,
    times: VecDeque<Times>,
    ready: VecDeque<EncodedFrame>,
    meter: Meter,
    /// Least quantiser index of the running context.
    floor: u8,
    /// Quantiser indices of the running context's pictures, the keyframe first.
    quantisers: Vec<u8>,
    flushed: bool,
}

impl Rav1eEncoder {
    /// An encoder.
    ///
    /// # Errors
    /// [`EncodeError::Config`] or [`EncodeError::Failed`] for what rav1e refuses.
    pub fn new(preset: Preset, config: VideoEncoderConfig) -> Result<Self, EncodeError> {
        config.check()?;
        let floor = finest(&config);
        let context = open(preset, &config, floor)?;
        Ok(Self {
            preset,
            config,
            context,
            in_context: 0,
            since_keyframe: 0,
            times: VecDeque::new(),
            ready: VecDeque::new(),
            meter: Meter::new(config.fps, config.keyframe_interval),
            floor,
            quantisers: Vec::new(),
            flushed: false,
        })
    }

    fn failed(&self, reason: impl ToString) -> EncodeError {
        EncodeError::Failed { name: self.preset.name().to_owned(), reason: reason.to_string() }
    }

    /// Encodes all that the context is ready to encode.
    fn drain(&mut self) -> Result<(), EncodeError> {
        loop {
            // Some settings make rav1e panic on some pictures; ours have not been seen to, but a broadcast must not end so.
            let received = catch_unwind(AssertUnwindSafe(|| self.context.receive_packet()));
            let packet = match received.map_err(|_| self.failed("it panicked"))? {
                Ok(packet) => packet,
                Err(EncoderStatus::Encoded) => continue,
                Err(EncoderStatus::NeedMoreData | EncoderStatus::LimitReached) => return Ok(()),
                Err(status) => return Err(self.failed(status)),
            };
            // Low latency means no reordering: packets come in the order of the pictures.
            let Some(times) = self.times.pop_front() else {
                return Err(self.failed("a packet without a picture"));
            };
            let keyframe = packet.frame_type == FrameType::KEY;
            self.meter.add(keyframe, packet.data.len());
            self.quantisers.push(packet.qp);
            self.ready.push_back(EncodedFrame {
                kind: TrackKind::Video,
                timestamp: times.timestamp,
                duration: frame_duration(self.config.fps),
                captured: times.captured,
                keyframe,
                data: strip_delimiters(Bytes::from(packet.data)),
            });
        }
    }

    /// Gives out what the old context still holds and starts a new one, whose first picture is a keyframe.
    fn renew(&mut self) -> Result<(), EncodeError> {
        self.context.flush();
        self.drain()?;
        if let (Some(ratio), [keyframe, others @ ..]) =
            (self.meter.ratio(self.config.bitrate_kbps), self.quantisers.as_mut_slice())
            && !others.is_empty()
        {
            let middle = others.len() / 2;
            let (_, median, _) = others.select_nth_unstable(middle);
            self.floor = next_floor(self.floor, finest(&self.config), ratio, *keyframe, *median);
        }
        self.quantisers.clear();
        self.context = open(self.preset, &self.config, self.floor)?;
        self.in_context = 0;
        Ok(())
    }
}

/// How long a picture is shown at a nominal rate.
pub(crate) fn frame_duration(fps: u32) -> std::time::Duration {
    std::time::Duration::from_micros(1_000_000 / u64::from(fps.max(1)))
}

impl VideoEncoder for Rav1eEncoder {
    fn name(&self) -> &str {
        self.preset.name()
    }

    fn push(&mut self, frame: &VideoFrame, force_keyframe: bool) -> Result<(), EncodeError> {
        if self.flushed {
            return Err(EncodeError::Flushed);
        }
        check_picture(frame, &self.config)?;
        let keyframe = force_keyframe || self.since_keyframe >= self.config.keyframe_interval;
        if keyframe && self.in_context > 0 {
            self.renew()?;
        }
        let mut picture: Frame<u8> = self.context.new_frame();
        let width = self.config.size.width() as usize;
        let rows = self.config.size.height() as usize;
        copy_plane(&mut picture.planes[0], &frame.planes[0], width, rows);
        copy_plane(&mut picture.planes[1], &frame.planes[1], width / 2, rows / 2);
        copy_plane(&mut picture.planes[2], &frame.planes[2], width / 2, rows / 2);
        self.context.send_frame(Arc::new(picture)).map_err(|status| self.failed(status))?;
        self.in_context += 1;
        self.times.push_back(Times { timestamp: frame.timestamp, captured: frame.captured });
        self.since_keyframe = if keyframe { 1 } else { self.since_keyframe + 1 };
        self.drain()
    }

    fn poll(&mut self) -> Result<Option<EncodedFrame>, EncodeError> {
        Ok(self.ready.pop_front())
    }

    fn flush(&mut self) -> Result<(), EncodeError> {
        if std::mem::replace(&mut self.flushed, true) {
            return Ok(());
        }
        self.context.flush();
        self.drain()
    }

    fn set_bitrate(&mut self, kbps: u32) -> Result<(), EncodeError> {
        let config = VideoEncoderConfig { bitrate_kbps: kbps, ..self.config };
        config.check()?;
        self.config = config;
        Ok(())
    }
}

/// # Errors
/// [`EncodeError::Picture`] unless the picture is what the encoder was opened for.
pub(crate) fn check_picture(frame: &VideoFrame, config: &VideoEncoderConfig) -> Result<(), EncodeError> {
    let width = config.size.width() as usize;
    let holds = |plane: &Plane, width: usize, rows: usize| {
        plane.stride >= width && plane.data.len() >= plane.stride * (rows - 1) + width
    };
    let rows = config.size.height() as usize;
    let [y, u, v] = &frame.planes;
    let whole = frame.size == config.size && frame.depth == 8;
    if whole && holds(y, width, rows) && holds(u, width / 2, rows / 2) && holds(v, width / 2, rows / 2) {
        return Ok(());
    }
    Err(EncodeError::Picture {
        got: format!("{} of {} bits", frame.size, frame.depth),
        wanted: format!("{} of 8 bits, whole planes", config.size),
    })
}

fn copy_plane(to: &mut rav1e::prelude::Plane<u8>, from: &Plane, width: usize, rows: usize) {
    let stride = to.cfg.stride;
    let into = to.data_origin_mut().chunks_mut(stride).take(rows);
    for (to, from) in into.zip(from.data.chunks(from.stride)) {
        to[..width].copy_from_slice(&from[..width]);
    }
}

/// rav1e's own encoder with the settings of a preset: what [`Rav1eEncoder`] drives, and a reference to measure it against.
///
/// # Errors
/// [`EncodeError::Failed`] for settings that rav1e refuses.
pub fn new_context(preset: Preset, config: &VideoEncoderConfig) -> Result<Context<u8>, EncodeError> {
    open(preset, config, finest(config))
}

fn open(preset: Preset, config: &VideoEncoderConfig, floor: u8) -> Result<Context<u8>, EncodeError> {
    let failed = |reason: String| EncodeError::Failed { name: preset.name().to_owned(), reason };
    let mut encoder = EncoderConfig::with_speed_preset(10);
    encoder.width = config.size.width() as usize;
    encoder.height = config.size.height() as usize;
    encoder.time_base = Rational::new(1, u64::from(config.fps));
    (encoder.pixel_range, encoder.color_description) = color(config.color);
    encoder.level_idx = Some(level(config.size, config.fps));
    // Rate control wants to know when the next keyframe ends its accounts, although that one starts a context.
    let interval = u64::from(config.keyframe_interval);
    encoder.set_key_frame_interval(interval, interval);
    encoder.low_latency = true;
    encoder.bitrate = i32::try_from(config.bitrate_kbps * 1000).unwrap_or(i32::MAX);
    // With a ceiling below 255 rav1e cannot coarsen enough and overshoots; with 255 it also bounds single frames.
    encoder.quantizer = 255;
    encoder.min_quantizer = floor;
    encoder.reservoir_frame_delay = Some(RESERVOIR);
    encoder.tune = preset.tune();
    // Viewers decode tiles in parallel too, so there are always two.
    encoder.tiles = config.threads.max(2);
    encoder.speed_settings = preset.settings();
    let config = Config::new().with_encoder_config(encoder).with_threads(config.threads);
    config.new_context().map_err(|error| failed(error.to_string()))
}

fn color(color: ColorSpace) -> (PixelRange, Option<ColorDescription>) {
    let range = match color.range {
        Range::Limited => PixelRange::Limited,
        Range::Full => PixelRange::Full,
    };
    let (color_primaries, transfer_characteristics, matrix_coefficients) = match color.matrix {
        Matrix::Bt601 => (ColorPrimaries::BT601, TransferCharacteristics::BT601, MatrixCoefficients::BT601),
        Matrix::Bt709 => (ColorPrimaries::BT709, TransferCharacteristics::BT709, MatrixCoefficients::BT709),
        Matrix::Bt2020 => {
            (ColorPrimaries::BT2020, TransferCharacteristics::BT2020_10Bit, MatrixCoefficients::BT2020NCL)
        }
    };
    (range, Some(ColorDescription { color_primaries, transfer_characteristics, matrix_coefficients }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_rises_under_large_keyframes_and_sinks_where_it_binds() {
        assert_eq!(next_floor(70, 70, 1.8, 100, 170), 70, "small enough: no floor");
        let raised = next_floor(70, 70, 2.8, 100, 170);
        assert!((130..150).contains(&raised), "{raised}");
        assert!(next_floor(raised, 70, 2.4, raised - KEYFRAME_FINER, 180) > raised);
        assert!(next_floor(raised, 70, 1.6, raised - KEYFRAME_FINER, 180) < raised);
        assert_eq!(next_floor(70, 70, 9.0, 100, 150), 150 - OTHERS_COARSER + YIELDS, "others are hardly coarsened");
        assert_eq!(next_floor(140, 70, 2.2, 124, 140 + OTHERS_COARSER), 140 - SINKS, "they rest on it");
        assert_eq!(next_floor(70, 70, 9.0, 100, 0), 70);
        assert_eq!(next_floor(255, 0, f64::INFINITY, 255, 255), 247);
    }

    #[test]
    fn the_finest_picture_goes_by_the_bits_of_a_pixel() {
        let config = |width, height, fps, kbps| {
            VideoEncoderConfig::new(crate::format::Size::new(width, height).expect("legal"), fps, kbps)
        };
        assert_eq!(finest(&config(1280, 720, 25, 2500)), 70);
        assert_eq!(finest(&config(1280, 720, 30, 500)), 70);
        assert!((45..65).contains(&finest(&config(640, 360, 30, 1000))));
        assert_eq!(finest(&config(320, 180, 30, 1600)), 0);
    }
}
