//! The bus inside one process.

use tokio::sync::broadcast;

use super::Fact;

/// Facts a slow listener may be behind; then it misses the oldest and is told so.
const BEHIND: usize = 1024;

/// Hands every fact to all who listen; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Bus {
    facts: broadcast::Sender<Fact>,
}

impl Bus {
    /// A bus nobody listens to yet.
    pub(crate) fn new() -> Self {
        Self { facts: broadcast::Sender::new(BEHIND) }
    }

    /// Tells everyone who listens; never waits.
    pub(crate) fn publish(&self, fact: Fact) {
        // Without listeners there is nobody to tell.
        let _ = self.facts.send(fact);
    }

    /// All facts from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Fact> {
        self.facts.subscribe()
    }
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}
