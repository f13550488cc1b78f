//! The part of a connection that libp2p asks: opens the lanes and hands their streams to the [`LinkTask`].
//!
//! An own handler rather than `libp2p-stream`, which drops inbound streams when the acceptor is busy, opens outbound
//! ones one after the other and keeps an entry for every connection there ever was.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use futures::channel::mpsc;
use libp2p::{
    Stream, StreamProtocol,
    core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo},
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol,
        handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};

use super::{
    lane::{LANES, Lane, PROTOCOLS},
    link::LinkFault,
    task::Given,
};

/// Negotiates lanes and nothing else: the stream itself is the result.
#[derive(Debug)]
pub(crate) struct LaneUpgrade(&'static [StreamProtocol]);

impl UpgradeInfo for LaneUpgrade {
    type Info = StreamProtocol;
    type InfoIter = std::iter::Cloned<std::slice::Iter<'static, StreamProtocol>>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.iter().cloned()
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

/// Handler of one connection.
#[derive(Debug)]
pub(crate) struct LinkHandler {
    /// Where the streams go; nothing where there are to be none.
    task: Option<mpsc::Sender<Given>>,
    /// Whether the task was told to begin.
    started: bool,
    /// Whether this side opens the lanes.
    dialer: bool,
    /// Lanes still to be asked for.
    to_open: Vec<Lane>,
    /// Lanes that have their stream.
    attached: [bool; LANES],
}

impl LinkHandler {
    /// A handler that gives the lanes of its connection to a task.
    pub(crate) fn new(task: mpsc::Sender<Given>, dialer: bool) -> Self {
        // Popped from the end, so the control lane is asked for first.
        let to_open = if dialer { Lane::all().collect::<Vec<_>>().into_iter().rev().collect() } else { Vec::new() };
        Self { task: Some(task), started: false, dialer, to_open, attached: [false; LANES] }
    }

    /// A handler for a connection that has no lanes.
    pub(crate) fn inert() -> Self {
        Self { task: None, started: false, dialer: false, to_open: Vec::new(), attached: [false; LANES] }
    }

    fn give(&mut self, given: Given) {
        if let Some(task) = &mut self.task
            && task.try_send(given).is_err()
        {
            // It has ended, or it was told of more faults than it cares for.
            self.task = None;
        }
    }

    /// The node hears of a connection once it is to have lanes: some are made only to see whether an address can be
    /// reached, and must not be taken for a second way to the same peer.
    fn start(&mut self) {
        if !std::mem::replace(&mut self.started, true) {
            self.give(Given::Started);
        }
    }

    fn attach(&mut self, lane: Lane, stream: Stream) {
        self.start();
        if std::mem::replace(&mut self.attached[lane.index()], true) {
            self.give(Given::Fault(LinkFault::DuplicateLane(lane)));
        } else {
            self.give(Given::Stream(lane, stream));
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
        SubstreamProtocol::new(LaneUpgrade(if self.task.is_some() { &PROTOCOLS } else { &[] }), ())
    }

    fn connection_keep_alive(&self) -> bool {
        // The task ends with the first fault, or when the node let go and all is said.
        self.started && self.task.as_ref().is_some_and(|task| !task.is_closed())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<LaneUpgrade, Lane, Infallible>> {
        if self.dialer {
            self.start();
        }
        match self.to_open.pop() {
            Some(lane) => {
                let protocol = SubstreamProtocol::new(LaneUpgrade(lane.protocol()), lane);
                Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol })
            }
            None => Poll::Pending,
        }
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, LaneUpgrade, LaneUpgrade, (), Lane>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (stream, protocol), ..
            }) => match Lane::of_protocol(&protocol) {
                Some(lane) if self.dialer => self.give(Given::Fault(LinkFault::UninvitedLane(lane))),
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
                self.give(Given::Fault(LinkFault::NotOpened { lane: info, reason }));
            }
            _ => {}
        }
    }
}
