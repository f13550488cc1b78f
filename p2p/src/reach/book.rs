//! The book of peers that could become neighbours: whom to dial next, and when to try again. Pure.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use libp2p::{Multiaddr, PeerId};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::address::{self, MAX_ADDRESSES};
use crate::node::{Candidate, CandidateKind};

/// The most peers in the book; the tracker sends forty at a time.
const MAX_PEERS: usize = 256;

/// How long after the first failure a peer is tried again; doubled with each further one.
const BACKOFF: Duration = Duration::from_secs(1);

/// The longest pause between two tries.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// After so many failures in a row a viewer is forgotten; servers and publishers come back.
const MAX_FAILURES: u32 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle { not_before: Option<Instant> },
    Dialing,
    Connected,
}

#[derive(Debug)]
struct Entry {
    addresses: Vec<Multiaddr>,
    kind: CandidateKind,
    state: State,
    failures: u32,
}

/// Candidates and what became of them.
#[derive(Debug)]
pub(crate) struct Book {
    own: PeerId,
    peers: HashMap<PeerId, Entry>,
    /// Peers never to be dialed again, oldest first.
    blocked: VecDeque<PeerId>,
    rng: ChaCha8Rng,
    /// Whether only addresses on the local network are of use.
    near_only: bool,
    /// Candidates that were left out because the book was full or they had no usable address.
    pub(crate) dropped: u64,
}

impl Book {
    pub(crate) fn new(own: PeerId, seed: u64) -> Self {
        Self {
            own,
            peers: HashMap::new(),
            blocked: VecDeque::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            near_only: false,
            dropped: 0,
        }
    }

    /// Leaves out every address beyond the local network, if so.
    pub(crate) fn near_only(self, near_only: bool) -> Self {
        Self { near_only, ..self }
    }

    /// Writes a candidate down, or what is new about a known one.
    pub(crate) fn add(&mut self, candidate: Candidate) {
        if candidate.peer == self.own || self.is_blocked(&candidate.peer) {
            return;
        }
        let addresses: Vec<_> = candidate
            .addresses
            .iter()
            .map(address::without_peer)
            .filter(address::is_dialable)
            .filter(|address| !self.near_only || address::is_near(address))
            .take(MAX_ADDRESSES)
            .collect();
        if let Some(entry) = self.peers.get_mut(&candidate.peer) {
            entry.kind = candidate.kind;
            if !addresses.is_empty() && entry.addresses != addresses {
                entry.addresses = addresses;
                // A new address deserves a try at once.
                if let State::Idle { not_before } = &mut entry.state {
                    *not_before = None;
                }
            }
            return;
        }
        // A peer that is known but cannot be dialed is worth keeping only for its kind: it may dial us.
        if addresses.is_empty() && candidate.kind == CandidateKind::Viewer {
            self.dropped += 1;
            return;
        }
        if self.peers.len() >= MAX_PEERS && !self.make_room() {
            self.dropped += 1;
            return;
        }
        let state = State::Idle { not_before: None };
        self.peers.insert(candidate.peer, Entry { addresses, kind: candidate.kind, state, failures: 0 });
    }

    /// Forgets the idle viewer that failed most.
    fn make_room(&mut self) -> bool {
        let worst = self
            .peers
            .iter()
            .filter(|(_, e)| e.kind == CandidateKind::Viewer && matches!(e.state, State::Idle { .. }))
            .max_by_key(|(peer, e)| (e.failures, **peer))
            .map(|(peer, _)| *peer);
        worst.is_some_and(|peer| self.peers.remove(&peer).is_some())
    }

    /// Picks a peer to dial: a server or publisher first, then viewers in random order where they are wanted; marks it as
    /// being dialed.
    pub(crate) fn next(&mut self, now: Instant, viewers: bool) -> Option<(PeerId, Vec<Multiaddr>)> {
        let mut ready: Vec<_> = self
            .peers
            .iter()
            .filter(|(_, e)| !e.addresses.is_empty())
            .filter(|(_, e)| matches!(e.state, State::Idle { not_before } if not_before.is_none_or(|t| t <= now)))
            .map(|(peer, e)| (e.kind == CandidateKind::Viewer, *peer))
            .collect();
        ready.sort_unstable();
        let few = ready.partition_point(|(viewer, _)| !viewer);
        let range = if few > 0 || !viewers { few } else { ready.len() };
        if range == 0 {
            return None;
        }
        let peer = ready[self.rng.random_range(0..range)].1;
        let entry = self.peers.get_mut(&peer)?;
        entry.state = State::Dialing;
        Some((peer, entry.addresses.clone()))
    }

    /// How many peers are being dialed.
    pub(crate) fn dialing(&self) -> usize {
        self.peers.values().filter(|e| e.state == State::Dialing).count()
    }

    /// When a peer that has to wait may be dialed.
    pub(crate) fn next_retry(&self) -> Option<Instant> {
        let waiting = |e: &Entry| match e.state {
            State::Idle { not_before } if !e.addresses.is_empty() => not_before,
            _ => None,
        };
        self.peers.values().filter_map(waiting).min()
    }

    pub(crate) fn connected(&mut self, peer: &PeerId) {
        if let Some(entry) = self.peers.get_mut(peer) {
            entry.state = State::Connected;
        }
    }

    /// The peer was healthy for a while: its past failures count no more.
    pub(crate) fn proved(&mut self, peer: &PeerId) {
        if let Some(entry) = self.peers.get_mut(peer) {
            entry.failures = 0;
        }
    }

    /// A dial failed or a connection ended: the peer is tried again later, or forgotten.
    pub(crate) fn lost(&mut self, now: Instant, peer: &PeerId) {
        let Some(entry) = self.peers.get_mut(peer) else { return };
        entry.failures += 1;
        if entry.failures > MAX_FAILURES && entry.kind == CandidateKind::Viewer {
            self.peers.remove(peer);
            return;
        }
        let pause = BACKOFF.saturating_mul(1 << (entry.failures - 1).min(8)).min(MAX_BACKOFF);
        // Spread over half the pause, so that those who lost a server together do not come back together.
        let jitter = pause.mul_f64(self.rng.random_range(0.0..0.5));
        entry.state = State::Idle { not_before: Some(now + pause + jitter) };
    }

    /// Never again, or until too many others were blocked; gives the one that is forgiven for its place.
    pub(crate) fn block(&mut self, peer: PeerId) -> Option<PeerId> {
        self.peers.remove(&peer);
        if self.is_blocked(&peer) {
            return None;
        }
        self.blocked.push_back(peer);
        if self.blocked.len() > MAX_PEERS { self.blocked.pop_front() } else { None }
    }

    /// Whether every candidate is in use or has failed: more are needed.
    pub(crate) fn is_exhausted(&self) -> bool {
        let untried = |e: &Entry| matches!(e.state, State::Idle { not_before: None }) && !e.addresses.is_empty();
        !self.peers.values().any(untried)
    }

    pub(crate) fn is_blocked(&self, peer: &PeerId) -> bool {
        self.blocked.contains(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(kind: CandidateKind) -> Candidate {
        Candidate { peer: PeerId::random(), addresses: vec!["/ip4/127.0.0.1/tcp/9".parse().unwrap()], kind }
    }

    fn start() -> (Book, Instant) {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let now = Instant::now();
        (Book::new(PeerId::random(), 1), now)
    }

    #[test]
    fn servers_are_dialed_before_viewers_and_each_once() {
        let (mut book, now) = start();
        let viewer = candidate(CandidateKind::Viewer);
        let server = candidate(CandidateKind::Server);
        book.add(viewer.clone());
        book.add(server.clone());
        assert_eq!(book.next(now, false).unwrap().0, server.peer, "however many viewers there are");
        assert_eq!(book.next(now, false), None);
        assert_eq!(book.next(now, true).unwrap().0, viewer.peer);
        assert_eq!(book.next(now, true), None);
        assert_eq!(book.dialing(), 2);
    }

    #[test]
    fn failures_lengthen_the_pause_until_a_viewer_is_forgotten() {
        let (mut book, mut now) = start();
        let viewer = candidate(CandidateKind::Viewer);
        book.add(viewer.clone());
        let mut last = Duration::ZERO;
        for _ in 0..MAX_FAILURES {
            book.next(now, true).unwrap();
            book.lost(now, &viewer.peer);
            assert_eq!(book.next(now, true), None);
            let pause = book.next_retry().unwrap() - now;
            assert!(pause > last.mul_f64(1.3), "{pause:?} after {last:?}");
            last = pause;
            now += pause;
        }
        book.next(now, true).unwrap();
        book.lost(now, &viewer.peer);
        assert_eq!(book.next_retry(), None);
    }

    #[test]
    fn a_server_is_never_forgotten_and_a_good_time_forgives() {
        let (mut book, mut now) = start();
        let server = candidate(CandidateKind::Server);
        book.add(server.clone());
        for _ in 0..40 {
            book.lost(now, &server.peer);
            now = book.next_retry().unwrap();
        }
        assert_eq!(book.next(now, true).unwrap().0, server.peer);
        book.connected(&server.peer);
        book.proved(&server.peer);
        book.lost(now, &server.peer);
        assert!(book.next_retry().unwrap() - now <= BACKOFF.mul_f64(1.5));
    }

    #[test]
    fn blocked_peers_own_id_and_useless_addresses_are_left_out() {
        let (mut book, now) = start();
        let bad = candidate(CandidateKind::Viewer);
        book.add(bad.clone());
        book.block(bad.peer);
        book.add(bad.clone());
        assert!(book.is_blocked(&bad.peer));
        book.add(Candidate { peer: book.own, ..candidate(CandidateKind::Viewer) });
        let unreachable = vec!["/ip4/0.0.0.0/tcp/1".parse().unwrap()];
        book.add(Candidate { addresses: unreachable, ..candidate(CandidateKind::Viewer) });
        assert_eq!(book.next(now, true), None);
        assert_eq!(book.dropped, 1);
    }

    #[test]
    fn the_book_stays_bounded() {
        let (mut book, _) = start();
        for _ in 0..MAX_PEERS * 3 {
            book.add(candidate(CandidateKind::Viewer));
        }
        assert_eq!(book.peers.len(), MAX_PEERS);
        for _ in 0..MAX_PEERS * 3 {
            book.block(PeerId::random());
        }
        assert_eq!(book.blocked.len(), MAX_PEERS);
    }
}
