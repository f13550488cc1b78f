//! Puts chunks in order: what comes early waits, what never comes is given up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a missing chunk is waited for once a later one is there.
const PATIENCE: Duration = Duration::from_secs(2);
/// A chunk this far ahead shows that the ones between were dropped by the publisher.
const FAR_AHEAD: u64 = 256;

/// Orders things by their sequence.
#[derive(Debug)]
pub(super) struct Order<T> {
    next: u64,
    /// Early ones; fewer than [`FAR_AHEAD`].
    early: BTreeMap<u64, T>,
    /// Since when the next one has been missing.
    missing_since: Option<Instant>,
    /// Whether the next one given out follows a gap.
    gap: bool,
}

impl<T> Order<T> {
    /// Begins at a sequence.
    pub(super) fn new(next: u64) -> Self {
        Self { next, early: BTreeMap::new(), missing_since: None, gap: false }
    }

    /// The sequence that is wanted next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// One that waits for its turn.
    pub(super) fn early(&self, sequence: u64) -> Option<&T> {
        self.early.get(&sequence)
    }

    /// Takes one in; it must not be below [`Order::next`] and not wait already.
    pub(super) fn insert(&mut self, now: Instant, sequence: u64, item: T) {
        if sequence >= self.next.saturating_add(FAR_AHEAD) {
            // Everything waiting is older than the jump: give out what there is, then go on from here.
            self.early.insert(sequence, item);
            self.give_up();
            return;
        }
        self.early.insert(sequence, item);
        if sequence != self.next {
            self.missing_since.get_or_insert(now);
        }
    }

    /// The next one in order, and whether something before it was given up.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(u64, T, bool)> {
        let item = match self.early.remove(&self.next) {
            Some(item) => item,
            None => {
                let waited = self.missing_since.is_some_and(|since| now.saturating_duration_since(since) >= PATIENCE);
                let too_many = self.early.last_key_value().is_some_and(|(&last, _)| last >= self.next + FAR_AHEAD);
                if !(waited || too_many) {
                    return None;
                }
                self.give_up();
                self.early.remove(&self.next)?
            }
        };
        let sequence = self.next;
        self.next += 1;
        self.missing_since = (!self.early.is_empty() && !self.early.contains_key(&self.next)).then_some(now);
        Some((sequence, item, std::mem::take(&mut self.gap)))
    }

    /// When [`Order::pop`] may have something without a new insert.
    #[cfg(test)]
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.missing_since.map(|since| since + PATIENCE)
    }

    fn give_up(&mut self) {
        if let Some((&first, _)) = self.early.first_key_value() {
            self.gap |= first > self.next;
            self.next = first;
            self.missing_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> Instant {
        crate::clock::Clock::system().now()
    }

    fn drain(order: &mut Order<u64>, now: Instant) -> Vec<(u64, bool)> {
        std::iter::from_fn(|| order.pop(now).map(|(sequence, _, gap)| (sequence, gap))).collect()
    }

    #[test]
    fn early_ones_wait_and_missing_ones_are_given_up() {
        let now = start();
        let mut order = Order::new(10);
        order.insert(now, 12, 12);
        assert_eq!(drain(&mut order, now), []);
        order.insert(now, 10, 10);
        assert_eq!(drain(&mut order, now), [(10, false)]);
        assert_eq!(order.timeout(), Some(now + PATIENCE));
        assert_eq!(drain(&mut order, now + PATIENCE), [(12, true)]);
        assert_eq!(order.next(), 13);
    }

    #[test]
    fn a_jump_is_a_gap_at_once() {
        let now = start();
        let mut order = Order::new(0);
        order.insert(now, 5000, 5000);
        assert_eq!(drain(&mut order, now), [(5000, true)]);
    }

    proptest! {
        #[test]
        fn any_arrival_comes_out_rising_and_complete(mut sequences in proptest::collection::btree_set(0u64..200, 1..60).prop_map(|set| set.into_iter().collect::<Vec<_>>()).prop_shuffle()) {
            let now = start();
            let mut order = Order::new(0);
            let mut out = Vec::new();
            for &sequence in &sequences {
                order.insert(now, sequence, sequence);
                out.extend(drain(&mut order, now));
            }
            out.extend(drain(&mut order, now + PATIENCE));
            // A later gap needs its own patience.
            let mut later = now + PATIENCE;
            while order.timeout().is_some() {
                later += PATIENCE;
                out.extend(drain(&mut order, later));
            }
            sequences.sort_unstable();
            prop_assert_eq!(out.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), sequences.clone());
            let mut expected = 0;
            for (sequence, gap) in out {
                prop_assert_eq!(gap, sequence != expected);
                expected = sequence + 1;
            }
        }
    }
}
