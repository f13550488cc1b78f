//! How long each stage takes, over the last few hundred pictures: pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::types::StageTimes;

/// Samples kept for each stage.
const SAMPLES: usize = 512;

/// Recent durations by stage.
#[derive(Debug, Default)]
pub(crate) struct Timings(BTreeMap<&'static str, VecDeque<u32>>);

impl Timings {
    /// One more sample of a stage.
    pub(crate) fn add(&mut self, stage: &'static str, took: Duration) {
        let samples = self.0.entry(stage).or_default();
        if samples.len() == SAMPLES {
            samples.pop_front();
        }
        samples.push_back(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// Quantiles of every stage.
    pub(crate) fn summary(&self) -> BTreeMap<String, StageTimes> {
        let of = |samples: &VecDeque<u32>| {
            let mut sorted: Vec<u32> = samples.iter().copied().collect();
            sorted.sort_unstable();
            let at = |percent: usize| f64::from(sorted[(sorted.len() - 1) * percent / 100]) / 1000.0;
            StageTimes { p50: at(50), p95: at(95) }
        };
        self.0
            .iter()
            .filter(|(_, samples)| !samples.is_empty())
            .map(|(stage, samples)| ((*stage).to_owned(), of(samples)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_newest_samples() {
        let mut timings = Timings::default();
        for _ in 0..1000 {
            timings.add("encode", Duration::from_secs(9));
        }
        for millis in 1..=SAMPLES as u64 {
            timings.add("encode", Duration::from_millis(millis));
        }
        assert_eq!(timings.summary()["encode"], StageTimes { p50: 256.0, p95: 486.0 });
    }
}
