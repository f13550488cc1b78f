//! Who comes, who goes, and whom they meet.

use std::time::Duration;

use rand::RngExt;

use super::chance::exponential;
use super::network::Way;
use super::peer::{State, number};
use super::world::{Event, PUBLISHER, SERVER, World};
use crate::mesh::{Input, NeighbourInfo};
use crate::wire::{Role, Sequence};

/// How many neighbours the tracker names.
const CANDIDATES: usize = 12;
/// How many of those because they can upload much.
const STRONG_CANDIDATES: usize = 3;
/// Viewers that a source's node has room for beside; the others know it by name only.
const SOURCE_NEIGHBOURS: usize = 100;
/// After how long a neighbour that left without a word is noticed.
const IDLE: u64 = 4_000_000;

impl World {
    pub(super) fn join(&mut self, peer: usize) {
        self.peers[peer].state = State::Here;
        self.peers[peer].joined = self.now;
        if self.now >= self.scenario.warmup_s * 1_000_000 {
            self.peers[peer].set_baseline();
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
        let now = self.now;
        self.peers[peer].playout.finish(now);
        let neighbours: Vec<usize> = self.peers[peer].ways.keys().copied().collect();
        for other in neighbours {
            let delay = if word { self.network.one_way(peer, other) } else { IDLE };
            self.queue.plan(now + delay, Event::Lost(other, number(peer)));
        }
        if self.scenario.churn.per_minute > 0.0 {
            let kbps = self.peers[peer].up_kbps;
            let newcomer = self.add_peer(Role::Viewer, kbps);
            self.queue.plan(now + 1, Event::Join(newcomer));
        }
    }

    /// The tracker names neighbours.
    pub(super) fn introduce(&mut self, peer: usize) {
        if !self.peers[peer].is_here() {
            return;
        }
        let mut others: Vec<usize> = (2..self.peers.len())
            .filter(|&other| other != peer && self.peers[other].is_here() && !self.peers[peer].met.contains(&other))
            .collect();
        for index in 0..others.len().min(CANDIDATES) {
            let pick = self.rng.random_range(index..others.len());
            others.swap(index, pick);
        }
        // Most by chance, some because they can upload much.
        let mut strong: Vec<usize> = others.iter().copied().skip(CANDIDATES - STRONG_CANDIDATES).collect();
        others.truncate(CANDIDATES - STRONG_CANDIDATES);
        strong.sort_by_key(|&other| std::cmp::Reverse((self.peers[other].up_kbps, other)));
        strong.truncate(strong.len().div_ceil(5).max(STRONG_CANDIDATES));
        for _ in 0..STRONG_CANDIDATES.min(strong.len()) {
            let pick = self.rng.random_range(0..strong.len());
            others.push(strong.swap_remove(pick));
        }
        for source in [PUBLISHER, SERVER] {
            let room = self.peers[source].ways.len() < SOURCE_NEIGHBOURS;
            if room && self.peers[source].is_here() && !self.peers[peer].met.contains(&source) {
                others.push(source);
            }
        }
        for other in others {
            self.dial(peer, other);
        }
    }

    pub(super) fn dial(&mut self, peer: usize, other: usize) {
        self.peers[peer].met.insert(other);
        self.peers[other].met.insert(peer);
        let handshake = 4 * self.network.one_way(peer, other);
        self.queue.plan(self.now + handshake, Event::Connected(peer, other));
    }

    pub(super) fn connect(&mut self, peer: usize, other: usize) {
        if !self.peers[peer].is_here() || !self.peers[other].is_here() {
            return;
        }
        let rtt = Duration::from_micros(2 * self.network.one_way(peer, other));
        self.peers[peer].ways.insert(other, Way::default());
        self.peers[other].ways.insert(peer, Way::default());
        for (one, another, outbound) in [(peer, other, true), (other, peer, false)] {
            let info = NeighbourInfo { role: self.peers[another].role, outbound, rtt, network: None };
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

    pub(super) fn tell_edge(&mut self, peer: usize) {
        let Some(newest) = self.ingested.checked_sub(1) else { return };
        let keyframe = self.published[..=newest].iter().rev().find(|chunk| chunk.meta.keyframe);
        if let Some(keyframe) = keyframe.map(|chunk| chunk.meta.sequence)
            && self.scenario.server.http
        {
            self.input(peer, Input::LiveEdge { keyframe, newest: Sequence(newest as u64) });
        }
    }

    pub(super) fn tell_swarm_size(&mut self) {
        let viewers = self.peers.iter().filter(|peer| peer.role == Role::Viewer && peer.is_here()).count();
        for peer in 0..self.peers.len() {
            if self.peers[peer].is_here() {
                self.input(peer, Input::SwarmSize { viewers });
            }
        }
        self.queue.plan(self.now + 2_000_000, Event::SwarmSize);
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
