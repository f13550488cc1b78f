//! What can be said to the machine, and what can be asked of it.

use std::collections::VecDeque;
use std::time::Instant;

use super::buffer::{ChunkBuffer, Insert};
use super::rate::RateController;
use super::stats::StallMeter;
use super::steps::{LIVE_WITHIN, SKIP_LEAD, SMALLEST_CUSHION};
use super::timeline::{Micros, Timeline, between, micros_of, shifted};
use super::{Chunk, ClockReading, Input, Mode, Output, PlayState, Playout, PlayoutConfig, PlayoutStats, WaitReason};
use crate::format::{Timestamp, WallClock};

impl Playout {
    /// A player to which nothing has come yet.
    pub fn new(config: &PlayoutConfig, now: Instant) -> Self {
        let target = micros_of(config.target_delay);
        Self {
            timeline: Timeline::new(now, config.wall),
            buffer: ChunkBuffer::new(config.buffer_bytes),
            outputs: VecDeque::new(),
            timeout: None,
            mode: Mode::Waiting { reason: WaitReason::Start, fallback_since: None, gap: Micros::MAX },
            paused: false,
            target,
            held_target: target,
            live: true,
            next: 0,
            released_end: Timestamp::ZERO,
            capture_offset: 0,
            init: None,
            needs_keyframe: true,
            force_reset: true,
            freeze: None,
            generation: 0,
            reading: None,
            scheduled: None,
            started: false,
            rate: 1.0,
            controller: RateController::new(),
            rate_due: 0,
            ahead_low: [Micros::MAX; 2],
            ahead_turn: 0,
            cushion: SMALLEST_CUSHION,
            last_jump: None,
            last_of_broadcast: None,
            live_edge: None,
            meter: StallMeter::default(),
            stats: PlayoutStats::default(),
        }
    }

    /// Takes in what happened; drain [`Playout::poll_output`] afterwards.
    pub fn handle(&mut self, now: Instant, input: Input) {
        let t = self.timeline.micros(now);
        match input {
            Input::Chunk(chunk) => self.insert(t, chunk),
            Input::Init(init) => self.buffer.add_init(init),
            Input::Missing(sequence) => self.buffer.mark_missing(sequence),
            Input::LiveEdge(captured) => self.live_edge = self.live_edge.max(Some(captured)),
            Input::End(last) => self.last_of_broadcast = Some(last),
            Input::Clock(reading) => self.read_clock(reading),
            Input::DecodeFailed => self.lose_picture(t),
            Input::Paused(paused) => self.set_paused(t, now, paused),
            Input::JumpToLive => self.jump_to_live(t, now),
            Input::TargetDelay(delay) => {
                self.target = micros_of(delay);
                if self.live {
                    self.held_target = self.target;
                }
            }
            Input::Wall(wall) => self.timeline.set_wall(wall),
            Input::Timeout => {}
        }
        self.advance(t, now);
    }

    /// The next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to come back with [`Input::Timeout`] if nothing else happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    /// What was counted, and where the player is at `now`.
    pub fn stats(&self, now: Instant) -> PlayoutStats {
        let t = self.timeline.micros(now);
        let millis = |micros: Micros| micros as f64 / 1000.0;
        let mut stats = self.stats;
        if self.init.is_some() {
            let position = self.position(t);
            stats.delay_ms = millis(self.delay(t, position));
            stats.behind_ms = stats.delay_ms - millis(self.target);
            stats.ahead_ms = millis(self.ahead(position)).max(0.0);
        }
        stats.stalls = self.meter.stalls();
        stats.stalled = self.meter.total(now);
        stats.bytes = self.buffer.bytes();
        stats.rate = self.rate;
        stats.live = self.live;
        stats.state = match self.mode {
            Mode::Ended => PlayState::Ended,
            _ if self.paused => PlayState::Paused,
            _ if !self.started => PlayState::Waiting,
            Mode::Stalled { .. } | Mode::Waiting { reason: WaitReason::Start | WaitReason::Stall, .. } => {
                PlayState::Stalled
            }
            Mode::Waiting { reason: WaitReason::Jump, .. } | Mode::Playing => PlayState::Playing,
        };
        stats
    }

    /// The first sequence that could still be played; `None` before the first chunk.
    pub fn wanted_from(&self) -> Option<u64> {
        (self.init.is_some() || !self.buffer.is_empty()).then(|| self.next.max(self.buffer.first_wanted()))
    }

    /// When a chunk captured then has to be here, at the latest, to be shown in time.
    pub fn deadline(&self, now: Instant, captured: WallClock) -> Instant {
        let due = self.timeline.captured(captured).saturating_add(self.held_target);
        self.timeline.instant(now, due.saturating_sub(SKIP_LEAD))
    }

    /// Media time on the clock at `now` and its capture by the publisher's wall clock, once something plays.
    pub fn playhead(&self, now: Instant) -> Option<(Timestamp, WallClock)> {
        let position = self.init.map(|_| self.position(self.timeline.micros(now)))?;
        Some((position, WallClock::from_micros(shifted(position, self.capture_offset).as_micros())))
    }

    fn insert(&mut self, t: Micros, chunk: Chunk) {
        self.stats.received += 1;
        let (captured, duration) = (chunk.captured, chunk.duration);
        match self.buffer.insert(chunk, t) {
            Insert::Late => self.stats.late += 1,
            Insert::Duplicate => self.stats.duplicate += 1,
            Insert::Kept => {
                self.timeline.arrived(t, captured, duration);
                self.stats.dropped += self.buffer.trim();
                if self.mode == Mode::Ended {
                    self.last_of_broadcast = None;
                    self.wait(WaitReason::Start);
                }
            }
        }
    }

    fn read_clock(&mut self, reading: ClockReading) {
        if reading.generation == self.generation && self.reading.is_none_or(|old| old.position <= reading.position) {
            self.reading = Some(reading);
        }
    }

    fn lose_picture(&mut self, t: Micros) {
        self.needs_keyframe = true;
        let position = self.position(t);
        self.freeze = Some((position, None));
    }

    fn set_paused(&mut self, t: Micros, now: Instant, paused: bool) {
        if paused == self.paused {
            return;
        }
        self.paused = paused;
        if paused {
            self.outputs.push_back(Output::Hold);
            self.meter.cancel(now);
            return;
        }
        if matches!(self.mode, Mode::Playing | Mode::Stalled { .. }) {
            let delay = self.delay(t, self.position(t));
            if delay.saturating_sub(self.target) > LIVE_WITHIN {
                self.live = false;
                self.held_target = delay;
            }
            self.controller.reset();
        }
        if self.mode == Mode::Playing {
            self.outputs.push_back(Output::Go);
        }
    }

    fn jump_to_live(&mut self, t: Micros, now: Instant) {
        self.live = true;
        self.held_target = self.target;
        self.set_paused(t, now, false);
        // Resuming must not make "behind on purpose" of what is a wish to be live.
        self.live = true;
        self.held_target = self.target;
        let position = self.position(t);
        if matches!(self.mode, Mode::Playing | Mode::Stalled { .. })
            && self.delay(t, position).saturating_sub(self.held_target) > LIVE_WITHIN
            && let Some(plan) = self.plan(t)
            && between(position, plan.position) > LIVE_WITHIN / 2
        {
            self.begin(t, now, plan, WaitReason::Jump);
        }
    }
}
