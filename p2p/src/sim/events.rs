//! What goes wrong in a scenario, and what is measured about how the swarm recovers.

use super::meter::Second;
use super::peer::{State, number};
use super::world::{Event, PUBLISHER, Packet, SERVER, World};
use crate::mesh::NeighbourId;
use crate::wire::{Role, Sequence};

/// From when on the stripes that Sybils lead are counted.
const SYBILS_FROM: u64 = 10_000_000;
/// How many viewers find a server that came back at once.
const FINDERS: usize = 100;

impl World {
    pub(super) fn plan_events(&mut self) {
        let micros = |seconds: f64| (seconds * 1e6) as u64;
        self.queue.plan(500_000, Event::SwarmSize);
        self.queue.plan(1_000_000, Event::Tick);
        self.queue.plan(self.scenario.warmup_s * 1_000_000, Event::WarmedUp);
        if self.scenario.churn.kill_busiest_at_s > 0.0 {
            self.queue.plan(micros(self.scenario.churn.kill_busiest_at_s), Event::KillBusiest);
        }
        if self.scenario.slowdown.share > 0.0 {
            self.queue.plan(micros(self.scenario.slowdown.at_s), Event::SlowDown);
        }
        if let Some((from, until)) = self.scenario.origin_outage.span() {
            self.queue.plan(from, Event::Origin(false));
            self.queue.plan(until, Event::Origin(true));
        }
        if let Some((from, until)) = self.scenario.broadcaster_outage.span() {
            self.queue.plan(from, Event::Broadcaster(false));
            self.queue.plan(until, Event::Broadcaster(true));
        }
    }

    /// Counts what came within the last second.
    pub(super) fn tick(&mut self) {
        self.queue.plan(self.now + 1_000_000, Event::Tick);
        let mut second = Second::default();
        for peer in &mut self.peers {
            if peer.role != Role::Viewer || !peer.is_here() {
                continue;
            }
            let stats = peer.stats();
            let from = [
                stats.bytes_from_viewers,
                stats.bytes_from_publisher,
                stats.bytes_from_server,
                stats.bytes_from_origin,
            ];
            for (source, bytes) in from.iter().enumerate() {
                second.bytes_from[source] += bytes - peer.counted[source];
            }
            peer.counted = from;
            second.viewers += 1;
        }
        self.seconds.push(second);
        if self.scenario.adversaries.sybils > 0.0 && self.now >= SYBILS_FROM {
            self.count_sybils();
        }
    }

    /// The largest share of one honest viewer's stripes that Sybils lead.
    fn count_sybils(&mut self) {
        let shares = self.viewers().filter(|&viewer| self.peers[viewer].is_honest()).map(|viewer| {
            let parents = self.peers[viewer].brain.parents();
            let sybil = |parent: &&Option<NeighbourId>| {
                parent.is_some_and(|parent| self.peers[parent.0 as usize].character.is_sybil())
            };
            // Those who came just now have ten seconds to find out.
            let settled = self.now >= self.peers[viewer].joined + SYBILS_FROM;
            if settled { parents.iter().filter(sybil).count() as f64 / parents.len().max(1) as f64 } else { 0.0 }
        });
        self.sybil_stripes = shares.fold(self.sybil_stripes, f64::max);
    }

    /// Part of the viewers' uplinks become slow.
    pub(super) fn slow_down(&mut self) {
        let plan = self.scenario.slowdown.clone();
        let viewers: Vec<usize> = self.viewers().collect();
        for viewer in viewers {
            if self.chance() < plan.share {
                self.peers[viewer].access.slow_down(plan.factor, plan.queue_ms * 1000);
                let children: Vec<usize> = self.peers[viewer].ways.keys().copied().collect();
                children.into_iter().for_each(|child| self.wound(viewer, child));
            }
        }
    }

    /// A parent of these stripes is gone or became slow.
    pub(super) fn wound(&mut self, parent: usize, child: usize) {
        if !self.is_warm() || !self.peers[child].is_here() || self.peers[child].role != Role::Viewer {
            return;
        }
        let led = self.peers[child].brain.parents();
        for (stripe, _) in led.iter().enumerate().filter(|(_, led)| **led == Some(number(parent))) {
            self.wounds.insert((child, stripe as u8), (self.now, number(parent)));
            self.peers[child].wounded = true;
        }
    }

    /// A piece came to a viewer that lost a parent: it is healed when a new one pushes the stripe, or when the old one, if
    /// only slow, brings a chunk of after that time as quickly as if nothing were.
    pub(super) fn see_heal(&mut self, child: usize, sender: NeighbourId, sequence: Sequence, piece: u16) {
        let parents = self.peers[child].brain.parents();
        let stripe = (sequence.0 + u64::from(piece)) % parents.len().max(1) as u64;
        let Some(&(since, old)) = self.wounds.get(&(child, stripe as u8)) else { return };
        let signed = self.published[sequence.0 as usize].signed;
        let pushed = parents[stripe as usize] == Some(sender);
        let quick = signed > since && self.now - signed < 500_000;
        if pushed && (sender != old || quick) {
            self.heals.add(self.now - since);
            self.wounds.remove(&(child, stripe as u8));
            self.peers[child].wounded = self.wounds.range((child, 0)..=(child, u8::MAX)).next().is_some();
        }
    }

    pub(super) fn origin(&mut self, up: bool) {
        self.server_up = up;
        if !up {
            self.vanish(SERVER);
            return;
        }
        // The broadcaster sends what it still holds.
        for index in 0..self.published.len() {
            let chunk = self.published[index];
            if chunk.signed + self.scenario.server.ingest_ms * 1000 <= self.now && !chunk.at_server {
                self.published[index].at_server = chunk.signed + 8_000_000 > self.now;
                self.ingested = self.ingested.max(index + 1);
            }
        }
        self.appear(SERVER);
    }

    pub(super) fn broadcaster(&mut self, up: bool) {
        if !up {
            self.vanish(PUBLISHER);
            return;
        }
        self.epoch += 1;
        self.appear(PUBLISHER);
        self.enter_epoch(PUBLISHER, self.epoch);
        // The broadcaster's session at the server names the new epoch.
        self.enter_epoch(SERVER, self.epoch);
        let told: Vec<usize> = self.peers[SERVER].ways.keys().copied().collect();
        for viewer in told {
            self.transmit(SERVER, number(viewer), Packet::Epoch(self.epoch), 100);
        }
    }

    /// A source is gone without a word.
    fn vanish(&mut self, source: usize) {
        self.leave(source, false);
        self.peers[source].state = State::Away;
    }

    /// A source is back, and knows nothing of before.
    fn appear(&mut self, source: usize) {
        let now = self.instant(source, self.now);
        let (role, up_kbps, character) =
            (self.peers[source].role, self.peers[source].up_kbps, self.peers[source].character);
        let brain = self.brain(role, up_kbps, character, source, now);
        let epoch = self.peers[source].epoch;
        self.peers[source].replace_brain(brain, epoch);
        for other in std::mem::take(&mut self.peers[source].met) {
            self.peers[other].met.remove(&source);
            self.peers[other].ways.remove(&source);
            self.peers[source].ways.remove(&other);
        }
        self.join(source);
        if source == PUBLISHER {
            self.dial(SERVER, PUBLISHER);
        }
        let viewers: Vec<usize> = self.viewers().filter(|&viewer| self.may_seed(viewer)).take(FINDERS).collect();
        viewers.into_iter().for_each(|viewer| self.dial(viewer, source));
    }
}
