//! A token bucket. Pure.

use std::time::Instant;

/// Lets `rate` units through each second on average and at most `burst` at once.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    rate: f64,
    burst: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(rate: f64, burst: f64, now: Instant) -> Self {
        Self { rate, burst, level: burst, at: now }
    }

    /// Takes `units`, or nothing if there are not enough.
    pub(crate) fn take(&mut self, now: Instant, units: f64) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.level = (self.level + passed * self.rate).min(self.burst);
        if self.level < units {
            return false;
        }
        self.level -= units;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let mut bucket = Bucket::new(10.0, 20.0, start);
        assert_eq!((0..100).filter(|_| bucket.take(start, 1.0)).count(), 20);
        let passed = (1..=1000).filter(|ms| bucket.take(start + Duration::from_millis(*ms), 1.0)).count();
        assert!((9..=10).contains(&passed), "{passed}");
        assert!(!bucket.take(start, 1.0), "a clock that goes back gives nothing");
    }
}
