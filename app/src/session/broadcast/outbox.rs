//! What still has to reach the origin, and in which order it is tried. Pure: it names things and holds no bytes.
//!
//! Chunks are offered in order, a few at a time. A manifest is a barrier: what follows it waits until it was taken.
//! While the origin does not answer one try at a time is made, and the backlog is bounded by bytes and by play time:
//! beyond that the oldest chunks go, up to the next keyframe, and are counted.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::session::Backoff;

/// Bounds of the backlog.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutboxConfig {
    /// Most bytes that wait.
    pub(super) bytes: usize,
    /// Longest play time that waits.
    pub(super) time: Duration,
    /// Most tries under way at once.
    pub(super) parallel: usize,
}

impl Default for OutboxConfig {
    /// A minute, which is how long the server waits for a lost publisher.
    fn default() -> Self {
        Self { bytes: 64 << 20, time: Duration::from_secs(60), parallel: 4 }
    }
}

/// Names something in the outbox; grows with each.
pub(super) type ItemId = u64;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A manifest has to go out before everything that follows.
    Manifest {
        /// Its name.
        id: ItemId,
    },
    /// A chunk has to go out.
    Chunk {
        /// Its name.
        id: ItemId,
        /// Its size.
        bytes: usize,
        /// How long it plays.
        duration: Duration,
        /// Whether a decoder can start with it.
        keyframe: bool,
    },
    /// The origin took it, or will never want it.
    Done(ItemId),
    /// The try failed in a way that a later one may not.
    Failed(ItemId),
    /// Time has passed.
    Timeout,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Try to put this.
    Put(ItemId),
    /// This is given up and its bytes can go.
    Dropped(ItemId),
}

/// How delivery goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// The origin answers.
    Open,
    /// Nothing was taken since then.
    Blocked {
        /// The first failure in a row.
        since: Instant,
    },
}

#[derive(Debug)]
struct Item {
    id: ItemId,
    barrier: bool,
    bytes: usize,
    duration: Duration,
    keyframe: bool,
    flying: bool,
}

/// The outbox.
#[derive(Debug)]
pub(super) struct Outbox {
    config: OutboxConfig,
    items: VecDeque<Item>,
    outputs: VecDeque<Output>,
    flow: Flow,
    backoff: Backoff,
    retry_at: Option<Instant>,
    dropped: u64,
}

impl Outbox {
    /// An empty outbox.
    pub(super) fn new(config: OutboxConfig) -> Self {
        let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
        Self {
            config,
            items: VecDeque::new(),
            outputs: VecDeque::new(),
            flow: Flow::Open,
            backoff,
            retry_at: None,
            dropped: 0,
        }
    }

    /// Takes in what happened at `now`.
    pub(super) fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Manifest { id } => {
                self.items.push_back(Item {
                    id,
                    barrier: true,
                    bytes: 0,
                    duration: Duration::ZERO,
                    keyframe: false,
                    flying: false,
                });
            }
            Input::Chunk { id, bytes, duration, keyframe } => {
                self.items.push_back(Item { id, barrier: false, bytes, duration, keyframe, flying: false });
                self.confine();
            }
            Input::Done(id) => {
                self.items.retain(|item| item.id != id);
                (self.flow, self.retry_at) = (Flow::Open, None);
                self.backoff.reset();
            }
            Input::Failed(id) => {
                if let Some(item) = self.items.iter_mut().find(|item| item.id == id) {
                    item.flying = false;
                }
                if self.flow == Flow::Open {
                    self.flow = Flow::Blocked { since: now };
                }
                // Several tries of one moment fail together: they are one failure.
                if self.retry_at.is_none_or(|at| at <= now) {
                    self.retry_at = Some(now + self.backoff.wait());
                }
            }
            Input::Timeout => {}
        }
        self.offer(now);
    }

    fn offer(&mut self, now: Instant) {
        let most = match self.flow {
            Flow::Open => self.config.parallel,
            Flow::Blocked { .. } if self.retry_at.is_some_and(|at| now < at) => 0,
            Flow::Blocked { .. } => 1,
        };
        let mut flying = self.items.iter().filter(|item| item.flying).count();
        for item in &mut self.items {
            if flying >= most {
                break;
            }
            if !item.flying {
                item.flying = true;
                flying += 1;
                self.outputs.push_back(Output::Put(item.id));
            }
            if item.barrier {
                break;
            }
        }
    }

    /// Drops from the oldest end until the bounds hold and what is left starts with a keyframe.
    fn confine(&mut self) {
        while self.bytes() > self.config.bytes || self.buffered() > self.config.time {
            let Some(first) = self.items.iter().position(|item| !item.barrier && !item.flying) else { return };
            let next_start = (first + 1..self.items.len()).find(|&index| self.items[index].keyframe);
            let end = next_start.unwrap_or(self.items.len());
            let mut index = 0;
            let (outputs, dropped) = (&mut self.outputs, &mut self.dropped);
            self.items.retain(|item| {
                let goes = (first..end).contains(&index) && !item.barrier && !item.flying;
                index += 1;
                if goes {
                    outputs.push_back(Output::Dropped(item.id));
                    *dropped += 1;
                }
                !goes
            });
        }
    }

    /// What to do next; call until `None`.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is wanted.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.retry_at.filter(|_| self.items.iter().any(|item| !item.flying))
    }

    /// How delivery goes.
    pub(super) fn flow(&self) -> Flow {
        self.flow
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.bytes).sum()
    }

    /// Play time that waits.
    pub(super) fn buffered(&self) -> Duration {
        self.items.iter().map(|item| item.duration).sum()
    }

    /// Whether everything went out.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Chunks that were given up.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        outbox: Outbox,
        now: Instant,
    }

    impl Bench {
        #[expect(clippy::disallowed_methods, reason = "any instant serves as the start of a test's time")]
        fn new(config: OutboxConfig) -> Self {
            Self { outbox: Outbox::new(config), now: Instant::now() }
        }

        fn after(&mut self, ms: u64, input: Input) -> Vec<Output> {
            self.now += Duration::from_millis(ms);
            self.outbox.handle(self.now, input);
            std::iter::from_fn(|| self.outbox.poll_output()).collect()
        }

        fn chunk(&mut self, id: ItemId) -> Vec<Output> {
            self.after(
                100,
                Input::Chunk { id, bytes: 1000, duration: Duration::from_millis(100), keyframe: id.is_multiple_of(20) },
            )
        }
    }

    #[test]
    fn chunks_go_out_in_order_a_few_at_a_time() {
        let mut bench = Bench::new(OutboxConfig { parallel: 2, ..OutboxConfig::default() });
        assert_eq!(bench.chunk(0), [Output::Put(0)]);
        assert_eq!(bench.chunk(1), [Output::Put(1)]);
        assert_eq!(bench.chunk(2), []);
        assert_eq!(bench.after(1, Input::Done(1)), [Output::Put(2)]);
        assert_eq!(bench.after(1, Input::Done(0)), []);
        assert_eq!(bench.after(1, Input::Done(2)), []);
        assert!(bench.outbox.is_empty());
    }

    #[test]
    fn nothing_overtakes_a_manifest() {
        let mut bench = Bench::new(OutboxConfig::default());
        assert_eq!(bench.after(0, Input::Manifest { id: 1 }), [Output::Put(1)]);
        assert_eq!(bench.chunk(2), []);
        assert_eq!(bench.after(1, Input::Failed(1)), []);
        assert_eq!(bench.after(300, Input::Timeout), [Output::Put(1)]);
        assert_eq!(bench.after(1, Input::Done(1)), [Output::Put(2)]);
        // A later manifest waits neither for chunks before it nor lets those behind it pass.
        assert_eq!(bench.after(1, Input::Manifest { id: 3 }), [Output::Put(3)]);
        assert_eq!(bench.chunk(4), []);
        assert_eq!(bench.after(1, Input::Done(3)), [Output::Put(4)]);
    }

    #[test]
    fn an_outage_is_probed_gently_and_then_caught_up() {
        let mut bench = Bench::new(OutboxConfig::default());
        bench.chunk(0);
        bench.chunk(1);
        assert_eq!(bench.after(1, Input::Failed(0)), []);
        assert_eq!(bench.after(0, Input::Failed(1)), []);
        let Flow::Blocked { since } = bench.outbox.flow() else { panic!("it is blocked") };
        assert_eq!(since, bench.now);
        assert_eq!(bench.outbox.poll_timeout(), Some(bench.now + Duration::from_millis(200)));
        assert_eq!(bench.chunk(2), []);
        assert_eq!(bench.after(100, Input::Timeout), [Output::Put(0)]);
        assert_eq!(bench.after(10, Input::Failed(0)), []);
        assert_eq!(bench.after(399, Input::Timeout), []);
        assert_eq!(bench.after(1, Input::Timeout), [Output::Put(0)]);
        let puts = bench.after(1, Input::Done(0));
        assert_eq!(puts, [Output::Put(1), Output::Put(2)]);
        assert_eq!(bench.outbox.flow(), Flow::Open);
    }

    #[test]
    fn the_backlog_is_bounded_and_starts_with_a_keyframe() {
        let mut bench = Bench::new(OutboxConfig { time: Duration::from_secs(5), ..OutboxConfig::default() });
        bench.chunk(0);
        bench.after(0, Input::Failed(0));
        let mut dropped = Vec::new();
        for id in 1..200 {
            for output in bench.chunk(id) {
                match output {
                    Output::Put(id) => drop(bench.after(0, Input::Failed(id))),
                    Output::Dropped(id) => dropped.push(id),
                }
            }
            assert!(bench.outbox.buffered() <= Duration::from_secs(5));
        }
        assert_eq!(bench.outbox.dropped(), dropped.len() as u64);
        assert!(bench.outbox.dropped() >= 140, "{}", bench.outbox.dropped());
        let kept: Vec<_> = bench.outbox.items.iter().map(|item| item.id).collect();
        assert_eq!(kept[0] % 20, 0, "{kept:?}");
        assert_eq!(kept.last(), Some(&199));
    }

    #[test]
    fn what_is_under_way_is_not_dropped() {
        let mut bench = Bench::new(OutboxConfig { bytes: 1500, parallel: 1, ..OutboxConfig::default() });
        assert_eq!(bench.chunk(0), [Output::Put(0)]);
        assert_eq!(bench.chunk(1), [Output::Dropped(1)]);
        assert_eq!(bench.after(1, Input::Done(0)), []);
        assert!(bench.outbox.is_empty());
    }
}
