//! Chunks to a moving picture and sound, on threads of their own.
//!
//! `runnel-decode` owns the [`Playout`](crate::playout::Playout) machine, takes chunks apart and decodes them a few pictures
//! ahead; the audio output pulls sound and so drives the clock; `runnel-present` hands each picture over when the clock
//! reaches it. All three sleep until something is due.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::capture::output::{AudioOutput, AudioOutputSpec, OutputError, OutputTiming};
use crate::format::{Timestamp, WallClock};
use crate::frame::VideoFrame;
use crate::package::MediaChunk;
use crate::playout::Input;
use crate::slot;

mod decoding;
mod inbox;
mod measure;
mod present;
mod shared;
#[cfg(test)]
mod tests;
mod worker;

pub use measure::WatchStats;

use inbox::Message;
use shared::Shared;

/// One chunk, as it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchChunk {
    /// The init segment it needs.
    pub init: u32,
    /// Its number; numbers only rise, also from one epoch to the next.
    pub sequence: u64,
    /// Media time of its first frame.
    pub start: Timestamp,
    /// How long it plays.
    pub duration: Duration,
    /// Publisher's wall clock when its first picture was captured.
    pub captured: WallClock,
    /// Whether decoding can start with it.
    pub keyframe: bool,
    /// Whether the decoder must start anew with it.
    pub discontinuity: bool,
    /// The fragment: `moof` and `mdat`.
    pub data: Bytes,
}

impl From<MediaChunk> for WatchChunk {
    fn from(chunk: MediaChunk) -> Self {
        Self {
            init: chunk.init,
            sequence: chunk.sequence,
            start: chunk.start,
            duration: chunk.duration,
            captured: chunk.captured,
            keyframe: chunk.keyframe,
            discontinuity: chunk.discontinuity,
            data: chunk.data,
        }
    }
}

/// How to watch.
#[derive(Clone, Debug)]
pub struct WatchConfig {
    /// From capture to the screen; between [`WatchConfig::SHORTEST_DELAY`] and [`WatchConfig::LONGEST_DELAY`].
    pub target_delay: Duration,
    /// Where the sound goes.
    pub audio_output: AudioOutputSpec,
    /// Loudness: 0 is silent, 1 as it came.
    pub volume: f32,
    /// What to add to the local wall clock to get the publisher's.
    pub clock_offset_micros: i64,
    /// Whether the picture carries the test source's strip, flash and beep, from which delay and lip sync are read.
    pub strip: bool,
    /// Most compressed bytes held.
    pub buffer_bytes: usize,
    /// Threads of the video decoder.
    pub decoder_threads: usize,
}

impl WatchConfig {
    /// Shortest target delay: one chunk and its way.
    pub const SHORTEST_DELAY: Duration = Duration::from_millis(100);
    /// Longest target delay.
    pub const LONGEST_DELAY: Duration = Duration::from_secs(60);
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            target_delay: Duration::from_secs(1),
            audio_output: AudioOutputSpec::Default,
            volume: 1.0,
            clock_offset_micros: 0,
            strip: false,
            buffer_bytes: 24 << 20,
            decoder_threads: 2,
        }
    }
}

/// Something the viewer, or the session, should know.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// The first picture was shown.
    FirstFrame {
        /// Since [`Watcher::start`].
        after: Duration,
    },
    /// The picture stopped for lack of data.
    Stalled,
    /// It moves again.
    Resumed {
        /// How long it stood still.
        after: Duration,
    },
    /// Media was left out to be nearer to the live edge.
    JumpedToLive {
        /// How much.
        skipped: Duration,
    },
    /// Everything was played; what comes later starts it again.
    Ended,
    /// A chunk could not be decoded; playing goes on at the next keyframe.
    DecodeError {
        /// Its number.
        sequence: u64,
        /// What was wrong with it.
        reason: String,
    },
    /// Nothing could be decoded for a while, so a new decoder was made.
    DecoderRestarted,
    /// The sound card is gone; the picture goes on without it.
    AudioLost {
        /// What happened, in words.
        reason: String,
    },
    /// Sound is heard again.
    AudioRecovered,
}

/// Takes events; called on the watcher's threads, so it must neither block nor stop the watcher.
pub type OnEvent = Box<dyn FnMut(WatchEvent) + Send>;

/// Why watching could not begin.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// No thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
    /// No audio output, not even a silent one.
    #[error("cannot open the audio output: {0}")]
    Audio(#[from] OutputError),
    /// A decoder could not be opened.
    #[error(transparent)]
    Decoder(#[from] crate::decode::DecodeError),
    /// A target delay out of range.
    #[error("target delay of {} ms (expected {}..={} ms)", .0.as_millis(), WatchConfig::SHORTEST_DELAY.as_millis(), WatchConfig::LONGEST_DELAY.as_millis())]
    TargetDelay(Duration),
}

/// Where playing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Playhead {
    /// The chunk that is being shown.
    pub sequence: u64,
    /// The first chunk that was not handed to the decoder yet.
    pub next: u64,
    /// Media time being shown.
    pub timestamp: Timestamp,
    /// Its capture, by the publisher's wall clock.
    pub captured: WallClock,
}

/// A running viewer. Dropping it stops and joins its threads.
pub struct Watcher {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Watcher {
    /// Starts the threads; pictures come once chunks do.
    ///
    /// # Errors
    /// [`WatchError`].
    pub fn start(config: WatchConfig, on_event: OnEvent) -> Result<Self, WatchError> {
        check_delay(config.target_delay)?;
        let shared = Arc::new(Shared::new(&config, on_event));
        let decoding = decoding::Decoding::new(config.decoder_threads)?;
        let output = {
            let shared = shared.clone();
            let pull = move |samples: &mut [f32], timing: OutputTiming| shared.pull(samples, timing.plays_at);
            AudioOutput::open(config.audio_output, Box::new(pull))?
        };
        let watcher = Self { shared: shared.clone(), threads: Mutex::new(Vec::new()) };
        let worker = worker::Worker::new(shared.clone(), decoding, output);
        let spawn =
            |name: &str, body: Box<dyn FnOnce() + Send>| std::thread::Builder::new().name(name.to_owned()).spawn(body);
        watcher.threads.lock().push(spawn("runnel-decode", Box::new(move || worker.run()))?);
        watcher.threads.lock().push(spawn("runnel-present", Box::new(move || present::run(&shared)))?);
        Ok(watcher)
    }

    /// An init segment (`ftyp` and `moov`); chunks that name it wait for it. A known id again is ignored.
    pub fn push_init(&self, id: u32, data: Bytes) {
        self.shared.inbox.push(Message::Init(id, data));
    }

    /// A chunk, in any order.
    pub fn push_chunk(&self, chunk: WatchChunk) {
        self.shared.inbox.push(Message::Chunk(chunk));
    }

    /// A chunk that will never come: playing goes on without waiting for it.
    pub fn missing(&self, sequence: u64) {
        self.shared.inbox.push(Message::Machine(Input::Missing(sequence)));
    }

    /// The publisher is known to have captured until then, by its own wall clock.
    pub fn live_edge(&self, captured: WallClock) {
        self.shared.inbox.push(Message::Machine(Input::LiveEdge(captured)));
    }

    /// The broadcast is over after `last`, or after what has come; [`WatchEvent::Ended`] follows when all is played.
    pub fn ended(&self, last: Option<u64>) {
        self.shared.inbox.push(Message::Machine(Input::End(last)));
    }

    /// The pictures from now on; a receiver given out before is closed.
    ///
    /// Pictures are shown, measured and counted without one too.
    pub fn frames(&self) -> slot::Receiver<VideoFrame> {
        let (sender, receiver) = slot::slot();
        *self.shared.slot.lock() = Some(sender);
        receiver
    }

    /// Called after each picture handed over, from the presenting thread; must not block.
    pub fn on_frame(&self, callback: Box<dyn Fn() + Send + Sync>) {
        *self.shared.on_frame.lock() = Some(Arc::from(callback));
    }

    /// Stops the picture, or lets it go on where it was: the viewer is then behind until [`Watcher::jump_to_live`].
    pub fn set_paused(&self, paused: bool) {
        self.shared.inbox.push(Message::Machine(Input::Paused(paused)));
    }

    /// Loudness: 0 is silent, 1 as it came.
    pub fn set_volume(&self, volume: f32) {
        self.shared.set_volume(Some(volume), None);
    }

    /// Silence without forgetting the volume.
    pub fn set_muted(&self, muted: bool) {
        self.shared.set_volume(None, Some(muted));
    }

    /// Leaves out what is needed to be at the target delay again.
    pub fn jump_to_live(&self) {
        self.shared.inbox.push(Message::Machine(Input::JumpToLive));
    }

    /// Another delay from capture to the screen, reached by playing a little faster or slower, or by a jump.
    ///
    /// It is cut to the legal range.
    pub fn set_target_delay(&self, delay: Duration) {
        let delay = delay.clamp(WatchConfig::SHORTEST_DELAY, WatchConfig::LONGEST_DELAY);
        self.shared.inbox.push(Message::Machine(Input::TargetDelay(delay)));
    }

    /// A better measurement of what to add to the local wall clock to get the publisher's.
    pub fn set_clock_offset(&self, micros: i64) {
        let wall = self.shared.set_clock_offset(micros);
        self.shared.inbox.push(Message::Machine(Input::Wall(wall)));
    }

    /// What was counted so far.
    pub fn stats(&self) -> WatchStats {
        self.shared.stats()
    }

    /// Where playing is; nothing before the first chunk was decoded.
    pub fn playhead(&self) -> Option<Playhead> {
        self.shared.playhead()
    }

    /// The first sequence that could still be played; nothing before the first chunk came.
    pub fn wanted_from(&self) -> Option<u64> {
        self.shared.brain.lock().playout.wanted_from()
    }

    /// When a chunk captured then has to be pushed, at the latest, to be shown in time.
    pub fn deadline(&self, captured: WallClock) -> Instant {
        let now = self.shared.clock.now();
        self.shared.brain.lock().playout.deadline(now, captured)
    }

    /// The picture that is shown.
    pub fn screenshot(&self) -> Option<VideoFrame> {
        self.shared.last.lock().clone()
    }

    /// Stops and joins the threads; nothing happens the second time.
    pub fn stop(&self) {
        self.shared.stop();
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of a viewer panicked");
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop();
    }
}

fn check_delay(delay: Duration) -> Result<(), WatchError> {
    if (WatchConfig::SHORTEST_DELAY..=WatchConfig::LONGEST_DELAY).contains(&delay) {
        Ok(())
    } else {
        Err(WatchError::TargetDelay(delay))
    }
}
