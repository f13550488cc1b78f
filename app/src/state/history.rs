//! The last minute of what came and went, second by second.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Delivery;

/// Seconds that are kept.
pub const HISTORY_SECONDS: usize = 60;
/// Seconds over which the rate of now is taken.
const LATELY: usize = 3;

/// Bytes of one second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flow {
    /// From other viewers.
    pub from_peers: f64,
    /// From the broadcaster's machine.
    pub from_publisher: f64,
    /// From the server.
    pub from_server: f64,
    /// To other viewers.
    pub to_peers: f64,
}

impl Flow {
    /// All that came.
    pub fn received(&self) -> f64 {
        self.from_peers + self.from_publisher + self.from_server
    }

    fn add(&mut self, other: &Self, share: f64) {
        self.from_peers += other.from_peers * share;
        self.from_publisher += other.from_publisher * share;
        self.from_server += other.from_server * share;
        self.to_peers += other.to_peers * share;
    }
}

/// What came and went in the last minute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// When counting began, and what was counted last.
    start: Option<Instant>,
    last: Option<(Instant, Delivery)>,
    /// Seconds since the start, oldest first; the last is not over yet.
    seconds: VecDeque<Flow>,
    /// Number of the newest second.
    newest: u64,
}

impl History {
    /// Takes the totals as they are now; what came since the last time is spread evenly over the time since then.
    pub fn note(&mut self, now: Instant, totals: Delivery) {
        let start = *self.start.get_or_insert(now);
        let Some((before, counted)) = self.last.replace((now, totals)) else { return };
        let less = |now: u64, before: u64| now.saturating_sub(before) as f64;
        let came = Flow {
            from_peers: less(totals.from_peers, counted.from_peers),
            from_publisher: less(totals.from_publisher, counted.from_publisher),
            from_server: less(totals.from_server, counted.from_server),
            to_peers: less(totals.to_peers, counted.to_peers),
        };
        let (from, to) = (before.saturating_duration_since(start), now.saturating_duration_since(start));
        let span = to.saturating_sub(from).as_secs_f64();
        if span <= 0.0 {
            return;
        }
        // A window that was hidden for an hour has no use for more than the last minute of it.
        let oldest = from.as_secs().max(to.as_secs().saturating_sub(HISTORY_SECONDS as u64));
        for second in oldest..=to.as_secs() {
            let (begin, end) = (Duration::from_secs(second).max(from), Duration::from_secs(second + 1).min(to));
            self.second(second).add(&came, end.saturating_sub(begin).as_secs_f64() / span);
        }
    }

    fn second(&mut self, number: u64) -> &mut Flow {
        if self.seconds.is_empty() || number > self.newest + HISTORY_SECONDS as u64 {
            self.seconds.clear();
            self.seconds.push_back(Flow::default());
            self.newest = number;
        }
        while self.newest < number {
            self.seconds.push_back(Flow::default());
            self.newest += 1;
        }
        // The one that is not over yet comes on top.
        while self.seconds.len() > HISTORY_SECONDS + 1 {
            self.seconds.pop_front();
        }
        let last = self.seconds.len() - 1;
        let back = usize::try_from(self.newest - number).unwrap_or(last).min(last);
        &mut self.seconds[last - back]
    }

    /// The seconds that are over, oldest first, at most [`HISTORY_SECONDS`].
    pub fn seconds(&self) -> impl DoubleEndedIterator<Item = &Flow> + ExactSizeIterator {
        self.seconds.iter().take(self.seconds.len().saturating_sub(1))
    }

    /// All seconds that are over, together.
    pub fn total(&self) -> Flow {
        self.seconds().fold(Flow::default(), |mut sum, second| {
            sum.add(second, 1.0);
            sum
        })
    }

    /// Bytes that went to other viewers a second, over the last few seconds; `None` before the first second is over.
    pub fn given_lately(&self) -> Option<f64> {
        let lately = self.seconds().rev().take(LATELY);
        let count = lately.len();
        (count > 0).then(|| lately.map(|second| second.to_peers).sum::<f64>() / count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant serves as the start of a test's time")]
    fn start() -> Instant {
        Instant::now()
    }

    fn totals(bytes: u64) -> Delivery {
        Delivery { from_peers: bytes, to_peers: bytes * 2, ..Delivery::default() }
    }

    fn peers(history: &History) -> Vec<u64> {
        history.seconds().map(|second| second.from_peers.round() as u64).collect()
    }

    #[test]
    fn bytes_are_put_into_their_seconds() {
        let (start, mut history) = (start(), History::default());
        let at = |millis| start + Duration::from_millis(millis);
        history.note(at(0), totals(1_000_000));
        assert_eq!((peers(&history), history.given_lately()), (vec![], None), "what came before is of no second");
        history.note(at(500), totals(1_000_100));
        history.note(at(1_500), totals(1_000_300));
        history.note(at(2_000), totals(1_000_300));
        assert_eq!(peers(&history), [200, 100]);
        assert_eq!(history.given_lately(), Some(300.0));
        assert_eq!(history.total().to_peers.round(), 600.0);
    }

    #[test]
    fn a_minute_is_kept_and_a_hidden_window_gets_the_last_one() {
        let (start, mut history) = (start(), History::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        for second in 0..=200 {
            history.note(at(second), totals(second * 10));
        }
        assert_eq!(peers(&history), [10; HISTORY_SECONDS]);
        history.note(at(3_800), totals(2_000 + 3_600 * 7));
        assert_eq!(peers(&history), [7; HISTORY_SECONDS]);
        assert_eq!(history.seconds.len(), HISTORY_SECONDS + 1);
        // Totals that are smaller than before are another count: nothing came.
        history.note(at(3_801), totals(0));
        assert_eq!(peers(&history).last(), Some(&0));
    }
}
