//! Turning the publisher's wall clock into this machine's time, without trusting either.

use std::time::{Duration, Instant};

use crate::format::{Timestamp, WallClock};

/// Microseconds since the player's anchor; negative before it.
pub(super) type Micros = i64;

/// Where the publisher's wall clock lies on this machine's monotonic time.
///
/// The system's wall clock is read once, so a clock that is set while playing moves nothing.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    anchor: Instant,
    wall: i64,
    skew: Micros,
}

impl Timeline {
    /// The publisher's clock showed `wall` at `anchor`.
    pub(super) fn new(anchor: Instant, wall: WallClock) -> Self {
        Self { anchor, wall: wall.as_micros(), skew: 0 }
    }

    /// Time since the anchor.
    pub(super) fn micros(&self, now: Instant) -> Micros {
        match now.checked_duration_since(self.anchor) {
            Some(after) => micros_of(after),
            None => -micros_of(self.anchor.saturating_duration_since(now)),
        }
    }

    /// The instant of a time since the anchor; times beyond a day from `now` are cut to it.
    pub(super) fn instant(&self, now: Instant, at: Micros) -> Instant {
        const DAY: Micros = 86_400_000_000;
        let ahead = at.saturating_sub(self.micros(now)).clamp(-DAY, DAY);
        let span = Duration::from_micros(ahead.unsigned_abs());
        if ahead >= 0 { now + span } else { now.checked_sub(span).unwrap_or(now) }
    }

    /// When, on this machine's time, something was captured.
    pub(super) fn captured(&self, captured: WallClock) -> Micros {
        captured.as_micros().saturating_sub(self.wall).saturating_add(self.skew)
    }

    /// Learns from an arrival: nothing can arrive before it was captured, so a clock that says so is wrong by that much.
    pub(super) fn arrived(&mut self, at: Micros, captured: WallClock, duration: Duration) {
        let transit = at.saturating_sub(self.captured(captured)).saturating_sub(micros_of(duration));
        if transit < 0 {
            self.skew = self.skew.saturating_add(transit);
        }
    }

    /// Takes a better measurement of the publisher's clock.
    pub(super) fn set_wall(&mut self, wall: WallClock) {
        self.wall = wall.as_micros();
        self.skew = 0;
    }

    /// Forgets what arrivals taught: another publishing machine has another clock.
    pub(super) fn forget(&mut self) {
        self.skew = 0;
    }
}

/// A duration in microseconds, saturating.
pub(super) fn micros_of(duration: Duration) -> Micros {
    Micros::try_from(duration.as_micros()).unwrap_or(Micros::MAX)
}

/// A timestamp moved by signed microseconds, saturating.
pub(super) fn shifted(timestamp: Timestamp, by: Micros) -> Timestamp {
    Timestamp::from_micros(timestamp.as_micros().saturating_add(by))
}

/// `later - earlier` in signed microseconds, saturating.
pub(super) fn between(earlier: Timestamp, later: Timestamp) -> Micros {
    later.as_micros().saturating_sub(earlier.as_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the start of virtual time")]
    fn a_publisher_from_the_future_is_corrected_and_one_from_the_past_is_believed() {
        let anchor = Instant::now();
        let mut timeline = Timeline::new(anchor, WallClock::from_micros(1_000_000_000));
        let chunk = Duration::from_millis(100);
        timeline.arrived(500_000, WallClock::from_micros(1_000_200_000), chunk);
        assert_eq!(timeline.captured(WallClock::from_micros(1_000_200_000)), 200_000);
        timeline.arrived(600_000, WallClock::from_micros(1_005_500_000), chunk);
        assert_eq!(timeline.captured(WallClock::from_micros(1_005_500_000)), 500_000);
        timeline.arrived(700_000, WallClock::from_micros(i64::MAX), chunk);
        timeline.arrived(700_000, WallClock::from_micros(i64::MIN), chunk);
        assert_eq!(timeline.instant(anchor, -1_000_000) + Duration::from_secs(1), anchor);
        timeline.instant(anchor, i64::MAX);
        timeline.instant(anchor, i64::MIN);
    }
}
