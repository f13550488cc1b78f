//! nokhwa: which cameras there are, which of their formats to use, and their raw pictures.

use nokhwa::Camera;
use nokhwa::utils::{ApiBackend, CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType};

use crate::capture::camera::Feed;
use crate::capture::camera::raw::{Raw, RawFormat};
use crate::capture::{CaptureProblem, Device, ProblemKind};
use crate::format::Size;
use crate::preprocess::convert::PixelFormat;

/// Formats that we can read, the cheapest to read first.
const FORMATS: [FrameFormat; 6] = [
    FrameFormat::NV12,
    FrameFormat::YUYV,
    FrameFormat::MJPEG,
    FrameFormat::GRAY,
    FrameFormat::RAWRGB,
    FrameFormat::RAWBGR,
];

/// What people know a camera as.
pub(crate) fn name(index: Option<u32>) -> String {
    index.map_or_else(|| "the camera".into(), |index| format!("camera {index}"))
}

/// All cameras.
pub(crate) fn list() -> Vec<Device> {
    initialize();
    let cameras = nokhwa::query(ApiBackend::Auto).unwrap_or_else(|error| {
        tracing::debug!(%error, "no list of cameras");
        Vec::new()
    });
    let mut cameras: Vec<(u32, String)> =
        cameras.iter().filter_map(|camera| Some((camera.index().as_index().ok()?, camera.human_name()))).collect();
    cameras.sort();
    cameras.into_iter().map(|(index, name)| Device { id: index.to_string(), name }).collect()
}

/// macOS asks its user once before a camera may be used.
fn initialize() {
    #[cfg(target_os = "macos")]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| nokhwa::nokhwa_initialize(|granted| tracing::info!(granted, "access to cameras")));
    }
}

/// Opens a camera, or the first that works, near the wanted size and rate.
pub(crate) fn open(index: Option<u32>, size: Size, fps: u32) -> Result<Box<dyn Feed>, CaptureProblem> {
    initialize();
    if let Some(index) = index {
        return open_one(index, size, fps);
    }
    let mut first = CaptureProblem::new(ProblemKind::Missing, name(None), "no camera is connected");
    for (number, camera) in list().iter().enumerate() {
        match open_one(camera.id.parse().unwrap_or(0), size, fps) {
            Ok(feed) => return Ok(feed),
            // Many cameras have a second device that only gives metadata; what the first one says counts.
            Err(problem) if number == 0 => first = problem,
            Err(_) => {}
        }
    }
    Err(first)
}

fn open_one(index: u32, size: Size, fps: u32) -> Result<Box<dyn Feed>, CaptureProblem> {
    let name = name(Some(index));
    let problem = |error: nokhwa::NokhwaError| CaptureProblem::from_words(name.clone(), error, false);
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &FORMATS);
    let mut camera = Camera::new(CameraIndex::Index(index), any).map_err(problem)?;
    let offered = camera.compatible_camera_formats().unwrap_or_default();
    if let Some(chosen) = choose(&offered, size, fps).filter(|chosen| *chosen != camera.camera_format()) {
        let formats = [chosen.format()];
        let exact = RequestedFormat::with_formats(RequestedFormatType::Exact(chosen), &formats);
        // What a driver offers and then refuses is no reason to do without the camera.
        if let Err(error) = camera.set_camera_requset(exact) {
            tracing::debug!(%error, %chosen, "format refused");
        }
    }
    camera.open_stream().map_err(problem)?;
    tracing::info!(camera = name, format = %camera.camera_format(), "camera opened");
    Ok(Box::new(Open { camera, name }))
}

struct Open {
    camera: Camera,
    name: String,
}

impl Feed for Open {
    fn next(&mut self) -> Result<Raw, CaptureProblem> {
        let buffer = self.camera.frame().map_err(|error| CaptureProblem::from_words(self.name.clone(), error, true))?;
        let format = match buffer.source_frame_format() {
            FrameFormat::MJPEG => RawFormat::Jpeg,
            FrameFormat::YUYV => RawFormat::Pixels(PixelFormat::Yuyv),
            FrameFormat::NV12 => RawFormat::Pixels(PixelFormat::Nv12),
            FrameFormat::GRAY => RawFormat::Pixels(PixelFormat::Gray),
            FrameFormat::RAWRGB => RawFormat::Pixels(PixelFormat::Rgb),
            FrameFormat::RAWBGR => RawFormat::Pixels(PixelFormat::Bgr),
        };
        let resolution = buffer.resolution();
        Ok(Raw {
            format,
            width: resolution.width(),
            height: resolution.height(),
            data: buffer.buffer_bytes(),
            stamped: buffer.capture_timestamp(),
        })
    }
}

/// The best of the offered formats: fast enough first, then at least as large as wanted and no larger than need be, then the
/// cheapest to read.
fn choose(offered: &[CameraFormat], size: Size, fps: u32) -> Option<CameraFormat> {
    let wanted = size.pixels() as u64;
    let score = |format: &CameraFormat| {
        let pixels = u64::from(format.width()) * u64::from(format.height());
        let too_slow = fps.saturating_sub(format.frame_rate());
        // Of two that are too slow the faster one; among those fast enough none is better for being faster.
        let too_small = pixels < wanted || format.width() < size.width() / 2;
        let away = pixels.abs_diff(wanted);
        // Twice the needed rate costs bandwidth and nothing is gained.
        let too_fast = format.frame_rate().saturating_sub(fps);
        let reading = FORMATS.iter().position(|known| *known == format.format()).unwrap_or(FORMATS.len());
        (too_slow > fps / 3, too_small, away, too_slow, too_fast, reading)
    };
    let usable = |format: &&CameraFormat| {
        FORMATS.contains(&format.format()) && Size::new(format.width() & !1, format.height() & !1).is_ok()
    };
    offered.iter().filter(usable).min_by_key(|format| score(format)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(width: u32, height: u32, format: FrameFormat, fps: u32) -> CameraFormat {
        CameraFormat::new_from(width, height, format, fps)
    }

    #[test]
    fn the_format_suits_the_wish() {
        // What a usual webcam offers: raw pixels are slow at large sizes.
        let offered = [
            format(640, 480, FrameFormat::YUYV, 30),
            format(640, 360, FrameFormat::YUYV, 30),
            format(1280, 720, FrameFormat::YUYV, 10),
            format(1280, 720, FrameFormat::MJPEG, 30),
            format(1280, 720, FrameFormat::MJPEG, 60),
            format(1920, 1080, FrameFormat::MJPEG, 30),
        ];
        let chosen = |text: &str, fps| choose(&offered, text.parse().expect("legal"), fps);
        assert_eq!(chosen("640x360", 30), Some(offered[1]));
        assert_eq!(chosen("1280x720", 30), Some(offered[3]), "fast enough goes before cheap to read");
        assert_eq!(chosen("1280x720", 60), Some(offered[4]));
        assert_eq!(chosen("854x480", 30), Some(offered[3]), "rather larger than wanted");
        assert_eq!(chosen("3840x2160", 30), Some(offered[5]), "the largest where none is large enough");
        assert_eq!(choose(&[], "640x360".parse().expect("legal"), 30), None);
        let same = [format(640, 360, FrameFormat::MJPEG, 30), format(640, 360, FrameFormat::NV12, 30)];
        assert_eq!(choose(&same, "640x360".parse().expect("legal"), 30), Some(same[1]));
        assert_eq!(choose(&[format(8, 8, FrameFormat::YUYV, 30)], "640x360".parse().expect("legal"), 30), None);
    }

    #[test]
    fn a_camera_that_is_not_there_is_missing() {
        let error = open(Some(250), "640x360".parse().expect("legal"), 30).err().expect("no such camera");
        assert_eq!(error.kind, ProblemKind::Missing, "{error}");
        assert_eq!(error.device, "camera 250");
    }
}
