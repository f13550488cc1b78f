//! Counting what a viewer lived through: spreads of measurements and time without a moving picture.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Quantiles of a measurement, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many values were measured since the start.
    pub count: u64,
    /// 5 % of the recent values are at most this.
    pub p5: f64,
    /// The median.
    pub p50: f64,
    /// 95 % of the recent values are at most this.
    pub p95: f64,
    /// 99 % of the recent values are at most this.
    pub p99: f64,
    /// The largest recent value.
    pub max: f64,
}

/// The latest values of a measurement, bounded.
#[derive(Clone, Debug)]
pub struct Quantiles {
    values: VecDeque<f32>,
    count: u64,
}

impl Quantiles {
    /// Values kept: four and a half minutes of pictures at 30 a second.
    pub const CAPACITY: usize = 8192;

    /// No values yet.
    pub fn new() -> Self {
        Self { values: VecDeque::new(), count: 0 }
    }

    /// Adds a value in milliseconds; values that are not finite are ignored.
    pub fn push(&mut self, millis: f64) {
        if !millis.is_finite() {
            return;
        }
        if self.values.len() == Self::CAPACITY {
            self.values.pop_front();
        }
        self.values.push_back(millis as f32);
        self.count += 1;
    }

    /// The spread of what is kept.
    pub fn spread(&self) -> Spread {
        let mut sorted: Vec<f32> = self.values.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let Some(&max) = sorted.last() else { return Spread::default() };
        let at = |share: f64| f64::from(sorted[((sorted.len() - 1) as f64 * share).round() as usize]);
        Spread { count: self.count, p5: at(0.05), p50: at(0.5), p95: at(0.95), p99: at(0.99), max: f64::from(max) }
    }
}

impl Default for Quantiles {
    fn default() -> Self {
        Self::new()
    }
}

/// What [`StallMeter::update`] noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StallChange {
    /// The picture stopped for lack of data.
    Stalled,
    /// It moves again, after so long.
    Resumed(Duration),
}

/// Counts the time in which a picture should have moved and could not.
#[derive(Clone, Debug, Default)]
pub(super) struct StallMeter {
    since: Option<Instant>,
    announced: bool,
    stalls: u64,
    total: Duration,
}

impl StallMeter {
    /// Shorter stops than this are within one picture and nobody sees them.
    const NOTICEABLE: Duration = Duration::from_millis(20);

    /// Tells the meter whether the picture stands still for lack of data.
    pub(super) fn update(&mut self, now: Instant, frozen: bool) -> Option<StallChange> {
        match (self.since, frozen) {
            (None, true) => {
                self.since = Some(now);
                None
            }
            (Some(since), true) if !self.announced && now.saturating_duration_since(since) >= Self::NOTICEABLE => {
                self.announced = true;
                self.stalls += 1;
                Some(StallChange::Stalled)
            }
            (Some(since), false) => {
                let after = now.saturating_duration_since(since);
                self.since = None;
                let announced = std::mem::take(&mut self.announced);
                if after < Self::NOTICEABLE {
                    return None;
                }
                self.total += after;
                self.stalls += u64::from(!announced);
                Some(StallChange::Resumed(after))
            }
            _ => None,
        }
    }

    /// Forgets a stop that turned out to be wanted (a pause, the end).
    pub(super) fn cancel(&mut self, now: Instant) {
        if self.announced {
            self.update(now, false);
        }
        self.since = None;
    }

    /// Whether the picture stands still.
    pub(super) fn stopped(&self) -> bool {
        self.since.is_some()
    }

    /// When an unannounced stop becomes worth telling.
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.since.filter(|_| !self.announced).map(|since| since + Self::NOTICEABLE)
    }

    /// How often the picture stopped.
    pub(super) fn stalls(&self) -> u64 {
        self.stalls
    }

    /// How long it stood still altogether, a stop that still lasts included.
    pub(super) fn total(&self, now: Instant) -> Duration {
        let running = self.since.filter(|_| self.announced).map(|since| now.saturating_duration_since(since));
        self.total + running.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_latest_values() {
        let mut quantiles = Quantiles::new();
        assert_eq!(quantiles.spread(), Spread::default());
        for value in 0..=100 {
            quantiles.push(f64::from(value));
        }
        quantiles.push(f64::NAN);
        let spread = quantiles.spread();
        assert_eq!((spread.count, spread.p5, spread.p50, spread.p95, spread.max), (101, 5.0, 50.0, 95.0, 100.0));
        for _ in 0..Quantiles::CAPACITY {
            quantiles.push(7.0);
        }
        assert_eq!((quantiles.spread().max, quantiles.spread().count), (7.0, 101 + Quantiles::CAPACITY as u64));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the start of virtual time")]
    fn stalls_count_once_and_blinks_not_at_all() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut meter = StallMeter::default();
        assert_eq!(meter.update(at(0), true), None);
        assert_eq!(meter.update(at(10), false), None);
        assert_eq!(meter.update(at(100), true), None);
        assert_eq!(meter.timeout(), Some(at(120)));
        assert_eq!(meter.update(at(130), true), Some(StallChange::Stalled));
        assert_eq!(meter.update(at(200), true), None);
        assert_eq!(meter.total(at(250)), Duration::from_millis(150));
        assert_eq!(meter.update(at(300), false), Some(StallChange::Resumed(Duration::from_millis(200))));
        assert_eq!((meter.stalls(), meter.total(at(900))), (1, Duration::from_millis(200)));
        meter.update(at(1000), true);
        meter.cancel(at(1010));
        assert_eq!(meter.update(at(1200), false), None);
    }
}
