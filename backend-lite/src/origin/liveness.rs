//! Tells from silence where a broadcast stands.

use std::time::{Duration, Instant};

use crate::api::BroadcastState;

/// How many times longer than the grace time an announced broadcast waits for its first chunk.
const WAITING_FACTOR: u32 = 10;

/// The state of one broadcast.
#[derive(Debug, Clone)]
pub(super) struct Liveness {
    state: BroadcastState,
    heard: Instant,
    lost: Duration,
    grace: Duration,
}

impl Liveness {
    /// A broadcast in this state, last heard of now.
    pub(super) fn new(state: BroadcastState, now: Instant, lost: Duration, grace: Duration) -> Self {
        Self { state, heard: now, lost, grace }
    }

    /// Where it stands.
    pub(super) fn state(&self) -> BroadcastState {
        self.state
    }

    /// The publisher gave a sign of life.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = self.heard.max(now);
    }

    /// A chunk came; tells whether the state changed.
    pub(super) fn chunk(&mut self, now: Instant) -> bool {
        self.heard(now);
        let changed = matches!(self.state, BroadcastState::Waiting | BroadcastState::Stopped);
        if changed {
            self.state = BroadcastState::Live;
        }
        changed
    }

    /// Time passed; tells whether the state changed.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        let silence = now.saturating_duration_since(self.heard);
        let before = self.state;
        if self.state == BroadcastState::Live && silence >= self.lost {
            self.state = BroadcastState::Stopped;
        }
        if self.state == BroadcastState::Stopped && silence >= self.grace
            || self.state == BroadcastState::Waiting && silence >= self.grace * WAITING_FACTOR
        {
            self.state = BroadcastState::Ended;
        }
        self.state != before
    }

    /// Ends it, or takes it down; tells whether the state changed. Nothing leads back.
    pub(super) fn close(&mut self, state: BroadcastState) -> bool {
        let changed = self.state.is_open() || state == BroadcastState::TakenDown && self.state != state;
        if changed {
            self.state = state;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_stops_then_ends_and_a_chunk_revives() {
        let start = crate::clock::Clock::system().now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let new = |state| Liveness::new(state, start, Duration::from_secs(3), Duration::from_secs(60));
        let mut liveness = new(BroadcastState::Waiting);
        assert!(!liveness.tick(at(60)));
        assert!(liveness.chunk(at(60)));
        assert!(!liveness.tick(at(62)));
        assert!(liveness.tick(at(63)));
        assert_eq!(liveness.state(), BroadcastState::Stopped);
        assert!(liveness.chunk(at(119)));
        assert_eq!(liveness.state(), BroadcastState::Live);
        assert!(liveness.tick(at(179)));
        assert_eq!(liveness.state(), BroadcastState::Ended);
        assert!(!liveness.chunk(at(179)), "nothing comes after the end");

        let mut waiting = new(BroadcastState::Waiting);
        assert!(waiting.tick(at(600)));
        assert_eq!(waiting.state(), BroadcastState::Ended);
        assert!(waiting.close(BroadcastState::TakenDown), "what is over can still be taken down");
        assert!(!waiting.close(BroadcastState::Ended));
    }
}
