//! What the tracker is told of our uplink: the user's cap, or else the most that we have given so far. Pure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Over less time than this a burst says little.
const LEAST_SPAN: Duration = Duration::from_secs(2);

/// The user's cap as it is now, in kbit/s, shared with whoever changes it.
#[derive(Clone, Debug)]
pub(crate) struct Cap(Arc<AtomicU32>);

/// Stands for no cap: nobody has such a line.
const UNCAPPED: u32 = u32::MAX;

impl Cap {
    pub(crate) fn new(kbps: Option<u32>) -> Self {
        Self(Arc::new(AtomicU32::new(kbps.unwrap_or(UNCAPPED))))
    }

    pub(crate) fn set(&self, kbps: Option<u32>) {
        self.0.store(kbps.unwrap_or(UNCAPPED), Ordering::Relaxed);
    }

    fn get(&self) -> Option<u32> {
        Some(self.0.load(Ordering::Relaxed)).filter(|kbps| *kbps != UNCAPPED)
    }
}

/// What is known of our uplink.
#[derive(Debug)]
pub(crate) struct Uplink {
    cap: Cap,
    /// Rate of the stream in kbit/s: having given less says nothing, because less was asked of us.
    stream_kbps: u32,
    /// The most given so far, in kbit/s.
    best: u32,
    /// When we looked last, and how many bytes had been given by then.
    last: Option<(Instant, u64)>,
}

impl Uplink {
    pub(crate) fn new(cap: Cap, stream_kbps: u32) -> Self {
        Self { cap, stream_kbps, best: 0, last: None }
    }

    /// So many bytes were given since the start.
    pub(crate) fn gave(&mut self, now: Instant, bytes: u64) {
        let Some((at, before)) = self.last else {
            self.last = Some((now, bytes));
            return;
        };
        let span = now.saturating_duration_since(at);
        if span < LEAST_SPAN {
            return;
        }
        let kbps = bytes.saturating_sub(before) as f64 * 8.0 / 1000.0 / span.as_secs_f64();
        // A float that is too large becomes the largest integer.
        self.best = self.best.max(kbps as u32);
        self.last = Some((now, bytes));
    }

    /// What to tell; nothing where nothing is known.
    pub(crate) fn kbps(&self) -> Option<u32> {
        self.cap.get().or_else(|| Some(self.best).filter(|best| *best > self.stream_kbps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant serves as the start of a test's time")]
    fn a_cap_is_told_and_otherwise_what_was_given() {
        let now = Instant::now();
        let after = |seconds: u64| now + Duration::from_secs(seconds);
        let cap = Cap::new(None);
        let mut uplink = Uplink::new(cap.clone(), 2_600);
        assert_eq!(uplink.kbps(), None);
        uplink.gave(now, 0);
        uplink.gave(after(1), 50_000_000);
        assert_eq!(uplink.kbps(), None, "a burst says little");
        uplink.gave(after(10), 2_500_000);
        assert_eq!(uplink.kbps(), None, "2 Mbit/s may be all that was asked");
        uplink.gave(after(20), 12_500_000);
        assert_eq!(uplink.kbps(), Some(8_000));
        uplink.gave(after(30), 12_500_000);
        assert_eq!(uplink.kbps(), Some(8_000), "the best is kept");
        cap.set(Some(500));
        assert_eq!(uplink.kbps(), Some(500), "the user's word is law");
        cap.set(Some(0));
        assert_eq!(uplink.kbps(), Some(0));
    }
}
