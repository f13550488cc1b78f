//! A bounded queue in which the oldest value gives way, and is counted.
//!
//! A reader that stopped reading must neither block a device's callback nor let memory grow. Sound and events keep their
//! order in it; with one place only it is a [slot](crate::slot), in which the newest picture wins.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// All senders are gone and nothing is left to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue is closed")]
pub struct Closed;

struct Shared<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    dropped: AtomicU64,
}

struct State<T> {
    values: VecDeque<T>,
    capacity: usize,
    senders: usize,
    receiver: bool,
}

/// The writing end; cloning it adds a writer.
pub struct Sender<T>(Arc<Shared<T>>);

/// The reading end.
pub struct Receiver<T>(Arc<Shared<T>>);

/// A new queue of at most `capacity` values (at least one).
pub fn queue<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let capacity = capacity.max(1);
    let values = VecDeque::with_capacity(capacity);
    let state = Mutex::new(State { values, capacity, senders: 1, receiver: true });
    let shared = Arc::new(Shared { state, filled: Condvar::new(), dropped: AtomicU64::new(0) });
    (Sender(shared.clone()), Receiver(shared))
}

impl<T> Sender<T> {
    /// Appends a value, dropping and counting the oldest one where the queue is full.
    ///
    /// # Errors
    /// [`Closed`] if the receiver is gone.
    pub fn send(&self, value: T) -> Result<(), Closed> {
        let mut state = self.0.state.lock();
        if !state.receiver {
            return Err(Closed);
        }
        // The displaced value is freed after the lock: freeing may be slow.
        let displaced = if state.values.len() == state.capacity { state.values.pop_front() } else { None };
        state.values.push_back(value);
        drop(state);
        if displaced.is_some() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.0.filled.notify_one();
        Ok(())
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        !self.0.state.lock().receiver
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
    /// Takes the oldest value if there is one, without waiting.
    pub fn try_recv(&self) -> Option<T> {
        self.0.state.lock().values.pop_front()
    }

    /// Waits up to `timeout` for a value; `Ok(None)` when none came.
    ///
    /// # Errors
    /// [`Closed`] once all senders are gone and the queue is empty.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<T>, Closed> {
        let mut state = self.0.state.lock();
        if state.values.is_empty() && state.senders > 0 {
            let _timed_out = self.0.filled.wait_for(&mut state, timeout);
        }
        match state.values.pop_front() {
            Some(value) => Ok(Some(value)),
            None if state.senders == 0 => Err(Closed),
            None => Ok(None),
        }
    }

    /// Values waiting to be read.
    pub fn len(&self) -> usize {
        self.0.state.lock().values.len()
    }

    /// Whether nothing waits to be read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values that gave way before anyone read them.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.receiver = false;
        let values = std::mem::take(&mut state.values);
        drop(state);
        drop(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_drops_the_oldest() {
        let (sender, receiver) = queue(3);
        for value in 0..5 {
            sender.send(value).expect("the receiver lives");
        }
        assert_eq!((receiver.len(), receiver.dropped()), (3, 2));
        let read: Vec<i32> = std::iter::from_fn(|| receiver.try_recv()).collect();
        assert_eq!(read, [2, 3, 4]);
    }

    #[test]
    fn ends_are_noticed() {
        let (sender, receiver) = queue(2);
        sender.send(1).expect("the receiver lives");
        drop(sender);
        assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Ok(Some(1)));
        assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Err(Closed));
        let (sender, receiver) = queue(2);
        drop(receiver);
        assert!(sender.is_closed());
        assert_eq!(sender.send(1), Err(Closed));
    }
}
