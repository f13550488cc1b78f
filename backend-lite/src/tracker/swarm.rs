//! The peers of one broadcast; pure.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use rand::Rng;

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
    pub(super) stats: Option<PeerStats>,
}

#[derive(Debug)]
struct Peer {
    peer_id: String,
    addresses: Vec<String>,
    kind: PeerKind,
    rendition: u8,
    source: IpAddr,
    seen: Instant,
    stats: PeerStats,
}

#[derive(Debug)]
pub(super) struct Swarm {
    peers: Vec<Peer>,
    index: HashMap<String, usize>,
    per_group: HashMap<IpAddr, usize>,
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
            per_group: HashMap::new(),
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

    /// Takes a peer in or hears from it again.
    pub(super) fn announce(&mut self, now: Instant, arrival: Arrival<'_>) -> Result<(), SwarmError> {
        let known = self.index.get(arrival.peer_id).map(|&at| self.peers[at].stats);
        let stats = arrival.stats.or(known);
        self.leave(arrival.peer_id);
        let group = address::group(arrival.source);
        if self.peers.len() >= self.most {
            return Err(SwarmError::Full(self.most));
        }
        let neighbours = self.per_group.get(&group).copied().unwrap_or(0);
        if neighbours >= self.most_per_group && !address::is_local(arrival.source) {
            return Err(SwarmError::TooManyFromAddress(self.most_per_group));
        }
        *self.per_group.entry(group).or_insert(0) += 1;
        self.viewers += u32::from(arrival.kind == PeerKind::Viewer);
        self.index.insert(arrival.peer_id.to_owned(), self.peers.len());
        self.peers.push(Peer {
            peer_id: arrival.peer_id.to_owned(),
            addresses: arrival.addresses,
            kind: arrival.kind,
            rendition: arrival.rendition,
            source: arrival.source,
            seen: now,
            stats: stats.unwrap_or_default(),
        });
        Ok(())
    }

    /// Forgets a peer.
    pub(super) fn leave(&mut self, peer_id: &str) {
        let Some(at) = self.index.remove(peer_id) else { return };
        let gone = self.peers.swap_remove(at);
        if let Some(moved) = self.peers.get(at) {
            self.index.insert(moved.peer_id.clone(), at);
        }
        self.viewers -= u32::from(gone.kind == PeerKind::Viewer);
        let group = address::group(gone.source);
        if let Some(count) = self.per_group.get_mut(&group) {
            *count -= 1;
            if *count == 0 {
                self.per_group.remove(&group);
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

    /// Peers worth connecting to: server and publisher first, then viewers by lot.
    pub(super) fn candidates(
        &self,
        asker: &str,
        rendition: u8,
        source: IpAddr,
        most: usize,
        rng: &mut impl Rng,
    ) -> Vec<PeerEntry> {
        let usable = |peer: &Peer| {
            let addresses: Vec<String> =
                peer.addresses.iter().filter(|one| address::is_for(one, peer.source, source)).cloned().collect();
            let fits = peer.rendition == rendition && peer.peer_id != asker && !addresses.is_empty();
            fits.then(|| PeerEntry { peer_id: peer.peer_id.clone(), addresses, kind: peer.kind })
        };
        let mut found: Vec<PeerEntry> = self.servers.get(&rendition).cloned().into_iter().collect();
        let publishers = self.peers.iter().filter(|peer| peer.kind == PeerKind::Publisher);
        // There is one, rarely two; the bound keeps a crowd of them from filling the answer.
        found.extend(publishers.filter_map(usable).take(2));
        // Drawing a few more than needed makes up for those that do not fit, without looking at a crowd one by one.
        let draw = (most * 3).min(self.peers.len());
        for at in rand::seq::index::sample(rng, self.peers.len(), draw) {
            if found.len() >= most {
                break;
            }
            found.extend(self.peers.get(at).filter(|peer| peer.kind == PeerKind::Viewer).and_then(usable));
        }
        found.truncate(most);
        found
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

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
    fn answers_hold_at_most_forty_with_server_and_publisher_first() {
        let now = crate::clock::Clock::system().now();
        let mut swarm = swarm();
        let server =
            PeerEntry { peer_id: "s".to_owned(), addresses: vec!["/ip4/192.0.2.1".to_owned()], kind: PeerKind::Server };
        swarm.set_server(0, Some(server.clone()));
        swarm.announce(now, arrival("pub", PeerKind::Publisher, "192.0.2.2")).unwrap();
        for number in 0..200_u8 {
            let source = format!("198.51.{}.{number}", number % 7);
            swarm.announce(now, arrival(&format!("v{number}"), PeerKind::Viewer, &source)).unwrap();
        }
        let mut rng = StdRng::seed_from_u64(1);
        let found = swarm.candidates("v3", 0, "203.0.113.1".parse().unwrap(), 40, &mut rng);
        assert_eq!(found.len(), 40);
        assert_eq!(found[0], server);
        assert_eq!(found[1].kind, PeerKind::Publisher);
        assert!(found.iter().all(|peer| peer.peer_id != "v3"));
        assert!(swarm.candidates("v3", 1, "203.0.113.1".parse().unwrap(), 40, &mut rng).is_empty());
        assert_eq!(swarm.viewers(), 200);
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
        assert_eq!((swarm.viewers(), swarm.peers.len(), swarm.index.len(), swarm.per_group.len()), (0, 0, 0, 0));
    }
}
