//! What the viewer's threads share. Locks are taken in the order of the fields, and never held across a callback
//! other than the event's own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::{Condvar, Mutex};

use super::inbox::Inbox;
use super::measure::Measures;
use super::{OnEvent, Playhead, WatchConfig, WatchEvent, WatchStats};
use crate::format::{Timestamp, WallClock};
use crate::frame::VideoFrame;
use crate::playout::{AudioQueue, FrameQueue, Playout, PlayoutConfig};
use crate::slot;

/// The viewer's clock: monotonic, with the wall clock read once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    epoch: Instant,
    wall: i64,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the driver reads the clocks for the pure machines")]
    fn start() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { epoch: Instant::now(), wall: i64::try_from(wall.as_micros()).unwrap_or(i64::MAX) }
    }

    #[expect(clippy::disallowed_methods, reason = "the driver reads the clocks for the pure machines")]
    pub(super) fn now(self) -> Instant {
        Instant::now()
    }

    /// Time since the start.
    pub(super) fn since_start(self, at: Instant) -> Duration {
        at.saturating_duration_since(self.epoch)
    }

    fn wall(self, at: Instant, offset: i64) -> WallClock {
        let since = i64::try_from(self.since_start(at).as_micros()).unwrap_or(i64::MAX);
        WallClock::from_micros(self.wall.saturating_add(since).saturating_add(offset))
    }
}

/// The machine and what it has handed to the decoder.
pub(super) struct Brain {
    pub(super) playout: Playout,
    /// Sequences and starts of the chunks released last.
    pub(super) released: VecDeque<(u64, Timestamp)>,
}

/// Pictures between decoder and screen.
pub(super) struct Pictures {
    pub(super) queue: FrameQueue,
    /// Whether the clock is meant to run.
    pub(super) clock_on: bool,
    pub(super) stopped: bool,
}

/// See the module.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) inbox: Inbox,
    pub(super) brain: Mutex<Brain>,
    pub(super) pictures: Mutex<Pictures>,
    pub(super) pictures_changed: Condvar,
    pub(super) sound: Mutex<AudioQueue>,
    pub(super) measures: Mutex<Measures>,
    volume: Mutex<(f32, bool)>,
    offset: Mutex<i64>,
    pub(super) slot: Mutex<Option<slot::Sender<VideoFrame>>>,
    pub(super) last: Mutex<Option<VideoFrame>>,
    pub(super) on_frame: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
    on_event: Mutex<OnEvent>,
}

impl Shared {
    pub(super) fn new(config: &WatchConfig, on_event: OnEvent) -> Self {
        let clock = Clock::start();
        let playout = PlayoutConfig {
            target_delay: config.target_delay,
            buffer_bytes: config.buffer_bytes,
            wall: clock.wall(clock.epoch, config.clock_offset_micros),
        };
        Self {
            clock,
            inbox: Inbox::new(config.buffer_bytes),
            brain: Mutex::new(Brain { playout: Playout::new(&playout, clock.epoch), released: VecDeque::new() }),
            pictures: Mutex::new(Pictures { queue: FrameQueue::new(), clock_on: false, stopped: false }),
            pictures_changed: Condvar::new(),
            sound: Mutex::new(AudioQueue::new(config.volume)),
            measures: Mutex::new(Measures::new(config.strip)),
            volume: Mutex::new((config.volume, false)),
            offset: Mutex::new(config.clock_offset_micros),
            slot: Mutex::new(None),
            last: Mutex::new(None),
            on_frame: Mutex::new(None),
            on_event: Mutex::new(on_event),
        }
    }

    pub(super) fn event(&self, event: WatchEvent) {
        (self.on_event.lock())(event);
    }

    /// Gives the output its next samples.
    pub(super) fn pull(&self, samples: &mut [f32], plays_at: Instant) {
        let mut sound = self.sound.lock();
        sound.pull_flat(samples, plays_at);
        drop(sound);
        self.measures.lock().hear(samples, self.clock.since_start(plays_at));
        self.sound.lock().shape(samples);
    }

    pub(super) fn set_volume(&self, volume: Option<f32>, muted: Option<bool>) {
        let mut current = self.volume.lock();
        current.0 = volume.unwrap_or(current.0);
        current.1 = muted.unwrap_or(current.1);
        let wanted = if current.1 { 0.0 } else { current.0 };
        drop(current);
        self.sound.lock().set_volume(wanted);
    }

    /// Takes another clock offset; the publisher's wall clock at the start.
    pub(super) fn set_clock_offset(&self, micros: i64) -> WallClock {
        *self.offset.lock() = micros;
        self.clock.wall(self.clock.epoch, micros)
    }

    /// The publisher's wall clock.
    pub(super) fn publisher_wall(&self, at: Instant) -> WallClock {
        self.clock.wall(at, *self.offset.lock())
    }

    pub(super) fn stats(&self) -> WatchStats {
        let playout = self.brain.lock().playout.stats(self.clock.now());
        let mut stats = WatchStats::from(playout);
        stats.chunks_dropped += self.inbox.dropped();
        self.measures.lock().fill(&mut stats);
        stats
    }

    pub(super) fn playhead(&self) -> Option<Playhead> {
        let brain = self.brain.lock();
        let (timestamp, captured) = brain.playout.playhead(self.clock.now())?;
        let next = brain.playout.wanted_from()?;
        let shown = brain.released.iter().rev().find(|(_, start)| *start <= timestamp).or(brain.released.front());
        Some(Playhead { sequence: shown.map_or(next, |(sequence, _)| *sequence), next, timestamp, captured })
    }

    pub(super) fn stop(&self) {
        self.inbox.stop();
        self.pictures.lock().stopped = true;
        self.pictures_changed.notify_all();
    }
}
