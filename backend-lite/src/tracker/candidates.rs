//! Whom the tracker names to a peer; pure.
//!
//! Some by chance, the others by what they can upload: who can feed many should know many, and those who can should know
//! each other, because they make the tops of the trees. The simulator's tracker has the same rules
//! (`p2p/src/sim/tracker.rs`), which were tuned there.

use std::collections::HashMap;
use std::net::IpAddr;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use super::address;
use super::swarm::{Peer, Swarm};
use crate::api::{PeerEntry, PeerKind};

/// How many viewers of a large swarm are looked at for one answer.
const SAMPLE: usize = 400;
/// From how many copies of the stream an uplink counts as strong.
const STRONG: u32 = 4;
/// Up to so many viewers all of them know the sources.
const SMALL: usize = 50;
/// In a larger swarm about so many viewers are told of the sources, which have fewer places than that.
const SOURCE_ROOM: u64 = 200;
/// Most viewers of one network in an answer, so that nobody surrounds a viewer from a single one.
const PER_NETWORK: usize = 2;
/// Most publishers in an answer: there is one, rarely two.
const PUBLISHERS: usize = 2;

/// Who asks, and what for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) peer_id: &'a str,
    pub(super) kind: PeerKind,
    pub(super) rendition: u8,
    pub(super) source: IpAddr,
    /// What it can upload, as it says; `None` where it does not know.
    pub(super) uplink_kbps: Option<u32>,
    /// Rate of the rendition.
    pub(super) stream_kbps: u32,
    /// Longest answer.
    pub(super) most: usize,
}

impl Asker<'_> {
    /// What so many copies of the stream need.
    fn copies(&self, copies: u32) -> u32 {
        copies.saturating_mul(self.stream_kbps)
    }

    /// Who does not know its uplink counts as one that can hand the stream on once.
    fn upload_of(&self, uplink_kbps: Option<u32>) -> u32 {
        uplink_kbps.unwrap_or(self.stream_kbps)
    }

    /// Tells whether a peer's address is as good as ours: the same home, or both in private networks.
    fn is_near(&self, peer: &Peer) -> bool {
        address::group(peer.source) == address::group(self.source)
            || (address::is_local(peer.source) && address::is_local(self.source))
    }

    fn entry(&self, peer: &Peer) -> Option<PeerEntry> {
        let fits = peer.rendition == self.rendition && peer.peer_id != self.peer_id;
        let usable = |one: &&String| fits && address::is_for(one, peer.source, self.source);
        let addresses: Vec<String> = peer.addresses.iter().filter(usable).cloned().collect();
        (!addresses.is_empty()).then(|| PeerEntry { peer_id: peer.peer_id.clone(), addresses, kind: peer.kind })
    }
}

/// An answer in the making.
struct Answer<'a> {
    asker: Asker<'a>,
    found: Vec<PeerEntry>,
    networks: HashMap<IpAddr, usize>,
}

impl Answer<'_> {
    /// Names a viewer, if its addresses are of use and not too many of its network were named.
    fn name(&mut self, peer: &Peer) {
        if self.found.len() >= self.asker.most {
            return;
        }
        let strange = !address::is_local(peer.source) && !self.asker.is_near(peer);
        let network = address::network(peer.source);
        if strange && self.networks.get(&network).is_some_and(|named| *named >= PER_NETWORK) {
            return;
        }
        let Some(entry) = self.asker.entry(peer) else { return };
        self.found.push(entry);
        if strange {
            *self.networks.entry(network).or_default() += 1;
        }
    }
}

impl Swarm {
    /// Peers worth connecting to: the sources for those who may seed, viewers of the same home, and viewers from anywhere, half
    /// of them by chance and half by uplink.
    pub(super) fn candidates(&self, asker: &Asker<'_>, rng: &mut impl Rng) -> Vec<PeerEntry> {
        let mut answer = Answer { asker: *asker, found: Vec::new(), networks: HashMap::new() };
        let least = self.least_to_seed(asker);
        if self.may_seed(asker, least) {
            answer.found.extend(self.server(asker.rendition).cloned());
            answer.found.extend(self.publishers().filter_map(|peer| asker.entry(peer)).take(PUBLISHERS));
            answer.found.truncate(asker.most);
        }
        // Sources take viewers only that may know them.
        let source = asker.kind != PeerKind::Viewer;
        let wanted =
            |peer: &Peer| peer.kind == PeerKind::Viewer && (!source || asker.upload_of(peer.uplink_kbps) >= least);
        // Beside the sources a quarter of the answer may be of the same home.
        let most_near = answer.found.len() + asker.most / 4;
        let near = self.of_address(asker.source);
        for peer in near.iter().map(|at| &self.peers()[*at]).filter(|peer| wanted(peer)) {
            if answer.found.len() < most_near {
                answer.name(peer);
            }
        }
        let sample = rand::seq::index::sample(rng, self.peers().len(), SAMPLE.min(self.peers().len()));
        let far = sample.iter().filter(|at| !near.contains(at)).map(|at| &self.peers()[at]);
        let mut pool: Vec<&Peer> = far.filter(|peer| wanted(peer)).collect();
        pool.shuffle(rng);
        let half = answer.found.len() + (asker.most - answer.found.len()).div_ceil(2);
        while answer.found.len() < half
            && let Some(peer) = pool.pop()
        {
            answer.name(peer);
        }
        let strong = source || asker.upload_of(asker.uplink_kbps) >= asker.copies(STRONG);
        name_by_weight(&mut answer, pool, strong, rng);
        answer.found
    }

    /// The least uplink of a viewer that is told of the sources: in a small swarm none at all, in a large one what carries
    /// several copies of the stream; less where only a few have that.
    fn least_to_seed(&self, asker: &Asker<'_>) -> u32 {
        let all = self.looked_at(asker, 0);
        let enough = all / 100 + 2;
        let steps = [asker.copies(STRONG), asker.copies(1)];
        if all < SMALL {
            return 0;
        }
        steps.into_iter().find(|least| self.looked_at(asker, *least) >= enough).unwrap_or(0)
    }

    /// How many of the viewers that are looked at can upload so much.
    fn looked_at(&self, asker: &Asker<'_>, least: u32) -> usize {
        let viewers = self.peers().iter().step_by(self.stride()).filter(|peer| peer.kind == PeerKind::Viewer);
        let fits = |peer: &&Peer| peer.rendition == asker.rendition && asker.upload_of(peer.uplink_kbps) >= least;
        viewers.filter(fits).count()
    }

    /// Of how many peers one is looked at.
    fn stride(&self) -> usize {
        (self.peers().len() / SAMPLE).max(1)
    }

    /// Tells whether the sources are named to a peer; of many who would be fit the same ones always are, by lot.
    fn may_seed(&self, asker: &Asker<'_>, least: u32) -> bool {
        if asker.kind != PeerKind::Viewer {
            return true;
        }
        let fit = (self.looked_at(asker, least) * self.stride()).max(1) as u64;
        asker.upload_of(asker.uplink_kbps) >= least && lot(asker.peer_id) <= SOURCE_ROOM * u64::from(u32::MAX) / fit
    }
}

/// Names viewers from what is left of the pool, the likelier the more they can upload.
fn name_by_weight(answer: &mut Answer<'_>, mut pool: Vec<&Peer>, strong: bool, rng: &mut impl Rng) {
    let asker = answer.asker;
    let weight = |peer: &Peer| {
        let kbps = u64::from(asker.upload_of(peer.uplink_kbps));
        // Squared between strong ones, so that they know each other.
        if strong { (kbps / 1000).pow(2) + 1 } else { kbps + 1 }
    };
    let mut total: u64 = pool.iter().map(|peer| weight(peer)).sum();
    while answer.found.len() < asker.most && !pool.is_empty() {
        let mut left = rng.random_range(0..total.max(1));
        let at = pool.iter().position(|peer| {
            let weight = weight(peer);
            let found = left < weight;
            left = left.saturating_sub(weight);
            found
        });
        let peer = pool.swap_remove(at.unwrap_or(0));
        total -= weight(peer);
        answer.name(peer);
    }
}

/// A peer's lot, the same at every announce.
fn lot(peer_id: &str) -> u64 {
    let hash = blake3::hash(peer_id.as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d]).into()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::super::swarm::Arrival;
    use super::*;

    const STREAM: u32 = 2_600;

    fn swarm() -> (Swarm, Instant) {
        let settings = crate::config::RawSettings::default().check().unwrap().tracker;
        (Swarm::new(&settings), crate::clock::Clock::system().now())
    }

    fn add(swarm: &mut Swarm, now: Instant, name: &str, kind: PeerKind, source: &str, uplink_kbps: Option<u32>) {
        let addresses = vec![format!("/ip4/{source}/udp/4001/quic-v1")];
        let source = source.parse().unwrap();
        let arrival = Arrival { peer_id: name, addresses, kind, rendition: 0, source, uplink_kbps, stats: None };
        swarm.announce(now, arrival).unwrap();
    }

    fn asker<'a>(peer_id: &'a str, source: &str, uplink_kbps: Option<u32>) -> Asker<'a> {
        let source = source.parse().unwrap();
        Asker { peer_id, kind: PeerKind::Viewer, rendition: 0, source, uplink_kbps, stream_kbps: STREAM, most: 12 }
    }

    /// A publisher, a server and so many viewers, each in a network of its own; every tenth is strong.
    fn crowd(viewers: usize, strong_kbps: Option<u32>, weak_kbps: Option<u32>) -> Swarm {
        let (mut swarm, now) = swarm();
        let addresses = vec!["/ip4/192.0.2.1/udp/4001/quic-v1".to_owned()];
        swarm.set_server(0, Some(PeerEntry { peer_id: "server".to_owned(), addresses, kind: PeerKind::Server }));
        add(&mut swarm, now, "publisher", PeerKind::Publisher, "192.0.2.2", Some(20_000));
        for number in 0..viewers {
            let uplink = if number % 10 == 0 { strong_kbps } else { weak_kbps };
            add(&mut swarm, now, &name(number), PeerKind::Viewer, &home(number), uplink);
        }
        swarm
    }

    fn name(number: usize) -> String {
        format!("viewer-{number}")
    }

    fn home(number: usize) -> String {
        format!("11.{}.{}.7", number / 250, number % 250)
    }

    fn knows_sources(found: &[PeerEntry]) -> bool {
        found.iter().any(|peer| peer.kind != PeerKind::Viewer)
    }

    #[test]
    fn answers_hold_at_most_forty_with_server_and_publisher_first() {
        let swarm = crowd(200, None, None);
        let mut rng = StdRng::seed_from_u64(1);
        let asker = Asker { most: 40, ..asker("viewer-3", "203.0.113.1", None) };
        let found = swarm.candidates(&asker, &mut rng);
        assert_eq!(found.len(), 40);
        assert_eq!((found[0].peer_id.as_str(), found[0].kind), ("server", PeerKind::Server));
        assert_eq!(found[1].kind, PeerKind::Publisher);
        assert!(found.iter().all(|peer| peer.peer_id != "viewer-3"));
        assert!(swarm.candidates(&Asker { rendition: 1, ..asker }, &mut rng).is_empty());
        assert_eq!(swarm.viewers(), 200);
    }

    #[test]
    fn strong_viewers_know_each_other() {
        let swarm = crowd(1000, Some(15_000), Some(2_000));
        let mut rng = StdRng::seed_from_u64(1);
        let mut strong_named = |asker: &Asker<'_>| {
            let viewers: Vec<PeerEntry> = (0..50).flat_map(|_| swarm.candidates(asker, &mut rng)).collect();
            let viewers = viewers.iter().filter(|peer| peer.kind == PeerKind::Viewer);
            let numbers: Vec<usize> = viewers.map(|peer| peer.peer_id[7..].parse().unwrap()).collect();
            numbers.iter().filter(|number| **number % 10 == 0).count() as f64 / numbers.len() as f64
        };
        // One in ten is strong. By chance that would be a tenth of what is named.
        let to_strong = strong_named(&asker("viewer-0", &home(0), Some(15_000)));
        let to_weak = strong_named(&asker("viewer-1", &home(1), Some(2_000)));
        assert!(to_strong > 0.45, "{to_strong}");
        assert!((0.15..to_strong - 0.1).contains(&to_weak), "{to_weak}");
    }

    #[test]
    fn at_most_two_of_a_network_are_named_but_for_ones_own() {
        let (mut swarm, now) = swarm();
        for number in 0..100 {
            add(
                &mut swarm,
                now,
                &format!("sybil-{number}"),
                PeerKind::Viewer,
                &format!("11.0.0.{number}"),
                Some(200_000),
            );
            add(&mut swarm, now, &format!("other-{number}"), PeerKind::Viewer, &format!("12.0.{number}.1"), None);
        }
        for number in 0..5 {
            add(&mut swarm, now, &format!("flat-{number}"), PeerKind::Viewer, "13.0.0.1", None);
        }
        let mut rng = StdRng::seed_from_u64(2);
        let asker = asker("other-1", "13.0.0.1", None);
        for _ in 0..100 {
            let found = swarm.candidates(&asker, &mut rng);
            let of = |prefix: &str| found.iter().filter(|peer| peer.peer_id.starts_with(prefix)).count();
            assert_eq!(found.len(), 12);
            assert!(of("sybil") <= 2, "{found:?}");
            assert_eq!(of("flat"), 3, "a quarter of the answer is near");
        }
    }

    #[test]
    fn a_lan_party_is_no_attack() {
        let (mut swarm, now) = swarm();
        for number in 0..30 {
            add(&mut swarm, now, &name(number), PeerKind::Viewer, &format!("192.168.1.{number}"), None);
        }
        let found = swarm.candidates(&asker("viewer-3", "192.168.1.3", None), &mut StdRng::seed_from_u64(3));
        assert_eq!(found.len(), 12);
    }

    #[test]
    fn small_swarms_know_the_sources_and_large_ones_by_their_strong_viewers() {
        let mut rng = StdRng::seed_from_u64(4);
        let mut told = |swarm: &Swarm, uplink| {
            let told = |number: &usize| {
                knows_sources(&swarm.candidates(&asker(&name(*number), &home(*number), uplink), &mut rng))
            };
            (0..100).filter(told).count()
        };
        let small = crowd(49, Some(15_000), Some(0));
        assert_eq!(told(&small, Some(0)), 100);
        let large = crowd(500, Some(15_000), Some(3_000));
        assert_eq!((told(&large, Some(15_000)), told(&large, Some(3_000))), (100, 0));
        // Too few are strong: who can hand on one copy will do; and where nobody can, all are told.
        let modest = crowd(500, Some(3_000), Some(1_000));
        assert_eq!((told(&modest, Some(3_000)), told(&modest, Some(1_000))), (100, 0));
        let weak = crowd(150, Some(500), Some(500));
        assert_eq!(told(&weak, Some(500)), 100);
    }

    #[test]
    fn viewers_that_do_not_say_their_uplink_are_served_as_before() {
        let mut rng = StdRng::seed_from_u64(5);
        let swarm = crowd(200, None, None);
        let found = swarm.candidates(&asker("viewer-5", &home(5), None), &mut rng);
        assert!(knows_sources(&found) && found.len() == 12, "{found:?}");
    }

    #[test]
    fn sources_are_not_overrun_by_strong_viewers() {
        let mut rng = StdRng::seed_from_u64(6);
        let swarm = crowd(4_000, Some(15_000), Some(15_000));
        let mut told = |number: &usize| {
            let name = name(*number);
            let asker = asker(&name, &home(*number), Some(15_000));
            let found = [(); 2].map(|()| knows_sources(&swarm.candidates(&asker, &mut rng)));
            assert_eq!(found[0], found[1], "the lot stays");
            found[0]
        };
        let count = (0..400).filter(&mut told).count();
        // The sources have places for one in twenty of them.
        assert!((8..=36).contains(&count), "{count}");
    }

    #[test]
    fn sources_are_told_of_each_other_and_of_strong_viewers() {
        let swarm = crowd(500, Some(15_000), Some(3_000));
        let asker = Asker { kind: PeerKind::Publisher, ..asker("publisher", "192.0.2.2", Some(20_000)) };
        let found = swarm.candidates(&asker, &mut StdRng::seed_from_u64(7));
        assert_eq!(found[0].kind, PeerKind::Server);
        assert!(found[1..].iter().all(|peer| peer.peer_id.ends_with('0')), "{found:?}");
        assert_eq!(found.len(), 12);
    }
}
