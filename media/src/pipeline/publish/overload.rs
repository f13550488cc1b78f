//! Noticing that the encoder does not keep up: pure.

use std::collections::VecDeque;
use std::time::Duration;

use crate::format::Timestamp;

/// For so long pictures must have been lost: shorter hiccups pass.
const WINDOW: Duration = Duration::from_secs(3);
/// This part of the pictures may be lost.
const TOLERATED: f64 = 0.1;
/// Looking more often than this tells nothing new.
const STEP: Duration = Duration::from_millis(250);
/// Of what the encoder managed, so much is asked of it afterwards.
const CAUTION: f64 = 0.9;

/// Watches how many pictures reach the encoder and how many are dropped in front of it.
#[derive(Debug, Default)]
pub(crate) struct Overload {
    seen: VecDeque<(Timestamp, u64, u64)>,
}

impl Overload {
    /// The counters at `now`; the part (0..1) of the work the encoder can do, if it has been too much for seconds.
    pub(crate) fn handle(&mut self, now: Timestamp, encoded: u64, dropped: u64) -> Option<f64> {
        if self.seen.back().is_some_and(|(at, ..)| now.saturating_since(*at) < STEP) {
            return None;
        }
        self.seen.push_back((now, encoded, dropped));
        // The oldest entry kept is the newest that is at least a window old.
        while self.seen.get(1).is_some_and(|(at, ..)| now.saturating_since(*at) >= WINDOW) {
            self.seen.pop_front();
        }
        let (at, encoded_then, dropped_then) = *self.seen.front()?;
        if now.saturating_since(at) < WINDOW {
            return None;
        }
        let (done, lost) = ((encoded - encoded_then) as f64, (dropped - dropped_then) as f64);
        let share = lost / (done + lost).max(1.0);
        if share <= TOLERATED {
            return None;
        }
        self.seen.clear();
        Some((1.0 - share) * CAUTION)
    }

    /// Forgets what it saw, when the work has changed.
    pub(crate) fn reset(&mut self) {
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a number of seconds of 30 pictures each, of which so many are dropped; when it noticed, and what.
    fn run(dropped_each_second: &[u64]) -> Option<(usize, f64)> {
        let mut overload = Overload::default();
        let (mut encoded, mut dropped) = (0, 0);
        for (second, lost) in dropped_each_second.iter().enumerate() {
            for quarter in 0..4 {
                let now = Timestamp::from_micros(second as i64 * 1_000_000 + quarter * 250_000);
                if let Some(part) = overload.handle(now, encoded, dropped) {
                    return Some((second, part));
                }
            }
            (encoded, dropped) = (encoded + 30 - lost, dropped + lost);
        }
        None
    }

    #[test]
    fn losses_for_seconds_are_noticed() {
        let (second, part) = run(&[0, 0, 15, 15, 15, 15, 15]).expect("noticed");
        assert!((3..=5).contains(&second) && (0.45..0.8).contains(&part), "{second} {part}");
    }

    #[test]
    fn a_hiccup_and_small_losses_pass() {
        assert_eq!(run(&[0, 0, 0, 8, 0, 0, 0, 0]), None);
        assert_eq!(run(&[2; 20]), None);
    }
}
