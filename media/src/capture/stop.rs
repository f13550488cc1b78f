//! Telling threads to end, and waiting in a way that notices it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// A flag that every thread of a capture watches.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Asks all to stop, waking the sleeping ones.
    pub(crate) fn set(&self) {
        *self.0.0.lock() = true;
        self.0.1.notify_all();
    }

    /// Whether to stop.
    pub(crate) fn is_set(&self) -> bool {
        *self.0.0.lock()
    }

    /// Sleeps for `duration`; true as soon as it is time to stop.
    pub(crate) fn wait(&self, duration: Duration) -> bool {
        let mut stopped = self.0.0.lock();
        let _result = self.0.1.wait_while_for(&mut stopped, |stopped| !*stopped, duration);
        *stopped
    }

    /// Sleeps until `instant`; true as soon as it is time to stop.
    pub(crate) fn wait_until(&self, instant: Instant) -> bool {
        let mut stopped = self.0.0.lock();
        let _result = self.0.1.wait_while_until(&mut stopped, |stopped| !*stopped, instant);
        *stopped
    }
}

/// How long to wait before the next attempt: longer each time, but never so long that a person would notice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(250);

    /// The waiting time before a first retry; none becomes longer than `longest`.
    pub(crate) const fn up_to(longest: Duration) -> Self {
        Self { next: Self::FIRST, longest }
    }

    /// Begins with short waits again.
    pub(crate) fn reset(&mut self) {
        self.next = Self::FIRST;
    }

    /// The time to wait now; the next one is twice as long.
    pub(crate) fn next(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(self.longest);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_and_is_bounded() {
        let mut backoff = Backoff::up_to(Duration::from_secs(4));
        let waits: Vec<u128> = std::iter::repeat_with(|| backoff.next().as_millis()).take(6).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 4000]);
        backoff.reset();
        assert_eq!(backoff.next(), Duration::from_millis(250));
    }

    #[test]
    fn a_set_flag_ends_every_wait() {
        let stop = Stop::default();
        stop.set();
        assert!(stop.wait(Duration::from_secs(60)));
        assert!(stop.is_set());
    }
}
