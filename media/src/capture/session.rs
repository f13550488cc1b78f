//! What the threads of one capture share.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::capture::gate::{AudioOut, Events, VideoOut};
use crate::capture::still::Stills;
use crate::capture::stop::Stop;
use crate::capture::{CaptureConfig, CaptureError, CaptureEvent, CaptureHandle, CaptureStats, queue};
use crate::frame::{AudioFrame, VideoFrame};
use crate::slot;

/// Blocks of sound that may wait: one second.
const AUDIO_BLOCKS: usize = 100;
/// Events that may wait.
const EVENTS: usize = 64;
/// How long a source may be silent before its last picture is repeated.
const PATIENCE: Duration = Duration::from_millis(500);

/// A capture being started; stops what it started if it goes before [`Session::into_handle`].
pub(crate) struct Session {
    pub(crate) config: CaptureConfig,
    pub(crate) video: VideoOut,
    pub(crate) audio: AudioOut,
    pub(crate) events: Events,
    pub(crate) stop: Stop,
    pub(crate) stats: Arc<CaptureStats>,
    threads: Vec<JoinHandle<()>>,
}

type Ends = (Session, slot::Receiver<VideoFrame>, queue::Receiver<AudioFrame>, queue::Receiver<CaptureEvent>);

impl Session {
    /// A session and the receiving ends of what its threads will send.
    pub(crate) fn new(config: CaptureConfig) -> Ends {
        let (video_sender, video) = slot::slot();
        let (audio_sender, audio) = queue::queue(AUDIO_BLOCKS);
        let (event_sender, told) = queue::queue(EVENTS);
        let events = Events::new(event_sender);
        let stats = Arc::new(CaptureStats::default());
        let stills = Stills::new(Duration::from_secs(1) / config.fps.max(1), PATIENCE);
        let session = Self {
            video: VideoOut::new(video_sender, events.clone(), config.clock, stats.clone(), stills),
            audio: AudioOut::new(audio_sender, events.clone(), config.clock),
            config,
            events,
            stop: Stop::default(),
            stats,
            threads: Vec::new(),
        };
        (session, video, audio, told)
    }

    /// Starts a thread that ends soon after the stop flag is set.
    pub(crate) fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), CaptureError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(CaptureError::Thread)?;
        self.threads.push(thread);
        Ok(())
    }

    /// Hands the threads over to who keeps the capture.
    pub(crate) fn into_handle(mut self) -> CaptureHandle {
        CaptureHandle { stop: self.stop.clone(), threads: std::mem::take(&mut self.threads), stats: self.stats.clone() }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.threads.is_empty() {
            return;
        }
        self.stop.set();
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
    }
}
