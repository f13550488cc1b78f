//! The source as it is, before anyone goes live: pictures for the screen and a level for the meter.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use runnel_media::capture::{self, AudioSpec, CaptureConfig, CaptureEvent, CaptureHandle, SourceSpec};
use runnel_media::frame::VideoFrame;
use runnel_media::preprocess::level::{Level, LevelMeter};
use runnel_media::slot;

use super::News;
use crate::engine::Tell;
use crate::state::Problem;

/// How long the meter waits for sound before it looks whether it is still wanted.
const WAIT: Duration = Duration::from_millis(100);

/// An open source.
pub(in crate::engine) struct Preview {
    frames: Option<slot::Receiver<VideoFrame>>,
    level: Arc<Mutex<Level>>,
    stop: Arc<AtomicBool>,
    handle: Option<CaptureHandle>,
}

impl Preview {
    /// Opens the source; waits for files and devices.
    pub(super) fn open(
        source: &SourceSpec,
        sound: &AudioSpec,
        config: CaptureConfig,
        attempt: u64,
        tell: Tell,
    ) -> Result<Self, Problem> {
        let opened = capture::open(source, sound, config).map_err(|error| {
            tracing::info!(%error, "the source could not be opened");
            match source {
                SourceSpec::File { path, .. } => Problem::FileUnreadable {
                    name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                },
                _ => Problem::Unexpected,
            }
        })?;
        let (level, stop) = (Arc::new(Mutex::new(LevelMeter::new().level())), Arc::new(AtomicBool::new(false)));
        let (shown, stopped, source) = (level.clone(), stop.clone(), source.clone());
        let (audio, events) = (opened.audio, opened.events);
        let meter = std::thread::Builder::new().name("runnel-meter".to_owned()).spawn(move || {
            let mut meter = LevelMeter::new();
            while !stopped.load(Ordering::Relaxed) {
                match audio.recv_timeout(WAIT) {
                    Ok(Some(frame)) => {
                        meter.push(&frame.samples);
                        *shown.lock() = meter.level();
                    }
                    Ok(None) => {}
                    Err(_) => return,
                }
                while let Some(event) = events.try_recv() {
                    let problem = match &event {
                        CaptureEvent::Lost { what, problem } => Some(super::about(*what, problem, &source)),
                        CaptureEvent::Recovered { .. } => None,
                        CaptureEvent::Ended => continue,
                    };
                    let news = crate::engine::News::Studio(News::Device { attempt, problem });
                    // A word about a device that comes and goes quickly may be lost.
                    let _ = tell.try_send(news);
                }
            }
        });
        if let Err(error) = meter {
            tracing::warn!(%error, "the level meter could not be started");
        }
        Ok(Self { frames: Some(opened.video), level, stop, handle: Some(opened.handle) })
    }

    /// The pictures; once.
    pub(super) fn frames(&mut self) -> Option<slot::Receiver<VideoFrame>> {
        self.frames.take()
    }

    /// How loud it is now.
    pub(super) fn level(&self) -> Level {
        *self.level.lock()
    }
}

impl Drop for Preview {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Joining a device's threads takes a moment, and the engine must not wait for it.
        if let Some(handle) = self.handle.take() {
            let ended = std::thread::Builder::new().name("runnel-preview-end".to_owned()).spawn(move || drop(handle));
            if let Err(error) = ended {
                tracing::debug!(%error, "the preview ended on the engine's thread");
            }
        }
    }
}
