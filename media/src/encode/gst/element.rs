//! An encoder element in a pipeline of its own, and how it is set up.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_video as gst_video;

use super::table::{self, Recipe};
use crate::encode::{EncodeError, VideoEncoderConfig};
use crate::format::{ColorSpace, Matrix, Range};

/// A running `appsrc ! encoder ! appsink`; dropping it stops it.
pub(super) struct Running {
    pub(super) pipeline: gst::Pipeline,
    pub(super) source: AppSrc,
    pub(super) encoder: gst::Element,
    pub(super) sink: AppSink,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Stopping can only fail for pipelines that never ran.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Time stamps inside GStreamer count pictures, rounded up: elements scale them down to whole pictures again,
/// and two real times that scale to the same picture would be an error.
/// They start at one second, as some elements take a first time of zero for one that does not increase.
pub(super) fn inner_time(picture: u64, fps: u32) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(1_000_000_000 + (picture * 1_000_000_000).div_ceil(u64::from(fps)))
}

pub(super) fn colorimetry(color: ColorSpace) -> gst_video::VideoColorimetry {
    use gst_video::{VideoColorMatrix, VideoColorPrimaries, VideoColorRange, VideoTransferFunction};
    let range = match color.range {
        Range::Limited => VideoColorRange::Range16_235,
        Range::Full => VideoColorRange::Range0_255,
    };
    let (matrix, transfer, primaries) = match color.matrix {
        Matrix::Bt601 => (VideoColorMatrix::Bt601, VideoTransferFunction::Bt601, VideoColorPrimaries::Smpte170m),
        Matrix::Bt709 => (VideoColorMatrix::Bt709, VideoTransferFunction::Bt709, VideoColorPrimaries::Bt709),
        Matrix::Bt2020 => (VideoColorMatrix::Bt2020, VideoTransferFunction::Bt202010, VideoColorPrimaries::Bt2020),
    };
    gst_video::VideoColorimetry::new(range, matrix, transfer, primaries)
}

pub(super) fn describe(message: &gst::Message) -> String {
    match message.view() {
        gst::MessageView::Error(error) => {
            error.debug().map_or_else(|| error.error().to_string(), |debug| format!("{} ({debug})", error.error()))
        }
        _ => "unknown error".to_owned(),
    }
}

/// Sets a property by its text, or says why not.
pub(super) fn set_property(element: &gst::Element, name: &str, value: &str) -> Result<(), String> {
    let spec = element.find_property(name).ok_or_else(|| format!("no property `{name}`"))?;
    if !spec.flags().contains(gst::glib::ParamFlags::WRITABLE) {
        return Err(format!("property `{name}` cannot be written"));
    }
    let value = gst::glib::Value::deserialize_with_pspec(value, &spec)
        .map_err(|_| format!("property `{name}` does not take `{value}`"))?;
    element.set_property_from_value(name, &value);
    Ok(())
}

pub(super) fn run(
    recipe: &Recipe,
    config: &VideoEncoderConfig,
    info: &gst_video::VideoInfo,
) -> Result<Running, EncodeError> {
    let failed = |reason: String| EncodeError::Failed { name: recipe.name.to_owned(), reason };
    let make = |element: &str| {
        let missing = |_| EncodeError::NotHere {
            name: recipe.name.to_owned(),
            reason: format!("GStreamer cannot make an element `{element}`"),
        };
        gst::ElementFactory::make(element).build().map_err(missing)
    };
    let encoder = make(recipe.element)?;
    for (name, value) in recipe.properties {
        let (name, optional) = name.strip_prefix('?').map_or((*name, false), |name| (name, true));
        let value = table::fill(value, config.keyframe_interval, config.threads);
        if let Err(reason) = set_property(&encoder, name, &value)
            && !optional
        {
            return Err(failed(reason));
        }
    }
    set_property(&encoder, recipe.bitrate, &config.bitrate_kbps.to_string()).map_err(failed)?;

    let caps = info.to_caps().map_err(|error| failed(error.to_string()))?;
    let source = AppSrc::builder().caps(&caps).format(gst::Format::Time).build();
    let mut chain = vec![source.clone().upcast::<gst::Element>()];
    let takes = encoder.static_pad("sink").is_some_and(|pad| pad.query_caps(None).can_intersect(&caps));
    if !takes {
        chain.push(make("videoconvert")?);
    }
    chain.push(encoder.clone());
    let mut wanted = gst::Caps::builder("video/x-av1").field("alignment", "tu");
    if recipe.parse {
        chain.push(make("av1parse")?);
        wanted = wanted.field("stream-format", "obu-stream");
    }
    let sink = AppSink::builder().caps(&wanted.build()).sync(false).build();
    chain.push(sink.clone().upcast());

    let pipeline = gst::Pipeline::new();
    pipeline.add_many(&chain).map_err(|error| failed(error.to_string()))?;
    gst::Element::link_many(&chain).map_err(|error| failed(error.to_string()))?;
    let running = Running { pipeline, source, encoder, sink };
    if let Err(error) = running.pipeline.set_state(gst::State::Playing) {
        let message = running.pipeline.bus().and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
        return Err(failed(message.map_or_else(|| error.to_string(), |message| describe(&message))));
    }
    Ok(running)
}
