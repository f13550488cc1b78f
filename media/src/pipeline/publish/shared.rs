//! What the threads of a publisher share.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use parking_lot::Mutex;

use super::timings::Timings;
use super::types::{EndReason, PublishEvent};
use crate::capture::{CaptureClock, CaptureEvent, CaptureHandle, queue};
use crate::encode::probe::{ProbeTable, Rung};
use crate::format::Timestamp;
use crate::frame::{AudioFrame, EncodedFrame, VideoFrame};
use crate::preprocess::AudioChain;
use crate::preprocess::level::Level;
use crate::slot;

/// Messages to the packaging thread, which is the one that talks to the outside.
pub(crate) enum Message {
    /// An encoded frame and when it was ready.
    Frame(EncodedFrame, Timestamp),
    /// Another nominal rate from the next init segment on.
    Fps(u32),
    /// To be told as it is.
    Event(PublishEvent),
    /// A picture to make a thumbnail of.
    Thumbnail(VideoFrame),
}

/// Pictures that may wait for the encoder; beyond that the oldest gives way.
///
/// More than one, as an encoder that starts anew at a keyframe is busy for two or three pictures' time
/// and then catches up.
pub(crate) const PICTURES: usize = 3;

/// Messages that may wait; whoever sends more waits too.
pub(crate) const MESSAGES: usize = 128;

/// A picture on its way to the encoder.
pub(crate) struct Paced {
    pub(crate) frame: VideoFrame,
    /// What it was prepared for.
    pub(crate) rung: Rung,
    /// When it was put in front of the encoder.
    pub(crate) at: Timestamp,
}

/// A source of pictures and what happens to it.
pub(crate) struct VideoSource {
    pub(crate) video: slot::Receiver<VideoFrame>,
    pub(crate) events: queue::Receiver<CaptureEvent>,
}

/// Counters by stage.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) captured: AtomicU64,
    pub(crate) repeated: AtomicU64,
    pub(crate) thinned: AtomicU64,
    pub(crate) encoded: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Pictures the source put out before they were taken.
    pub(crate) dropped_capture: AtomicU64,
    /// Pictures that came while the encoder was busy.
    pub(crate) dropped_encode: AtomicU64,
    /// Pictures an encoder took and lost, or that it refused.
    pub(crate) dropped_encoder: AtomicU64,
    /// Encoded frames that fit into no chunk.
    pub(crate) dropped_package: AtomicU64,
    /// Blocks of sound that were lost before they were encoded.
    pub(crate) dropped_sound: AtomicU64,
}

/// What the threads share.
pub(crate) struct Shared {
    pub(crate) clock: CaptureClock,
    pub(crate) counters: Counters,
    pub(crate) timings: Mutex<Timings>,
    pub(crate) level: Mutex<Level>,
    /// The encoder in use and what it is used for.
    pub(crate) encoder: Mutex<(String, Rung)>,
    pub(crate) probe: Mutex<Option<ProbeTable>>,
    /// Set once an encoder is there; pictures before that go to the preview only.
    pub(crate) ready: AtomicBool,
    /// Media time of the first picture that went to the encoder, or `i64::MIN`.
    pub(crate) first: AtomicI64,
    /// Another rate was asked for; 0 where none was.
    pub(crate) new_bitrate: AtomicU32,
    pub(crate) force_keyframe: AtomicBool,
    /// Another size and rate for the pictures.
    pub(crate) new_rung: Mutex<Option<Rung>>,
    pub(crate) new_video: Mutex<Option<VideoSource>>,
    pub(crate) new_audio: Mutex<Option<queue::Receiver<AudioFrame>>>,
    pub(crate) handle: Mutex<Option<CaptureHandle>>,
    pub(crate) gain_db: Mutex<f32>,
    pub(crate) muted: AtomicBool,
    pub(crate) denoise: AtomicBool,
    pub(crate) preview: Mutex<Option<slot::Sender<VideoFrame>>>,
    stop: AtomicBool,
    end: Mutex<Option<EndReason>>,
}

impl Shared {
    pub(crate) fn new(clock: CaptureClock, rung: Rung, sound: AudioChain) -> Self {
        Self {
            clock,
            counters: Counters::default(),
            timings: Mutex::default(),
            level: Mutex::new(Level::SILENCE),
            encoder: Mutex::new((String::new(), rung)),
            probe: Mutex::new(None),
            ready: AtomicBool::new(false),
            first: AtomicI64::new(i64::MIN),
            new_bitrate: AtomicU32::new(0),
            force_keyframe: AtomicBool::new(false),
            new_rung: Mutex::new(None),
            new_video: Mutex::new(None),
            new_audio: Mutex::new(None),
            handle: Mutex::new(None),
            gain_db: Mutex::new(sound.gain_db),
            muted: AtomicBool::new(sound.muted),
            denoise: AtomicBool::new(sound.denoise),
            preview: Mutex::new(None),
            stop: AtomicBool::new(false),
            end: Mutex::new(None),
        }
    }

    /// Ends everything; the first reason given stays.
    pub(crate) fn end(&self, reason: EndReason) {
        self.end.lock().get_or_insert(reason);
        self.stop.store(true, Ordering::Release);
    }

    /// Whether the end has come.
    pub(crate) fn is_ending(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Why the end came.
    pub(crate) fn end_reason(&self) -> EndReason {
        self.end.lock().clone().unwrap_or_else(|| EndReason::Failed("its threads ended".to_owned()))
    }

    /// Notes how long a stage took, from `since` to now.
    pub(crate) fn took(&self, stage: &'static str, since: Timestamp) {
        let took = self.clock.now().saturating_since(since);
        self.timings.lock().add(stage, took);
    }
}

/// Adds to a counter.
pub(crate) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// Turns a total that only grows into what was new each time.
#[derive(Debug, Default)]
pub(crate) struct Growth(u64);

impl Growth {
    pub(crate) fn since(&mut self, total: u64) -> u64 {
        total.saturating_sub(std::mem::replace(&mut self.0, total))
    }
}

/// How long a thread waits before it looks at the rest of its world.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Sends an event; nobody listens any more only at the very end.
pub(crate) fn tell(out: &SyncSender<Message>, event: PublishEvent) {
    let _ = out.send(Message::Event(event));
}
