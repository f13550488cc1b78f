//! Where the clock is, how fast it should go, and when to look again.

use std::time::Instant;

use super::buffer::{Joint, joint};
use super::plan::{Kind, Plan};
use super::stats::StallChange;
use super::steps::{JUMP_ABOVE, JUMP_PAUSE, RELEASE_LEAD, SMALLEST_CUSHION, START_PATIENCE, STARVED_WITHIN, TICK};
use super::timeline::{Micros, between, shifted};
use super::{Chunk, Event, Mode, Output, Playout, WaitReason};
use crate::format::{Timestamp, WallClock};

impl Playout {
    /// Whether the clock can go on from what was released into `chunk`.
    pub(super) fn joins(&self, chunk: &Chunk) -> bool {
        joint(self.released_end, chunk.start) == Joint::Smooth
    }

    pub(super) fn starving(&self) -> bool {
        self.reading
            .is_some_and(|reading| reading.starved && between(reading.position, self.released_end) <= STARVED_WITHIN)
    }

    pub(super) fn position(&self, t: Micros) -> Timestamp {
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

    pub(super) fn delay(&self, t: Micros, position: Timestamp) -> Micros {
        let captured = WallClock::from_micros(shifted(position, self.capture_offset).as_micros());
        t.saturating_sub(self.timeline.captured(captured))
    }

    pub(super) fn ahead(&self, position: Timestamp) -> Micros {
        between(position, self.buffer.reach(self.next, self.released_end))
    }

    /// Where to jump to if the clock, at `position`, is further behind than hurrying can mend.
    pub(super) fn jump_plan(&self, t: Micros, position: Timestamp) -> Option<Plan> {
        let behind = self.delay(t, position).saturating_sub(self.held_target);
        if !self.live || behind <= JUMP_ABOVE {
            return None;
        }
        self.plan(t).filter(|plan| between(position, plan.position) > JUMP_ABOVE)
    }

    /// Looks at rate and jumps ten times a second.
    pub(super) fn tick(&mut self, t: Micros, now: Instant) {
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

    pub(super) fn measure_stall(&mut self, t: Micros, now: Instant) {
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

    pub(super) fn next_timeout(&self, t: Micros, now: Instant) -> Option<Instant> {
        let wake = match self.mode {
            Mode::Ended => None,
            _ if self.paused => None,
            Mode::Waiting { fallback_since, .. } => self.plan(t).map(|plan| match plan.kind {
                Kind::OnTarget => plan.at.saturating_sub(RELEASE_LEAD).max(t + TICK / 50),
                Kind::Overdue => fallback_since.unwrap_or(t).saturating_add(START_PATIENCE).max(t + TICK / 50),
            }),
            Mode::Stalled { .. } if self.buffer.is_empty() && self.last_of_broadcast.is_none() => None,
            Mode::Stalled { .. } => Some(t + TICK / 5),
            Mode::Playing => {
                let position = self.position(t);
                let dry = between(position, self.released_end).max(5000);
                let held = self.buffer.ready(self.next).is_some_and(|chunk| self.joins(chunk));
                let release = held.then(|| between(position, self.released_end) - RELEASE_LEAD);
                Some(t + release.unwrap_or(TICK).max(1000).min(dry).min(TICK))
            }
        };
        let wake = wake.map(|wake| self.timeline.instant(now, wake));
        [wake, self.meter.timeout()].into_iter().flatten().min()
    }
}
