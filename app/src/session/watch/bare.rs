//! A player that decodes nothing: the same playout in the same virtual clock, without a picture, a sound card or a thread.
//!
//! It measures what the swarm does for a viewer, dozens of them on one machine.

mod paced;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use runnel_media::format::{Timestamp, WallClock};
use runnel_media::pipeline::watch::{OnEvent, Playhead, WatchChunk, WatchEvent, WatchStats};
use runnel_media::playout::{Chunk, Event, Input, Output, Playout, PlayoutConfig};
use tokio_util::sync::CancellationToken;

use self::paced::PacedClock;
use super::player::Player;
use crate::session::clock;

/// How often a sound card would ask for sound: so often the clock is read.
const TICK: Duration = Duration::from_millis(20);
/// Most compressed bytes held.
const BUFFER_BYTES: usize = 24 << 20;
/// Chunks that were handed to what would decode them, and have not been seen yet.
const RELEASED: usize = 512;
/// Measurements that wait to be taken; who does not take them loses the oldest.
const MEASURED: usize = 4096;

/// What was measured since it was last asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Chunks as they came whole: the broadcast's number, and when by our wall clock in microseconds since 1970.
    pub arrived: Vec<(u64, i64)>,
    /// From capture to the screen in milliseconds, for each chunk that was due.
    pub latency_ms: Vec<f32>,
    /// How long the picture stood still at the longest, since the start, in milliseconds.
    pub longest_stall_ms: u64,
}

/// See the module.
pub struct BarePlayer {
    inner: Arc<Mutex<Inner>>,
    stop: CancellationToken,
}

struct Inner {
    playout: Playout,
    paced: PacedClock,
    /// Number, start and capture of chunks on their way to the screen.
    released: VecDeque<(u64, Timestamp, WallClock)>,
    /// Where the clock was started.
    origin: Timestamp,
    /// The one that is shown.
    shown: Option<u64>,
    started: Instant,
    first_shown: Option<Duration>,
    /// What to add to our wall clock to get the publisher's.
    offset: i64,
    /// Our wall clock at `started`.
    wall: i64,
    arrived: VecDeque<(u64, i64)>,
    latency_ms: VecDeque<f32>,
    longest_stall: Duration,
    on_event: OnEvent,
}

impl BarePlayer {
    /// Starts on the current tokio runtime.
    pub fn start(target_delay: Duration, on_event: OnEvent) -> Self {
        let (started, wall) = (clock::now(), clock::unix_micros());
        let config = PlayoutConfig { target_delay, buffer_bytes: BUFFER_BYTES, wall: WallClock::from_micros(wall) };
        let inner = Arc::new(Mutex::new(Inner {
            playout: Playout::new(&config, started),
            paced: PacedClock::new(started),
            released: VecDeque::new(),
            origin: Timestamp::ZERO,
            shown: None,
            started,
            first_shown: None,
            offset: 0,
            wall,
            arrived: VecDeque::new(),
            latency_ms: VecDeque::new(),
            longest_stall: Duration::ZERO,
            on_event,
        }));
        let stop = CancellationToken::new();
        tokio::spawn(run(inner.clone(), stop.clone()));
        Self { inner, stop }
    }

    /// What was measured since this was last asked.
    pub fn take(&self) -> Measured {
        let mut inner = self.inner.lock();
        Measured {
            arrived: inner.arrived.drain(..).collect(),
            latency_ms: inner.latency_ms.drain(..).collect(),
            longest_stall_ms: u64::try_from(inner.longest_stall.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn tell(&self, input: Input) {
        self.inner.lock().handle(clock::now(), input);
    }
}

impl Drop for BarePlayer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Lets time pass, until it is stopped.
async fn run(inner: Arc<Mutex<Inner>>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = tick.tick() => inner.lock().pass(clock::now()),
            () = stop.cancelled() => return,
        }
    }
}

impl Inner {
    /// Time has passed.
    fn pass(&mut self, now: Instant) {
        let reading = self.paced.reading(now);
        self.handle(now, Input::Clock(reading));
        if self.playout.poll_timeout().is_some_and(|at| at <= now) {
            self.handle(now, Input::Timeout);
        }
        if reading.running {
            self.show(now, reading.position, reading.rate);
        }
    }

    fn handle(&mut self, now: Instant, input: Input) {
        self.playout.handle(now, input);
        while let Some(output) = self.playout.poll_output() {
            match output {
                Output::Start { generation, position, at } => {
                    self.origin = position;
                    self.paced.start(generation, position, at);
                }
                Output::Hold => self.paced.set_running(now, false),
                Output::Go => self.paced.set_running(now, true),
                Output::Rate(rate) => self.paced.set_rate(now, rate),
                Output::Release(release) => self.release(now, &release.chunk),
                Output::Event(event) => (self.on_event)(match event {
                    Event::Stalled => WatchEvent::Stalled,
                    Event::Resumed { after } => {
                        self.longest_stall = self.longest_stall.max(after);
                        WatchEvent::Resumed { after }
                    }
                    Event::Jumped { skipped } => WatchEvent::JumpedToLive { skipped },
                    Event::Ended => WatchEvent::Ended,
                }),
            }
        }
    }

    fn release(&mut self, now: Instant, chunk: &Chunk) {
        self.paced.extend_to(now, chunk.start.saturating_add(chunk.duration));
        self.released.push_back((chunk.sequence, chunk.start, chunk.captured));
        if self.released.len() > RELEASED {
            self.released.pop_front();
        }
    }

    /// Chunks whose first picture was due by now are on the screen since.
    fn show(&mut self, now: Instant, position: Timestamp, rate: f64) {
        while let Some(&(sequence, start, captured)) = self.released.front()
            && start <= position
        {
            self.released.pop_front();
            self.shown = Some(sequence);
            let ago = position.saturating_since(start).as_secs_f64() / rate.max(0.1);
            let wall = self.publisher_wall(now).as_micros().saturating_sub((ago * 1e6) as i64);
            // What only had to be decoded for what comes after it was never on the screen.
            if start >= self.origin {
                push(&mut self.latency_ms, wall.saturating_sub(captured.as_micros()) as f32 / 1000.0);
            }
            if self.first_shown.is_none() {
                let after = now.saturating_duration_since(self.started);
                self.first_shown = Some(after);
                (self.on_event)(WatchEvent::FirstFrame { after });
            }
        }
    }

    fn publisher_wall(&self, at: Instant) -> WallClock {
        let since = at.saturating_duration_since(self.started).as_micros();
        WallClock::from_micros(self.wall.saturating_add(i64::try_from(since).unwrap_or(i64::MAX)) + self.offset)
    }
}

/// Adds to a bounded queue; the oldest goes.
fn push<T>(queue: &mut VecDeque<T>, value: T) {
    if queue.len() == MEASURED {
        queue.pop_front();
    }
    queue.push_back(value);
}

impl Player for BarePlayer {
    fn push_init(&self, id: u32, _: Bytes) {
        self.tell(Input::Init(id));
    }

    fn push_chunk(&self, chunk: WatchChunk) {
        let mut inner = self.inner.lock();
        push(&mut inner.arrived, (chunk.sequence, clock::unix_micros()));
        inner.handle(clock::now(), Input::Chunk(chunk.into()));
    }

    fn missing(&self, sequence: u64) {
        self.tell(Input::Missing(sequence));
    }

    fn live_edge(&self, captured: WallClock) {
        self.tell(Input::LiveEdge(captured));
    }

    fn ended(&self, last: Option<u64>) {
        self.tell(Input::End(last));
    }

    fn set_clock_offset(&self, micros: i64) {
        let mut inner = self.inner.lock();
        inner.offset = micros;
        let wall = WallClock::from_micros(inner.wall.saturating_add(micros));
        inner.handle(clock::now(), Input::Wall(wall));
    }

    fn stats(&self) -> WatchStats {
        let inner = self.inner.lock();
        let first_frame_ms = inner.first_shown.map(|after| after.as_secs_f64() * 1e3);
        WatchStats { first_frame_ms, ..inner.playout.stats(clock::now()).into() }
    }

    fn playhead(&self) -> Option<Playhead> {
        let inner = self.inner.lock();
        let (timestamp, captured) = inner.playout.playhead(clock::now())?;
        let next = inner.playout.wanted_from()?;
        Some(Playhead { sequence: inner.shown.unwrap_or(next), next, timestamp, captured })
    }

    fn deadline(&self, captured: WallClock) -> Instant {
        self.inner.lock().playout.deadline(clock::now(), captured)
    }

    fn stop(&self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    use runnel_media::playout::PlayState;

    /// 100 ms of a stream whose capture began at 1 s on the wall clock, a keyframe every second.
    fn chunk(inner: &Inner, sequence: u64) -> WatchChunk {
        let start = i64::try_from(sequence).unwrap() * 100_000;
        WatchChunk {
            init: 1,
            sequence,
            start: Timestamp::from_micros(start),
            duration: Duration::from_millis(100),
            captured: WallClock::from_micros(inner.wall + start),
            keyframe: sequence.is_multiple_of(10),
            discontinuity: false,
            data: Bytes::new(),
        }
    }

    struct Bench {
        player: BarePlayer,
        events: mpsc::Receiver<WatchEvent>,
        now: Instant,
    }

    impl Bench {
        /// A player whose time passes only as it is told.
        fn new() -> Self {
            let (heard, events) = mpsc::sync_channel(64);
            let player =
                BarePlayer::start(Duration::from_millis(500), Box::new(move |event| drop(heard.try_send(event))));
            player.stop();
            player.inner.lock().handle(clock::now(), Input::Init(1));
            let now = player.inner.lock().started;
            Self { player, events, now }
        }

        fn pass(&mut self, ms: u64) {
            for _ in 0..ms / 10 {
                self.now += Duration::from_millis(10);
                self.player.inner.lock().pass(self.now);
            }
        }

        /// Chunk `sequence` comes, 200 ms after its end.
        fn comes(&mut self, sequence: u64) {
            let mut inner = self.player.inner.lock();
            let chunk = chunk(&inner, sequence);
            let due = inner.started + Duration::from_millis(sequence * 100 + 300);
            drop(inner);
            self.pass(u64::try_from(due.saturating_duration_since(self.now).as_millis()).unwrap());
            inner = self.player.inner.lock();
            push(&mut inner.arrived, (sequence, 0));
            inner.handle(self.now, Input::Chunk(chunk.into()));
        }
    }

    #[tokio::test]
    async fn every_chunk_is_on_the_screen_at_the_target_delay() {
        let mut bench = Bench::new();
        (0..40).for_each(|sequence| bench.comes(sequence));
        let measured = bench.player.take();
        assert_eq!(measured.arrived.len(), 40);
        assert!(measured.latency_ms.len() >= 35, "{measured:?}");
        assert!(measured.latency_ms.iter().all(|ms| (490.0..=530.0).contains(ms)), "{measured:?}");
        assert_eq!(bench.player.take(), Measured::default());
        assert_eq!(bench.player.inner.lock().playout.stats(bench.now).stalls, 0);
        let first = bench.events.try_iter().next();
        assert!(matches!(first, Some(WatchEvent::FirstFrame { .. })), "{first:?}");
    }

    #[tokio::test]
    async fn a_gap_stalls_and_is_told() {
        let mut bench = Bench::new();
        (0..20).for_each(|sequence| bench.comes(sequence));
        bench.pass(1500);
        let stats = bench.player.inner.lock().playout.stats(bench.now);
        assert_eq!((stats.stalls, stats.state), (1, PlayState::Stalled));
        assert!(bench.events.try_iter().any(|event| event == WatchEvent::Stalled));
    }
}
