//! The behaviour that gives every direct connection its lanes.

use std::{
    convert::Infallible,
    fmt,
    task::{Context, Poll},
};

use futures::channel::mpsc;
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    multiaddr::Protocol,
    swarm::{
        ConnectionDenied, ConnectionId, Executor, FromSwarm, NetworkBehaviour, THandlerInEvent, THandlerOutEvent,
        ToSwarm,
    },
};

use thiserror::Error;

use super::{handler::LinkHandler, link::Incoming, task::LinkTask};
use crate::reach::address::{is_near, is_relayed};

/// How many things connections may have to say before they wait; each connection has one more place of its own.
const INCOMING: usize = 64;

/// Installs a [`LinkHandler`] on every connection, and a [`LinkTask`] beside each direct one; all of them speak into one
/// bounded channel.
pub(crate) struct Links {
    incoming: mpsc::Sender<Incoming>,
    near_only: bool,
    executor: Box<dyn Executor + Send>,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("near_only", &self.near_only).finish_non_exhaustive()
    }
}

/// Why a connection beyond the local network is neither made nor taken.
#[derive(Debug, Error)]
#[error("{0} is not on the local network")]
struct TooFar(Multiaddr);

impl Links {
    pub(crate) fn new(near_only: bool, executor: impl Executor + Send + 'static) -> (Self, mpsc::Receiver<Incoming>) {
        let (incoming, receiver) = mpsc::channel(INCOMING);
        (Self { incoming, near_only, executor: Box::new(executor) }, receiver)
    }

    fn check(&self, address: &Multiaddr) -> Result<(), ConnectionDenied> {
        if self.near_only && !is_near(address) {
            return Err(ConnectionDenied::new(TooFar(address.clone())));
        }
        Ok(())
    }

    fn handler(&self, connection: ConnectionId, peer: PeerId, address: &Multiaddr, dialer: bool) -> LinkHandler {
        // Relayed connections serve to arrange a direct one, and never carry media.
        if is_relayed(address) {
            return LinkHandler::inert();
        }
        let (task, give) = LinkTask::new(connection, peer, address.clone(), dialer, self.incoming.clone());
        self.executor.exec(Box::pin(task));
        LinkHandler::new(give, dialer)
    }
}

impl NetworkBehaviour for Links {
    type ConnectionHandler = LinkHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        _: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        // Of a relayed inbound connection only the local address says that it is one.
        self.check(if is_relayed(local) { local } else { remote })
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: Option<PeerId>,
        addresses: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        addresses.iter().try_for_each(|address| self.check(address))?;
        Ok(Vec::new())
    }

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
        // Only probes of whether an address can be reached leave from a new port.
        if port_use == PortUse::New {
            return Ok(LinkHandler::inert());
        }
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

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use super::*;

    #[test]
    fn who_stays_near_neither_dials_nor_lets_in_what_is_far() {
        let (near, far): (Multiaddr, Multiaddr) =
            ("/ip4/192.168.1.4/tcp/1".parse().unwrap(), "/ip4/8.8.8.8/tcp/1".parse().unwrap());
        let id = ConnectionId::new_unchecked(1);
        for (near_only, allowed) in [(false, true), (true, false)] {
            let no_tasks = |_: Pin<Box<dyn Future<Output = ()> + Send>>| {};
            let (mut links, _incoming) = Links::new(near_only, no_tasks);
            let mut in_out = |address: &Multiaddr| {
                let inbound = links.handle_pending_inbound_connection(id, &near, address).is_ok();
                let outbound =
                    links.handle_pending_outbound_connection(id, None, std::slice::from_ref(address), Endpoint::Dialer);
                (inbound, outbound.is_ok())
            };
            assert_eq!(in_out(&near), (true, true));
            assert_eq!(in_out(&far), (allowed, allowed));
        }
    }
}
