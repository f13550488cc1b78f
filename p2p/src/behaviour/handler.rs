//! The part of a connection that runs in the connection's own task: opens the lanes, writes and reads frames.
//!
//! An own handler rather than `libp2p-stream`, which drops inbound streams when the acceptor is busy, opens outbound
//! ones one after the other and keeps an entry for every connection there ever was.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{AsyncWrite as _, StreamExt as _, channel::mpsc, stream::FusedStream as _};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol,
    core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo},
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, ConnectionId, StreamUpgradeError, SubstreamProtocol,
        handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};

use super::{
    lane::{FrameError, FrameReader, FrameWriter, LANES, Lane},
    link::{Arrived, Incoming, LinkFault, LinkSender, Meters, Outgoing},
};

/// How many frames one poll reads before other connections get their turn.
const READS_PER_POLL: usize = 32;

/// Negotiates lanes and nothing else: the stream itself is the result.
#[derive(Debug)]
pub(crate) struct LaneUpgrade(Vec<StreamProtocol>);

impl UpgradeInfo for LaneUpgrade {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for LaneUpgrade {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, info: Self::Info) -> Self::Future {
        std::future::ready(Ok((stream, info)))
    }
}

impl OutboundUpgrade<Stream> for LaneUpgrade {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, info: Self::Info) -> Self::Future {
        std::future::ready(Ok((stream, info)))
    }
}

#[derive(Debug)]
struct LaneState {
    stream: Option<Stream>,
    reader: FrameReader,
    /// The other side says nothing more here.
    ended: bool,
    writer: FrameWriter,
}

/// Handler of one direct connection.
#[derive(Debug)]
pub(crate) struct LinkHandler {
    connection: ConnectionId,
    peer: PeerId,
    address: Multiaddr,
    /// Whether this side opens the lanes.
    dialer: bool,
    incoming: mpsc::Sender<Incoming>,
    outgoing: mpsc::Receiver<Outgoing>,
    meters: Arc<Meters>,
    lanes: [LaneState; LANES],
    /// Lanes still to be asked for.
    to_open: Vec<Lane>,
    opened: Option<LinkSender>,
    fault: Option<LinkFault>,
    /// Set once a fault was found: nothing is read or written any more.
    dead: bool,
    /// Set once all that the node sent before it let go is through.
    drained: bool,
    /// Set for relayed connections: they serve to arrange a direct one and never carry media.
    inert: bool,
}

impl LinkHandler {
    pub(crate) fn new(
        connection: ConnectionId,
        peer: PeerId,
        address: Multiaddr,
        dialer: bool,
        incoming: mpsc::Sender<Incoming>,
    ) -> Self {
        let (link, outgoing, meters) = LinkSender::new();
        let lanes = std::array::from_fn(|i| LaneState {
            stream: None,
            reader: FrameReader::new(Lane::at(i).limit()),
            ended: false,
            writer: FrameWriter::default(),
        });
        // Popped from the end, so the control lane is asked for first.
        let to_open = if dialer { Lane::all().collect::<Vec<_>>().into_iter().rev().collect() } else { Vec::new() };
        Self {
            connection,
            peer,
            address,
            dialer,
            incoming,
            outgoing,
            meters,
            lanes,
            to_open,
            opened: Some(link),
            fault: None,
            dead: false,
            drained: false,
            inert: false,
        }
    }

    /// A handler for a relayed connection, which has no lanes.
    pub(crate) fn inert(
        connection: ConnectionId,
        peer: PeerId,
        address: Multiaddr,
        incoming: mpsc::Sender<Incoming>,
    ) -> Self {
        Self { inert: true, opened: None, ..Self::new(connection, peer, address, false, incoming) }
    }

    fn fail(&mut self, fault: LinkFault) {
        if !self.dead {
            self.dead = true;
            self.fault = Some(fault);
            for lane in &mut self.lanes {
                lane.stream = None;
            }
        }
    }

    fn tell(&mut self, what: Arrived) {
        // Room was made sure of by `poll_ready`; a node that is gone needs no news.
        let _ = self.incoming.start_send(Incoming { connection: self.connection, peer: self.peer, what });
    }

    fn has_room(&mut self, cx: &mut Context<'_>) -> bool {
        matches!(self.incoming.poll_ready(cx), Poll::Ready(Ok(())))
    }

    fn attach(&mut self, lane: Lane, stream: Stream) {
        if self.dead {
            return;
        }
        let slot = &mut self.lanes[lane.index()].stream;
        if slot.is_some() {
            self.fail(LinkFault::DuplicateLane(lane));
        } else {
            *slot = Some(stream);
        }
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

impl ConnectionHandler for LinkHandler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Infallible;
    type InboundProtocol = LaneUpgrade;
    type OutboundProtocol = LaneUpgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Lane;

    fn listen_protocol(&self) -> SubstreamProtocol<LaneUpgrade> {
        let protocols = if self.inert { Vec::new() } else { Lane::all().map(Lane::protocol).collect() };
        SubstreamProtocol::new(LaneUpgrade(protocols), ())
    }

    fn connection_keep_alive(&self) -> bool {
        // The node decides: once it let go of its end, nothing more comes.
        !self.dead && !self.inert && !self.outgoing.is_terminated()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<LaneUpgrade, Lane, Infallible>> {
        if self.opened.is_some() {
            if !self.has_room(cx) {
                return Poll::Pending;
            }
            if let Some(link) = self.opened.take() {
                self.tell(Arrived::Opened { link, address: self.address.clone(), dialed: self.dialer });
            }
        }
        if let Some(lane) = self.to_open.pop() {
            let protocol = SubstreamProtocol::new(LaneUpgrade(vec![lane.protocol()]), lane);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        if !self.dead {
            self.write(cx);
        }
        if !self.dead {
            self.read(cx);
        }
        if !self.dead {
            self.drain(cx);
        }
        if self.fault.is_some()
            && self.has_room(cx)
            && let Some(fault) = self.fault.take()
        {
            self.tell(Arrived::Fault(fault));
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, LaneUpgrade, LaneUpgrade, (), Lane>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (stream, protocol), ..
            }) => match Lane::of_protocol(&protocol) {
                Some(lane) if self.dialer => self.fail(LinkFault::UninvitedLane(lane)),
                Some(lane) => self.attach(lane, stream),
                None => {}
            },
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: (stream, _), info }) => {
                self.attach(info, stream);
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let reason = match error {
                    StreamUpgradeError::Timeout => "no answer in time".to_owned(),
                    StreamUpgradeError::NegotiationFailed => "the other side does not speak this protocol".to_owned(),
                    StreamUpgradeError::Io(e) => e.to_string(),
                    StreamUpgradeError::Apply(never) => match never {},
                };
                self.fail(LinkFault::NotOpened { lane: info, reason });
            }
            _ => {}
        }
    }
}
