//! Sources of pictures and sound, each on its own named threads.
//!
//! [`open`] starts a source and hands back its receiving ends. Pictures travel through a slot in which the
//! newest wins, sound through a [bounded queue](queue) of equal blocks without a gap. A device that is missing, busy,
//! refused or unplugged does not end a capture: a still and silence stand in, [`CaptureEvent::Lost`] says why, and it is
//! tried again until [`CaptureEvent::Recovered`].

pub mod camera;
pub mod clock;
pub mod desktop_audio;
pub mod devices;
pub(crate) mod file;
pub(crate) mod gate;
pub(crate) mod gst;
pub mod microphone;
pub mod output;
pub mod problem;
pub(crate) mod pump;
pub mod resample;
pub mod screen;
pub(crate) mod session;
pub(crate) mod sound;
pub mod spec;
pub(crate) mod still;
pub(crate) mod stop;
pub mod synthetic;
pub(crate) mod timeline;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use crate::format::Size;
use crate::frame::{AudioFrame, TrackKind, VideoFrame};
pub use crate::queue;
use crate::slot;

pub use clock::CaptureClock;
pub use devices::{Device, DeviceList, devices};
pub use problem::{CaptureProblem, ProblemKind};
pub use screen::{asks as screen_asks, windows};
pub use spec::{AudioSpec, InvalidSpec, ScreenTarget, SourceSpec};

use session::Session;
use stop::Stop;

/// Frame rates that can be asked for.
pub const FPS: std::ops::RangeInclusive<u32> = 1..=240;

/// What a capture should be like.
///
/// Size and rate are what the test source and the stills have exactly, and what a camera is asked for as nearly as it can;
/// other sources give what they have.
#[derive(Clone, Debug)]
pub struct CaptureConfig {
    /// Wanted size.
    pub size: Size,
    /// Wanted frames a second, within [`FPS`].
    pub fps: u32,
    /// The clock that everything is timed by; share one between captures that replace each other.
    pub clock: CaptureClock,
    /// Folder in which a Wayland desktop's leave to capture its screen is kept, so that it need not ask each time; none
    /// keeps it for as long as the capture lasts.
    pub grants: Option<Arc<Path>>,
}

/// A running capture.
///
/// Take it apart and give each end to the thread that reads it; everything ends when the handle goes.
pub struct Capture {
    /// Pictures at the source's own size; closes after [`CaptureEvent::Ended`].
    pub video: slot::Receiver<VideoFrame>,
    /// Blocks of exactly 10 ms without a gap (one second of them at most); closes after [`CaptureEvent::Ended`].
    pub audio: queue::Receiver<AudioFrame>,
    /// What happened to the devices.
    pub events: queue::Receiver<CaptureEvent>,
    /// Keeps the capture going.
    pub handle: CaptureHandle,
}

/// Something happened to a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureEvent {
    /// It does not work (any more); a still or silence stands in while it is tried again.
    Lost {
        /// Pictures or sound.
        what: TrackKind,
        /// What happened, in kinds to choose words by.
        problem: CaptureProblem,
    },
    /// It works (again).
    Recovered {
        /// Pictures or sound.
        what: TrackKind,
    },
    /// The file is over.
    Ended,
}

/// Why a capture did not start.
///
/// Only what trying again would not change: a device's troubles are told by [`CaptureEvent::Lost`] instead.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// An impossible frame rate.
    #[error("invalid frame rate {0} (expected within 1..=240)")]
    Rate(u32),
    /// There is no such file.
    #[error("cannot read {}: {reason}", path.display())]
    FileUnreadable {
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file cannot be played.
    #[error("cannot play {}: {reason}", path.display())]
    FileBroken {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// GStreamer or one of its plugins is missing.
    #[error("GStreamer cannot be used: {0}")]
    GStreamer(String),
    /// The system gives no more threads.
    #[error("cannot start a capture thread: {0}")]
    Thread(std::io::Error),
}

/// Counters of a capture.
#[derive(Debug, Default)]
pub struct CaptureStats {
    unordered: AtomicU64,
    skipped: AtomicU64,
    stills: AtomicU64,
    broken: AtomicU64,
    sound_jumps: AtomicU64,
}

impl CaptureStats {
    pub(crate) fn count_unordered(&self) {
        self.unordered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_skipped(&self, frames: u64) {
        self.skipped.fetch_add(frames, Ordering::Relaxed);
    }

    pub(crate) fn count_still(&self) {
        self.stills.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_broken(&self) {
        self.broken.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_sound_jumps(&self, jumps: u64) {
        self.sound_jumps.store(jumps, Ordering::Relaxed);
    }

    /// How often sound had to be moved at once, because its device stopped or stumbled.
    pub fn sound_jumps(&self) -> u64 {
        self.sound_jumps.load(Ordering::Relaxed)
    }

    /// Pictures dropped because their time was not later than the one before.
    pub fn unordered(&self) -> u64 {
        self.unordered.load(Ordering::Relaxed)
    }

    /// Pictures that a source had no time to make.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// Stills that stood in for pictures.
    pub fn stills(&self) -> u64 {
        self.stills.load(Ordering::Relaxed)
    }

    /// Pictures dropped because they could not be decoded or converted.
    pub fn broken(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
    }
}

/// Keeps the threads of a capture going; stops and joins them when dropped.
pub struct CaptureHandle {
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
    stats: Arc<CaptureStats>,
}

impl CaptureHandle {
    /// The capture's counters.
    pub fn stats(&self) -> &Arc<CaptureStats> {
        &self.stats
    }

    /// Stops all threads and waits for them.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for CaptureHandle {
    fn drop(&mut self) {
        self.stop.set();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a capture thread panicked");
            }
        }
    }
}

/// Starts capturing.
///
/// A file is opened before this returns, which may take some seconds; devices are opened afterwards.
///
/// # Errors
/// [`CaptureError`] for what trying again would not change.
pub fn open(source: &SourceSpec, audio: &AudioSpec, config: CaptureConfig) -> Result<Capture, CaptureError> {
    if !FPS.contains(&config.fps) {
        return Err(CaptureError::Rate(config.fps));
    }
    let (mut session, video, sound, events) = Session::new(config);
    let own_sound = *audio == AudioSpec::Default;
    match source {
        SourceSpec::Test => synthetic::start_picture(&mut session)?,
        SourceSpec::None => still::start(&mut session)?,
        SourceSpec::File { path, repeat } => file::start(&mut session, path, *repeat, own_sound)?,
        SourceSpec::Screen { target, pointer } => screen::start(&mut session, *target, *pointer)?,
        SourceSpec::Camera { index } => camera::start(&mut session, *index)?,
    }
    match (audio, source) {
        (AudioSpec::Default, SourceSpec::Test) => synthetic::start_sound(&mut session)?,
        (AudioSpec::Default, SourceSpec::File { .. }) => {}
        (AudioSpec::Default | AudioSpec::Silence, _) => pump::start_silence(&mut session)?,
        (AudioSpec::Microphone { name }, _) => microphone::start(&mut session, name.clone())?,
        (AudioSpec::DesktopAudio, _) => desktop_audio::start(&mut session)?,
    }
    Ok(Capture { video, audio: sound, events, handle: session.into_handle() })
}
