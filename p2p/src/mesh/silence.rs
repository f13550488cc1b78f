//! Noticing parents that fall silent, come late or leave pieces out, and letting go of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Mesh;
use super::choice::DIVERSE;
use super::event::{DropReason, NeighbourId};
use super::neighbour::{Neighbour, stripe_of};
use super::parents::{Parent, Stripe};
use super::window::{Chunk, Probe};
use crate::wire::control::NO_PATH;
use crate::wire::{Control, PieceSet, Sequence};

/// How long a refusal holds.
const REFUSED: Duration = Duration::from_secs(1);
/// How long a parent that is there may bring nothing.
const ALIVE: Duration = Duration::from_millis(1500);
/// After so many, it is left even if nobody is known to take its place.
const HOPELESS: u8 = 4;
/// After how many broken promises a neighbour loses its place, and how long after the last one counts no more.
const STRIKES: u8 = 3;
pub(super) const FORGOTTEN: Duration = Duration::from_secs(20);
/// How long nobody else of its network is let in then, and how many such networks are remembered.
const NOTORIOUS: Duration = Duration::from_secs(120);
const NETWORKS: usize = 64;
/// Pieces that a parent may leave out before another is looked for.
const SKIPS: f32 = 6.0;
/// How much longer than two round trips the answer to a probe may take: one may be lost.
const ANSWER: Duration = Duration::from_millis(40);
/// Who owes something and has been silent for so much longer than a chunk is not asked any more: it is gone.
const QUIET: Duration = Duration::from_millis(60);
/// After so many chunks in a row that had to be asked for elsewhere, another parent is looked for: where the parent has not
/// proved itself, and where it has.
const LATE: [u8; 2] = [1, 2];

impl Mesh {
    /// Lets go of parents that leave too much out, or bring nothing for long.
    pub(super) fn leave_idle_parents(&mut self, now: Instant) {
        for stripe in 0..self.modulus() {
            let Some(parent) = self.stripes[usize::from(stripe)].parent else { continue };
            if parent.skips > SKIPS || self.is_idle(now, stripe, &parent) {
                self.stats.parents_silent += 1;
                self.doubt(now, parent.id);
                self.leave_parent(now, stripe, true);
            }
        }
    }

    /// Asks parents for pieces that are overdue, before anyone else: who has them on the way says nothing and they come, who
    /// has not says so at once, and who is gone gives itself away.
    pub(super) fn probe(&mut self, now: Instant, sequence: Sequence, pieces: &PieceSet, within: Duration) {
        let modulus = self.modulus();
        let mut asked: BTreeMap<NeighbourId, PieceSet> = BTreeMap::new();
        let mut late = 0u32;
        for piece in pieces.iter() {
            let stripe = stripe_of(sequence, piece, modulus);
            if let Some(parent) = self.stripes.get(usize::from(stripe)).and_then(Stripe::parent) {
                asked.entry(parent).or_default().insert(piece);
                late |= 1 << stripe;
            }
        }
        // Those who wait for it below us should know that it is not us who is gone.
        let since = now.checked_sub(self.config.chunk / 2).unwrap_or(now);
        self.reassure(now, since, late);
        for (to, pieces) in asked {
            let (Some(parent), Some(chunk)) = (self.neighbours.get(&to), self.window.get_mut(sequence)) else {
                continue;
            };
            // Who is there pushes with each chunk, or says that there is nothing.
            let silent = !parent.is_source() && parent.spoke + self.config.chunk + QUIET < now;
            let (since, until) = if silent { (parent.spoke, now) } else { (now, now + 2 * parent.rtt + ANSWER) };
            chunk.probes.extend(pieces.iter().map(|piece| Probe { piece, to, since, until }));
            chunk.probed.add(&pieces);
            self.probing = true;
            self.repair_by(until);
            if silent {
                continue;
            }
            self.stats.parents_probed += 1;
            let within_millis = within.as_millis().min(10_000) as u16;
            self.send(to, Control::Request { sequence, pieces, within_millis });
        }
    }

    /// Lets go of parents that did not answer a probe and said nothing else since.
    pub(super) fn end_probes(&mut self, now: Instant) {
        if !self.probing {
            return;
        }
        self.probing = false;
        let mut gone: Vec<NeighbourId> = Vec::new();
        for chunk in self.window.iter_mut().filter(|chunk| !chunk.probes.is_empty()) {
            let have = &chunk.have;
            let neighbours = &self.neighbours;
            chunk.probes.retain(|probe| {
                let silent = neighbours.get(&probe.to).is_some_and(|parent| parent.spoke <= probe.since);
                if probe.until <= now && silent && !have.contains(probe.piece) && !gone.contains(&probe.to) {
                    gone.push(probe.to);
                }
                probe.until > now && !have.contains(probe.piece)
            });
            self.probing |= !chunk.probes.is_empty();
        }
        let lost = !gone.is_empty();
        for id in gone {
            self.doubt(now, id);
            for stripe in 0..self.modulus() {
                if self.stripes[usize::from(stripe)].parent() == Some(id) {
                    self.stats.parents_silent += 1;
                    self.leave_parent(now, stripe, true);
                }
            }
        }
        if lost {
            self.choose_parents(now);
        }
    }

    /// Tells whether a parent that is there has brought nothing for too long. It probably lost its own parent and looks for
    /// another: if all below it left as well, nothing would be left of the tree.
    fn is_idle(&self, now: Instant, stripe: u8, parent: &Parent) -> bool {
        let Some(neighbour) = self.neighbours.get(&parent.id) else { return false };
        let usual = self.stripes[usize::from(stripe)].delay.high().min(Duration::from_millis(400));
        let patience = match neighbour.depth(stripe, self.modulus()) {
            NO_PATH => 3 * ALIVE,
            _ => ALIVE + usual,
        };
        let since = parent.delivered.unwrap_or(parent.since).max(parent.since);
        now.saturating_duration_since(since) >= patience
            && self.window.iter().any(|chunk| {
                let late = chunk.sequence >= parent.from && chunk.heard + patience < now && chunk.heard >= since;
                late && self.owes(stripe, chunk)
            })
    }

    /// Tells whether something of a chunk's share of a stripe is missing, or had to be asked for.
    fn owes(&self, stripe: u8, chunk: &Chunk) -> bool {
        let modulus = self.modulus();
        let failed = |piece: u16| !chunk.have.contains(piece) || chunk.pulled.contains(piece);
        chunk.meta.is_none_or(|meta| {
            (0..meta.pieces()).any(|piece| stripe_of(chunk.sequence, piece, modulus) == stripe && failed(piece))
        })
    }

    /// A parent's piece had to be asked for: after a few chunks in a row another parent is found, among those that have what
    /// it did not bring. Who waits for the same lost piece further up has it no sooner, so it is not chosen.
    pub(super) fn note_late(&mut self, now: Instant, stripe: u8, sequence: Sequence, piece: u16) {
        let Some(parent) = self.stripes[usize::from(stripe)].parent.as_mut() else { return };
        if parent.late.0 > 0 && parent.late.1 >= sequence {
            return;
        }
        parent.late = (parent.late.0.saturating_add(1), sequence);
        let (parent, run) = (parent.id, parent.late.0);
        let Some(neighbour) = self.neighbours.get(&parent) else { return };
        if run < LATE[usize::from(neighbour.proven)] || neighbour.is_source() {
            return;
        }
        let has = |(id, neighbour): &(&NeighbourId, &Neighbour)| {
            let free = neighbour.status.as_ref().is_some_and(|status| status.places_free > 0);
            !neighbour.is_source() && **id != parent && free && neighbour.have.has(sequence, piece)
        };
        let fit = self.neighbours.iter().filter(has).map(|(&id, _)| id);
        let fit = fit
            .filter(|&id| self.may_lead(now, id, stripe, Duration::ZERO) && !self.leads_too_much(now, id, stripe, 0));
        let best = fit.min_by(|&a, &b| self.cost(a, stripe).total_cmp(&self.cost(b, stripe)));
        if best.is_none() && run < HOPELESS {
            return;
        }
        self.stats.parents_silent += 1;
        match best {
            Some(best) => self.move_stripe(now, stripe, best),
            None => self.leave_parent(now, stripe, true),
        }
        self.doubt(now, parent);
    }

    /// A neighbour that promised to push did not: the more often, the longer nothing is asked of it.
    fn doubt(&mut self, now: Instant, id: NeighbourId) {
        let modulus = self.modulus();
        let Some(neighbour) = self.neighbours.get_mut(&id) else { return };
        // Who says that it lost its way promises nothing.
        let lost = (0..modulus).all(|stripe| neighbour.depth(stripe, modulus) == NO_PATH);
        if neighbour.is_source() || lost {
            return;
        }
        neighbour.shunned = Some(now + REFUSED * (1 << neighbour.broken.min(6)));
        neighbour.doubted = Some(now);
        neighbour.broken = neighbour.broken.saturating_add(1);
        neighbour.proven = false;
        let network = neighbour.info.network;
        if neighbour.broken >= STRIKES && self.viewers() >= DIVERSE {
            if let Some(network) = network {
                self.notorious.retain(|(other, until)| *other != network && *until > now);
                self.notorious.push_back((network, now + NOTORIOUS));
                if self.notorious.len() > NETWORKS {
                    self.notorious.pop_front();
                }
            }
            self.drop_neighbour(now, id, DropReason::Unreliable);
        }
    }

    /// Lets go of a stripe's parent, which is not asked again for a while.
    pub(super) fn leave_parent(&mut self, now: Instant, stripe: u8, tell: bool) {
        let modulus = self.modulus();
        let state = &mut self.stripes[usize::from(stripe)];
        let Some(parent) = state.parent.take() else { return };
        state.orphan_since = parent.orphan_since.or(Some(now));
        state.previous = None;
        state.bereaved |= parent.delivered.is_some();
        let rival = state.rival.take();
        self.refused(now, parent.id, stripe);
        if tell && let Some(neighbour) = self.neighbours.get_mut(&parent.id) {
            neighbour.failures += 1.0;
            self.send(parent.id, Control::Unsubscribe { modulus, stripes: 1 << stripe, from: Sequence(0) });
        }
        if let Some(rival) = rival {
            self.take_rival(now, stripe, rival);
        }
        self.gossip.tell_status(now);
    }

    /// A neighbour will not push a stripe: it is not asked for that again for a while.
    pub(super) fn refused(&mut self, now: Instant, id: NeighbourId, stripe: u8) {
        if let Some(neighbour) = self.neighbours.get_mut(&id) {
            neighbour.refuses.insert(stripe, now + REFUSED);
        }
    }

    /// A neighbour is gone: its stripes need new parents at once.
    pub(super) fn lose_parent(&mut self, now: Instant, id: NeighbourId) {
        for stripe in 0..self.modulus() {
            let state = &mut self.stripes[usize::from(stripe)];
            state.rival.take_if(|rival| *rival == id);
            if let Some(parent) = state.parent.take_if(|parent| parent.id == id) {
                state.orphan_since = parent.orphan_since.or(Some(now));
                state.bereaved |= parent.delivered.is_some();
                if let Some(rival) = state.rival {
                    self.take_rival(now, stripe, rival);
                }
            }
        }
        self.gossip.tell_status(now);
        self.choose_parents(now);
    }
}
