//! The machine's transitions: one small decision at a time until nothing is left to decide.

use std::time::{Duration, Instant};

use super::plan::{Kind, Plan};
use super::timeline::{Micros, between};
use super::{Event, Mode, Output, Playout, Release, WaitReason};

/// Chunks go to the decoder this long before the clock reaches them.
pub(super) const RELEASE_LEAD: Micros = 250_000;
/// A hole that will never be filled is stepped over this long before the clock reaches it.
pub(super) const SKIP_LEAD: Micros = 80_000;
/// A late chunk is waited for at most this long.
pub(super) const PATIENCE: Micros = 500_000;
/// Waiting for chunks nearer to the target ends when none has come for this long.
pub(super) const START_PATIENCE: Micros = 400_000;
/// Further behind than this the clock jumps instead of hurrying.
pub(super) const JUMP_ABOVE: Micros = 1_000_000;
/// Jumps of the machine's own are at least so far apart.
pub(super) const JUMP_PAUSE: Micros = 3_000_000;
/// A viewer who is behind by less than this is live.
pub(super) const LIVE_WITHIN: Micros = 150_000;
/// After a stop a longer gap in media time than this is left out.
pub(super) const LARGEST_PLAYED_GAP: Micros = 100_000;
/// How often rate and statistics are looked at.
pub(super) const TICK: Micros = 100_000;
/// Bounds of the cushion.
pub(super) const SMALLEST_CUSHION: Micros = 80_000;
pub(super) const LARGEST_CUSHION: Micros = 800_000;
/// The clock counts as out of media this close to the end of what was released.
pub(super) const STARVED_WITHIN: Micros = 15_000;

impl Playout {
    pub(super) fn advance(&mut self, t: Micros, now: Instant) {
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
            Kind::Overdue if self.last_of_broadcast.is_none() && !self.holds_live_edge(plan.sequence) => {
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

    /// Whether everything from this chunk to the newest that is known to exist is here: what a newcomer is still being
    /// given may bring it nearer to live than what came first.
    fn holds_live_edge(&self, from: u64) -> bool {
        let Some(edge) = self.live_edge else { return false };
        let (mut next, mut newest) = (from, i64::MIN);
        for chunk in self.buffer.iter().map(|held| &held.chunk).skip_while(|chunk| chunk.sequence < from) {
            if chunk.sequence != next {
                break;
            }
            next = next.saturating_add(1);
            newest = newest.max(chunk.captured.as_micros().saturating_add(chunk.length()));
        }
        newest >= edge.as_micros()
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

    pub(super) fn wait(&mut self, reason: WaitReason) {
        self.mode = Mode::Waiting { reason, fallback_since: None, gap: Micros::MAX };
    }

    pub(super) fn begin(&mut self, t: Micros, now: Instant, plan: Plan, reason: WaitReason) {
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
}
