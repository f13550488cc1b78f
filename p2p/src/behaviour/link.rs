//! What joins the node's task to the connection's task: frames out, frames in, and meters between them.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures::channel::mpsc;
use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};
use thiserror::Error;

use super::lane::{FrameError, LANES, Lane};

/// The most bytes that may wait for one connection.
///
/// The mesh keeps less in flight to a child, acknowledged or not: 1.5 times what flows in a round trip and 50 ms, which
/// is 1 MB at 100 Mbit/s. Who lets this fill up does not read and is cut.
pub(crate) const QUEUE_BYTES: usize = 3 << 20;

/// The most frames that may wait for one connection.
const QUEUE_FRAMES: usize = 2048;

/// A frame on its way to the connection's task.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) lane: Lane,
    pub(crate) framed: Bytes,
}

/// What a connection's task tells the node.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) connection: ConnectionId,
    pub(crate) peer: PeerId,
    pub(crate) what: Arrived,
}

/// The content of [`Incoming`].
#[derive(Debug)]
pub(crate) enum Arrived {
    /// The connection is ready for frames; always the first thing said of a connection.
    Opened { link: LinkSender, address: Multiaddr, dialed: bool },
    /// A whole frame, without its length.
    Frame(Lane, Bytes),
    /// The connection is of no use any more.
    Fault(LinkFault),
}

/// Why a connection is of no use any more.
#[derive(Debug, Error)]
pub(crate) enum LinkFault {
    #[error("lane {lane:?}: {error}")]
    Frame { lane: Lane, error: FrameError },
    #[error("lane {0:?} was opened twice")]
    DuplicateLane(Lane),
    #[error("lane {0:?} was opened by the side that has to wait for it")]
    UninvitedLane(Lane),
    #[error("lane {lane:?} could not be opened: {reason}")]
    NotOpened { lane: Lane, reason: String },
}

impl LinkFault {
    /// Whether only a broken or hostile program does this, so that the peer is not worth another try.
    pub(crate) fn is_hostile(&self) -> bool {
        match self {
            Self::Frame { error, .. } => matches!(error, FrameError::Oversized { .. } | FrameError::Empty),
            Self::DuplicateLane(_) | Self::UninvitedLane(_) => true,
            Self::NotOpened { .. } => false,
        }
    }
}

/// Why a frame was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum SendError {
    #[error("the neighbour does not read: {QUEUE_BYTES} bytes wait for it")]
    Full,
    #[error("the connection is gone")]
    Gone,
}

/// Counters that the connection's task writes and the node reads.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    queued: AtomicUsize,
    written: AtomicU64,
    frames: [AtomicU64; LANES],
    partial: AtomicU8,
}

/// [`Meters`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Bytes that wait to be written.
    pub(crate) queued: usize,
    /// Bytes ever written.
    pub(crate) written: u64,
    /// Whole frames ever read, by lane.
    pub(crate) frames: [u64; LANES],
    /// Whether a frame has begun and not ended, by lane.
    pub(crate) partial: [bool; LANES],
}

impl Meters {
    pub(crate) fn wrote(&self, bytes: usize) {
        self.queued.fetch_sub(bytes, Ordering::Relaxed);
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn read_frame(&self, lane: Lane) {
        self.frames[lane.index()].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_partial(&self, lane: Lane, partial: bool) {
        let bit = 1 << lane.index();
        if partial {
            self.partial.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.partial.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    fn reading(&self) -> Reading {
        let partial = self.partial.load(Ordering::Relaxed);
        Reading {
            queued: self.queued.load(Ordering::Relaxed),
            written: self.written.load(Ordering::Relaxed),
            frames: std::array::from_fn(|i| self.frames[i].load(Ordering::Relaxed)),
            partial: std::array::from_fn(|i| partial & (1 << i) != 0),
        }
    }
}

/// The node's end of a connection; dropping it tells the connection that nothing more comes.
#[derive(Debug)]
pub(crate) struct LinkSender {
    frames: mpsc::Sender<Outgoing>,
    meters: Arc<Meters>,
}

impl LinkSender {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Outgoing>, Arc<Meters>) {
        let (frames, receiver) = mpsc::channel(QUEUE_FRAMES);
        let meters = Arc::new(Meters::default());
        (Self { frames, meters: meters.clone() }, receiver, meters)
    }

    /// Queues a frame that already carries its length.
    pub(crate) fn send(&mut self, lane: Lane, framed: Bytes) -> Result<(), SendError> {
        let len = framed.len();
        if self.meters.queued.fetch_add(len, Ordering::Relaxed) + len > QUEUE_BYTES {
            self.meters.queued.fetch_sub(len, Ordering::Relaxed);
            return Err(SendError::Full);
        }
        self.frames.try_send(Outgoing { lane, framed }).map_err(|e| {
            self.meters.queued.fetch_sub(len, Ordering::Relaxed);
            if e.is_full() { SendError::Full } else { SendError::Gone }
        })
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.frames.is_closed()
    }

    pub(crate) fn reading(&self) -> Reading {
        self.meters.reading()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_refuses_what_would_not_fit_and_goes_on_when_bytes_have_left() {
        let (mut link, mut receiver, meters) = LinkSender::new();
        let half = Bytes::from(vec![0; QUEUE_BYTES / 2]);
        link.send(Lane::Control, half.clone()).unwrap();
        link.send(Lane::Media(1), half.clone()).unwrap();
        assert_eq!(link.send(Lane::Control, Bytes::from_static(b"x")), Err(SendError::Full));
        assert_eq!(link.reading().queued, QUEUE_BYTES);

        assert_eq!(receiver.try_recv().unwrap().lane, Lane::Control);
        meters.wrote(half.len());
        link.send(Lane::Control, Bytes::from_static(b"x")).unwrap();
        assert_eq!(link.reading().written, half.len() as u64);
    }

    #[test]
    fn a_link_whose_connection_ended_says_so() {
        let (mut link, receiver, _) = LinkSender::new();
        assert!(!link.is_gone());
        drop(receiver);
        assert!(link.is_gone());
        assert_eq!(link.send(Lane::Control, Bytes::from_static(b"x")), Err(SendError::Gone));
        assert_eq!(link.reading().queued, 0);
    }

    #[test]
    fn meters_tell_lanes_apart() {
        let (link, _receiver, meters) = LinkSender::new();
        meters.read_frame(Lane::Media(2));
        meters.set_partial(Lane::Media(3), true);
        let reading = link.reading();
        assert_eq!(reading.frames, [0, 0, 0, 1, 0]);
        assert_eq!(reading.partial, [false, false, false, false, true]);
        meters.set_partial(Lane::Media(3), false);
        assert_eq!(link.reading().partial, [false; LANES]);
    }
}
