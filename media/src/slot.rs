//! A channel of one place in which the newest value wins.
//!
//! Live pictures must never queue: a slow reader gets the newest frame and the ones it missed are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

struct Shared<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    dropped: AtomicU64,
}

struct State<T> {
    value: Option<T>,
    senders: usize,
    receiver: bool,
}

/// The writing end; cloning it adds a writer.
pub struct Sender<T>(Arc<Shared<T>>);

/// The reading end.
pub struct Receiver<T>(Arc<Shared<T>>);

/// All senders are gone and nothing is left to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the slot is closed")]
pub struct Closed;

/// A new slot.
pub fn slot<T>() -> (Sender<T>, Receiver<T>) {
    let state = Mutex::new(State { value: None, senders: 1, receiver: true });
    let shared = Arc::new(Shared { state, filled: Condvar::new(), dropped: AtomicU64::new(0) });
    (Sender(shared.clone()), Receiver(shared))
}

impl<T> Sender<T> {
    /// Puts a value in place, dropping and counting an unread one.
    ///
    /// # Errors
    /// [`Closed`] if the receiver is gone.
    pub fn send(&self, value: T) -> Result<(), Closed> {
        let mut state = self.0.state.lock();
        if !state.receiver {
            return Err(Closed);
        }
        if state.value.replace(value).is_some() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.0.filled.notify_one();
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.state.lock().senders += 1;
        Self(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.state.lock().senders -= 1;
        self.0.filled.notify_one();
    }
}

impl<T> Receiver<T> {
    /// Takes the value if there is one, without waiting.
    pub fn try_recv(&self) -> Option<T> {
        self.0.state.lock().value.take()
    }

    /// Waits up to `timeout` for a value; `Ok(None)` when none came.
    ///
    /// # Errors
    /// [`Closed`] once all senders are gone and the slot is empty.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<T>, Closed> {
        let mut state = self.0.state.lock();
        if state.value.is_none() && state.senders > 0 {
            let _timed_out = self.0.filled.wait_for(&mut state, timeout);
        }
        match state.value.take() {
            Some(value) => Ok(Some(value)),
            None if state.senders == 0 => Err(Closed),
            None => Ok(None),
        }
    }

    /// Values that were replaced before anyone read them.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.receiver = false;
        state.value = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_wins_and_the_rest_is_counted() {
        let (sender, receiver) = slot();
        for value in 0..5 {
            sender.send(value).expect("the receiver lives");
        }
        assert_eq!(receiver.try_recv(), Some(4));
        assert_eq!(receiver.try_recv(), None);
        assert_eq!(receiver.dropped(), 4);
    }

    #[test]
    fn ends_are_noticed() {
        let (sender, receiver) = slot();
        let other = sender.clone();
        sender.send(1).expect("the receiver lives");
        drop((sender, other));
        assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Ok(Some(1)));
        assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Err(Closed));
        let (sender, receiver) = slot();
        drop(receiver);
        assert_eq!(sender.send(1), Err(Closed));
    }
}
