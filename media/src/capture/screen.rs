//! The screen or a window of it.
//!
//! Each window system has its own GStreamer element; which one, and with which words, is decided in `elements`, and all
//! the rest is the same for every system.

pub(crate) mod elements;
#[cfg(target_os = "linux")]
pub(crate) mod portal;
#[cfg(target_os = "windows")]
pub(crate) mod win32_windows;
#[cfg(target_os = "linux")]
pub(crate) mod x11;
#[cfg(target_os = "linux")]
pub(crate) mod x11_server;
#[cfg(target_os = "linux")]
pub(crate) mod x11_windows;

use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};

use crate::capture::gate::VideoOut;
use crate::capture::gst::{self as common, Running, Told};
use crate::capture::session::Session;
use crate::capture::stop::{Backoff, Stop};
use crate::capture::{CaptureError, CaptureProblem, CaptureStats, Device, ProblemKind, ScreenTarget, still};
use elements::{Environment, System, Wanted};

/// What the user knows the source as.
const NAME: &str = "the screen";
/// A screen that is there again is seen within this time.
const LONGEST_WAIT: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(100);
/// A capture that ran for so long begins anew with short waits when it fails.
const STEADY: Duration = Duration::from_secs(10);
/// A screen of X11, Windows or macOS gives pictures even while nothing moves.
const SILENT: Duration = Duration::from_secs(5);

/// Starts capturing.
pub(crate) fn start(session: &mut Session, target: ScreenTarget, pointer: bool) -> Result<(), CaptureError> {
    start_in(session, &Environment::here(), target, pointer)
}

fn start_in(
    session: &mut Session,
    environment: &Environment,
    target: ScreenTarget,
    pointer: bool,
) -> Result<(), CaptureError> {
    common::init().map_err(CaptureError::GStreamer)?;
    let system = elements::system(environment);
    let limit = (system != Some(System::Wayland)).then_some(SILENT);
    still::start_filler(session, NAME.to_owned(), limit)?;
    let wanted = Wanted { display: environment.x11.clone(), target, pointer, fps: session.config.fps };
    let (out, stop, stats) = (session.video.clone(), session.stop.clone(), session.stats.clone());
    let grants = session.config.grants.clone();
    session.spawn("runnel-screen", move || {
        let Some(system) = system else {
            out.lose(CaptureProblem::new(
                ProblemKind::Missing,
                NAME,
                "there is no display: neither WAYLAND_DISPLAY nor DISPLAY is set",
            ));
            return;
        };
        let mut source = Source { system, wanted, out, stop, stats: stats.clone(), portal: Portal::new(grants) };
        source.keep_open();
    })
}

/// The screens that can be chosen.
pub(crate) fn list() -> Vec<Device> {
    let name = match elements::system(&Environment::here()) {
        Some(System::Wayland) => "Screen or window (the system asks which)",
        Some(_) => "Whole screen",
        None => return Vec::new(),
    };
    vec![Device { id: "screen".into(), name: name.into() }]
}

/// The windows that can be chosen, by the id that `screen:window=ID` takes; none where the system asks which is meant, or
/// cannot capture a window.
///
/// Quick, but it asks the window system: not something for a thread that draws.
pub fn windows() -> Vec<Device> {
    #[cfg(target_os = "linux")]
    {
        let environment = Environment::here();
        if elements::system(&environment) != Some(System::X11) {
            return Vec::new();
        }
        x11_windows::list(environment.x11.as_deref()).unwrap_or_else(|error| {
            tracing::debug!(%error, "no windows");
            Vec::new()
        })
    }
    #[cfg(target_os = "windows")]
    return win32_windows::list();
    #[cfg(not(any(target_os = "linux", target_os = "windows")))]
    Vec::new()
}

/// Whether the system itself asks which screen or window is meant.
pub fn asks() -> bool {
    elements::system(&Environment::here()) == Some(System::Wayland)
}

#[cfg(target_os = "linux")]
type Portal = portal::Portal;

/// There is a portal on Linux only.
#[cfg(not(target_os = "linux"))]
struct Portal;

#[cfg(not(target_os = "linux"))]
impl Portal {
    fn new(_grants: Option<std::sync::Arc<std::path::Path>>) -> Self {
        Self
    }
}

struct Source {
    system: System,
    wanted: Wanted,
    out: VideoOut,
    stop: Stop,
    stats: std::sync::Arc<CaptureStats>,
    portal: Portal,
}

impl Source {
    fn keep_open(&mut self) {
        let mut backoff = Backoff::up_to(LONGEST_WAIT);
        while !self.stop.is_set() {
            let opened = self.out.clock().now();
            let Err(problem) = self.capture() else { return };
            if self.stop.is_set() {
                return;
            }
            if self.out.clock().now().saturating_since(opened) > STEADY {
                backoff.reset();
            }
            let refused = problem.kind == ProblemKind::PermissionRefused;
            self.out.lose(problem);
            // Who said no is not asked again every few seconds.
            if refused && self.system == System::Wayland {
                while !self.stop.wait(Duration::from_secs(60)) {}
                return;
            }
            self.stop.wait(backoff.next());
        }
    }

    /// Captures until it is time to stop, or until something is wrong.
    fn capture(&mut self) -> Result<(), CaptureProblem> {
        let problem = |words: String, worked| CaptureProblem::from_words(NAME, words, worked);
        #[cfg(target_os = "linux")]
        let node = if self.system == System::Wayland { Some(self.portal.ask(&self.wanted, &self.stop)?) } else { None };
        #[cfg(not(target_os = "linux"))]
        let node = None;
        #[cfg(target_os = "linux")]
        let window = match (self.system, self.wanted.target) {
            (System::X11, ScreenTarget::Window(id)) => Some(x11::WindowWatch::new(self.wanted.display.as_deref(), id)?),
            _ => None,
        };
        #[cfg(target_os = "linux")]
        let server = (self.system == System::X11).then(x11_server::ServerWatch::new);
        let description = elements::description(self.system, &self.wanted, node).ok_or_else(|| {
            CaptureProblem::new(ProblemKind::Unsupported, NAME, "single windows cannot be captured on this system")
        })?;
        let element = gst::parse::launch(&description).map_err(|error| problem(error.to_string(), false))?;
        let pipeline = element.downcast::<gst::Pipeline>().map_err(|_| problem("not a pipeline".into(), false))?;
        let running = Running(pipeline);
        let sink = running.0.by_name("sink").and_then(|sink| sink.downcast::<AppSink>().ok());
        let sink = sink.ok_or_else(|| problem("no sink for pictures".into(), false))?;
        sink.set_callbacks(common::video_callbacks(&self.out, &self.stats));
        let bus = running.0.bus().ok_or_else(|| problem("a pipeline without a bus".into(), false))?;
        let mut missing = Vec::new();
        let _told_by_the_bus = running.0.set_state(gst::State::Playing);
        let mut worked = false;
        while !self.stop.is_set() {
            match common::listen(&bus, LOOK, &mut missing) {
                Told::Failed(words) => return Err(problem(words, worked)),
                Told::Ended => return Err(CaptureProblem::new(ProblemKind::Unplugged, NAME, "it ended")),
                Told::Ready => worked = true,
                Told::Nothing => {}
            }
            #[cfg(target_os = "linux")]
            if server.as_ref().is_some_and(x11_server::ServerWatch::is_gone) {
                sink.set_callbacks(AppSinkCallbacks::builder().build());
                std::mem::forget(running);
                return Err(CaptureProblem::new(ProblemKind::Unplugged, NAME, "the display went away"));
            }
            #[cfg(target_os = "linux")]
            if window.as_ref().is_some_and(x11::WindowWatch::is_gone) {
                return Err(CaptureProblem::new(ProblemKind::Unplugged, "the window", "it was closed"));
            }
        }
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
