//! What was said to a viewer and not yet heard: bounded, never blocking who says it.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use super::WatchChunk;
use crate::playout::Input;

/// One thing said.
pub(super) enum Message {
    Init(u32, Bytes),
    Chunk(WatchChunk),
    Machine(Input),
}

impl Message {
    fn bytes(&self) -> usize {
        match self {
            Self::Init(_, data) => data.len(),
            Self::Chunk(chunk) => chunk.data.len(),
            Self::Machine(_) => 0,
        }
    }
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    bytes: usize,
    dropped: u64,
    woken: bool,
    stopped: bool,
}

/// The queue into the decoding thread.
pub(super) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
    limit: usize,
}

/// Messages that wait at most, whatever their size.
const MOST_MESSAGES: usize = 4096;

impl Inbox {
    pub(super) fn new(limit: usize) -> Self {
        Self { state: Mutex::new(State::default()), changed: Condvar::new(), limit }
    }

    /// Adds a message; one too many is dropped and counted.
    pub(super) fn push(&self, message: Message) {
        let mut state = self.state.lock();
        let bytes = message.bytes();
        if state.messages.len() >= MOST_MESSAGES || state.bytes.saturating_add(bytes) > self.limit {
            state.dropped += 1;
            return;
        }
        state.bytes += bytes;
        state.messages.push_back(message);
        self.changed.notify_one();
    }

    /// Wakes the reader for another reason.
    pub(super) fn wake(&self) {
        self.state.lock().woken = true;
        self.changed.notify_one();
    }

    /// Tells the reader to end.
    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_one();
    }

    /// Waits until something was said, someone woke it, or `until`; `None` once it was stopped.
    pub(super) fn wait(&self, until: Option<Instant>) -> Option<VecDeque<Message>> {
        let mut state = self.state.lock();
        while !state.stopped && !state.woken && state.messages.is_empty() {
            match until {
                Some(until) if self.changed.wait_until(&mut state, until).timed_out() => break,
                Some(_) => {}
                None => self.changed.wait(&mut state),
            }
        }
        state.woken = false;
        state.bytes = 0;
        let messages = std::mem::take(&mut state.messages);
        (!state.stopped).then_some(messages)
    }

    /// Messages dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.state.lock().dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bounded_and_stops() {
        let inbox = Inbox::new(1000);
        inbox.push(Message::Init(1, Bytes::from_static(&[0; 900])));
        inbox.push(Message::Init(2, Bytes::from_static(&[0; 200])));
        inbox.push(Message::Machine(Input::JumpToLive));
        assert_eq!(inbox.dropped(), 1);
        assert_eq!(inbox.wait(None).map(|messages| messages.len()), Some(2));
        for _ in 0..MOST_MESSAGES + 5 {
            inbox.push(Message::Machine(Input::JumpToLive));
        }
        assert_eq!(inbox.dropped(), 6);
        inbox.wake();
        inbox.stop();
        assert!(inbox.wait(None).is_none());
    }
}
