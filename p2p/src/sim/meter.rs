//! Counting what happens, in little room.

use super::report::Percentiles;

/// Width of a bin of a histogram, in microseconds.
const BIN: u64 = 500;
/// Where histograms end: what is above counts as this.
const BINS: usize = 60_000;

/// How times are spread, to half a millisecond and up to 30 seconds.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    bins: Vec<u32>,
    count: u64,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self { bins: Vec::new(), count: 0 }
    }

    pub(super) fn add(&mut self, micros: u64) {
        let bin = ((micros / BIN) as usize).min(BINS);
        if bin >= self.bins.len() {
            self.bins.resize(bin + 1, 0);
        }
        self.bins[bin] += 1;
        self.count += 1;
    }

    /// The time in milliseconds below which this share lies.
    pub(super) fn at(&self, share: f64) -> f64 {
        let rank = ((self.count as f64 * share) as u64).min(self.count.saturating_sub(1));
        let mut below = 0;
        for (bin, count) in self.bins.iter().enumerate() {
            below += u64::from(*count);
            if below > rank {
                return (bin as f64 + 0.5) * BIN as f64 / 1e3;
            }
        }
        0.0
    }

    pub(super) fn percentiles(&self) -> Percentiles {
        Percentiles { p50: self.at(0.50), p95: self.at(0.95), p99: self.at(0.99) }
    }

    /// The share of values up to each of these milliseconds.
    pub(super) fn curve(&self, millis: impl Iterator<Item = u64>) -> Vec<(f64, f64)> {
        let total = self.count.max(1) as f64;
        let below = |ms: u64| {
            let until = ((ms * 1000 / BIN) as usize).min(self.bins.len());
            self.bins[..until].iter().map(|count| u64::from(*count)).sum::<u64>()
        };
        millis.map(|ms| (ms as f64, below(ms) as f64 / total)).collect()
    }
}

/// What came from whom in each second: viewers, broadcaster, server's node, origin; and how many viewers there were.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Second {
    /// Bytes from viewers, the broadcaster, the server's node and the origin.
    pub bytes_from: [u64; 4],
    /// Viewers at its end.
    pub viewers: usize,
}

impl Second {
    /// Share that came from viewers.
    pub fn offload(&self) -> f64 {
        offload(std::slice::from_ref(self))
    }
}

/// Share of what came within these seconds that came from viewers.
pub(super) fn offload(seconds: &[Second]) -> f64 {
    let from = |source: usize| seconds.iter().map(|second| second.bytes_from[source]).sum::<u64>();
    let all: u64 = (0..4).map(from).sum();
    if all == 0 { 0.0 } else { from(0) as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_knows_its_percentiles() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.percentiles(), Percentiles::default());
        (1..=100).for_each(|ms| histogram.add(ms * 1000));
        let found = histogram.percentiles();
        assert!((found.p50 - 51.0).abs() < 0.6 && (found.p99 - 100.0).abs() < 0.6, "{found:?}");
        let curve = histogram.curve([0, 50, 101].into_iter());
        assert_eq!(curve, [(0.0, 0.0), (50.0, 0.49), (101.0, 1.0)]);
    }

    #[test]
    fn offload_is_over_all_seconds() {
        let second = |bytes_from| Second { bytes_from, viewers: 1 };
        assert_eq!(offload(&[second([3, 0, 0, 0]), second([0, 1, 0, 0])]), 0.75);
        assert_eq!(offload(&[]), 0.0);
    }
}
