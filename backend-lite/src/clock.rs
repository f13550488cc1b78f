//! Where the server's time comes from: the system, or a test's hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that everything in the server shares.
///
/// A manual one stands still until [`Clock::advance`] moves it, so that tests of minutes take no time.
#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    System,
    Manual { start: Instant, start_wall: i64, micros: Arc<AtomicU64> },
}

impl Clock {
    /// The system's clocks.
    pub fn system() -> Self {
        Self { source: Source::System }
    }

    /// A clock that begins now and moves only by [`Clock::advance`].
    pub fn manual() -> Self {
        let system = Self::system();
        Self {
            source: Source::Manual {
                start: system.now(),
                start_wall: system.unix_micros(),
                micros: Arc::new(AtomicU64::new(0)),
            },
        }
    }

    /// Moves a manual clock; the system's does not listen.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual { micros, .. } = &self.source {
            micros.fetch_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX), Ordering::SeqCst);
        }
    }

    /// Monotonic time, for intervals.
    #[expect(clippy::disallowed_methods, reason = "the one place where the server reads the monotonic clock")]
    pub fn now(&self) -> Instant {
        match &self.source {
            Source::System => Instant::now(),
            Source::Manual { start, micros, .. } => *start + Duration::from_micros(micros.load(Ordering::SeqCst)),
        }
    }

    /// Wall-clock time in microseconds since 1970.
    #[expect(clippy::disallowed_methods, reason = "the one place where the server reads the wall clock")]
    pub fn unix_micros(&self) -> i64 {
        match &self.source {
            Source::System => {
                // A clock before 1970 is broken; 0 keeps the server running.
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
            }
            Source::Manual { start_wall, micros, .. } => {
                start_wall.saturating_add_unsigned(micros.load(Ordering::SeqCst))
            }
        }
    }

    /// Wall-clock time in seconds since 1970.
    pub fn unix_seconds(&self) -> i64 {
        self.unix_micros() / 1_000_000
    }
}

/// `seconds` after `now`, without running over.
pub(crate) fn after(now: i64, seconds: Duration) -> i64 {
    now.saturating_add(i64::try_from(seconds.as_secs()).unwrap_or(i64::MAX))
}
