//! The task that writes and reads the frames of one connection.
//!
//! It runs beside libp2p's own task of the connection: that one asks every handler at each turn whether it has something to
//! say, which costs more than reading a piece.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{AsyncWrite as _, StreamExt as _, channel::mpsc, stream::FusedStream as _};
use libp2p::{Multiaddr, PeerId, Stream, swarm::ConnectionId};

use super::{
    lane::{FrameError, FrameReader, FrameWriter, LANES, Lane},
    link::{Arrived, Incoming, LinkFault, LinkSender, Meters, Outgoing},
};

/// How many frames one poll reads before other connections get their turn.
const READS_PER_POLL: usize = 32;

/// How many things a handler may have to say at once: that it runs, a stream for each lane, and a fault.
const GIVEN: usize = LANES + 2;

/// What the handler of the connection gives.
#[derive(Debug)]
pub(crate) enum Given {
    /// The connection is taken: until then it may still be refused.
    Started,
    /// A lane has its stream.
    Stream(Lane, Stream),
    /// The connection is of no use.
    Fault(LinkFault),
}

#[derive(Debug)]
struct LaneState {
    stream: Option<Stream>,
    reader: FrameReader,
    /// The other side says nothing more here.
    ended: bool,
    writer: FrameWriter,
}

/// Moves frames between one direct connection and the node; ends with the connection, or with the first fault.
#[derive(Debug)]
pub(crate) struct LinkTask {
    connection: ConnectionId,
    peer: PeerId,
    incoming: mpsc::Sender<Incoming>,
    /// What the node is told first.
    opened: Option<Arrived>,
    started: bool,
    given: mpsc::Receiver<Given>,
    outgoing: mpsc::Receiver<Outgoing>,
    meters: Arc<Meters>,
    lanes: [LaneState; LANES],
    /// Set once a fault was found: nothing is read or written any more.
    fault: Option<LinkFault>,
    /// Set once all that the node sent before it let go is through.
    drained: bool,
}

impl LinkTask {
    /// A task, and the handler's way to it.
    pub(crate) fn new(
        connection: ConnectionId,
        peer: PeerId,
        address: Multiaddr,
        dialed: bool,
        incoming: mpsc::Sender<Incoming>,
    ) -> (Self, mpsc::Sender<Given>) {
        let (link, outgoing, meters) = LinkSender::new();
        let (give, given) = mpsc::channel(GIVEN);
        let lanes = std::array::from_fn(|i| LaneState {
            stream: None,
            reader: FrameReader::new(Lane::at(i).limit()),
            ended: false,
            writer: FrameWriter::default(),
        });
        let opened = Some(Arrived::Opened { link, address, dialed });
        let (started, fault, drained) = (false, None, false);
        (Self { connection, peer, incoming, opened, started, given, outgoing, meters, lanes, fault, drained }, give)
    }

    fn fail(&mut self, fault: LinkFault) {
        if self.fault.is_none() {
            self.fault = Some(fault);
            for lane in &mut self.lanes {
                lane.stream = None;
            }
        }
    }

    fn tell(&mut self, what: Arrived) {
        // Room was made sure of by `has_room`; a node that is gone needs no news.
        let _ = self.incoming.start_send(Incoming { connection: self.connection, peer: self.peer, what });
    }

    fn has_room(&mut self, cx: &mut Context<'_>) -> bool {
        matches!(self.incoming.poll_ready(cx), Poll::Ready(Ok(())))
    }

    fn write(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(Outgoing { lane, framed })) = self.outgoing.poll_next_unpin(cx) {
            self.lanes[lane.index()].writer.push(framed);
        }
        for i in 0..LANES {
            let LaneState { stream: Some(stream), writer, .. } = &mut self.lanes[i] else { continue };
            if let Poll::Ready(Err(e)) = writer.poll_write(cx, stream, |n| self.meters.wrote(n)) {
                self.fail(LinkFault::Frame { lane: Lane::at(i), error: FrameError::Io(e) });
                return;
            }
        }
    }

    /// Once the node let go, sends what is left and ends the lanes. The other side then ends them too, which shows here as
    /// a fault: closing a QUIC connection at once would lose what is under way.
    fn drain(&mut self, cx: &mut Context<'_>) {
        if self.drained || !self.outgoing.is_terminated() {
            return;
        }
        for LaneState { stream, writer, .. } in &mut self.lanes {
            let Some(stream) = stream else { continue };
            if !writer.is_empty() || Pin::new(stream).poll_close(cx).is_pending() {
                return;
            }
        }
        self.drained = true;
    }

    /// Reads frames while the node takes them; what it does not take stays in the transport and slows the sender.
    fn read(&mut self, cx: &mut Context<'_>) {
        let mut budget = READS_PER_POLL;
        for i in 0..LANES {
            let lane = Lane::at(i);
            while self.lanes[i].stream.is_some() && !self.lanes[i].ended {
                if !self.has_room(cx) {
                    return;
                }
                if budget == 0 {
                    cx.waker().wake_by_ref();
                    return;
                }
                let LaneState { stream: Some(stream), reader, .. } = &mut self.lanes[i] else { break };
                match reader.poll_frame(cx, stream) {
                    Poll::Ready(Ok(frame)) => {
                        budget -= 1;
                        self.meters.read_frame(lane);
                        self.meters.set_partial(lane, false);
                        self.tell(Arrived::Frame(lane, frame));
                    }
                    // The control lane may still hold what explains it.
                    Poll::Ready(Err(FrameError::Closed)) if lane != Lane::Control => {
                        self.lanes[i].ended = true;
                        break;
                    }
                    Poll::Ready(Err(error)) => {
                        self.fail(LinkFault::Frame { lane, error });
                        return;
                    }
                    Poll::Pending => {
                        self.meters.set_partial(lane, reader.is_partial());
                        break;
                    }
                }
            }
        }
    }
}

impl Future for LinkTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            match this.given.poll_next_unpin(cx) {
                Poll::Ready(Some(Given::Started)) => this.started = true,
                Poll::Ready(Some(Given::Stream(lane, stream))) => this.lanes[lane.index()].stream = Some(stream),
                Poll::Ready(Some(Given::Fault(fault))) => this.fail(fault),
                // The connection is gone, of which libp2p tells the node.
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        if this.opened.is_some() {
            if !this.started || !this.has_room(cx) {
                return Poll::Pending;
            }
            if let Some(opened) = this.opened.take() {
                this.tell(opened);
            }
        }
        if this.fault.is_none() {
            this.write(cx);
        }
        if this.fault.is_none() {
            this.read(cx);
        }
        if this.fault.is_none() {
            this.drain(cx);
        }
        if this.fault.is_some()
            && this.has_room(cx)
            && let Some(fault) = this.fault.take()
        {
            this.tell(Arrived::Fault(fault));
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
