//! By which ways others were reached: what the owner can tell the user about the network.

use std::collections::HashSet;

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol, swarm::DialError};

use crate::{
    node::NodeStats,
    reach::address::{self, Scope},
};

/// What connections and failed dials say about the network.
#[derive(Debug, Default)]
pub(super) struct Ways {
    quic: u64,
    tcp: u64,
    quic_failed: u64,
    punched: HashSet<PeerId>,
    holes_punched: u64,
    holes_failed: u64,
}

impl Ways {
    /// A direct connection came about.
    pub(super) fn connected(&mut self, address: &Multiaddr) {
        if is_quic(address) {
            self.quic += 1;
        } else {
            self.tcp += 1;
        }
    }

    /// A dial failed. What is on this machine says nothing about the network.
    pub(super) fn failed(&mut self, error: &DialError) {
        if let DialError::Transport(tries) = error {
            let far = |address: &Multiaddr| address::scope(address) != Some(Scope::Loopback);
            let failed = tries.iter().filter(|(address, _)| is_quic(address) && far(address)).count();
            self.quic_failed += failed as u64;
        }
    }

    /// A hole was punched to a peer.
    pub(super) fn punched(&mut self, peer: PeerId) {
        if self.punched.insert(peer) {
            self.holes_punched += 1;
        }
    }

    /// No hole could be punched.
    pub(super) fn not_punched(&mut self) {
        self.holes_failed += 1;
    }

    /// A peer is gone.
    pub(super) fn lost(&mut self, peer: &PeerId) {
        self.punched.remove(peer);
    }

    /// Puts what is known into the counters.
    pub(super) fn tell(&self, stats: &mut NodeStats) {
        (stats.connections_quic, stats.connections_tcp) = (self.quic, self.tcp);
        stats.quic_dials_failed = self.quic_failed;
        (stats.holes_punched, stats.holes_failed) = (self.holes_punched, self.holes_failed);
        if !self.punched.is_empty() {
            let punched: HashSet<String> = self.punched.iter().map(PeerId::to_string).collect();
            stats.neighbours.iter_mut().for_each(|neighbour| neighbour.punched = punched.contains(&neighbour.peer));
        }
    }
}

fn is_quic(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::QuicV1)
}

#[cfg(test)]
mod tests {
    use libp2p::core::transport::TransportError;

    use super::*;
    use crate::{node::NeighbourStats, wire::Role};

    #[test]
    fn ways_are_counted_by_transport_and_this_machine_is_left_out() {
        let failed = |address: &str| {
            let error = TransportError::Other(std::io::ErrorKind::TimedOut.into());
            DialError::Transport(vec![(address.parse().unwrap(), error)])
        };
        let mut ways = Ways::default();
        ways.connected(&"/ip4/8.8.8.8/udp/1/quic-v1".parse().unwrap());
        ways.connected(&"/ip4/8.8.8.8/tcp/1".parse().unwrap());
        ways.failed(&failed("/ip4/8.8.8.8/udp/1/quic-v1"));
        ways.failed(&failed("/ip4/8.8.8.8/tcp/1"));
        ways.failed(&failed("/ip4/127.0.0.1/udp/1/quic-v1"));
        ways.failed(&DialError::Aborted);
        let peer = PeerId::random();
        ways.punched(peer);
        ways.punched(peer);
        ways.not_punched();
        let neighbour = NeighbourStats {
            peer: peer.to_string(),
            kind: Role::Viewer,
            address: String::new(),
            outbound: true,
            punched: false,
            rtt_ms: None,
            bytes_in: 0,
            bytes_out: 0,
        };
        let mut stats = NodeStats { neighbours: vec![neighbour], ..NodeStats::default() };
        ways.tell(&mut stats);
        assert_eq!((stats.connections_quic, stats.connections_tcp, stats.quic_dials_failed), (1, 1, 1));
        assert!(stats.neighbours[0].punched);
        assert_eq!((stats.holes_punched, stats.holes_failed), (1, 1));
        ways.lost(&peer);
        stats.neighbours[0].punched = false;
        ways.tell(&mut stats);
        assert!(!stats.neighbours[0].punched);
    }
}
