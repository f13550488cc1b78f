//! A viewer in virtual time: chunks arrive by a plan, an output pulls 10 ms blocks, everything that happens is kept.

use std::time::{Duration, Instant};

use super::super::*;
use crate::format::CHANNELS;
use crate::frame::AudioFrame;

pub(super) const CHUNK_MS: u64 = 100;
/// Wall clock of the publisher when media time was 0; the viewer's anchor is the same moment.
pub(super) const WALL: i64 = 1_700_000_000_000_000;

pub(super) fn chunk(sequence: u64) -> Chunk {
    let start = (sequence * CHUNK_MS * 1000) as i64;
    Chunk {
        init: 1,
        sequence,
        start: Timestamp::from_micros(start),
        duration: Duration::from_millis(CHUNK_MS),
        captured: WallClock::from_micros(WALL + start),
        keyframe: sequence.is_multiple_of(20),
        discontinuity: sequence == 0,
        data: Bytes::from_static(&[0; 1000]),
    }
}

/// A chunk of media captured at `after` ms whose media time starts at zero again.
pub(super) fn chunk_of_second_epoch(sequence: u64, first: u64, after: u64) -> Chunk {
    let start = (sequence - first) * CHUNK_MS;
    Chunk {
        init: 2,
        sequence,
        start: Timestamp::from_micros((start * 1000) as i64),
        captured: WallClock::from_micros(WALL + ((after + start) * 1000) as i64),
        keyframe: (sequence - first).is_multiple_of(20),
        discontinuity: sequence == first,
        ..chunk(0)
    }
}

pub(super) struct Viewer {
    pub(super) start: Instant,
    pub(super) now: u64,
    pub(super) playout: Playout,
    pub(super) audio: AudioQueue,
    /// What happens when, in ms.
    pub(super) plan: Vec<(u64, Input)>,
    pub(super) released: Vec<Release>,
    pub(super) events: Vec<(u64, Event)>,
    pub(super) starts: Vec<(u64, i64)>,
    pub(super) rates: Vec<f64>,
    /// The clock every 10 ms, as (now, media time) in ms, while it runs.
    pub(super) clock: Vec<(u64, f64)>,
    pub(super) most_bytes: usize,
    pub(super) timeouts: u64,
}

impl Viewer {
    pub(super) fn new(target_ms: u64, buffer_bytes: usize) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the start of virtual time")]
        let start = Instant::now() + Duration::from_secs(3600);
        let target_delay = Duration::from_millis(target_ms);
        let config = PlayoutConfig { target_delay, buffer_bytes, wall: WallClock::from_micros(WALL) };
        let mut viewer = Self {
            start,
            now: 0,
            playout: Playout::new(&config, start),
            audio: AudioQueue::new(1.0),
            plan: Vec::new(),
            released: Vec::new(),
            events: Vec::new(),
            starts: Vec::new(),
            rates: Vec::new(),
            clock: Vec::new(),
            most_bytes: 0,
            timeouts: 0,
        };
        viewer.input(Input::Init(1));
        viewer
    }

    /// Chunks of `sequences` arrive `transit` ms after they are complete.
    pub(super) fn arrivals(
        mut self,
        sequences: impl IntoIterator<Item = u64>,
        transit: impl Fn(u64) -> Option<u64>,
    ) -> Self {
        for sequence in sequences {
            if let Some(transit) = transit(sequence) {
                self.plan.push(((sequence + 1) * CHUNK_MS + transit, Input::Chunk(chunk(sequence))));
            }
        }
        self
    }

    pub(super) fn at(mut self, when: u64, input: Input) -> Self {
        self.plan.push((when, input));
        self
    }

    pub(super) fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    pub(super) fn input(&mut self, input: Input) {
        let now = self.instant();
        let reading = self.audio.reading(now);
        self.playout.handle(now, Input::Clock(reading));
        self.drain();
        self.playout.handle(now, input);
        self.drain();
        self.most_bytes = self.most_bytes.max(self.playout.stats(now).bytes);
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.playout.poll_output() {
            match output {
                Output::Start { generation, position, at } => {
                    self.audio.start(generation, position, at);
                    self.starts.push((self.now, position.as_micros() / 1000));
                }
                Output::Hold => self.audio.set_hold(true),
                Output::Go => self.audio.set_hold(false),
                Output::Rate(rate) => {
                    self.rates.push(rate);
                    self.audio.set_rate(rate);
                }
                Output::Event(event) => self.events.push((self.now, event)),
                Output::Release(release) => {
                    let chunk = &release.chunk;
                    let frames = (chunk.duration.min(Duration::from_secs(1)).as_micros() * 48 / 1000) as usize;
                    let samples = vec![0.25; frames * CHANNELS];
                    self.audio.push(AudioFrame { timestamp: chunk.start, captured: chunk.captured, samples });
                    self.audio.extend_to(chunk.start.saturating_add(chunk.duration.min(Duration::from_secs(10))));
                    self.released.push(release);
                }
            }
        }
    }

    pub(super) fn run(&mut self, until: u64) {
        self.plan.sort_by_key(|(when, _)| std::cmp::Reverse(*when));
        let mut out = vec![0.0; 480 * CHANNELS];
        while self.now < until {
            while self.plan.last().is_some_and(|(when, _)| *when <= self.now) {
                let (_, input) = self.plan.pop().expect("it was there");
                self.input(input);
            }
            let now = self.instant();
            if self.now.is_multiple_of(10) {
                self.audio.pull(&mut out, now);
                let reading = self.audio.reading(now);
                if reading.running {
                    self.clock.push((self.now, reading.position.as_micros() as f64 / 1000.0));
                }
            }
            if self.playout.poll_timeout().is_some_and(|at| at <= now) {
                self.timeouts += 1;
                self.input(Input::Timeout);
            }
            self.now += 1;
        }
    }

    pub(super) fn delay_at(&self, when: u64) -> f64 {
        let (now, position) = *self.clock.iter().rev().find(|(now, _)| *now <= when).expect("the clock ran");
        now as f64 - position
    }

    pub(super) fn sequences(&self) -> Vec<u64> {
        self.released.iter().map(|release| release.chunk.sequence).collect()
    }

    pub(super) fn stats(&self) -> PlayoutStats {
        self.playout.stats(self.instant())
    }
}
