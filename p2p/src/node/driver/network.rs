//! What libp2p tells: addresses, connections that come and go, round trips, peers found; and the place on the relay.

use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId, mdns, multiaddr::Protocol, ping, swarm::SwarmEvent};

use super::{Driver, clock};
use crate::{
    behaviour::BehaviourEvent,
    node::{Candidate, NodeEvent, NodeProblem, core::Input},
    reach::address,
    wire::Role,
};

/// How long after a relay refused a place it is asked again.
const RESERVE: Duration = Duration::from_secs(10);

impl Driver {
    pub(super) fn swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = clock();
        match event {
            SwarmEvent::NewListenAddr { listener_id, address } => {
                self.listeners.entry(listener_id).or_default().push(address.clone());
                // A relay that knows no address of its own gives useless reservations.
                if self.serve {
                    self.swarm.add_external_address(address.clone());
                }
                self.addresses_changed();
                self.event(NodeEvent::Listening(address));
            }
            SwarmEvent::ExpiredListenAddr { listener_id, address } => {
                if let Some(addresses) = self.listeners.get_mut(&listener_id) {
                    addresses.retain(|a| *a != address);
                }
                self.addresses_changed();
            }
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                self.listeners.remove(&listener_id);
                self.addresses_changed();
                let address = addresses.first().map_or_else(|| "a relay".to_owned(), Multiaddr::to_string);
                let reason = reason.err().map_or_else(|| "it was closed".to_owned(), |e| e.to_string());
                self.event(NodeEvent::Problem(NodeProblem::ListenerClosed { address, reason }));
            }
            SwarmEvent::ExternalAddrConfirmed { address } => {
                self.addresses_changed();
                self.event(NodeEvent::Listening(address));
            }
            SwarmEvent::ExternalAddrExpired { .. } => self.addresses_changed(),
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, num_established, .. } => {
                self.book.connected(&peer_id);
                if !endpoint.is_relayed() {
                    let direct = self.direct.entry(peer_id).or_default();
                    *direct += 1;
                    // The side that was dialed through the hole is told so by nobody else.
                    if num_established.get() > *direct {
                        self.ways.punched(peer_id);
                    }
                    self.ways.connected(endpoint.get_remote_address());
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, endpoint, .. } => {
                self.draining.remove(&connection_id);
                self.links.remove(&connection_id);
                if !endpoint.is_relayed()
                    && let Some(direct) = self.direct.get_mut(&peer_id)
                {
                    *direct = direct.saturating_sub(1);
                }
                if num_established == 0 {
                    self.direct.remove(&peer_id);
                    self.ways.lost(&peer_id);
                    self.book.lost(now, &peer_id);
                } else {
                    self.part_if_only_relayed(peer_id);
                }
                self.core.handle(now, Input::Closed { connection: connection_id });
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => {
                tracing::debug!(%peer, %error, "dial failed");
                self.ways.failed(&error);
                if !self.swarm.is_connected(&peer) {
                    self.book.lost(now, &peer);
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { connection, result: Ok(rtt), .. })) => {
                self.core.handle(now, Input::Rtt { connection, rtt });
            }
            SwarmEvent::Behaviour(BehaviourEvent::Mdns(mdns::Event::Discovered(found))) => {
                for (peer, address) in found {
                    self.book.add(Candidate { peer, addresses: vec![address], kind: Role::Viewer });
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Dcutr(event)) => {
                tracing::debug!(peer = %event.remote_peer_id, ok = event.result.is_ok(), "hole punching ended");
                if event.result.is_ok() {
                    self.ways.punched(event.remote_peer_id);
                } else {
                    self.ways.not_punched();
                    self.part_if_only_relayed(event.remote_peer_id);
                }
            }
            _ => {}
        }
    }

    /// Ends what is left of a peer that is reached over a relay only: holes are punched when such a connection begins, so
    /// only a new one, after a pause, brings another try.
    fn part_if_only_relayed(&mut self, peer: PeerId) {
        if self.direct.get(&peer).is_none_or(|direct| *direct == 0) {
            // Already gone is fine.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }

    fn addresses_changed(&mut self) {
        let listening = self.listeners.values().flatten();
        let mut all: Vec<Multiaddr> = self.swarm.external_addresses().chain(listening).cloned().collect();
        all.retain(|address| !self.near_only || address::is_near(address));
        all.sort_by_cached_key(|address| {
            (address::is_relayed(address), std::cmp::Reverse(address::scope(address)), address.to_string())
        });
        all.dedup();
        self.ends.addresses.send_replace(all);
    }

    /// Asks the server's relay for a place, over which others can arrange a direct connection to us; over the connection
    /// that is there, since a second one would be taken for a double.
    pub(super) fn reserve(&mut self, now: Instant) {
        let Some(server) = self.relay_server.as_ref().filter(|server| self.swarm.is_connected(&server.peer)) else {
            return;
        };
        let has_place = self.listeners.values().flatten().any(address::is_relayed);
        let recent = self.reserved.is_some_and(|at| now.saturating_duration_since(at) < RESERVE);
        let Some(address) = server.addresses.iter().find(|a| address::is_dialable(a)) else { return };
        if has_place || recent {
            return;
        }
        self.reserved = Some(now);
        let circuit = address::without_peer(address).with(Protocol::P2p(server.peer)).with(Protocol::P2pCircuit);
        if let Err(e) = self.swarm.listen_on(circuit) {
            tracing::debug!(error = %e, "no place on the relay");
        }
    }
}
