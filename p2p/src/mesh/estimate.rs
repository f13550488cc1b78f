//! A running estimate of a time: its mean and how far values stray from it.

use std::time::Duration;

#[derive(Debug, Clone, Copy)]
pub(super) struct Estimate {
    mean: f64,
    deviation: f64,
    samples: u32,
}

impl Estimate {
    /// Assumes this until values come.
    pub(super) fn new(assumed: Duration) -> Self {
        let mean = assumed.as_secs_f64();
        Self { mean, deviation: mean / 2.0, samples: 0 }
    }

    pub(super) fn add(&mut self, value: Duration) {
        let value = value.as_secs_f64();
        self.samples = self.samples.saturating_add(1);
        // The first values count for more, so that the assumption is soon forgotten.
        let weight = (1.0 / f64::from(self.samples)).max(0.1);
        self.deviation += weight * ((value - self.mean).abs() - self.deviation);
        self.mean += weight * (value - self.mean);
    }

    pub(super) fn mean(&self) -> Duration {
        Duration::from_secs_f64(self.mean.max(0.0))
    }

    pub(super) fn deviation(&self) -> Duration {
        Duration::from_secs_f64(self.deviation.max(0.0))
    }

    /// A value from which on it is worth asking.
    pub(super) fn overdue(&self) -> Duration {
        self.mean() + self.deviation().mul_f64(2.5)
    }

    /// A value that few exceed.
    pub(super) fn high(&self) -> Duration {
        self.mean() + 3 * self.deviation()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settles_on_what_it_sees() {
        let mut estimate = Estimate::new(Duration::from_millis(200));
        for _ in 0..100 {
            estimate.add(Duration::from_millis(10));
        }
        assert!(estimate.mean() < Duration::from_millis(11), "{estimate:?}");
        assert!(estimate.high() < Duration::from_millis(20), "{estimate:?}");
    }
}
