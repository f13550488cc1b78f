//! The one clock that every capture time of a broadcast is measured against.

use std::time::{Duration, Instant};

use crate::format::{Timestamp, WallClock};

/// Where media time zero lies on the monotonic clock and on the wall clock.
///
/// The wall clock is read once, when the clock starts: when somebody sets the machine's time afterwards,
/// neither media time nor the wall-clock times derived from it jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureClock {
    epoch: Instant,
    wall: WallClock,
}

impl CaptureClock {
    /// A clock whose media time zero is at `epoch`, when the wall clock said `wall`.
    pub const fn new(epoch: Instant, wall: WallClock) -> Self {
        Self { epoch, wall }
    }

    /// A clock that starts now.
    pub fn start() -> Self {
        Self::start_shifted(0)
    }

    /// A clock that starts now and whose wall clock is `offset_micros` ahead of this machine's.
    #[expect(clippy::disallowed_methods, reason = "the one place where a broadcast reads both clocks")]
    pub fn start_shifted(offset_micros: i64) -> Self {
        let wall = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
        Self::new(Instant::now(), WallClock::from_micros(wall.saturating_add(offset_micros)))
    }

    /// Media time at `now`; negative before the epoch.
    pub fn timestamp(&self, now: Instant) -> Timestamp {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        match now.checked_duration_since(self.epoch) {
            Some(after) => Timestamp::from_micros(micros(after)),
            None => Timestamp::from_micros(-micros(self.epoch.saturating_duration_since(now))),
        }
    }

    /// The instant of a media time; the epoch where the platform cannot represent it.
    pub fn instant(&self, timestamp: Timestamp) -> Instant {
        let offset = Duration::from_micros(timestamp.as_micros().unsigned_abs());
        let instant =
            if timestamp.as_micros() < 0 { self.epoch.checked_sub(offset) } else { self.epoch.checked_add(offset) };
        instant.unwrap_or(self.epoch)
    }

    /// The wall-clock time of a media time.
    pub fn wall_clock(&self, timestamp: Timestamp) -> WallClock {
        WallClock::from_micros(self.wall.as_micros().saturating_add(timestamp.as_micros()))
    }

    /// Media time at this moment.
    #[expect(clippy::disallowed_methods, reason = "capture threads are drivers; pure code is given a timestamp")]
    pub fn now(&self) -> Timestamp {
        self.timestamp(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_clock_differs_by_its_offset() {
        let (plain, shifted) = (CaptureClock::start(), CaptureClock::start_shifted(-5_000_000));
        let wall = |clock: CaptureClock| clock.wall_clock(clock.timestamp(plain.epoch)).as_micros();
        // What lies between the two starts is on both clocks.
        assert!((wall(plain) - wall(shifted) - 5_000_000).abs() < 1_000_000);
    }

    #[test]
    fn the_three_times_agree() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let epoch = Instant::now();
        let clock = CaptureClock::new(epoch, WallClock::from_micros(1_000_000));
        let at = epoch + Duration::from_millis(250);
        let timestamp = clock.timestamp(at);
        assert_eq!(timestamp, Timestamp::from_micros(250_000));
        assert_eq!(clock.instant(timestamp), at);
        assert_eq!(clock.wall_clock(timestamp), WallClock::from_micros(1_250_000));
        let before = Timestamp::from_micros(-5_000);
        assert_eq!(clock.timestamp(clock.instant(before)), before);
        assert_eq!(clock.wall_clock(before), WallClock::from_micros(995_000));
    }
}
