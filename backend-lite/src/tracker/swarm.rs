//! The peers of one broadcast; pure.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{address, silence};
use crate::api::{PeerEntry, PeerKind, PeerStats};
use crate::config::TrackerSettings;

/// Why a peer was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SwarmError {
    /// The swarm is full.
    #[error("the swarm has {0} peers, which is the limit")]
    Full(usize),
    /// Too many come from one address.
    #[error("{0} peers come from this address, which is the limit")]
    TooManyFromAddress(usize),
}

/// One announce.
#[derive(Debug)]
pub(super) struct Arrival<'a> {
    pub(super) peer_id: &'a str,
    pub(super) addresses: Vec<String>,
    pub(super) kind: PeerKind,
    pub(super) rendition: u8,
    pub(super) source: IpAddr,
    pub(super) uplink_kbps: Option<u32>,
    pub(super) stats: Option<PeerStats>,
}

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) peer_id: String,
    pub(super) addresses: Vec<String>,
    pub(super) kind: PeerKind,
    pub(super) rendition: u8,
    pub(super) source: IpAddr,
    pub(super) uplink_kbps: Option<u32>,
    seen: Instant,
    stats: PeerStats,
}

#[derive(Debug)]
pub(super) struct Swarm {
    peers: Vec<Peer>,
    index: HashMap<String, usize>,
    /// Who is at each public address.
    groups: HashMap<IpAddr, Vec<usize>>,
    publishers: Vec<String>,
    viewers: u32,
    servers: BTreeMap<u8, PeerEntry>,
    most: usize,
    most_per_group: usize,
    silence: Duration,
}

impl Swarm {
    pub(super) fn new(settings: &TrackerSettings) -> Self {
        Self {
            peers: Vec::new(),
            index: HashMap::new(),
            groups: HashMap::new(),
            publishers: Vec::new(),
            viewers: 0,
            servers: BTreeMap::new(),
            most: settings.max_peers,
            most_per_group: settings.peers_per_address,
            silence: silence(settings.interval),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.peers.is_empty() && self.servers.is_empty()
    }

    pub(super) fn viewers(&self) -> u32 {
        self.viewers
    }

    pub(super) fn source_of(&self, peer_id: &str) -> Option<IpAddr> {
        self.index.get(peer_id).map(|&at| self.peers[at].source)
    }

    pub(super) fn set_server(&mut self, rendition: u8, server: Option<PeerEntry>) {
        match server {
            Some(server) => self.servers.insert(rendition, server),
            None => self.servers.remove(&rendition),
        };
    }

    /// What all viewers say, together.
    pub(super) fn stats(&self) -> PeerStats {
        let mut sum = PeerStats::default();
        for peer in self.peers.iter().filter(|peer| peer.kind == PeerKind::Viewer) {
            for (sum, one) in [
                (&mut sum.bytes_from_peers, peer.stats.bytes_from_peers),
                (&mut sum.bytes_from_publisher, peer.stats.bytes_from_publisher),
                (&mut sum.bytes_from_origin, peer.stats.bytes_from_origin),
                (&mut sum.bytes_to_peers, peer.stats.bytes_to_peers),
                (&mut sum.chunks_rejected, peer.stats.chunks_rejected),
                (&mut sum.stalls, peer.stats.stalls),
            ] {
                *sum = sum.saturating_add(one);
            }
        }
        sum
    }

    pub(super) fn peers(&self) -> &[Peer] {
        &self.peers
    }

    pub(super) fn server(&self, rendition: u8) -> Option<&PeerEntry> {
        self.servers.get(&rendition)
    }

    pub(super) fn publishers(&self) -> impl Iterator<Item = &Peer> {
        self.publishers.iter().filter_map(|peer_id| self.peers.get(*self.index.get(peer_id)?))
    }

    /// Places in [`Swarm::peers`] of those who come from this public address; nobody for others, which are not told apart.
    pub(super) fn of_address(&self, source: IpAddr) -> &[usize] {
        self.groups.get(&address::group(source)).map_or(&[], Vec::as_slice)
    }

    /// Takes a peer in or hears from it again.
    pub(super) fn announce(&mut self, now: Instant, arrival: Arrival<'_>) -> Result<(), SwarmError> {
        let known = self.index.get(arrival.peer_id).copied();
        let stats = arrival.stats.or(known.map(|at| self.peers[at].stats)).unwrap_or_default();
        let peer = Peer {
            peer_id: arrival.peer_id.to_owned(),
            addresses: arrival.addresses,
            kind: arrival.kind,
            rendition: arrival.rendition,
            source: arrival.source,
            uplink_kbps: arrival.uplink_kbps,
            seen: now,
            stats,
        };
        if let Some(known) = known.map(|at| &mut self.peers[at])
            && (known.source, known.kind) == (peer.source, peer.kind)
        {
            *known = peer;
            return Ok(());
        }
        self.leave(&peer.peer_id);
        if self.peers.len() >= self.most {
            return Err(SwarmError::Full(self.most));
        }
        if !address::is_local(peer.source) {
            let neighbours = self.groups.entry(address::group(peer.source)).or_default();
            if neighbours.len() >= self.most_per_group {
                return Err(SwarmError::TooManyFromAddress(self.most_per_group));
            }
            neighbours.push(self.peers.len());
        }
        match peer.kind {
            PeerKind::Viewer => self.viewers += 1,
            PeerKind::Publisher | PeerKind::Server => self.publishers.push(peer.peer_id.clone()),
        }
        self.index.insert(peer.peer_id.clone(), self.peers.len());
        self.peers.push(peer);
        Ok(())
    }

    /// Forgets a peer.
    pub(super) fn leave(&mut self, peer_id: &str) {
        let Some(at) = self.index.remove(peer_id) else { return };
        let gone = self.peers.swap_remove(at);
        self.group_of(gone.source, |group| group.retain(|place| *place != at));
        if let Some(moved) = self.peers.get(at) {
            let (source, from) = (moved.source, self.peers.len());
            self.index.insert(moved.peer_id.clone(), at);
            self.group_of(source, |group| {
                group.iter_mut().filter(|place| **place == from).for_each(|place| *place = at);
            });
        }
        match gone.kind {
            PeerKind::Viewer => self.viewers -= 1,
            PeerKind::Publisher | PeerKind::Server => self.publishers.retain(|one| *one != gone.peer_id),
        }
    }

    /// Changes who is at an address; one with nobody is forgotten.
    fn group_of(&mut self, source: IpAddr, change: impl FnOnce(&mut Vec<usize>)) {
        let group = address::group(source);
        if let Some(places) = self.groups.get_mut(&group) {
            change(places);
            if places.is_empty() {
                self.groups.remove(&group);
            }
        }
    }

    /// Forgets all that were silent for too long.
    pub(super) fn expire(&mut self, now: Instant) {
        let silent = |peer: &&Peer| now.saturating_duration_since(peer.seen) >= self.silence;
        let gone: Vec<String> = self.peers.iter().filter(silent).map(|peer| peer.peer_id.clone()).collect();
        for peer_id in gone {
            self.leave(&peer_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swarm() -> Swarm {
        Swarm::new(&crate::config::RawSettings::default().check().unwrap().tracker)
    }

    fn arrival<'a>(peer_id: &'a str, kind: PeerKind, source: &str) -> Arrival<'a> {
        Arrival {
            peer_id,
            addresses: vec![format!("/ip4/{source}/udp/4001/quic-v1")],
            kind,
            rendition: 0,
            source: source.parse().unwrap(),
            uplink_kbps: None,
            stats: None,
        }
    }

    #[test]
    fn one_address_brings_a_few_peers_unless_it_is_local() {
        let now = crate::clock::Clock::system().now();
        let mut swarm = swarm();
        for number in 0..20 {
            let name = format!("p{number}");
            let result = swarm.announce(now, arrival(&name, PeerKind::Viewer, "203.0.113.5"));
            assert_eq!(result.is_ok(), number < 8, "{number}");
            swarm.announce(now, arrival(&format!("l{number}"), PeerKind::Viewer, "192.168.0.9")).unwrap();
        }
        assert_eq!(swarm.viewers(), 28);
        // Hearing from one again does not count twice.
        swarm.announce(now, arrival("p0", PeerKind::Viewer, "203.0.113.5")).unwrap();
        assert_eq!(swarm.viewers(), 28);
        swarm.leave("p1");
        swarm.announce(now, arrival("p9", PeerKind::Viewer, "203.0.113.5")).unwrap();
    }

    #[test]
    fn who_is_at_an_address_is_known_through_all_comings_and_goings() {
        let now = crate::clock::Clock::system().now();
        let mut swarm = swarm();
        let home = |number: usize| format!("203.0.113.{}", number % 5);
        for number in 0..30 {
            swarm.announce(now, arrival(&format!("v{number}"), PeerKind::Viewer, &home(number))).unwrap();
        }
        for number in (0..30).step_by(3) {
            swarm.leave(&format!("v{number}"));
        }
        // One moves house.
        swarm.announce(now, arrival("v1", PeerKind::Viewer, "203.0.113.200")).unwrap();
        for address in ["203.0.113.0", "203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", "203.0.113.200"] {
            let address: IpAddr = address.parse().unwrap();
            let mut known: Vec<usize> = swarm.of_address(address).to_vec();
            known.sort_unstable();
            let there = swarm.peers.iter().enumerate().filter(|(_, peer)| peer.source == address);
            assert_eq!(known, there.map(|(at, _)| at).collect::<Vec<_>>());
            assert!(!known.is_empty());
        }
        assert!(swarm.of_address("203.0.113.9".parse().unwrap()).is_empty());
    }

    #[test]
    fn silence_is_forgotten_and_the_books_balance() {
        let now = crate::clock::Clock::system().now();
        let mut swarm = swarm();
        for number in 0..50 {
            let later = now + Duration::from_secs(number);
            let kind = if number == 0 { PeerKind::Publisher } else { PeerKind::Viewer };
            swarm.announce(later, arrival(&format!("v{number}"), kind, "10.0.0.1")).unwrap();
        }
        swarm.expire(now + Duration::from_secs(31 + 24));
        assert_eq!(swarm.viewers(), 25);
        swarm.expire(now + Duration::from_secs(1000));
        assert_eq!((swarm.viewers(), swarm.peers.len(), swarm.index.len(), swarm.groups.len()), (0, 0, 0, 0));
    }
}
