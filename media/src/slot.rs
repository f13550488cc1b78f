//! A channel of one place in which the newest value wins.
//!
//! Live pictures must never queue: a slow reader gets the newest frame and the ones it missed are counted.

use crate::queue;
pub use crate::queue::{Closed, Receiver, Sender};

/// A new slot: a [queue](mod@queue) of one place.
pub fn slot<T>() -> (Sender<T>, Receiver<T>) {
    queue::queue(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
    fn ends_are_noticed_however_many_senders_there_were() {
        let (sender, receiver) = slot();
        let other = sender.clone();
        sender.send(1).expect("the receiver lives");
        drop((sender, other));
        assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Ok(Some(1)));
        assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Err(Closed));
    }
}
