//! The long-lived streams between two neighbours, and the framing inside them.
//!
//! A pair of neighbours shares one control lane and a few media lanes, opened once by whoever dialed and used in both
//! directions. A stream per piece would pay a negotiation for each 8 KiB; one stream for all would let a lost packet of
//! one chunk hold up the chunks behind it.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::{AsyncRead, AsyncWrite};
use libp2p::StreamProtocol;
use thiserror::Error;

use crate::wire::{MAX_FRAME, MAX_HEADER, MAX_PIECE_MESSAGE};

/// How many media lanes a pair of neighbours shares.
pub const MEDIA_LANES: u8 = 4;

/// How many lanes there are in all.
pub(crate) const LANES: usize = 1 + MEDIA_LANES as usize;

/// The longest frame a control lane carries; manifests with their init segments are the largest.
pub(crate) const CONTROL_LIMIT: usize = MAX_FRAME;

/// The longest frame a media lane carries: one piece, or the header of the largest chunk.
pub(crate) const MEDIA_LIMIT: usize = 1 + if MAX_HEADER > MAX_PIECE_MESSAGE { MAX_HEADER } else { MAX_PIECE_MESSAGE };

/// How many bytes of a frame say how long the rest is.
pub(crate) const PREFIX: usize = 4;

/// The protocol of each lane, in the order of [`Lane::all`].
pub(crate) static PROTOCOLS: [StreamProtocol; LANES] = [
    StreamProtocol::new("/runnel/swarm/1/control"),
    StreamProtocol::new("/runnel/swarm/1/media/0"),
    StreamProtocol::new("/runnel/swarm/1/media/1"),
    StreamProtocol::new("/runnel/swarm/1/media/2"),
    StreamProtocol::new("/runnel/swarm/1/media/3"),
];

/// One of the streams between two neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Handshake, have-maps, requests, acknowledgements: small and never behind media.
    Control,
    /// Headers and pieces of every so-many-th chunk.
    Media(u8),
}

impl Lane {
    /// The lane that carries the chunk of some number.
    pub fn of_number(number: u64) -> Self {
        Self::Media((number % u64::from(MEDIA_LANES)) as u8)
    }

    /// All lanes, the control lane first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..LANES).map(Self::at)
    }

    pub(crate) fn at(index: usize) -> Self {
        match index {
            0 => Self::Control,
            n => Self::Media(((n - 1) % MEDIA_LANES as usize) as u8),
        }
    }

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Control => 0,
            Self::Media(n) => 1 + (n % MEDIA_LANES) as usize,
        }
    }

    /// Its protocol, alone in a list.
    pub(crate) fn protocol(self) -> &'static [StreamProtocol] {
        std::slice::from_ref(&PROTOCOLS[self.index()])
    }

    pub(crate) fn of_protocol(protocol: &StreamProtocol) -> Option<Self> {
        PROTOCOLS.iter().position(|p| p == protocol).map(Self::at)
    }

    /// The longest frame this lane carries.
    pub(crate) fn limit(self) -> usize {
        match self {
            Self::Control => CONTROL_LIMIT,
            Self::Media(_) => MEDIA_LIMIT,
        }
    }
}

/// Why a lane cannot go on.
#[derive(Debug, Error)]
pub(crate) enum FrameError {
    #[error("a frame of {len} bytes is announced, at most {limit} are allowed")]
    Oversized { len: usize, limit: usize },
    #[error("an empty frame was announced")]
    Empty,
    #[error("the stream was closed")]
    Closed,
    #[error("the stream ended inside a frame")]
    Truncated,
    #[error("the stream failed: {0}")]
    Io(#[from] io::Error),
}

/// Puts the length in front of a message.
#[cfg(test)]
pub(crate) fn frame(message: &[u8]) -> Bytes {
    [&(message.len() as u32).to_be_bytes(), message].concat().into()
}

/// Cuts a stream of bytes into frames, allocating hardly more than a frame needs once its length is known to be legal.
#[derive(Debug)]
pub(crate) struct FrameReader {
    limit: usize,
    prefix: [u8; PREFIX],
    /// How much of the prefix is here.
    prefixed: usize,
    /// Room for the frame and the prefix of the next one, so that frames in a row take one read each.
    body: Vec<u8>,
    /// How much of the body is here.
    have: usize,
}

impl FrameReader {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, prefix: [0; PREFIX], prefixed: 0, body: Vec::new(), have: 0 }
    }

    /// Whether a frame has begun and not ended.
    pub(crate) fn is_partial(&self) -> bool {
        self.prefixed > 0
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut (impl AsyncRead + Unpin),
    ) -> Poll<Result<Bytes, FrameError>> {
        loop {
            if self.prefixed < PREFIX {
                let n = ready!(Pin::new(&mut *io).poll_read(cx, &mut self.prefix[self.prefixed..]))?;
                if n == 0 {
                    let end = if self.prefixed == 0 { FrameError::Closed } else { FrameError::Truncated };
                    return Poll::Ready(Err(end));
                }
                self.prefixed += n;
                continue;
            }
            let len = u32::from_be_bytes(self.prefix) as usize;
            if self.body.is_empty() {
                if len > self.limit {
                    return Poll::Ready(Err(FrameError::Oversized { len, limit: self.limit }));
                }
                if len == 0 {
                    return Poll::Ready(Err(FrameError::Empty));
                }
                self.body = vec![0; len + PREFIX];
            }
            let n = ready!(Pin::new(&mut *io).poll_read(cx, &mut self.body[self.have..]))?;
            if n == 0 {
                return Poll::Ready(Err(FrameError::Truncated));
            }
            self.have += n;
            if self.have >= len {
                self.prefixed = self.have - len;
                self.prefix[..self.prefixed].copy_from_slice(&self.body[len..self.have]);
                self.have = 0;
                let mut frame = Bytes::from(std::mem::take(&mut self.body));
                frame.truncate(len);
                return Poll::Ready(Ok(frame));
            }
        }
    }
}

/// Frames on their way into a stream.
///
/// It has no bound of its own: `LinkSender` counts the bytes of a whole link and refuses more.
#[derive(Debug, Default)]
pub(crate) struct FrameWriter {
    queue: VecDeque<Bytes>,
    at: usize,
    unflushed: bool,
}

impl FrameWriter {
    pub(crate) fn push(&mut self, framed: Bytes) {
        self.queue.push_back(framed);
    }

    /// Whether all was written and flushed.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && !self.unflushed
    }

    /// Writes what the stream takes, reporting each count of bytes to `wrote`; ready when all is written and flushed.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut (impl AsyncWrite + Unpin),
        mut wrote: impl FnMut(usize),
    ) -> Poll<io::Result<()>> {
        while let Some(front) = self.queue.front() {
            let n = ready!(Pin::new(&mut *io).poll_write(cx, &front[self.at..]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            wrote(n);
            self.unflushed = true;
            self.at += n;
            if self.at == front.len() {
                self.at = 0;
                self.queue.pop_front();
            }
        }
        if self.unflushed {
            ready!(Pin::new(&mut *io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use futures::{executor::block_on, future::poll_fn, io::Cursor};
    use proptest::prelude::*;

    use super::*;

    /// Gives at most `step` bytes at a time, then the end.
    struct Trickle {
        data: Vec<u8>,
        at: usize,
        step: usize,
    }

    impl AsyncRead for Trickle {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
            let n = self.step.min(buf.len()).min(self.data.len() - self.at);
            buf[..n].copy_from_slice(&self.data[self.at..self.at + n]);
            self.at += n;
            Poll::Ready(Ok(n))
        }
    }

    fn read_all(data: Vec<u8>, step: usize, limit: usize) -> (Vec<Bytes>, FrameError) {
        let mut io = Trickle { data, at: 0, step };
        let mut reader = FrameReader::new(limit);
        let mut frames = Vec::new();
        loop {
            match block_on(poll_fn(|cx| reader.poll_frame(cx, &mut io))) {
                Ok(f) => frames.push(f),
                Err(e) => return (frames, e),
            }
        }
    }

    #[test]
    fn lanes_and_their_protocols_match() {
        let all: Vec<_> = Lane::all().collect();
        assert_eq!(all.len(), LANES);
        for (i, lane) in all.iter().enumerate() {
            assert_eq!(lane.index(), i);
            assert_eq!(lane.protocol().iter().map(Lane::of_protocol).collect::<Vec<_>>(), [Some(*lane)]);
        }
        assert_eq!(Lane::of_number(6), Lane::Media(2));
        assert_eq!(Lane::of_protocol(&StreamProtocol::new("/runnel/swarm/1/media/4")), None);
    }

    #[test]
    fn a_frame_longer_than_its_lane_allows_is_refused_before_it_is_allocated() {
        let (frames, end) = read_all(u32::MAX.to_be_bytes().to_vec(), 64, MEDIA_LIMIT);
        assert!(frames.is_empty());
        assert!(matches!(end, FrameError::Oversized { len: 0xffff_ffff, limit: MEDIA_LIMIT }), "{end}");
    }

    #[test]
    fn an_empty_frame_and_a_cut_frame_are_errors() {
        assert!(matches!(read_all(vec![0; 4], 4, 10).1, FrameError::Empty));
        assert!(matches!(read_all(vec![0, 0], 4, 10).1, FrameError::Truncated));
        assert!(matches!(read_all(vec![0, 0, 0, 5, 1], 4, 10).1, FrameError::Truncated));
        assert!(matches!(read_all(vec![], 4, 10).1, FrameError::Closed));
    }

    proptest! {
        #[test]
        fn frames_survive_any_cutting(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 0..20), step in 1usize..64) {
            let mut out = Cursor::new(Vec::new());
            let mut writer = FrameWriter::default();
            let mut total = 0;
            for m in &messages {
                writer.push(frame(m));
            }
            block_on(poll_fn(|cx| writer.poll_write(cx, &mut out, |n| total += n))).unwrap();
            prop_assert_eq!(total, out.get_ref().len());
            let (frames, end) = read_all(out.into_inner(), step, 200);
            prop_assert!(matches!(end, FrameError::Closed));
            prop_assert_eq!(frames, messages.into_iter().map(Bytes::from).collect::<Vec<_>>());
        }

        #[test]
        fn rubbish_never_panics_nor_allocates_beyond_the_limit(data in prop::collection::vec(any::<u8>(), 0..300), step in 1usize..32) {
            let (frames, _) = read_all(data, step, 64);
            prop_assert!(frames.iter().all(|f| f.len() <= 64));
        }
    }
}
