//! What all sources that use GStreamer need: samples as frames, running time as media time, errors in words.

use std::sync::Arc;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use gstreamer_video::{VideoColorMatrix, VideoColorRange, VideoFormat, VideoFrameExt, VideoInfo};

use crate::capture::CaptureStats;
use crate::capture::clock::CaptureClock;
use crate::capture::gate::VideoOut;
use crate::format::{ColorSpace, Matrix, Range, Size, Timestamp};
use crate::frame::{Plane, PlaneData, VideoFrame};
use crate::preprocess::convert::{self, PixelFormat};

/// Makes GStreamer ready; cheap after the first time.
pub(crate) fn init() -> Result<(), String> {
    gst::init().map_err(|error| error.to_string())
}

/// The media time of a sink's samples.
///
/// Pipeline and capture clock both run on the machine's monotonic clock, so the offset between them only changes when the
/// pipeline is rewound; reading two clocks one after the other must not make every timestamp shiver.
pub(crate) struct MediaTime {
    clock: CaptureClock,
    offset: Option<i64>,
}

/// Differences below this are those of reading two clocks one after the other.
const SHIVER_MICROS: u64 = 5_000;

impl MediaTime {
    pub(crate) fn new(clock: CaptureClock) -> Self {
        Self { clock, offset: None }
    }

    /// Media time of a sample; nothing while the pipeline has no clock yet or the sample no time.
    pub(crate) fn of(&mut self, sink: &AppSink, sample: &gst::SampleRef) -> Option<Timestamp> {
        let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
        let pts = sample.buffer()?.pts()?;
        let running = segment.to_running_time(pts)?;
        let elapsed = sink.clock()?.time().checked_sub(sink.base_time()?)?;
        let micros = |time: gst::ClockTime| i64::try_from(time.useconds()).unwrap_or(i64::MAX);
        let offset = self.clock.now().as_micros().saturating_sub(micros(elapsed));
        let offset = match self.offset {
            Some(known) if known.abs_diff(offset) < SHIVER_MICROS => known,
            _ => offset,
        };
        self.offset = Some(offset);
        Some(Timestamp::from_micros(offset.saturating_add(micros(running))))
    }
}

/// A picture that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a sample without a picture")]
    Empty,
    #[error("a picture of {0}x{1} (expected sides within 16..=7680)")]
    Size(u32, u32),
    #[error("pixels as {0:?}")]
    Format(VideoFormat),
    #[error("{0}")]
    Convert(#[from] convert::ConvertError),
}

/// A plane that lives in GStreamer's own buffer.
struct GstPlane {
    frame: Arc<gstreamer_video::VideoFrame<gstreamer_video::video_frame::Readable>>,
    index: u32,
}

impl AsRef<[u8]> for GstPlane {
    fn as_ref(&self) -> &[u8] {
        self.frame.plane_data(self.index).unwrap_or_default()
    }
}

/// The picture of a sample. Planar pictures are shared with GStreamer, not copied.
pub(crate) fn video_frame(
    sample: &gst::SampleRef,
    timestamp: Timestamp,
    clock: &CaptureClock,
) -> Result<VideoFrame, FrameError> {
    let info = sample.caps().and_then(|caps| VideoInfo::from_caps(caps).ok()).ok_or(FrameError::Empty)?;
    let buffer = sample.buffer_owned().ok_or(FrameError::Empty)?;
    // A last odd row or column has no chroma of its own and is left out.
    let (width, height) = (info.width(), info.height());
    let size = Size::new(width & !1, height & !1).map_err(|_| FrameError::Size(width, height))?;
    let captured = clock.wall_clock(timestamp);
    let color = color_space(&info);
    let frame = gstreamer_video::VideoFrame::from_buffer_readable(buffer, &info).map_err(|_| FrameError::Empty)?;
    let stride = |plane: usize| {
        frame.plane_stride().get(plane).and_then(|stride| usize::try_from(*stride).ok()).ok_or(FrameError::Empty)
    };
    if let Some(format) = packed(info.format()) {
        let data = frame.plane_data(0).map_err(|_| FrameError::Empty)?;
        return Ok(convert::to_i420(format, size, data, stride(0)?, timestamp, captured)?);
    }
    if info.format() != VideoFormat::I420 {
        return Err(FrameError::Format(info.format()));
    }
    let strides = [stride(0)?, stride(1)?, stride(2)?];
    let shared = Arc::new(frame);
    let plane = |index: usize| Plane {
        data: PlaneData::new(GstPlane { frame: shared.clone(), index: index as u32 }),
        stride: strides[index],
    };
    Ok(VideoFrame { timestamp, captured, size, color, depth: 8, planes: [plane(0), plane(1), plane(2)] })
}

fn packed(format: VideoFormat) -> Option<PixelFormat> {
    match format {
        VideoFormat::Bgrx | VideoFormat::Bgra => Some(PixelFormat::Bgra),
        VideoFormat::Rgbx | VideoFormat::Rgba => Some(PixelFormat::Rgba),
        VideoFormat::Rgb => Some(PixelFormat::Rgb),
        VideoFormat::Bgr => Some(PixelFormat::Bgr),
        _ => None,
    }
}

/// Matrix and range as the stream tells them; BT.709 where it does not.
fn color_space(info: &VideoInfo) -> ColorSpace {
    let colorimetry = info.colorimetry();
    let matrix = match colorimetry.matrix() {
        VideoColorMatrix::Bt601 | VideoColorMatrix::Fcc => Matrix::Bt601,
        VideoColorMatrix::Bt2020 => Matrix::Bt2020,
        _ => Matrix::Bt709,
    };
    let range = if colorimetry.range() == VideoColorRange::Range0_255 { Range::Full } else { Range::Limited };
    ColorSpace { matrix, range }
}

/// The samples of a sink of `audio/x-raw,format=F32LE`, whatever their alignment.
pub(crate) fn audio_samples(sample: &gst::SampleRef) -> Vec<f32> {
    let Some(map) = sample.buffer().and_then(|buffer| buffer.map_readable().ok()) else { return Vec::new() };
    map.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// An error on a pipeline's bus in words: what is missing goes before what failed because of it.
pub(crate) fn in_words(error: &gst::message::Error, missing: &[String]) -> String {
    if !missing.is_empty() {
        return format!("nothing is installed that handles {}", missing.join(" and "));
    }
    let debug = error.debug().map(|debug| debug.to_string()).unwrap_or_default();
    // The last line of the details is where the plugin says it in its own words.
    let detail = debug.lines().last().map(|line| line.rsplit(':').next().unwrap_or(line).trim()).unwrap_or_default();
    let message = error.error().to_string();
    if detail.is_empty() || message.contains(detail) || detail.len() > 200 {
        message
    } else {
        format!("{message} ({detail})")
    }
}

/// What a message says is not installed.
pub(crate) fn missing_plugin(message: &gst::message::Element) -> Option<String> {
    let structure = message.structure().filter(|structure| structure.name() == "missing-plugin")?;
    structure.get::<String>("name").ok().or_else(|| Some("an unknown format".to_owned()))
}

/// Something a pipeline's bus told.
pub(crate) enum Told {
    /// Nothing of interest within the time.
    Nothing,
    /// It is ready to play.
    Ready,
    /// It is at its end.
    Ended,
    /// It failed.
    Failed(String),
}

/// Waits up to `timeout` for the bus to tell something, noting in `missing` what is not installed.
pub(crate) fn listen(bus: &gst::Bus, timeout: Duration, missing: &mut Vec<String>) -> Told {
    let timeout = gst::ClockTime::try_from(timeout).unwrap_or(gst::ClockTime::SECOND);
    let Some(message) = bus.timed_pop(timeout) else { return Told::Nothing };
    match message.view() {
        gst::MessageView::AsyncDone(_) => Told::Ready,
        gst::MessageView::Eos(_) => Told::Ended,
        gst::MessageView::Error(error) => Told::Failed(in_words(error, missing)),
        gst::MessageView::Element(element) => {
            missing.extend(missing_plugin(element).filter(|name| !missing.contains(name)));
            Told::Nothing
        }
        _ => Told::Nothing,
    }
}

/// Stops a pipeline when it goes, so that none is left running on an early return.
pub(crate) struct Running(pub(crate) gst::Pipeline);

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.0.set_state(gst::State::Null) {
            tracing::warn!(%error, "a pipeline does not stop");
        }
    }
}

/// Hands on what an appsink gets as frames, and counts those that cannot be read.
pub(crate) fn video_callbacks(out: &VideoOut, stats: &Arc<CaptureStats>) -> AppSinkCallbacks {
    let (out, stats) = (out.clone(), stats.clone());
    let mut time = MediaTime::new(out.clock());
    let callback = move |sink: &AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let Some(timestamp) = time.of(sink, &sample) else { return Ok(gst::FlowSuccess::Ok) };
        match video_frame(&sample, timestamp, &out.clock()) {
            Ok(frame) => out.send(frame).map(|()| gst::FlowSuccess::Ok).map_err(|_| gst::FlowError::Eos),
            Err(error) => {
                stats.count_broken();
                tracing::debug!(%error, "picture left out");
                Ok(gst::FlowSuccess::Ok)
            }
        }
    };
    AppSinkCallbacks::builder().new_sample(callback).build()
}
