//! Whom a source pushes to: few copies of each stripe, to strong viewers, evenly.
//!
//! A source does not wait to be asked. It gives each stripe to as many viewers as the swarm's size asks for, and tells them
//! by `Seed`. The server leaves out what the broadcaster seeds already, so that together they push the copies once.

use std::time::{Duration, Instant};

use super::Mesh;
use super::config::{copies_for, stripes_for};
use super::event::NeighbourId;
use super::neighbour::Neighbour;
use crate::wire::{Control, Role, Sequence};

/// Most copies the broadcaster pushes itself: its uplink is a home's.
const PUBLISHER_COPIES: usize = 2;
/// How long between two moves of a stripe for balance's sake.
const MOVE_GAP: Duration = Duration::from_millis(500);
/// How long a viewer that declined is left alone.
const DECLINED: Duration = Duration::from_secs(5);
/// How long a viewer that asked for a stripe is kept beyond the copies that are due.
const VOLUNTEERS_STAY: Duration = Duration::from_secs(1);
/// How long a seed may confirm nothing of what is in flight.
const SILENT: Duration = Duration::from_millis(400);
/// How many chunks a new seed gets again that went to one that was lost.
const REPLACED: u64 = 3;
/// How long an old seed still gets chunks before a new one takes over.
const HANDOVER: Duration = Duration::from_millis(400);
/// How long the server waits for the broadcaster's word before it seeds by itself.
const PUBLISHER_WAIT: Duration = Duration::from_secs(1);
/// How long after a change the number of stripes does not rise, and how long it does not fall: while a swarm grows the change
/// costs less the sooner it comes.
const STRIPES_GAP: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];

#[derive(Debug)]
pub(super) struct Seeding {
    /// For each stripe who gets it.
    seeds: Vec<Vec<NeighbourId>>,
    moved: Instant,
    /// When a stripe was last given to someone who asked for it.
    volunteered: Instant,
    restriped: Option<Instant>,
    declined: Vec<(NeighbourId, Instant)>,
}

impl Seeding {
    pub(super) fn new(now: Instant) -> Self {
        Self { seeds: Vec::new(), moved: now, volunteered: now, restriped: None, declined: Vec::new() }
    }

    pub(super) fn copies(&self, modulus: u8) -> Vec<u8> {
        let count = |stripe| self.seeds.get(stripe).map_or(0, |seeds: &Vec<_>| seeds.len().min(255) as u8);
        (0..usize::from(modulus)).map(count).collect()
    }

    /// A viewer does not want these stripes from us.
    pub(super) fn declined(&mut self, who: NeighbourId, modulus: u8, stripes: u32, now: Instant) {
        if usize::from(modulus) != self.seeds.len() {
            return;
        }
        let mut any = false;
        for (stripe, seeds) in self.seeds.iter_mut().enumerate() {
            if stripes >> stripe & 1 == 1 {
                let before = seeds.len();
                seeds.retain(|seed| *seed != who);
                any |= seeds.len() != before;
            }
        }
        if any {
            self.declined.retain(|(_, until)| *until > now);
            self.declined.push((who, now + DECLINED));
        }
    }

    /// A viewer found nobody else for this stripe and was taken in.
    pub(super) fn volunteer(&mut self, who: NeighbourId, modulus: u8, stripe: u8, now: Instant) {
        if usize::from(modulus) == self.seeds.len() && !self.seeds[usize::from(stripe)].contains(&who) {
            self.seeds[usize::from(stripe)].push(who);
            self.volunteered = now;
        }
    }

    fn assigned(&self, who: NeighbourId) -> usize {
        self.seeds.iter().filter(|seeds| seeds.contains(&who)).count()
    }

    fn mask(&self, who: NeighbourId) -> u32 {
        let bit = |(stripe, seeds): (usize, &Vec<NeighbourId>)| u32::from(seeds.contains(&who)) << stripe;
        self.seeds.iter().enumerate().map(bit).fold(0, |mask, bit| mask | bit)
    }
}

impl Mesh {
    /// Looks after the seeds: gives every stripe its copies, replaces who left or fell silent, keeps the load even.
    pub(super) fn assign_seeds(&mut self, now: Instant) {
        let before: Vec<(NeighbourId, u32)> = self.neighbours.keys().map(|&id| (id, self.seeding.mask(id))).collect();
        let modulus_before = self.seeding.seeds.len();
        self.choose_stripes(now);
        let restriped = self.seeding.seeds.len() != modulus_before;
        self.seeding.declined.retain(|(_, until)| *until > now);
        let lost = self.lost_seeds(now);
        for seeds in &mut self.seeding.seeds {
            seeds.retain(|id| !lost.contains(id));
        }
        let mut handover = false;
        // Who asked gets time to find a viewer before it is sent away again.
        let patient = now.saturating_duration_since(self.seeding.volunteered) < VOLUNTEERS_STAY;
        for stripe in 0..self.seeding.seeds.len() {
            let target = self.copies_of(now, stripe);
            while self.seeding.seeds[stripe].len() > target && !patient {
                self.retire_seed(stripe);
                handover = true;
            }
            while self.seeding.seeds[stripe].len() < target {
                let Some(seed) = self.best_seed(stripe, &lost) else { break };
                self.seeding.seeds[stripe].push(seed);
            }
        }
        let changed = |mesh: &Self| before.iter().any(|&(id, mask)| mesh.seeding.mask(id) != mask);
        if !restriped && !changed(self) {
            handover = self.balance_seeds(now);
        }
        if !restriped && !changed(self) {
            return;
        }
        let next = self.window.newest().map_or(Sequence(0), Sequence::next);
        let from = if !lost.is_empty() && !restriped {
            // What the lost one had not handed on yet is pushed again.
            next.before(REPLACED)
        } else if handover && !restriped {
            // No gap and no overlap: the old seed gets all before it, the new one all after.
            next.after(HANDOVER.as_micros().div_ceil(self.config.chunk.as_micros().max(1)) as u64)
        } else {
            next
        };
        for (id, mask) in before {
            let wanted = self.seeding.mask(id);
            if wanted != mask || (restriped && wanted != 0) {
                self.tell_seed(now, id, mask & !wanted, wanted, from);
            }
        }
        self.gossip.tell_status(now);
    }

    /// Seeds that left or have confirmed nothing for too long.
    fn lost_seeds(&self, now: Instant) -> Vec<NeighbourId> {
        let lost = |id: &NeighbourId| {
            self.neighbours.get(id).is_none_or(|child| {
                child.flying > 0 && now.saturating_duration_since(child.progress) > SILENT + 2 * child.rtt
            })
        };
        let mut ids: Vec<NeighbourId> = self.seeding.seeds.iter().flatten().copied().filter(lost).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// Deals into as many stripes as the swarm's size and the chunks' length call for.
    fn choose_stripes(&mut self, now: Instant) {
        let publisher = self.publisher_status();
        let wanted = match (self.config.role, publisher) {
            // The server follows the broadcaster.
            (Role::Server, Some((_, modulus))) => modulus,
            _ => {
                let pieces = if self.window.newest().is_some() { self.pace.1 } else { f64::from(self.config.stripes) };
                stripes_for(self.viewers(), pieces + 0.25, self.config.stripes)
            }
        };
        let current = self.seeding.seeds.len();
        if current == usize::from(wanted) {
            return;
        }
        let follows = self.config.role == Role::Server && publisher.is_some();
        let recent = self.seeding.restriped.is_some_and(|at| {
            now.saturating_duration_since(at) < STRIPES_GAP[usize::from(usize::from(wanted) < current)]
        });
        if current != 0 && recent && !follows {
            return;
        }
        self.seeding.restriped = (current != 0).then_some(now);
        self.seeding.seeds = vec![Vec::new(); wanted.into()];
        self.stripes = (0..wanted).map(|_| super::Stripe::default()).collect();
    }

    /// What the broadcaster told the server: its copies of each stripe, and how many stripes there are.
    fn publisher_status(&self) -> Option<(&[u8], u8)> {
        let publisher = self.neighbours.values().find(|neighbour| neighbour.info.role == Role::Publisher)?;
        let status = publisher.status.as_ref()?;
        Some((&status.copies, status.depth.len() as u8))
    }

    /// How many copies of a stripe this source pushes.
    fn copies_of(&self, now: Instant, stripe: usize) -> usize {
        let target = copies_for(self.viewers());
        if self.upload.is_forbidden() {
            return 0;
        }
        let affordable = (usize::from(self.places()) / self.seeding.seeds.len().max(1)).max(1);
        match self.config.role {
            Role::Publisher => target.min(PUBLISHER_COPIES).min(affordable),
            _ => {
                let publisher = self.neighbours.values().find(|neighbour| neighbour.info.role == Role::Publisher);
                match publisher.map(|publisher| (publisher, &publisher.status)) {
                    None => target,
                    Some((publisher, None)) => {
                        let waited = now.saturating_duration_since(publisher.joined) > PUBLISHER_WAIT;
                        if waited { target } else { 0 }
                    }
                    Some((_, Some(status))) => {
                        target.saturating_sub(status.copies.get(stripe).copied().unwrap_or(0).into())
                    }
                }
            }
        }
    }

    /// How much a viewer can do with a stripe: it should hand it on.
    fn strength(&self, id: NeighbourId) -> f64 {
        let weigh = |viewer: &Neighbour| (f64::from(viewer.places()) + 0.1) / (1.0 + f64::from(viewer.failures));
        self.neighbours.get(&id).map_or(0.0, weigh)
    }

    /// The viewer that should get one more stripe: much strength for each stripe it has, and near.
    fn best_seed(&self, stripe: usize, stuck: &[NeighbourId]) -> Option<NeighbourId> {
        let free = |id: &NeighbourId| !self.seeding.seeds[stripe].contains(id) && !stuck.contains(id);
        let willing = |id: &NeighbourId| !self.seeding.declined.iter().any(|(who, _)| who == id);
        let score = |id: NeighbourId| {
            let viewer = self.neighbours.get(&id)?;
            if viewer.is_source() {
                return None;
            }
            if !viewer.takes_children(stripe as u8, self.modulus()) {
                return None;
            }
            let near = 1.0 + viewer.rtt.as_secs_f64() * 5.0;
            Some(self.strength(id) / (self.seeding.assigned(id) + 1) as f64 / near)
        };
        let candidates = self.neighbours.keys().copied().filter(free).filter(willing);
        let scored = candidates.filter_map(|id| Some((score(id)?, id)));
        scored.max_by(|(a, first), (b, second)| a.total_cmp(b).then(second.cmp(first))).map(|(_, id)| id)
    }

    /// Takes a stripe from the seed that can do least with it, the latest of equals.
    fn retire_seed(&mut self, stripe: usize) {
        let weakest = (0..self.seeding.seeds[stripe].len()).rev().min_by(|&a, &b| {
            let strength = |index: usize| self.strength(self.seeding.seeds[stripe][index]);
            strength(a).total_cmp(&strength(b))
        });
        if let Some(index) = weakest {
            self.seeding.seeds[stripe].remove(index);
        }
    }

    /// Now and then moves one stripe to a viewer that would do clearly more with it.
    fn balance_seeds(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.seeding.moved) < MOVE_GAP {
            return false;
        }
        let mut best: Option<(f64, usize, usize, NeighbourId)> = None;
        for stripe in 0..self.seeding.seeds.len() {
            let Some(candidate) = self.best_seed(stripe, &[]) else { continue };
            let gain = self.strength(candidate) / (self.seeding.assigned(candidate) + 1) as f64;
            for (index, &seed) in self.seeding.seeds[stripe].iter().enumerate() {
                let keeps = self.strength(seed) / self.seeding.assigned(seed).max(1) as f64;
                let ratio = gain / keeps.max(1e-6);
                if ratio > 1.5 && best.is_none_or(|(other, ..)| ratio > other) {
                    best = Some((ratio, stripe, index, candidate));
                }
            }
        }
        let Some((_, stripe, index, candidate)) = best else { return false };
        self.seeding.seeds[stripe][index] = candidate;
        self.seeding.moved = now;
        true
    }

    /// Brings a viewer's subscription in line with what it is meant to get from some chunk on, and tells it.
    fn tell_seed(&mut self, now: Instant, id: NeighbourId, ended: u32, wanted: u32, from: Sequence) {
        let modulus = self.seeding.seeds.len() as u8;
        let Some(child) = self.neighbours.get_mut(&id) else { return };
        child.wants.headers = true;
        child.child_since.get_or_insert(now);
        let dealt = child.wants.modulus();
        if dealt != modulus {
            // What it got when chunks were dealt otherwise is over, or it would get those stripes for ever.
            (0..dealt).for_each(|stripe| child.wants.stop(dealt, stripe, from));
        }
        let had = if dealt == modulus { child.wants.mask() } else { 0 };
        for stripe in 0..modulus {
            if (wanted & !had) >> stripe & 1 == 1 {
                child.wants.start(modulus, stripe, from);
            } else if ended >> stripe & 1 == 1 {
                child.wants.stop(modulus, stripe, from);
            }
        }
        if !self.children.contains(&id) {
            self.children.push(id);
        }
        self.send(id, Control::Seed { modulus, stripes: wanted, from });
        self.rank_children();
        self.push_present(now, id, from);
    }
}
