//! What the server tells viewers: whom they may meet, where the broadcast is, how many they are.

use rand::RngExt;

use super::peer::Character;
use super::policy::Policy;
use super::world::{Event, PUBLISHER, SERVER, World};
use crate::mesh::Input;
use crate::wire::{Role, Sequence};

/// How many viewers of a large swarm the tracker looks at to name some.
const SAMPLE: usize = 400;
/// How many neighbours the tracker names.
const CANDIDATES: usize = 12;
/// How many of those because they can upload much.
const STRONG_CANDIDATES: usize = 6;
/// From how many copies of the stream on an uplink counts as strong.
const STRONG: u64 = 4;
/// Viewers that a source's node has room for beside; the others know it by name only.
const SOURCE_NEIGHBOURS: usize = 100;
/// Up to so many viewers all of them know the sources.
const SMALL: usize = 50;

impl World {
    /// The tracker names neighbours.
    pub(super) fn introduce(&mut self, peer: usize) {
        if !self.peers[peer].is_here() {
            return;
        }
        if !self.server_up {
            return;
        }
        let mut others = self.strangers(peer);
        for index in 0..others.len().min(CANDIDATES) {
            let pick = self.rng.random_range(index..others.len());
            others.swap(index, pick);
        }
        // Some by chance, the others by what they can upload: who can feed many should know many, and those who can should
        // know each other, because they make the tops of the trees.
        let strong = self.peers[peer].up_kbps >= STRONG * u64::from(self.scenario.stream.bitrate_kbps);
        let weight = |kbps: u64| if strong { (kbps / 1000).pow(2) + 1 } else { kbps + 1 };
        let mut rest = others.split_off(others.len().min(CANDIDATES - STRONG_CANDIDATES));
        for _ in 0..STRONG_CANDIDATES.min(rest.len()) {
            let total: u64 = rest.iter().map(|&other| weight(self.peers[other].up_kbps)).sum();
            let mut left = self.rng.random_range(0..total);
            let pick = rest.iter().position(|&other| {
                let weight = weight(self.peers[other].up_kbps);
                let found = left < weight;
                left = left.saturating_sub(weight);
                found
            });
            others.extend(pick.map(|pick| rest.swap_remove(pick)));
        }
        let fit = self.may_seed(peer);
        for source in [PUBLISHER, SERVER] {
            let room = self.peers[source].ways.len() < SOURCE_NEIGHBOURS;
            if fit && room && self.peers[source].is_here() && !self.peers[peer].met.contains(&source) {
                others.push(source);
            }
        }
        if self.policy == Policy::SegmentPull {
            others.retain(|other| self.peers[*other].role == Role::Viewer);
        }
        self.spread_networks(&mut others);
        for other in others {
            self.dial(peer, other);
        }
    }

    /// Tells whether the tracker names the sources to a viewer: in a small swarm to all, in a large one to those who can hand
    /// on several copies of the stream.
    pub(super) fn may_seed(&self, peer: usize) -> bool {
        let copies = |copies: u64| copies * u64::from(self.scenario.stream.bitrate_kbps);
        let all = self.roster.len();
        let step = (all / SAMPLE).max(1);
        let here = |least: u64| {
            let sample = self.roster.iter().step_by(step);
            step * sample.filter(|&&it| self.peers[it].up_kbps >= least).count()
        };
        let least = match all {
            0..SMALL => 0,
            _ if here(copies(STRONG)) >= all / 100 + 2 => copies(STRONG),
            _ if here(copies(1)) >= all / 100 + 2 => copies(1),
            _ => 0,
        };
        self.peers[peer].up_kbps >= least
    }

    /// Viewers of whom a peer may hear for the first time. In a large swarm the tracker looks at a sample only.
    fn strangers(&mut self, peer: usize) -> Vec<usize> {
        let unknown = |world: &Self, other: usize| other != peer && !world.peers[peer].met.contains(&other);
        let all = self.roster.len();
        if all <= 4 * SAMPLE {
            let mut all = self.roster.clone();
            all.sort_unstable();
            all.retain(|&other| unknown(self, other));
            return all;
        }
        let mut sample: Vec<usize> = (0..SAMPLE).map(|_| self.roster[self.rng.random_range(0..all)]).collect();
        sample.sort_unstable();
        sample.dedup();
        sample.retain(|&other| unknown(self, other));
        sample
    }

    /// The tracker names at most two of one network.
    fn spread_networks(&self, others: &mut Vec<usize>) {
        let mut named: Vec<u64> = Vec::new();
        others.retain(|&other| {
            let Some(network) = self.network_of(other) else { return true };
            named.push(network);
            named.iter().filter(|it| **it == network).count() <= 2
        });
    }

    /// The network that a viewer's address is in: everyone has one to himself, but for Sybils.
    pub(super) fn network_of(&self, peer: usize) -> Option<u64> {
        match (self.peers[peer].role, self.peers[peer].character) {
            (Role::Viewer, Character::SilentSybil(network) | Character::SlowSybil(network)) => Some(network.into()),
            (Role::Viewer, _) => Some(1000 + peer as u64),
            _ => None,
        }
    }

    pub(super) fn tell_edge(&mut self, peer: usize) {
        let Some(newest) = self.ingested.checked_sub(1) else { return };
        let epoch = self.peers[peer].epoch;
        let there = self.published[..=newest].iter().rev().filter(|chunk| chunk.epoch == epoch && chunk.at_server);
        let keyframe = there.map(|chunk| chunk.meta).find(|meta| meta.keyframe);
        if let Some(keyframe) = keyframe.map(|meta| meta.sequence)
            && self.scenario.server.http
            && self.server_up
        {
            self.input(peer, Input::LiveEdge { keyframe, newest: Sequence(newest as u64) });
        }
    }

    pub(super) fn tell_swarm_size(&mut self) {
        let viewers = self.roster.len();
        for peer in 0..self.peers.len() {
            if self.server_up && self.peers[peer].is_here() {
                self.input(peer, Input::SwarmSize { viewers });
            }
        }
        self.queue.plan(self.now + 2_000_000, Event::SwarmSize);
    }
}
