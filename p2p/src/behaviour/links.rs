//! The behaviour that gives every direct connection its lanes.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use futures::channel::mpsc;
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    multiaddr::Protocol,
    swarm::{ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandlerInEvent, THandlerOutEvent, ToSwarm},
};

use super::{handler::LinkHandler, link::Incoming};
use crate::reach::address::is_relayed;

/// How many things connections may have to say before they wait; each connection has one more place of its own.
const INCOMING: usize = 64;

/// Installs a [`LinkHandler`] on every connection; all of them speak into one bounded channel.
#[derive(Debug)]
pub(crate) struct Links {
    incoming: mpsc::Sender<Incoming>,
}

impl Links {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Incoming>) {
        let (incoming, receiver) = mpsc::channel(INCOMING);
        (Self { incoming }, receiver)
    }

    fn handler(&self, connection: ConnectionId, peer: PeerId, address: &Multiaddr, dialer: bool) -> LinkHandler {
        let (address, incoming) = (address.clone(), self.incoming.clone());
        if is_relayed(&address) {
            LinkHandler::inert(connection, peer, address, incoming)
        } else {
            LinkHandler::new(connection, peer, address, dialer, incoming)
        }
    }
}

impl NetworkBehaviour for Links {
    type ConnectionHandler = LinkHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<LinkHandler, ConnectionDenied> {
        // Of a relayed inbound connection only the local address says that it is one.
        Ok(self.handler(connection, peer, if is_relayed(local) { local } else { remote }, false))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role_override: Endpoint,
        port_use: PortUse,
    ) -> Result<LinkHandler, ConnectionDenied> {
        // Both sides dial while punching a hole; the overridden role tells them apart, but not over QUIC from the port that
        // is listened on: there libp2p dials in earnest all the same, and both would take themselves for the one dialed.
        let in_earnest = port_use == PortUse::Reuse && address.iter().any(|part| part == Protocol::QuicV1);
        Ok(self.handler(connection, peer, address, role_override.is_dialer() || in_earnest))
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
