//! A real V4L2 camera: its pictures, its times, and its going away.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use runnel_media::capture::{self, AudioSpec, Capture, CaptureClock, CaptureConfig, CaptureEvent, SourceSpec};
use runnel_media::format::Size;
use runnel_media::frame::{TrackKind, VideoFrame};

const FPS: u32 = 30;
/// An emulated guest takes its time over everything.
const PATIENCE: Duration = Duration::from_secs(60);

fn open() -> Result<Capture> {
    let config = CaptureConfig { size: Size::new(640, 360)?, fps: FPS, clock: CaptureClock::start(), grants: None };
    Ok(capture::open(&SourceSpec::Camera { index: None }, &AudioSpec::Silence, config)?)
}

fn next(camera: &Capture) -> Result<VideoFrame> {
    let frame = camera.video.recv_timeout(PATIENCE).context("the camera's thread ended")?;
    frame.with_context(|| format!("no picture within {PATIENCE:?}"))
}

/// Waits for an event; pictures go on meanwhile and are not looked at.
#[expect(clippy::disallowed_methods, reason = "devices live in real time")]
fn await_event(camera: &Capture, what: &str, wanted: impl Fn(&CaptureEvent) -> bool) -> Result<CaptureEvent> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(event) = camera.events.recv_timeout(Duration::from_millis(200))?
            && wanted(&event)
        {
            return Ok(event);
        }
    }
    bail!("{what} was not reported within {PATIENCE:?}")
}

/// How much a picture varies: a dark still or a flat picture does not.
fn detail(frame: &VideoFrame) -> u32 {
    let luma = &frame.planes[0].data;
    let (least, most) = luma.iter().fold((u8::MAX, 0), |(least, most), &value| (least.min(value), most.max(value)));
    u32::from(most.saturating_sub(least))
}

/// nokhwa lists the camera and captures pictures at its rate with sane times.
///
/// # Errors
/// What was not as it should be.
pub fn captures() -> Result<String> {
    let cameras = capture::devices().cameras;
    ensure!(!cameras.is_empty(), "the camera is not listed");
    let camera = open()?;
    next(&camera)?;
    let mut times = Vec::new();
    let mut size = None;
    while times.len() < 90 {
        let frame = next(&camera)?;
        ensure!(detail(&frame) > 64, "the picture is flat");
        times.push(frame.timestamp.as_micros());
        size = Some(frame.size);
    }
    ensure!(times.is_sorted_by(|a, b| a < b), "capture times go backwards");
    let mut gaps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    let median = gaps[gaps.len() / 2] as f64 / 1e3;
    ensure!((25.0..=60.0).contains(&median), "a picture each {median} ms (expected about {})", 1000 / FPS);
    let name = &cameras[0].name;
    let size = size.context("there was a picture")?;
    Ok(format!("{name}, {size}, a picture each {median:.1} ms, {} dropped", camera.video.dropped()))
}

/// The camera vanishes while it captures and comes back; pictures never stop.
///
/// # Errors
/// What was not as it should be.
pub fn survives_unplugging() -> Result<String> {
    let camera = open()?;
    for _ in 0..10 {
        next(&camera)?;
    }
    let status = Command::new("v4l2-ctl").args(["-d", "/dev/video0", "-c", "disconnect=1"]).status()?;
    ensure!(status.success(), "v4l2-ctl could not unplug the camera");
    let lost =
        await_event(&camera, "the loss", |event| matches!(event, CaptureEvent::Lost { what: TrackKind::Video, .. }))?;
    next(&camera).context("a still takes the camera's place")?;
    await_event(&camera, "the return", |event| matches!(event, CaptureEvent::Recovered { what: TrackKind::Video }))?;
    for _ in 0..10 {
        next(&camera)?;
    }
    let CaptureEvent::Lost { problem, .. } = lost else { bail!("not a loss") };
    Ok(format!("reported as '{problem}', came back by itself"))
}
