//! Taking in children as the upload allows, strong ones before weak ones.

use std::time::{Duration, Instant};

use super::event::NeighbourId;
use super::neighbour::Neighbour;
use super::{Mesh, Output};
use crate::wire::control::NO_PATH;
use crate::wire::{Control, Sequence};

/// How many children of one stripe make a tree flat enough: more only make the last one wait.
const FAN_OUT: u16 = 8;
/// Below so many viewers every tree is flat anyway, and nobody is picky about stripes.
const SMALL: usize = 100;
/// A child that confirmed something in time so lately does well.
const LATELY: Duration = Duration::from_millis(600);
/// How long a child is safe from stronger ones.
const SETTLED: Duration = Duration::from_secs(2);

impl Mesh {
    /// How many stripes we can push, over all children.
    pub(super) fn places(&self) -> u16 {
        self.upload.places(self.pace.0, self.modulus(), false)
    }

    /// How many stripes we push.
    pub(super) fn places_taken(&self) -> usize {
        self.children.iter().filter_map(|id| self.neighbours.get(id)).map(|child| child.wants.count()).sum()
    }

    pub(super) fn on_subscribe(
        &mut self,
        now: Instant,
        from: NeighbourId,
        modulus: u8,
        stripes: u32,
        first: Sequence,
        headers: bool,
    ) {
        let mut refused = 0u32;
        for stripe in (0..modulus).filter(|stripe| stripes >> stripe & 1 == 1) {
            let had = self
                .neighbours
                .get(&from)
                .is_some_and(|child| child.wants.modulus() == modulus && child.wants.mask() >> stripe & 1 == 1);
            let taken_in = had || self.may_push(from, modulus, stripe) && self.find_place(now, from, modulus, stripe);
            if !taken_in {
                refused |= 1 << stripe;
                continue;
            }
            if let Some(child) = self.neighbours.get_mut(&from) {
                child.wants.start(modulus, stripe, first);
                child.child_since.get_or_insert(now);
            }
            if !self.children.contains(&from) {
                self.children.push(from);
            }
            self.seeding.volunteer(from, modulus, stripe, now);
        }
        if let Some(child) = self.neighbours.get_mut(&from) {
            child.wants.headers = headers;
        }
        if refused != 0 {
            self.stats.stripes_rejected += u64::from(refused.count_ones());
            self.send(from, Control::Reject { modulus, stripes: refused, from: Sequence(0) });
            // It thought that there was room.
            let status = self.status();
            self.send(from, Control::Status(status));
        }
        if refused != stripes {
            self.rank_children();
            self.forward_headers_to(from, first);
            self.push_present(now, from, first);
            self.gossip.tell_status(now);
        }
    }

    /// Tells whether pushing this stripe to that neighbour makes sense at all.
    fn may_push(&self, to: NeighbourId, modulus: u8, stripe: u8) -> bool {
        if self.upload.is_forbidden() || self.neighbours.get(&to).is_none_or(|neighbour| neighbour.is_source()) {
            return false;
        }
        if self.is_source() {
            return modulus == self.modulus();
        }
        if modulus != self.modulus() {
            // Dealt otherwise than ours: all of our stripes lead into it.
            return self
                .stripes
                .iter()
                .enumerate()
                .all(|(stripe, ours)| ours.parent() != Some(to) && self.depth(stripe as u8) != NO_PATH);
        }
        // Who has no way to the source finds nobody in the stripe's own tree.
        let orphan = self.neighbours.get(&to).is_some_and(|it| it.depth(stripe, modulus) == NO_PATH);
        let interior = self.interior();
        if interior != 0 && interior >> stripe & 1 == 0 && !orphan {
            return false;
        }
        let ours = self.stripes.get(usize::from(stripe));
        ours.is_some_and(|ours| ours.parent() != Some(to)) && self.depth(stripe) != NO_PATH
    }

    /// In how many stripes we hand pieces on: in few with many children each, or the trees would be chains.
    fn homes(&self) -> u32 {
        if self.is_source() || self.viewers() < SMALL {
            return u32::from(self.modulus());
        }
        u32::from(self.places().div_ceil(FAN_OUT)).clamp(1, self.modulus().into())
    }

    /// The stripes in which we take children, as a mask; 0 for any. Those that were asked for first: so each gets its share.
    pub(super) fn interior(&self) -> u32 {
        let modulus = self.modulus();
        let children = self.children.iter().filter_map(|id| self.neighbours.get(id));
        let ours = children.filter(|child| child.wants.modulus() == modulus);
        let mask = ours.fold(0, |mask, child| mask | child.wants.mask());
        if mask.count_ones() < self.homes() { 0 } else { mask }
    }

    /// How many stripes we can push if we hand this one on; 0 if we are a leaf in it.
    pub(super) fn strength_in(&self, stripe: u8) -> u16 {
        match self.interior() {
            0 => self.places(),
            interior => {
                if interior >> stripe & 1 == 1 {
                    self.places()
                } else {
                    0
                }
            }
        }
    }

    /// Makes sure that one more stripe can be pushed, if need be by turning the weakest child away.
    fn find_place(&mut self, now: Instant, newcomer: NeighbourId, modulus: u8, stripe: u8) -> bool {
        // Who has no way to the source is taken in as long as there is anything to give.
        let orphan = self.neighbours.get(&newcomer).is_some_and(|it| it.depth(stripe, modulus) == NO_PATH);
        let places = self.upload.places(self.pace.0, self.modulus(), orphan && !self.is_source());
        if self.places_taken() < usize::from(places) {
            return true;
        }
        // A source decides by itself whom it pushes to.
        if self.is_source() {
            return false;
        }
        let Some(newcomer) = self.neighbours.get(&newcomer).map(|it| it.strength(stripe, modulus)) else {
            return false;
        };
        let settled =
            |child: &Neighbour| child.child_since.is_some_and(|since| now.saturating_duration_since(since) >= SETTLED);
        let Some((strength, _, weakest, modulus, stripe)) = self.served(settled).min() else { return false };
        // Only for someone clearly stronger, or children would push each other out for ever.
        if 2 * strength >= newcomer {
            return false;
        }
        // It is served on until it can have found someone else.
        let from = self.window.end().after(2);
        self.stop_stripes(weakest, modulus, 1 << stripe, from);
        self.stats.children_preempted += 1;
        self.send(weakest, Control::Reject { modulus, stripes: 1 << stripe, from });
        true
    }

    /// Notices when the line carries less than was promised, and lets go of the children that cannot be served any more.
    pub(super) fn look_after_line(&mut self, now: Instant) {
        // One child may have trouble of its own; where most of several do, it is ours.
        let children = self.children.iter().filter_map(|id| self.neighbours.get(id));
        let (held, fine) = children.fold((0, 0), |(held, fine), child| {
            let stuck = child.in_flight.front().is_some_and(|flight| child.is_held_up(now, flight.at));
            let prompt = now.saturating_duration_since(child.prompt) < LATELY;
            (held + usize::from(stuck), fine + usize::from(prompt && !stuck))
        });
        if !self.upload.measure(now, held > fine.max(1), self.pace.0) {
            return;
        }
        let from = self.window.end();
        while self.places_taken() > usize::from(self.upload.places(self.pace.0, self.modulus(), true)) {
            let Some((_, _, weakest, modulus, stripe)) = self.served(|_| true).min() else { break };
            self.stop_stripes(weakest, modulus, 1 << stripe, from);
            self.send(weakest, Control::Reject { modulus, stripes: 1 << stripe, from: Sequence(0) });
        }
        self.gossip.tell_status(now);
    }

    /// What is pushed to whom, the least worth it first: strength and nearness of the child, who it is, and the stripe.
    fn served(
        &self,
        which: impl Fn(&Neighbour) -> bool,
    ) -> impl Iterator<Item = (u16, std::cmp::Reverse<Duration>, NeighbourId, u8, u8)> {
        let children = self.children.iter().filter_map(|&id| Some((id, self.neighbours.get(&id)?)));
        children.filter(move |(_, child)| which(child)).flat_map(|(id, child)| {
            let modulus = child.wants.modulus();
            let stripes = (0..modulus).filter(|stripe| child.wants.mask() >> stripe & 1 == 1);
            stripes
                .map(move |stripe| (child.strength(stripe, modulus), std::cmp::Reverse(child.rtt), id, modulus, stripe))
        })
    }

    pub(super) fn on_unsubscribe(
        &mut self,
        now: Instant,
        from: NeighbourId,
        modulus: u8,
        stripes: u32,
        first: Sequence,
    ) {
        self.stop_stripes(from, modulus, stripes, first);
        if self.is_source() {
            self.seeding.declined(from, modulus, stripes, now);
            self.assign_seeds(now);
        }
        self.gossip.tell_status(now);
    }

    /// Pushes these stripes to a neighbour no longer from some chunk on.
    pub(super) fn stop_stripes(&mut self, from: NeighbourId, modulus: u8, stripes: u32, first: Sequence) {
        let Some(child) = self.neighbours.get_mut(&from) else { return };
        for stripe in (0..modulus).filter(|stripe| stripes >> stripe & 1 == 1) {
            child.wants.stop(modulus, stripe, first);
        }
        let wants = &child.wants;
        let have = &mut child.have;
        child.pushes.retain(|queued| {
            let keep = wants.covers(queued.sequence, queued.piece);
            if !keep {
                have.remove(queued.sequence, &crate::wire::PieceSet::single(queued.piece));
            }
            keep
        });
        self.rank_children();
    }

    /// Puts the strongest and nearest children first and forgets those that get nothing.
    pub(super) fn rank_children(&mut self) {
        let neighbours = &mut self.neighbours;
        self.children.retain(|id| match neighbours.get_mut(id) {
            Some(child) if child.wants.is_empty() => {
                child.child_since = None;
                false
            }
            child => child.is_some(),
        });
        self.children
            .sort_by_key(|id| neighbours.get(id).map(|child| (std::cmp::Reverse(child.places()), child.rtt, *id)));
    }

    /// Sends a new child the headers of chunks that are on their way already.
    pub(super) fn forward_headers_to(&mut self, to: NeighbourId, from: Sequence) {
        let Some(child) = self.neighbours.get_mut(&to) else { return };
        if !child.wants.headers {
            return;
        }
        for chunk in self.window.iter().filter(|chunk| chunk.sequence >= from) {
            let Some(meta) = chunk.meta else { continue };
            let sequence = chunk.sequence;
            let gets_some = (0..meta.pieces()).any(|piece| child.wants.covers(sequence, piece));
            if gets_some && !child.have.has_header(sequence) {
                child.have.insert_header(sequence);
                self.outputs.push_back(Output::SendHeader { to, sequence });
            }
        }
    }
}
