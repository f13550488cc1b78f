//! The machine's transitions.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::buffer::{ChunkBuffer, Insert, Joint, joint};
use super::plan::{Kind, Plan};
use super::rate::RateController;
use super::stats::{StallChange, StallMeter};
use super::timeline::{Micros, Timeline, between, micros_of, shifted};
use super::{
    Chunk, ClockReading, Event, Input, Mode, Output, PlayState, Playout, PlayoutConfig, PlayoutStats, Release,
    WaitReason,
};
use crate::format::{Timestamp, WallClock};

/// Chunks go to the decoder this long before the clock reaches them.
const RELEASE_LEAD: Micros = 250_000;
/// A hole that will never be filled is stepped over this long before the clock reaches it.
const SKIP_LEAD: Micros = 80_000;
/// A late chunk is waited for at most this long.
const PATIENCE: Micros = 500_000;
/// Waiting for chunks nearer to the target ends when none has come for this long.
const START_PATIENCE: Micros = 400_000;
/// Further behind than this the clock jumps instead of hurrying.
const JUMP_ABOVE: Micros = 1_000_000;
/// Jumps of the machine's own are at least so far apart.
const JUMP_PAUSE: Micros = 3_000_000;
/// A viewer who is behind by less than this is live.
const LIVE_WITHIN: Micros = 150_000;
/// After a stop a longer gap in media time than this is left out.
const LARGEST_PLAYED_GAP: Micros = 100_000;
/// How often rate and statistics are looked at.
const TICK: Micros = 100_000;
/// Bounds of the cushion.
const SMALLEST_CUSHION: Micros = 80_000;
const LARGEST_CUSHION: Micros = 800_000;
/// The clock counts as out of media this close to the end of what was released.
const STARVED_WITHIN: Micros = 15_000;

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

    fn advance(&mut self, t: Micros, now: Instant) {
        // Every step releases, skips or changes the mode, so this ends; the bound is for what nobody thought of.
        for _ in 0..4096 {
            if !self.step(t, now) {
                break;
            }
        }
        if !self.started && self.mode == Mode::Playing && self.scheduled.is_some_and(|(at, _)| at <= t) {
            self.started = true;
        }
        self.tick(t, now);
        self.measure_stall(t, now);
        self.timeout = self.next_timeout(t, now);
    }

    fn step(&mut self, t: Micros, now: Instant) -> bool {
        match self.mode {
            Mode::Ended => false,
            _ if self.paused => false,
            Mode::Waiting { reason, fallback_since, gap } => self.step_waiting(t, now, reason, fallback_since, gap),
            Mode::Playing => self.step_playing(t, now),
            Mode::Stalled { since } => self.step_stalled(t, now, since),
        }
    }

    fn step_waiting(
        &mut self,
        t: Micros,
        now: Instant,
        reason: WaitReason,
        fallback_since: Option<Micros>,
        gap: Micros,
    ) -> bool {
        let Some(mut plan) = self.plan(t) else {
            if self.last_of_broadcast.is_some() && self.init.is_some() && self.buffer.is_empty() {
                self.finish(now);
            }
            return false;
        };
        match plan.kind {
            Kind::OnTarget if plan.at.saturating_sub(t) > RELEASE_LEAD && !self.live => {
                // Behind on purpose, and what was watched is gone: go on with the oldest at hand rather than wait for it.
                self.held_target =
                    self.held_target.saturating_sub(plan.at.saturating_sub(t).saturating_sub(RELEASE_LEAD));
                plan.at = t.saturating_add(RELEASE_LEAD);
            }
            Kind::OnTarget if plan.at.saturating_sub(t) > RELEASE_LEAD => return false,
            Kind::Overdue if self.last_of_broadcast.is_none() && !self.holds_live_edge() => {
                let nearer = plan.gap.saturating_add(20_000) < gap;
                let since = fallback_since.filter(|_| !nearer).unwrap_or(t);
                self.mode = Mode::Waiting { reason, fallback_since: Some(since), gap: plan.gap.min(gap) };
                if t.saturating_sub(since) < START_PATIENCE {
                    return false;
                }
            }
            Kind::OnTarget | Kind::Overdue => {}
        }
        self.begin(t, now, plan, reason);
        true
    }

    fn step_playing(&mut self, t: Micros, now: Instant) -> bool {
        let position = self.position(t);
        if let Some(chunk) = self.buffer.ready(self.next) {
            if !self.joins(chunk) {
                if self.starving() {
                    self.wait(WaitReason::Start);
                    return true;
                }
                return false;
            }
            // Counted from the end of what was released: a gap in media time lies before this chunk's start.
            if between(position, self.released_end) <= RELEASE_LEAD {
                self.release_next();
                return true;
            }
            return false;
        }
        let to = self.buffer.ready_after(self.next).map(|later| later.chunk.sequence);
        if let Some(to) = to
            && between(position, self.released_end) <= SKIP_LEAD
            && self.buffer.all_missing(self.next, to)
        {
            self.skip_to(to);
            return true;
        }
        if self.starving() {
            if self.over(t, t) {
                self.finish(now);
                return false;
            }
            self.mode = Mode::Stalled { since: t };
            self.outputs.push_back(Output::Hold);
            if self.started {
                self.cushion = (self.cushion * 2).min(LARGEST_CUSHION);
            }
            return true;
        }
        false
    }

    fn step_stalled(&mut self, t: Micros, now: Instant, since: Micros) -> bool {
        let waited = t.saturating_sub(since);
        if let Some(plan) = self.jump_plan(t, self.released_end) {
            self.begin(t, now, plan, WaitReason::Stall);
            return true;
        }
        if let Some(chunk) = self.buffer.ready(self.next) {
            if !self.joins(chunk) {
                self.wait(WaitReason::Start);
                return true;
            }
            let ahead = self.ahead(self.released_end);
            if ahead < self.cushion && waited < JUMP_ABOVE && self.last_of_broadcast.is_none() {
                return false;
            }
            if between(self.released_end, chunk.start) > LARGEST_PLAYED_GAP {
                // The stop was a gap in the media itself: it is not played a second time.
                let due = self.timeline.captured(chunk.captured).saturating_add(self.held_target);
                let (sequence, position) = (chunk.sequence, chunk.start);
                let latest = t.saturating_add(self.held_target).saturating_add(RELEASE_LEAD);
                let at = due.min(latest).max(t.saturating_add(STARVED_WITHIN));
                self.begin(t, now, Plan { kind: Kind::OnTarget, sequence, position, at, gap: 0 }, WaitReason::Start);
                return true;
            }
            self.mode = Mode::Playing;
            self.controller.reset();
            self.ahead_low = [Micros::MAX; 2];
            self.outputs.push_back(Output::Go);
            return true;
        }
        let Some(later) = self.buffer.ready_after(self.next) else {
            if self.over(t, since) {
                self.finish(now);
            }
            return false;
        };
        let (to, arrived) = (later.chunk.sequence, later.arrived);
        // After an outage chunks come in any order: the first to come must not make holes of the others.
        let waited = t.saturating_sub(since.max(arrived));
        // Waiting longer than the picture would stand still without the chunk helps nobody.
        let cost = self.buffer.keyframe_from(to).map_or(PATIENCE, |key| between(self.released_end, key.start));
        let patience = if (0..PATIENCE).contains(&cost) { cost } else { PATIENCE };
        if waited >= patience || self.buffer.all_missing(self.next, to) {
            self.skip_to(to);
            return true;
        }
        false
    }

    /// Whether the newest media that is known to exist is here.
    fn holds_live_edge(&self) -> bool {
        let newest =
            self.buffer.iter().map(|held| held.chunk.captured.as_micros().saturating_add(held.chunk.length())).max();
        self.live_edge.is_some_and(|edge| newest.is_some_and(|newest| newest >= edge.as_micros()))
    }

    /// Whether nothing more is to be expected at this place.
    fn over(&self, t: Micros, since: Micros) -> bool {
        match self.last_of_broadcast {
            None => false,
            Some(None) => self.buffer.is_empty(),
            Some(Some(last)) => self.buffer.is_empty() && (self.next > last || t.saturating_sub(since) >= PATIENCE),
        }
    }

    fn finish(&mut self, now: Instant) {
        self.mode = Mode::Ended;
        self.meter.cancel(now);
        self.outputs.push_back(Output::Hold);
        self.outputs.push_back(Output::Event(Event::Ended));
    }

    fn wait(&mut self, reason: WaitReason) {
        self.mode = Mode::Waiting { reason, fallback_since: None, gap: Micros::MAX };
    }

    fn begin(&mut self, t: Micros, now: Instant, plan: Plan, reason: WaitReason) {
        let Some(chunk) = self.buffer.ready(plan.sequence) else { return };
        let (start, offset) = (chunk.start, chunk.captured_minus_start());
        let same_clock = self.init.is_some() && offset.saturating_sub(self.capture_offset).unsigned_abs() < 1_000_000;
        let resumes = self.goes_on(chunk);
        let old = self.position(t);
        if !resumes {
            self.force_reset = true;
            self.needs_keyframe = true;
        }
        if reason != WaitReason::Start && same_clock {
            let skipped = u64::try_from(between(old, plan.position)).unwrap_or(0);
            self.outputs.push_back(Output::Event(Event::Jumped { skipped: Duration::from_micros(skipped) }));
            self.stats.jumps += 1;
            self.last_jump = Some(t);
        }
        if !same_clock {
            self.timeline.forget();
            for held in self.buffer.iter() {
                if held.chunk.sequence >= plan.sequence {
                    self.timeline.arrived(held.arrived, held.chunk.captured, held.chunk.duration);
                }
            }
        }
        self.generation = self.generation.wrapping_add(1);
        self.buffer.want_from(plan.sequence);
        self.next = plan.sequence;
        self.released_end = start;
        self.capture_offset = offset;
        self.freeze = None;
        self.reading = None;
        self.scheduled = Some((plan.at, plan.position));
        self.controller.reset();
        self.rate = 1.0;
        self.rate_due = plan.at.saturating_add(TICK);
        self.ahead_low = [Micros::MAX; 2];
        self.mode = Mode::Playing;
        let at = self.timeline.instant(now, plan.at);
        self.outputs.push_back(Output::Start { generation: self.generation, position: plan.position, at });
        self.outputs.push_back(Output::Rate(1.0));
    }

    fn release_next(&mut self) {
        let Some(held) = self.buffer.take(self.next) else { return };
        let chunk = held.chunk;
        let changed = chunk.discontinuity || self.init != Some(chunk.init);
        if changed && !chunk.keyframe {
            self.needs_keyframe = true;
        }
        let reset = chunk.keyframe && (changed || self.force_reset || self.needs_keyframe);
        let video = chunk.keyframe || !self.needs_keyframe;
        if chunk.keyframe {
            self.needs_keyframe = false;
            self.force_reset = false;
            if let Some((_, until)) = &mut self.freeze {
                until.get_or_insert(chunk.start);
            }
        } else if !video {
            self.freeze.get_or_insert((chunk.start, None)).1 = None;
        }
        self.init = Some(chunk.init);
        self.capture_offset = chunk.captured_minus_start();
        self.released_end = self.released_end.max(chunk.end());
        self.cushion = self.cushion.max(chunk.length().min(LARGEST_CUSHION));
        self.next = self.next.saturating_add(1);
        self.buffer.want_from(self.next);
        self.outputs.push_back(Output::Release(Release { chunk, reset, video }));
    }

    fn skip_to(&mut self, sequence: u64) {
        // A new epoch's numbers lie far above: that is one hole, not billions.
        let holes = sequence.saturating_sub(self.next);
        self.stats.missing += if holes > 100_000 { 1 } else { holes };
        self.next = sequence;
        self.buffer.want_from(sequence);
        self.needs_keyframe = true;
        self.freeze = Some((self.released_end, None));
    }

    /// Whether the clock can go on from what was released into `chunk`.
    pub(super) fn joins(&self, chunk: &Chunk) -> bool {
        joint(self.released_end, chunk.start) == Joint::Smooth
    }

    fn starving(&self) -> bool {
        self.reading
            .is_some_and(|reading| reading.starved && between(reading.position, self.released_end) <= STARVED_WITHIN)
    }

    fn position(&self, t: Micros) -> Timestamp {
        match (self.reading, self.scheduled) {
            (Some(reading), _) if reading.running && !self.paused && self.mode == Mode::Playing => {
                let since = t.saturating_sub(self.timeline.micros(reading.at)).clamp(-TICK, TICK);
                let run = shifted(reading.position, (since as f64 * self.rate) as Micros);
                run.min(self.released_end).max(reading.position)
            }
            (Some(reading), _) => reading.position,
            (None, Some((at, position))) => shifted(position, t.saturating_sub(at).clamp(0, TICK)),
            (None, None) => self.released_end,
        }
    }

    fn delay(&self, t: Micros, position: Timestamp) -> Micros {
        let captured = WallClock::from_micros(shifted(position, self.capture_offset).as_micros());
        t.saturating_sub(self.timeline.captured(captured))
    }

    fn ahead(&self, position: Timestamp) -> Micros {
        between(position, self.buffer.reach(self.next, self.released_end))
    }

    /// Where to jump to if the clock, at `position`, is further behind than hurrying can mend.
    fn jump_plan(&self, t: Micros, position: Timestamp) -> Option<Plan> {
        let behind = self.delay(t, position).saturating_sub(self.held_target);
        if !self.live || behind <= JUMP_ABOVE {
            return None;
        }
        self.plan(t).filter(|plan| between(position, plan.position) > JUMP_ABOVE)
    }

    /// Looks at rate and jumps ten times a second.
    fn tick(&mut self, t: Micros, now: Instant) {
        let running = self.reading.is_some_and(|reading| reading.running);
        if self.mode != Mode::Playing || self.paused || !running || t < self.rate_due {
            return;
        }
        self.rate_due = t.saturating_add(TICK);
        let position = self.position(t);
        let ahead = self.ahead(position);
        if t >= self.ahead_turn {
            self.ahead_low = [ahead, self.ahead_low[0]];
            self.ahead_turn = t.saturating_add(1_000_000);
        }
        self.ahead_low[0] = self.ahead_low[0].min(ahead);
        let margin = self.ahead_low[0].min(self.ahead_low[1]).saturating_sub(self.cushion);
        let behind = self.delay(t, position).saturating_sub(self.held_target);
        // Trust is earned back slowly: the cushion shrinks by half in some 70 s.
        self.cushion -= (self.cushion - SMALLEST_CUSHION) / 1000;

        let may_jump = self.last_jump.is_none_or(|last| t.saturating_sub(last) >= JUMP_PAUSE);
        if may_jump && let Some(plan) = self.jump_plan(t, position) {
            self.begin(t, now, plan, WaitReason::Jump);
            self.advance(t, now);
            return;
        }
        let rate = self.controller.update(behind as f64 / 1000.0, margin as f64 / 1000.0);
        if (rate - self.rate).abs() >= 0.0002 {
            self.rate = rate;
            self.outputs.push_back(Output::Rate(rate));
        }
    }

    fn measure_stall(&mut self, t: Micros, now: Instant) {
        let position = self.position(t);
        if let Some((_, Some(until))) = self.freeze
            && position >= until
        {
            self.freeze = None;
        }
        let frozen = match self.mode {
            Mode::Ended => false,
            _ if self.paused || !self.started => false,
            Mode::Stalled { .. } => true,
            Mode::Waiting { reason, .. } => reason != WaitReason::Jump,
            // Until the clock really runs again a stop goes on.
            Mode::Playing if self.meter.stopped() && self.scheduled.is_some_and(|(at, _)| t < at) => true,
            Mode::Playing => self.freeze.is_some_and(|(from, _)| position >= from),
        };
        match self.meter.update(now, frozen) {
            Some(StallChange::Stalled) => self.outputs.push_back(Output::Event(Event::Stalled)),
            Some(StallChange::Resumed(after)) => self.outputs.push_back(Output::Event(Event::Resumed { after })),
            None => {}
        }
    }

    fn next_timeout(&self, t: Micros, now: Instant) -> Option<Instant> {
        let wake = match self.mode {
            Mode::Ended => None,
            _ if self.paused => None,
            Mode::Waiting { fallback_since: Some(since), .. } => Some(since.saturating_add(START_PATIENCE)),
            Mode::Waiting { .. } => self.plan(t).map(|plan| plan.at.saturating_sub(RELEASE_LEAD).max(t + 1000)),
            Mode::Stalled { .. } if self.buffer.is_empty() && self.last_of_broadcast.is_none() => None,
            Mode::Stalled { .. } => Some(t + TICK / 5),
            Mode::Playing => {
                let position = self.position(t);
                let dry = between(position, self.released_end).max(5000);
                let held = self.buffer.ready(self.next).is_some();
                let release = held.then(|| between(position, self.released_end) - RELEASE_LEAD);
                Some(t + release.unwrap_or(TICK).max(1000).min(dry).min(TICK))
            }
        };
        let wake = wake.map(|wake| self.timeline.instant(now, wake));
        [wake, self.meter.timeout()].into_iter().flatten().min()
    }
}
