//! The clock of a player without a sound card: media time that passes as it is told to. Pure.

use std::time::Instant;

use runnel_media::format::Timestamp;
use runnel_media::playout::ClockReading;

/// See the module.
#[derive(Debug)]
pub(super) struct PacedClock {
    generation: u32,
    /// Media time at `at`, in microseconds; it passes from then on.
    position: f64,
    at: Instant,
    /// Where the released media ends, beyond which the clock stands.
    until: f64,
    running: bool,
    rate: f64,
}

impl PacedClock {
    /// A clock that was never started.
    pub(super) fn new(now: Instant) -> Self {
        Self { generation: 0, position: 0.0, at: now, until: 0.0, running: false, rate: 1.0 }
    }

    /// Starts anew: `position` is shown at `at`, which may be ahead.
    pub(super) fn start(&mut self, generation: u32, position: Timestamp, at: Instant) {
        (self.generation, self.at, self.running) = (generation, at, true);
        self.position = position.as_micros() as f64;
        self.until = self.position;
    }

    /// Lets the clock go on up to there.
    pub(super) fn extend_to(&mut self, now: Instant, end: Timestamp) {
        self.turn(now);
        self.until = self.until.max(end.as_micros() as f64);
    }

    /// Stops the clock, or lets it go on.
    pub(super) fn set_running(&mut self, now: Instant, running: bool) {
        self.turn(now);
        self.running = running;
    }

    /// Goes faster or slower.
    pub(super) fn set_rate(&mut self, now: Instant, rate: f64) {
        self.turn(now);
        self.rate = rate;
    }

    /// Where the clock is.
    pub(super) fn reading(&mut self, now: Instant) -> ClockReading {
        self.turn(now);
        let ahead = self.at.saturating_duration_since(now).as_secs_f64() * 1e6;
        ClockReading {
            generation: self.generation,
            position: Timestamp::from_micros((self.position - ahead) as i64),
            at: now,
            running: self.running,
            starved: ahead == 0.0 && self.running && self.position >= self.until,
            rate: self.rate,
        }
    }

    /// Lets time pass up to now; a start that lies ahead stays there.
    fn turn(&mut self, now: Instant) {
        if self.at > now {
            return;
        }
        if self.running {
            let passed = now.saturating_duration_since(self.at).as_secs_f64() * 1e6 * self.rate;
            self.position = (self.position + passed).min(self.until.max(self.position));
        }
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant serves as the start of a test's time")]
    fn it_starts_when_it_is_told_and_stands_where_media_ends() {
        let now = Instant::now();
        let after = |ms: u64| now + Duration::from_millis(ms);
        let position = |clock: &mut PacedClock, ms: u64| clock.reading(after(ms)).position.as_micros();
        let mut clock = PacedClock::new(now);
        assert!(!clock.reading(now).running);
        clock.start(1, Timestamp::from_micros(1_000_000), after(100));
        clock.extend_to(now, Timestamp::from_micros(1_500_000));
        assert_eq!(
            [position(&mut clock, 0), position(&mut clock, 100), position(&mut clock, 300)],
            [900_000, 1_000_000, 1_200_000]
        );
        clock.set_rate(after(300), 2.0);
        assert_eq!(position(&mut clock, 400), 1_400_000);
        let end = clock.reading(after(900));
        assert_eq!((end.position.as_micros(), end.starved), (1_500_000, true));
        // What comes later goes on from where the clock stood.
        clock.extend_to(after(1000), Timestamp::from_micros(2_000_000));
        assert_eq!((position(&mut clock, 1000), position(&mut clock, 1100)), (1_500_000, 1_700_000));
        clock.set_running(after(1100), false);
        assert_eq!(position(&mut clock, 1500), 1_700_000);
        assert!(!clock.reading(after(1500)).starved, "a held clock does not starve");
        clock.set_running(after(1500), true);
        assert_eq!(position(&mut clock, 1600), 1_900_000);
    }
}
