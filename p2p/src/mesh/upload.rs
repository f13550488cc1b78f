//! How much a node may upload: a hard token bucket and the places that follow from it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::wire::PIECE;

/// What an uncapped node is assumed to manage, in multiples of the stream's rate.
const ASSUMED_COPIES: f64 = 4.0;
/// Share of the capacity that is promised to children. A chunk comes all at once, so the last child waits for this share of
/// a chunk's length: there must be room for repair, and for the next chunk.
const PROMISED: f64 = 0.65;
/// The same for those who would otherwise get a stripe from nobody.
const PROMISED_TO_ORPHANS: f64 = 0.92;

/// How often the line is looked at, and for how long back what got through counts.
pub(super) const LOOK: Duration = Duration::from_millis(100);
const SPAN: Duration = Duration::from_millis(500);
/// From how many copies of the stream on a line that is not capped is no longer looked after.
const PLENTY: f64 = 40.0;
/// How long after the line turned out to be narrower than thought nothing more is concluded from it.
const SETTLE: Duration = Duration::from_millis(400);
/// How long a narrow line is taken as it is before a little more is tried, and by how much that grows in a second.
const CALM: Duration = Duration::from_secs(3);
const GROWTH: f64 = 1.2;
/// A line is never taken to have shrunk to less than this part at once.
const LEAST: f64 = 0.1;

#[derive(Debug)]
pub(super) struct Upload {
    /// What the user allows, in bytes a second; `None` is not limited.
    allowed: Option<f64>,
    /// What the line was found to carry, where that is less.
    measured: Option<f64>,
    tokens: f64,
    filled: Instant,
    /// Bytes that children confirmed since the last look, and in the looks before that.
    confirmed: u64,
    lately: VecDeque<(Instant, u64)>,
    /// Pieces waited too long since the last look.
    stale: bool,
    /// When more was to be sent than is allowed.
    short: Option<Instant>,
    /// When the line was last found to be full.
    full: Option<Instant>,
}

impl Upload {
    pub(super) fn new(bits_per_second: Option<u64>, now: Instant) -> Self {
        let mut upload = Self {
            allowed: None,
            measured: None,
            tokens: 0.0,
            filled: now,
            confirmed: 0,
            lately: VecDeque::new(),
            stale: false,
            short: None,
            full: None,
        };
        upload.set(bits_per_second, now);
        upload.tokens = upload.burst();
        upload
    }

    pub(super) fn set(&mut self, bits_per_second: Option<u64>, now: Instant) {
        self.refill(now);
        self.allowed = bits_per_second.map(|bits| bits as f64 / 8.0);
        self.tokens = self.tokens.min(self.burst());
    }

    /// Bytes a second that may leave: what the user allows and the line carries.
    fn cap(&self) -> Option<f64> {
        self.allowed.into_iter().chain(self.measured).reduce(f64::min)
    }

    /// A child confirmed so many bytes.
    pub(super) fn delivered(&mut self, bytes: u32) {
        self.confirmed += u64::from(bytes);
    }

    /// A piece waited too long and was left out: for room on the way to a child, if not for what we allow ourselves.
    pub(super) fn skipped(&mut self, now: Instant) {
        self.stale |= self.short.is_none_or(|at| now.saturating_duration_since(at) > SPAN);
    }

    /// Looks at how the line does, a few times a second. It is full where what leaves is `held` up, that is, takes much longer
    /// than the way there and back, and other pieces waited in vain meanwhile. Then no more is promised than what got through;
    /// tells whether that is less than before.
    pub(super) fn measure(&mut self, now: Instant, held: bool, bytes_per_second: f64) -> bool {
        let full = std::mem::take(&mut self.stale) && held;
        self.lately.push_back((now, std::mem::take(&mut self.confirmed)));
        while self.lately.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > SPAN) {
            self.lately.pop_front();
        }
        if let Some(measured) = self.measured.filter(|_| !full) {
            if self.full.is_none_or(|at| now.saturating_duration_since(at) > CALM) {
                let grown = measured * GROWTH.powf(LOOK.as_secs_f64());
                self.refill(now);
                self.measured = (self.allowed.unwrap_or(PLENTY * bytes_per_second) > grown).then_some(grown);
            }
            return false;
        }
        if !full || self.full.is_some_and(|at| now.saturating_duration_since(at) < SETTLE) {
            return false;
        }
        self.full = Some(now);
        self.refill(now);
        let before = self.cap().unwrap_or(ASSUMED_COPIES * bytes_per_second / PROMISED);
        let through: u64 = self.lately.iter().map(|(_, bytes)| bytes).sum();
        let rate = through as f64 / SPAN.as_secs_f64();
        self.measured = Some(rate.clamp(LEAST * before, 0.7 * before));
        self.tokens = self.tokens.min(self.burst());
        true
    }

    /// Tells whether nothing at all may be sent.
    pub(super) fn is_forbidden(&self) -> bool {
        self.allowed.is_some_and(|cap| cap <= 0.0)
    }

    /// Takes bytes out of the bucket, or tells how long to wait for them.
    pub(super) fn take(&mut self, now: Instant, bytes: u32) -> Result<(), Duration> {
        let Some(cap) = self.cap() else { return Ok(()) };
        if cap <= 0.0 {
            return Err(Duration::from_secs(3600));
        }
        self.refill(now);
        let missing = f64::from(bytes) - self.tokens;
        if missing > 0.0 {
            self.short = Some(now);
            // A moment more, so that rounding never wakes us a hair too early.
            return Err(Duration::from_secs_f64((missing / cap).min(3600.0)) + Duration::from_micros(10));
        }
        self.tokens -= f64::from(bytes);
        Ok(())
    }

    /// How many stripes can be promised to children when one of `stripes` needs its part of this many bytes a second; a few
    /// more where the child is an orphan.
    pub(super) fn places(&self, bytes_per_second: f64, stripes: u8, orphan: bool) -> u16 {
        let stripes = f64::from(stripes);
        let promised = if orphan { PROMISED_TO_ORPHANS } else { PROMISED };
        let places = match self.cap() {
            None => ASSUMED_COPIES * stripes * promised / PROMISED,
            Some(cap) => promised * cap * stripes / bytes_per_second.max(1.0),
        };
        places.min(f64::from(u16::MAX)) as u16
    }

    /// How long so many bytes take to leave.
    pub(super) fn time_for(&self, bytes: u64) -> Duration {
        match self.cap() {
            None => Duration::ZERO,
            Some(cap) => Duration::from_secs_f64((bytes as f64 / cap.max(1.0)).min(3600.0)),
        }
    }

    fn refill(&mut self, now: Instant) {
        if let Some(cap) = self.cap() {
            let time = now.saturating_duration_since(self.filled).as_secs_f64();
            self.tokens = (self.tokens + cap * time).min(self.burst());
        }
        self.filled = self.filled.max(now);
    }

    /// Bytes that may leave at once: 50 ms worth, at least two pieces with their headers.
    fn burst(&self) -> f64 {
        self.cap().map_or(0.0, |cap| (cap * 0.05).max(2.5 * PIECE as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_cap_is_kept_to_the_byte() {
        let now = start();
        let mut upload = Upload::new(Some(8_000_000), now);
        let (mut sent, mut at) = (0u32, now);
        while at < now + Duration::from_secs(10) {
            match upload.take(at, 8192) {
                Ok(()) => sent += 8192,
                Err(wait) => at += wait,
            }
        }
        assert!((9_900_000..=10_100_000).contains(&sent), "{sent}");
    }

    #[test]
    fn nothing_leaves_where_it_is_forbidden() {
        let now = start();
        let mut upload = Upload::new(Some(0), now);
        assert!(upload.is_forbidden());
        assert!(upload.take(now + Duration::from_secs(100), 1).is_err());
        assert_eq!(upload.places(100_000.0, 4, true), 0);
        upload.set(None, now);
        assert_eq!(upload.take(now, u32::MAX), Ok(()));
        assert_eq!(upload.places(100_000.0, 4, false), 16);
        assert!(upload.places(100_000.0, 4, true) > 16);
    }
}
