//! Who comes, who goes, and whom they meet.

use std::cmp::Ordering;
use std::time::Duration;

use rand::RngExt;

use super::chance::exponential;
use super::network::Way;
use super::peer::{Character, Reach, State, number};
use super::world::{Event, PUBLISHER, SERVER, World};
use crate::mesh::{Input, NeighbourInfo};
use crate::wire::Role;

/// After how long a neighbour that left without a word is noticed.
const IDLE: u64 = 4_000_000;

impl World {
    pub(super) fn join(&mut self, peer: usize) {
        self.peers[peer].state = State::Here;
        if self.peers[peer].role == Role::Viewer {
            self.roster.push(peer);
        }
        self.peers[peer].joined = self.now;
        if self.is_warm() {
            self.peers[peer].set_baseline();
        }
        if self.peers[peer].epoch != self.epoch {
            self.enter_epoch(peer, self.epoch);
        }
        if self.peers[peer].role != Role::Viewer {
            if peer == SERVER {
                self.dial(SERVER, PUBLISHER);
            }
            self.wake(peer);
            return;
        }
        // One round trip to the tracker.
        let one_way = self.network.one_way(peer, SERVER);
        self.queue.plan(self.now + 2 * one_way + 5000, Event::Candidates(peer));
        self.queue.plan(self.now + 2 * one_way + 5000, Event::Edge(peer));
        self.plan_leave(peer);
        self.wake(peer);
    }

    pub(super) fn plan_leave(&mut self, peer: usize) {
        let churn = self.scenario.churn.clone();
        let word = self.rng.random::<f64>() >= churn.crash_share;
        // Those of the beginning are there to stay for a while.
        let newcomer = self.now > (self.scenario.join.from_s + self.scenario.join.over_s) as u64 * 1_000_000;
        if newcomer && self.rng.random::<f64>() < churn.short_share {
            let stay = 1e6 + 4e6 * self.rng.random::<f64>();
            self.queue.plan(self.now + stay as u64, Event::Leave(peer, word));
        } else if churn.per_minute > 0.0 {
            let stay = exponential(&mut self.rng, 60e6 / churn.per_minute);
            self.queue.plan(self.now + stay as u64, Event::Leave(peer, word));
        }
    }

    pub(super) fn leave(&mut self, peer: usize, word: bool) {
        if !self.peers[peer].is_here() {
            return;
        }
        self.peers[peer].state = State::Gone;
        if let Some(place) = self.roster.iter().position(|&other| other == peer) {
            self.roster.swap_remove(place);
        }
        let now = self.now;
        self.peers[peer].playout.finish(now);
        let neighbours: Vec<usize> = self.peers[peer].ways.keys().copied().collect();
        for other in neighbours {
            self.wound(peer, other);
            let delay = if word { self.network.one_way(peer, other) } else { IDLE };
            self.queue.plan(now + delay, Event::Lost(other, number(peer)));
        }
        if self.scenario.churn.per_minute > 0.0 {
            let (kbps, character) = (self.peers[peer].up_kbps, self.peers[peer].character);
            let newcomer = self.add_peer(Role::Viewer, kbps, character);
            self.queue.plan(now + 1, Event::Join(newcomer));
        }
    }

    /// The viewers that are there.
    pub(super) fn viewers(&self) -> impl Iterator<Item = usize> + '_ {
        self.roster.iter().copied()
    }

    /// What a viewer is like; each kind is spread evenly over those who come.
    pub(super) fn cast(&mut self, index: usize) -> Character {
        let plan = self.scenario.adversaries.clone();
        // Chance decides who, but neither more nor fewer than planned on the whole.
        let place = (index as f64 * 0.618_034 + self.seed as f64 * 0.271_828).fract();
        let odd = index % 2 == 1;
        if place < plan.polluters {
            Character::Polluter
        } else if place < plan.polluters + plan.freeriders {
            if odd { Character::Idler } else { Character::Pretender }
        } else if place < plan.polluters + plan.freeriders + plan.sybils {
            let network = (index / 2 % 4) as u8;
            if odd { Character::SilentSybil(network) } else { Character::SlowSybil(network) }
        } else {
            Character::Honest
        }
    }

    /// How a viewer can be reached; each kind is spread evenly over those who come.
    pub(super) fn reach_of(&self, role: Role, index: usize) -> Reach {
        let nat = &self.scenario.nat;
        let place = (index as f64 * 0.754_877_7 + self.seed as f64 * 0.137_137).fract();
        if role != Role::Viewer || place >= nat.udp_blocked + nat.undialable {
            Reach::Open
        } else if place < nat.udp_blocked {
            Reach::TcpOnly
        } else {
            Reach::Translated
        }
    }

    pub(super) fn dial(&mut self, peer: usize, other: usize) {
        self.peers[peer].met.insert(other);
        self.peers[other].met.insert(peer);
        if !self.can_connect(peer, other) {
            return;
        }
        let handshake = 4 * self.network.one_way(peer, other);
        self.queue.plan(self.now + handshake, Event::Connected(peer, other));
    }

    /// Whether a way between two peers is found: directly, by having the other one dial, or by punching.
    fn can_connect(&self, peer: usize, other: usize) -> bool {
        let (ours, theirs) = (self.peers[peer].reach, self.peers[other].reach);
        if self.peers[peer].banned.contains(&other) || self.peers[other].banned.contains(&peer) {
            return false;
        }
        match (ours, theirs) {
            (Reach::Open, _) | (_, Reach::Open) => true,
            (Reach::Translated, Reach::Translated) => {
                let mixed = (peer.min(other) as u64) << 32 | peer.max(other) as u64;
                let mixed = (mixed ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
                (mixed as f64 / (1u64 << 53) as f64) < self.scenario.nat.punching
            }
            _ => false,
        }
    }

    pub(super) fn connect(&mut self, peer: usize, other: usize) {
        if !self.peers[peer].is_here() || !self.peers[other].is_here() {
            return;
        }
        let one_way = self.network.one_way(peer, other);
        self.peers[peer].ways.insert(other, Way::new(one_way));
        self.peers[other].ways.insert(peer, Way::new(one_way));
        match self.peers[peer].epoch.cmp(&self.peers[other].epoch) {
            Ordering::Equal => self.greet(peer, other),
            Ordering::Less => self.enter_epoch(peer, self.peers[other].epoch),
            Ordering::Greater => self.enter_epoch(other, self.peers[peer].epoch),
        }
    }

    /// Both sides of a connection come to know each other.
    pub(super) fn greet(&mut self, peer: usize, other: usize) {
        let rtt = Duration::from_micros(2 * self.network.one_way(peer, other));
        for (one, another, outbound) in [(peer, other, true), (other, peer, false)] {
            let network = self.network_of(another);
            let info = NeighbourInfo { role: self.peers[another].role, outbound, rtt, network };
            self.input(one, Input::Joined { neighbour: number(another), info });
        }
    }

    pub(super) fn disconnect(&mut self, peer: usize, other: usize) {
        self.peers[peer].ways.remove(&other);
        if self.peers[other].ways.contains_key(&peer) {
            let at = self.now + self.network.one_way(peer, other);
            self.queue.plan(at, Event::Lost(other, number(peer)));
        }
    }

    /// Uplinks in the planned shares, to the very peer, in random order.
    pub(super) fn shuffled_uplinks(&mut self) -> Vec<u64> {
        let total: f64 = self.scenario.uplinks.iter().map(|uplink| uplink.share).sum();
        let peers = self.scenario.peers;
        let mut uplinks = Vec::with_capacity(peers);
        let mut sum = 0.0;
        for uplink in &self.scenario.uplinks {
            sum += uplink.share / total;
            let until = ((sum * peers as f64 + 0.5) as usize).min(peers);
            uplinks.resize(until.max(uplinks.len()), uplink.kbps);
        }
        let last = uplinks.last().copied().unwrap_or_default();
        uplinks.resize(peers, last);
        for index in (1..peers).rev() {
            let other = self.rng.random_range(0..=index);
            uplinks.swap(index, other);
        }
        uplinks
    }
}
