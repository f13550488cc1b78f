//! Where media and the swarm meet: broadcasting and watching, without a screen.
//!
//! [`broadcast`] takes chunks from the publisher's pipeline, signs them and gives them to the origin and the swarm;
//! [`watch`] takes them from the swarm and the origin and gives them to the player. Both are driven by tasks on the
//! caller's tokio runtime, and their decisions are made by small pure machines beside them.

pub mod account;
mod announce;
pub mod broadcast;
pub mod clock;
pub mod metered;
pub mod picture;
pub mod recording;
pub mod sharing;
mod uplink;
pub mod watch;

use std::time::Duration;

/// How long to wait before the next try of something that failed: doubled each time, within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    next: Duration,
    first: Duration,
    most: Duration,
}

impl Backoff {
    /// Waits of `first`, then double, up to `most`.
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { next: first, first, most }
    }

    /// How long to wait now.
    pub fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(self.most);
        wait
    }

    /// Something worked: the next failure starts over.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(1));
        let waits: Vec<_> = (0..4).map(|_| backoff.wait().as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 1000]);
        backoff.reset();
        assert_eq!(backoff.wait().as_millis(), 250);
    }
}
