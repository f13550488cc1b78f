//! Following what sources and parents say of the stripes: seeds, refusals, new places, pieces left out.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Mesh;
use super::event::NeighbourId;
use super::neighbour::stripe_of;
use super::parents::{Parent, Stripe};
use crate::wire::control::NO_PATH;
use crate::wire::{Control, PieceSet, Role, Sequence};

impl Mesh {
    /// A source seeds us: for these stripes it is our parent from that chunk on.
    pub(super) fn on_seed(&mut self, now: Instant, from: NeighbourId, modulus: u8, stripes: u32, first: Sequence) {
        let Some(neighbour) = self.neighbours.get(&from) else { return };
        let role = neighbour.info.role;
        if self.is_source() || !role.is_source() {
            return;
        }
        if modulus != self.modulus() {
            let other = self.neighbours.values().any(|it| it.info.role == Role::Publisher && it.status.is_some());
            if role == Role::Server && other {
                // The broadcaster's word counts.
                self.send(from, Control::Unsubscribe { modulus, stripes, from: first });
                return;
            }
            self.restripe(now, modulus);
        }
        for stripe in 0..modulus {
            let state = &mut self.stripes[usize::from(stripe)];
            let ours = state.parent.is_some_and(|parent| parent.id == from);
            let seeded = stripes >> stripe & 1 == 1;
            if seeded && !ours {
                let old = state.parent.replace(Parent::new(from, first, now));
                (state.orphan_since, state.latest, state.bereaved) = (None, None, false);
                if let Some(rival) = state.rival.take() {
                    self.send(rival, Control::Unsubscribe { modulus, stripes: 1 << stripe, from: first });
                }
                if let Some(old) = old {
                    self.send(old.id, Control::Unsubscribe { modulus, stripes: 1 << stripe, from: first });
                }
                self.stripes[usize::from(stripe)].depth = self.depth(stripe);
            } else if ours && !seeded {
                // The source knows that this makes no loop: anyone may lead us.
                state.parent = None;
                state.depth = NO_PATH;
                state.orphan_since = Some(now);
                state.covered = first;
            }
        }
        self.choose_parents(now);
        self.gossip.tell_status(now);
        self.repair_soon(now);
    }

    /// The number of stripes spreads from the sources: who is nearer to them knows better.
    pub(super) fn follow_stripes(&mut self, now: Instant, from: NeighbourId) {
        let Some(neighbour) = self.neighbours.get(&from) else { return };
        let Some(status) = &neighbour.status else { return };
        let modulus = status.depth.len() as u8;
        if modulus == self.modulus() {
            return;
        }
        let nearest = |depths: &mut dyn Iterator<Item = u8>| depths.min().unwrap_or(NO_PATH);
        let theirs = match neighbour.info.role {
            Role::Viewer => nearest(&mut status.depth.iter().copied()),
            role => u8::from(role == Role::Server),
        };
        if theirs < nearest(&mut self.depths()) && (neighbour.is_source() || self.most_deal_into(modulus)) {
            self.restripe(now, modulus);
            self.choose_parents(now);
        }
    }

    /// Tells whether most of those that push to us deal into so many stripes, or most neighbours as long as nobody does: anyone
    /// may claim to be near.
    fn most_deal_into(&self, modulus: u8) -> bool {
        let deals = |id: NeighbourId| {
            let status = self.neighbours.get(&id)?.status.as_ref()?;
            status.depth.iter().any(|depth| *depth != NO_PATH).then_some(status.depth.len() == usize::from(modulus))
        };
        let mut votes: Vec<bool> = self.stripes.iter().filter_map(Stripe::parent).filter_map(deals).collect();
        if votes.is_empty() {
            votes = self.neighbours.keys().copied().filter_map(deals).collect();
        }
        2 * votes.iter().filter(|same| **same).count() > votes.len()
    }

    /// Deals the chunks into another number of stripes.
    fn restripe(&mut self, now: Instant, modulus: u8) {
        let old = self.modulus();
        let from = self.next_unheard();
        let mut parents: BTreeMap<NeighbourId, u32> = BTreeMap::new();
        for (index, stripe) in self.stripes.iter().enumerate() {
            for id in stripe.parent().into_iter().chain(stripe.rival) {
                *parents.entry(id).or_default() |= 1 << index;
            }
        }
        for (id, stripes) in parents {
            if self.neighbours.get(&id).is_some_and(|neighbour| !neighbour.is_source()) {
                self.send(id, Control::Unsubscribe { modulus: old, stripes, from });
            }
        }
        self.stripes = (0..modulus).map(|_| Stripe { orphan_since: Some(now), ..Stripe::default() }).collect();
    }

    pub(super) fn on_reject(&mut self, now: Instant, from: NeighbourId, modulus: u8, stripes: u32, first: Sequence) {
        if modulus != self.modulus() || self.is_source() {
            return;
        }
        for stripe in (0..modulus).filter(|stripe| stripes >> stripe & 1 == 1) {
            let state = &mut self.stripes[usize::from(stripe)];
            if state.rival == Some(from) {
                state.rival = None;
                self.refused(now, from, stripe);
                continue;
            }
            if state.parent() != Some(from) {
                continue;
            }
            if let Some(rival) = state.rival {
                self.refused(now, from, stripe);
                self.take_rival(now, stripe, rival);
                continue;
            }
            let previous = state.previous.take();
            state.covered = state.covered.max(first);
            let begins = state.covered;
            self.leave_parent(now, stripe, false);
            if let Some(previous) = previous.filter(|id| self.neighbours.contains_key(id)) {
                self.subscribe(now, previous, 1 << stripe, begins.max(self.next_unheard()));
            }
        }
        self.choose_parents(now);
        self.repair_soon(now);
    }

    /// A parent's place changed, and ours with it.
    pub(super) fn follow_parent(&mut self, now: Instant, id: NeighbourId) {
        let mut lost = false;
        let mut moved = false;
        for stripe in 0..self.modulus() {
            if self.stripes[usize::from(stripe)].parent() != Some(id) {
                continue;
            }
            let depth = self.depth(stripe);
            moved |= depth != self.stripes[usize::from(stripe)].depth;
            if depth != NO_PATH {
                self.stripes[usize::from(stripe)].depth = depth;
            } else if self.neighbours.get(&id).is_some_and(|it| it.depth(stripe, self.modulus()) != NO_PATH) {
                // Deeper than anyone should be: a loop, or a chain gone wild.
                self.leave_parent(now, stripe, true);
                lost = true;
            }
        }
        if moved {
            self.gossip.tell_status(now);
        }
        if lost {
            self.choose_parents(now);
        }
    }

    /// A neighbour will not send these pieces.
    pub(super) fn on_skipped(&mut self, now: Instant, from: NeighbourId, sequence: Sequence, pieces: &PieceSet) {
        let modulus = self.modulus();
        if let Some(neighbour) = self.neighbours.get_mut(&from) {
            neighbour.have.remove(sequence, pieces);
        }
        let Some(chunk) = self.window.get_mut(sequence) else { return };
        let mut freed = 0;
        chunk.requests.retain(|request| {
            let gone = request.to == from && pieces.contains(request.piece);
            freed += usize::from(gone);
            !gone
        });
        chunk.probes.retain(|probe| probe.to != from || !pieces.contains(probe.piece));
        for piece in pieces.iter().filter(|piece| chunk.meta.is_none_or(|meta| *piece < meta.pieces())) {
            let Some(stripe) = self.stripes.get_mut(usize::from(stripe_of(sequence, piece, modulus))) else { continue };
            if let Some(parent) = stripe.parent.as_mut().filter(|parent| parent.id == from)
                && !chunk.have.contains(piece)
            {
                parent.skips += 1.0;
                chunk.unpushed.insert(piece);
            }
        }
        if let Some(neighbour) = self.neighbours.get_mut(&from) {
            neighbour.asked = neighbour.asked.saturating_sub(freed);
        }
        self.repair_soon(now);
    }
}
