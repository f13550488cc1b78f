//! The way to the screens: events never hold the engine up.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use crate::state::Event;

/// Events that wait for a window that is not drawn; beyond that the oldest go, since the newest tell how things are now.
const MOST: usize = 4096;

/// Sends events and wakes the window.
pub(super) struct Outlet {
    events: Sender<Event>,
    waiting: VecDeque<Event>,
    wake: Arc<dyn Fn() + Send + Sync>,
    dropped: u64,
}

impl Outlet {
    pub(super) fn new(events: Sender<Event>, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { events, waiting: VecDeque::new(), wake, dropped: 0 }
    }

    /// Sends an event that matters.
    pub(super) fn emit(&mut self, event: Event) {
        if self.waiting.len() >= MOST {
            self.waiting.pop_front();
            self.dropped += 1;
            if self.dropped.is_power_of_two() {
                tracing::warn!(dropped = self.dropped, "the window takes no events");
            }
        }
        self.waiting.push_back(event);
        self.flush();
    }

    /// Sends a measurement: the next one comes soon, so it need not wait.
    pub(super) fn measure(&mut self, event: Event) {
        if self.waiting.is_empty() && self.events.try_send(event).is_ok() {
            (self.wake)();
        }
    }

    /// Sends what waits, as far as there is room.
    pub(super) fn flush(&mut self) {
        let mut sent = false;
        while let Some(event) = self.waiting.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => sent = true,
                Err(TrySendError::Full(event)) => {
                    self.waiting.push_front(event);
                    break;
                }
                // The window is gone; the engine is about to notice.
                Err(TrySendError::Closed(_)) => self.waiting.clear(),
            }
        }
        if sent || !self.waiting.is_empty() {
            (self.wake)();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StudioTelemetry;
    use tokio::sync::mpsc;

    #[test]
    fn what_matters_waits_in_order_and_measurements_do_not() {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut outlet = Outlet::new(sender, Arc::new(|| {}));
        outlet.emit(Event::WatchClosed);
        outlet.emit(Event::Closed);
        outlet.measure(Event::StudioTelemetry(StudioTelemetry::default()));
        assert!(matches!(receiver.try_recv(), Ok(Event::WatchClosed)));
        outlet.flush();
        assert!(matches!(receiver.try_recv(), Ok(Event::Closed)));
        outlet.flush();
        assert!(receiver.try_recv().is_err());
    }

    #[test]
    fn a_window_that_never_looks_costs_bounded_memory() {
        let (sender, _receiver) = mpsc::channel(1);
        let mut outlet = Outlet::new(sender, Arc::new(|| {}));
        for _ in 0..3 * MOST {
            outlet.emit(Event::WatchClosed);
        }
        assert!(outlet.waiting.len() <= MOST);
        assert!(outlet.dropped > 0);
    }
}
