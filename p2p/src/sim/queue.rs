//! The queue of what happens when; what happens at one time happens in the order it was planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Width of a slot of the calendar, as a power of two of microseconds.
const WIDTH: u32 = 8;
/// How many slots lie ahead: about four seconds, further than nearly everything is planned.
const SLOTS: u64 = 1 << 14;

/// A calendar: what lies ahead waits unsorted in narrow slots, and only the present slot is a heap.
///
/// With millions of events under way one big heap costs a cache miss for each of its levels; this costs one push and a pop
/// from a heap that fits the first cache.
#[derive(Debug)]
pub(super) struct Queue<E> {
    /// The slot that is being played, and what was planned for the past.
    present: BinaryHeap<Reverse<Entry<E>>>,
    slot: u64,
    ahead: Vec<Vec<Reverse<Entry<E>>>>,
    /// How many wait in `ahead`.
    waiting: usize,
    /// Beyond the calendar.
    far: BinaryHeap<Reverse<Entry<E>>>,
    /// Room of slots that were played, to be used again.
    spare: Vec<Vec<Reverse<Entry<E>>>>,
    planned: u64,
}

#[derive(Debug)]
struct Entry<E> {
    at: u64,
    order: u64,
    event: E,
}

impl<E> Entry<E> {
    fn slot(&self) -> u64 {
        self.at >> WIDTH
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl<E> Queue<E> {
    pub(super) fn new() -> Self {
        Self {
            present: BinaryHeap::new(),
            slot: 0,
            ahead: (0..SLOTS).map(|_| Vec::new()).collect(),
            waiting: 0,
            far: BinaryHeap::new(),
            spare: Vec::new(),
            planned: 0,
        }
    }

    pub(super) fn plan(&mut self, at: u64, event: E) {
        self.planned += 1;
        self.place(Reverse(Entry { at, order: self.planned, event }));
    }

    pub(super) fn pop(&mut self) -> Option<(u64, E)> {
        while self.present.is_empty() {
            self.advance()?;
        }
        self.present.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }

    fn place(&mut self, entry: Reverse<Entry<E>>) {
        let slot = entry.0.slot();
        if slot <= self.slot {
            self.present.push(entry);
        } else if slot < self.slot + SLOTS {
            let waiting = &mut self.ahead[(slot % SLOTS) as usize];
            if waiting.capacity() == 0
                && let Some(spare) = self.spare.pop()
            {
                *waiting = spare;
            }
            waiting.push(entry);
            self.waiting += 1;
        } else {
            self.far.push(entry);
        }
    }

    /// Goes on to the next slot; `None` when nothing is planned any more.
    fn advance(&mut self) -> Option<()> {
        self.slot = match self.waiting {
            // Nothing is near: a leap.
            0 => self.far.peek()?.0.slot(),
            _ => self.slot + 1,
        };
        while self.far.peek().is_some_and(|entry| entry.0.slot() < self.slot + SLOTS)
            && let Some(entry) = self.far.pop()
        {
            self.place(entry);
        }
        let due = std::mem::take(&mut self.ahead[(self.slot % SLOTS) as usize]);
        if due.capacity() == 0 {
            return Some(());
        }
        self.waiting -= due.len();
        let mut played = std::mem::replace(&mut self.present, BinaryHeap::from(due)).into_vec();
        // What was planned for this slot itself when it came from afar.
        self.present.extend(played.drain(..));
        self.spare.push(played);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn gives_events_by_time_and_then_by_plan() {
        let mut queue = Queue::new();
        for (at, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b')] {
            queue.plan(at, event);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect();
        assert_eq!(order, ['a', 'b', 'c', 'd']);
    }

    #[test]
    fn agrees_with_a_sorted_list_near_and_far() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut queue = Queue::new();
        let (mut now, mut planned, mut played) = (0, Vec::new(), Vec::new());
        for number in 0..20_000u64 {
            let span = [300, 50_000, 3_000_000, 90_000_000][rng.random_range(0..4)];
            let at = now + rng.random_range(0..span);
            queue.plan(at, number);
            planned.push((at, number));
            if rng.random::<f64>() < 0.4
                && let Some((at, number)) = queue.pop()
            {
                assert!(at >= now);
                now = at;
                played.push((at, number));
            }
        }
        played.extend(std::iter::from_fn(|| queue.pop()));
        planned.sort_unstable();
        assert_eq!(played, planned);
    }
}
