//! The pipeline that decodes a file and feeds a capture.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use parking_lot::Mutex;

use super::LOOK;
use crate::capture::gate::VideoOut;
use crate::capture::gst::{self as common, MediaTime, Running, Told};
use crate::capture::pump::RawSound;
use crate::capture::{CaptureStats, queue};
use crate::format::{CHANNELS, SAMPLE_RATE};

/// Time in which a file must begin to play.
const PREROLL: Duration = Duration::from_secs(10);

const VIDEO_BIN: &str = "queue max-size-buffers=4 max-size-bytes=0 max-size-time=0 ! videoconvert ! deinterlace mode=auto ! videoflip video-direction=auto \
    ! videoscale ! video/x-raw,format=I420,pixel-aspect-ratio=1/1 ! appsink name=sink sync=true qos=true max-buffers=2 enable-last-sample=false";
const AUDIO_BIN: &str = "queue max-size-time=500000000 max-size-buffers=0 max-size-bytes=0 ! audioconvert ! audioresample \
    ! audio/x-raw,format=F32LE,rate=48000,channels=2,layout=interleaved ! appsink name=sink sync=true max-buffers=8 enable-last-sample=false";

/// Where decoded samples go.
#[derive(Clone)]
pub(super) struct Sinks {
    pub(super) video: VideoOut,
    pub(super) sound: Option<queue::Sender<RawSound>>,
    pub(super) stats: Arc<CaptureStats>,
}

/// What a file turned out to have.
#[derive(Default)]
pub(super) struct Has {
    pub(super) video: AtomicBool,
    pub(super) audio: AtomicBool,
}

/// A pipeline that plays a file.
pub(super) struct Player {
    pub(super) running: Running,
    pub(super) bus: gst::Bus,
    pub(super) has: Arc<Has>,
    pub(super) missing: Vec<String>,
}

impl Player {
    /// Opens a file and waits until its first samples are there.
    pub(super) fn open(decoder: &str, uri: &str, sinks: Sinks) -> Result<Self, String> {
        let words = |error: gst::glib::BoolError| error.to_string();
        let pipeline = gst::Pipeline::new();
        let source = gst::ElementFactory::make(decoder).property("uri", uri).build().map_err(words)?;
        pipeline.add(&source).map_err(words)?;
        let has = Arc::new(Has::default());
        let refused = Arc::new(Mutex::new(None));
        {
            // The pipeline owns the element that owns this closure: it must not own the pipeline.
            let (pipeline, has, refused) = (pipeline.downgrade(), has.clone(), refused.clone());
            source.connect_pad_added(move |_, pad| {
                let Some(pipeline) = pipeline.upgrade() else { return };
                if let Err(reason) = attach(&pipeline, pad, &has, &sinks) {
                    refused.lock().get_or_insert(reason);
                }
            });
        }
        let bus = pipeline.bus().ok_or("a pipeline without a bus")?;
        let mut player = Self { running: Running(pipeline), bus, has, missing: Vec::new() };
        // The error itself comes over the bus.
        let _fails_below = player.running.0.set_state(gst::State::Paused);
        player.wait_ready()?;
        let (video, audio) = (player.has.video.load(Ordering::Acquire), player.has.audio.load(Ordering::Acquire));
        match refused.lock().take() {
            Some(reason) => Err(reason),
            None if !video && !audio => Err("it holds neither pictures nor sound that can be played".to_owned()),
            None => Ok(player),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "waits for a decoder, which has a thread of its own")]
    fn wait_ready(&mut self) -> Result<(), String> {
        let end = Instant::now() + PREROLL;
        while Instant::now() < end {
            match common::listen(&self.bus, LOOK, &mut self.missing) {
                Told::Ready => return Ok(()),
                Told::Failed(reason) => return Err(reason),
                Told::Ended => return Err("it is over before anything was played".to_owned()),
                Told::Nothing => {}
            }
        }
        Err(format!("it did not begin to play within {} s", PREROLL.as_secs()))
    }

    pub(super) fn play(&self) -> Result<(), String> {
        self.running.0.set_state(gst::State::Playing).map(|_| ()).map_err(|error| error.to_string())
    }

    pub(super) fn rewind(&self) -> Result<(), String> {
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT;
        self.running.0.seek_simple(flags, gst::ClockTime::ZERO).map_err(|_| "it cannot be rewound".to_owned())
    }
}

/// Connects a decoded stream: the first with pictures and the first with sound are used, all others thrown away.
fn attach(pipeline: &gst::Pipeline, pad: &gst::Pad, has: &Has, sinks: &Sinks) -> Result<(), String> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let kind = caps.structure(0).map(|structure| structure.name().to_string()).unwrap_or_default();
    let (description, is_video) = if kind.starts_with("video/") && !has.video.swap(true, Ordering::AcqRel) {
        (VIDEO_BIN, true)
    } else if kind.starts_with("audio/") && !has.audio.swap(true, Ordering::AcqRel) && sinks.sound.is_some() {
        (AUDIO_BIN, false)
    } else {
        return link(
            pipeline,
            pad,
            &gst::ElementFactory::make("fakesink")
                .property("async", false)
                .build()
                .map_err(|error| error.to_string())?,
        );
    };
    let bin = gst::parse::bin_from_description(description, true).map_err(|error| error.to_string())?;
    let sink = bin.by_name("sink").and_then(|sink| sink.downcast::<AppSink>().ok()).ok_or("no sink for samples")?;
    sink.set_callbacks(if is_video {
        common::video_callbacks(&sinks.video, &sinks.stats)
    } else {
        audio_callbacks(sinks)
    });
    link(pipeline, pad, bin.upcast_ref())
}

fn link(pipeline: &gst::Pipeline, pad: &gst::Pad, element: &gst::Element) -> Result<(), String> {
    pipeline.add(element).map_err(|error| error.to_string())?;
    element.sync_state_with_parent().map_err(|error| error.to_string())?;
    let target = element.static_pad("sink").ok_or("a sink without a pad")?;
    pad.link(&target).map(|_| ()).map_err(|error| format!("a stream cannot be connected: {error}"))
}

fn audio_callbacks(sinks: &Sinks) -> AppSinkCallbacks {
    let (feed, mut time) = (sinks.sound.clone(), MediaTime::new(sinks.video.clock()));
    let callback = move |sink: &AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let (Some(feed), Some(captured)) = (&feed, time.of(sink, &sample)) else { return Ok(gst::FlowSuccess::Ok) };
        let samples = common::audio_samples(&sample);
        let piece = RawSound { captured, rate: SAMPLE_RATE, channels: CHANNELS as u16, samples, drifts: false };
        feed.send(piece).map(|()| gst::FlowSuccess::Ok).map_err(|_| gst::FlowError::Eos)
    };
    AppSinkCallbacks::builder().new_sample(callback).build()
}
