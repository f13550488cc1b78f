//! An end to the patience with which a connection is closed.
//!
//! libp2p waits for the transport to close; over TCP a peer that reads nothing could keep it waiting, and keep its place
//! among the limited connections, for as long as it likes.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use tokio::time::{Sleep, sleep};

/// How long a connection may take to close.
const CLOSING: Duration = Duration::from_secs(1);

/// A muxer that gives up closing after a second.
pub(crate) struct Patience<M> {
    inner: M,
    closing: Option<Pin<Box<Sleep>>>,
}

impl<M> Patience<M> {
    pub(crate) fn new(inner: M) -> Self {
        Self { inner, closing: None }
    }
}

impl<M> StreamMuxer for Patience<M>
where
    M: StreamMuxer + Unpin,
    M::Error: Into<io::Error>,
{
    type Substream = M::Substream;
    type Error = io::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<M::Substream>> {
        Pin::new(&mut self.inner).poll_inbound(cx).map_err(Into::into)
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<M::Substream>> {
        Pin::new(&mut self.inner).poll_outbound(cx).map_err(Into::into)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(end) = Pin::new(&mut self.inner).poll_close(cx) {
            return Poll::Ready(end.map_err(Into::into));
        }
        let limit = self.closing.get_or_insert_with(|| Box::pin(sleep(CLOSING)));
        limit.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<StreamMuxerEvent>> {
        Pin::new(&mut self.inner).poll(cx).map_err(Into::into)
    }
}
