//! Encoders that GStreamer finds on this machine at run time: hardware, libaom, SVT-AV1.
//!
//! What is missing (GStreamer itself, an element, a property) is an error value.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;

use self::element::{Running, colorimetry, describe, inner_time, run, set_property};
use self::table::{RECIPES, Recipe};
use super::keyframe::Meter;
use super::rav1e::{check_picture, frame_duration};
use super::{EncodeError, VideoEncoder, VideoEncoderConfig};
use crate::format::{Timestamp, WallClock};
use crate::frame::{EncodedFrame, TrackKind, VideoFrame};
use crate::package::av1::{is_keyframe, strip_delimiters};

mod element;
mod table;

/// An encoder that has not given a picture back by now keeps it.
const KEEPS: Duration = Duration::from_millis(150);
/// An encoder that says nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(5);
/// No encoder may keep more pictures than this.
const MOST_HELD: usize = 32;
/// Least quantiser of pictures that nothing restrains, and the most that any keyframe has as its least (of 63).
const FINEST: u32 = 2;
const COARSEST: u32 = 58;
/// Least quantiser of a stream's first keyframe.
const FIRST_FLOOR: u32 = 16;
/// How large the chunk with a keyframe should be against the mean chunk; the next picture is never quite like the last.
const AIM: f64 = 1.6;
/// Steps of the quantiser that halve a keyframe.
const STEPS: f64 = 11.0;
/// How fast the floor goes after a keyframe, in steps a picture.
const DESCENT: u32 = 2;

/// Our names for the elements we know how to use.
pub fn names() -> impl Iterator<Item = &'static str> {
    RECIPES.iter().map(|recipe| recipe.name)
}

/// Starts GStreamer once; why it did not start, if so.
fn start() -> Result<(), String> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    STARTED.get_or_init(|| gst::init().map_err(|error| error.to_string())).clone()
}

/// Whether the element behind one of [`names`] is on this machine.
///
/// # Errors
/// [`EncodeError::NotHere`] with what is missing, [`EncodeError::Unknown`] for other names.
pub fn is_here(name: &str) -> Result<(), EncodeError> {
    recipe(name).and_then(factory).map(drop)
}

fn recipe(name: &str) -> Result<&'static Recipe, EncodeError> {
    let unknown = || EncodeError::Unknown { name: name.to_owned(), known: names().collect::<Vec<_>>().join(", ") };
    RECIPES.iter().find(|recipe| recipe.name == name).ok_or_else(unknown)
}

fn factory(recipe: &Recipe) -> Result<gst::ElementFactory, EncodeError> {
    let not_here = |reason: String| EncodeError::NotHere { name: recipe.name.to_owned(), reason };
    start().map_err(|error| not_here(format!("GStreamer does not start: {error}")))?;
    gst::ElementFactory::find(recipe.element)
        .ok_or_else(|| not_here(format!("GStreamer has no element `{}`", recipe.element)))
}

/// Times of a picture that is being encoded, with the time stamp it has inside GStreamer.
struct Times {
    inner: gst::ClockTime,
    timestamp: Timestamp,
    captured: WallClock,
}

/// A GStreamer element behind our trait.
pub struct GstEncoder {
    recipe: &'static Recipe,
    config: VideoEncoderConfig,
    info: gst_video::VideoInfo,
    running: Running,
    new_rate: bool,
    pushed: u64,
    since_keyframe: u32,
    /// Pictures the encoder keeps before it gives one back, as far as seen.
    held: usize,
    times: VecDeque<Times>,
    ready: VecDeque<EncodedFrame>,
    meter: Meter,
    /// Least quantiser of keyframes; learnt from how large they come out.
    floor: u32,
    /// The one in force.
    floor_now: u32,
    flushed: bool,
}

impl GstEncoder {
    /// Opens one of [`names`].
    ///
    /// # Errors
    /// [`EncodeError`]; never a panic, whatever is installed.
    pub fn open(name: &str, config: VideoEncoderConfig) -> Result<Self, EncodeError> {
        config.check()?;
        let recipe = recipe(name)?;
        let failed = |reason: String| EncodeError::Failed { name: name.to_owned(), reason };
        factory(recipe)?;
        let (width, height) = (config.size.width(), config.size.height());
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height)
            .fps(gst::Fraction::new(config.fps.cast_signed(), 1))
            .colorimetry(&colorimetry(config.color))
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let running = run(recipe, &config, &info)?;
        Ok(Self {
            recipe,
            config,
            info,
            running,
            new_rate: false,
            pushed: 0,
            since_keyframe: 0,
            held: 0,
            times: VecDeque::new(),
            ready: VecDeque::new(),
            meter: Meter::new(config.fps, config.keyframe_interval),
            floor: FIRST_FLOOR,
            floor_now: FINEST,
            flushed: false,
        })
    }

    fn failed(&self, reason: impl ToString) -> EncodeError {
        EncodeError::Failed { name: self.recipe.name.to_owned(), reason: reason.to_string() }
    }

    /// What the pipeline says went wrong, if it does.
    fn check_bus(&self) -> Result<(), EncodeError> {
        let bus = self.running.pipeline.bus();
        match bus.and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error])) {
            Some(message) => Err(self.failed(describe(&message))),
            None => Ok(()),
        }
    }

    /// Moves one encoded picture to `ready`, waiting at most so long; false if none came.
    fn pull(&mut self, patience: Duration) -> Result<bool, EncodeError> {
        let patience = gst::ClockTime::from_nseconds(patience.as_nanos() as u64);
        let Some(sample) = self.running.sink.try_pull_sample(patience) else {
            self.check_bus()?;
            return Ok(false);
        };
        let buffer = sample.buffer().ok_or_else(|| self.failed("a sample without a buffer"))?;
        let map = buffer.map_readable().map_err(|error| self.failed(error))?;
        let data = strip_delimiters(Bytes::copy_from_slice(&map));
        // A picture the encoder left out has no packet: its times are passed over.
        let inner = buffer.pts();
        while self.times.len() > 1 && inner.is_some_and(|inner| self.times[1].inner <= inner) {
            self.times.pop_front();
        }
        let times = self.times.pop_front().ok_or_else(|| self.failed("a packet without a picture"))?;
        self.held = self.held.min(self.times.len());
        let keyframe = is_keyframe(&data);
        self.meter.add(keyframe, data.len());
        self.ready.push_back(EncodedFrame {
            kind: TrackKind::Video,
            timestamp: times.timestamp,
            duration: frame_duration(self.config.fps),
            captured: times.captured,
            keyframe,
            data,
        });
        Ok(true)
    }

    /// Gives out what the running element still holds and starts a new one.
    fn renew(&mut self) -> Result<(), EncodeError> {
        self.drain()?;
        self.running = run(self.recipe, &self.config, &self.info)?;
        (self.pushed, self.held, self.new_rate) = (0, 0, false);
        Ok(())
    }

    fn drain(&mut self) -> Result<(), EncodeError> {
        self.running.source.end_of_stream().map_err(|error| self.failed(error))?;
        while self.pull(SILENCE)? {}
        if !self.running.sink.is_eos() {
            return Err(self.failed(format!("no answer for {SILENCE:?}")));
        }
        self.times.clear();
        Ok(())
    }

    /// Puts a keyframe in with a floor under its quantiser, learnt from how the last one came out.
    ///
    /// Encoding a too large one again would need a new element, as a second keyframe in a row is not made by all; starting
    /// that takes as long as several pictures, which live are lost.
    fn restrained(&mut self, frame: &VideoFrame) -> Result<(), EncodeError> {
        let kbps = self.config.bitrate_kbps;
        if let Some(ratio) = self.meter.ratio(kbps) {
            self.raise_floor((STEPS * (ratio / AIM).log2()).clamp(-4.0, 8.0));
        }
        self.tell_floor(self.floor)?;
        self.put(frame, true)
    }

    fn raise_floor(&mut self, steps: f64) {
        self.floor = (f64::from(self.floor) + steps).clamp(f64::from(FINEST), f64::from(COARSEST)) as u32;
    }

    /// What a coarse keyframe lacks the next picture would bring at once, and be as large: so the floor goes step by step.
    fn lower_floor(&mut self) -> Result<(), EncodeError> {
        let lower = self.floor_now.saturating_sub(DESCENT).max(FINEST);
        if lower < self.floor_now && self.since_keyframe >= self.meter.together() {
            self.tell_floor(lower)
        } else {
            Ok(())
        }
    }

    /// Sets the floor from the next picture on.
    fn tell_floor(&mut self, floor: u32) -> Result<(), EncodeError> {
        let Some(name) = self.recipe.floor else { return Ok(()) };
        self.floor_now = floor;
        set_property(&self.running.encoder, name, &floor.to_string()).map_err(|reason| self.failed(reason))?;
        // Only a new rate makes the element look at its settings again.
        self.tell_rate()
    }

    /// Puts a picture into the element and takes what comes out.
    fn put(&mut self, frame: &VideoFrame, keyframe: bool) -> Result<(), EncodeError> {
        let inner = inner_time(self.pushed, self.config.fps);
        if keyframe && self.pushed > 0 {
            let event = gst_video::UpstreamForceKeyUnitEvent::builder().running_time(inner).all_headers(true).build();
            // Refused only by elements without such events; their own interval then holds.
            let _ = self.running.encoder.static_pad("src").is_some_and(|pad| pad.send_event(event));
        }
        let buffer = self.buffer(frame, inner)?;
        if let Err(error) = self.running.source.push_buffer(buffer) {
            self.check_bus()?;
            return Err(self.failed(error));
        }
        self.times.push_back(Times { inner, timestamp: frame.timestamp, captured: frame.captured });
        self.pushed += 1;
        // What an encoder without delay makes of this picture is waited for; what an encoder keeps is learnt.
        while self.times.len() > self.held && self.held < MOST_HELD {
            if !self.pull(KEEPS)? {
                self.held = self.times.len();
            }
        }
        while self.times.len() > self.held + 1 {
            if !self.pull(SILENCE)? {
                return Err(self.failed(format!("no answer for {SILENCE:?}")));
            }
        }
        Ok(())
    }

    /// Tells the running element the wanted rate.
    fn tell_rate(&self) -> Result<(), EncodeError> {
        let kbps = self.config.bitrate_kbps.to_string();
        set_property(&self.running.encoder, self.recipe.bitrate, &kbps).map_err(|reason| self.failed(reason))
    }

    fn buffer(&self, frame: &VideoFrame, inner: gst::ClockTime) -> Result<gst::Buffer, EncodeError> {
        let mut buffer = gst::Buffer::with_size(self.info.size()).map_err(|error| self.failed(error))?;
        let fresh = buffer.get_mut().expect("a new buffer has one owner");
        fresh.set_pts(inner);
        fresh.set_duration(gst::ClockTime::from_nseconds(1_000_000_000 / u64::from(self.config.fps)));
        let mut map = fresh.map_writable().map_err(|error| self.failed(error))?;
        let (width, height) = (self.config.size.width() as usize, self.config.size.height() as usize);
        for (index, plane) in frame.planes.iter().enumerate() {
            let (width, height) = if index == 0 { (width, height) } else { (width / 2, height / 2) };
            let (offset, stride) = (self.info.offset()[index], self.info.stride()[index].unsigned_abs() as usize);
            let rows = map[offset..].chunks_mut(stride).take(height);
            for (to, from) in rows.zip(plane.data.chunks(plane.stride)) {
                to[..width].copy_from_slice(&from[..width]);
            }
        }
        drop(map);
        Ok(buffer)
    }
}

impl VideoEncoder for GstEncoder {
    fn name(&self) -> &str {
        self.recipe.name
    }

    fn push(&mut self, frame: &VideoFrame, force_keyframe: bool) -> Result<(), EncodeError> {
        if self.flushed {
            return Err(EncodeError::Flushed);
        }
        check_picture(frame, &self.config)?;
        // Its own keyframes come by the same count, so that nothing need be said.
        let own = self.since_keyframe >= self.config.keyframe_interval;
        let keyframe = force_keyframe || own || self.pushed == 0;
        let anew = self.new_rate || !(own || self.recipe.forces_keyframes);
        if keyframe && anew && self.pushed > 0 {
            self.renew()?;
        }
        if keyframe && self.recipe.floor.is_some() {
            self.restrained(frame)?;
        } else {
            self.lower_floor()?;
            self.put(frame, keyframe)?;
        }
        self.since_keyframe = if keyframe { 1 } else { self.since_keyframe + 1 };
        Ok(())
    }

    fn poll(&mut self) -> Result<Option<EncodedFrame>, EncodeError> {
        while !self.flushed && self.pull(Duration::ZERO)? {}
        Ok(self.ready.pop_front())
    }

    fn flush(&mut self) -> Result<(), EncodeError> {
        if std::mem::replace(&mut self.flushed, true) {
            return Ok(());
        }
        self.drain()
    }

    fn set_bitrate(&mut self, kbps: u32) -> Result<(), EncodeError> {
        let config = VideoEncoderConfig { bitrate_kbps: kbps, ..self.config };
        config.check()?;
        if kbps != self.config.bitrate_kbps {
            self.config = config;
            if self.recipe.live_bitrate {
                self.tell_rate()?;
            } else {
                self.new_rate = true;
            }
        }
        Ok(())
    }
}
