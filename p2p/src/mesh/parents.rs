//! Who pushes which stripe to us: choosing parents, noticing silent ones, changing to better ones.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::RngExt;

use super::Mesh;
use super::estimate::Estimate;
use super::event::NeighbourId;
use super::neighbour::stripe_of;
use crate::wire::control::NO_PATH;
use crate::wire::{Control, PieceSet, Role, Sequence};

/// No viewer is further from the source.
pub(super) const DEEPEST: u8 = 12;
/// How often a better parent is looked for.
pub(super) const IMPROVE: Duration = Duration::from_secs(2);
/// How long a refusal holds.
const REFUSED: Duration = Duration::from_secs(1);
/// Bounds of how long after its chunk was heard of a piece is expected.
const SOONEST: Duration = Duration::from_millis(60);
const LATEST: Duration = Duration::from_millis(400);
/// The same where a later chunk's piece came first.
const OVERTAKEN: Duration = Duration::from_millis(80);
/// From how many parents headers are taken: the others' would come twice.
const HEADER_PARENTS: usize = 2;
/// Pieces that a parent may leave out before another is looked for.
const SKIPS: f32 = 6.0;

/// One of the stripes that chunks are dealt into, as seen by one of its receivers.
#[derive(Debug)]
pub(super) struct Stripe {
    pub(super) parent: Option<Parent>,
    /// Our depth under the last parent: nobody below us was nearer to the source.
    pub(super) depth: u8,
    pub(super) orphan_since: Option<Instant>,
    /// How long after its chunk was heard of a pushed piece comes.
    pub(super) delay: Estimate,
    /// The newest chunk of which the parent delivered a piece.
    pub(super) latest: Option<Sequence>,
    /// A parent that lets go still delivers what comes before this chunk.
    pub(super) covered: Sequence,
    /// Whom we left for the present parent; asked again if that one declines.
    pub(super) previous: Option<NeighbourId>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Parent {
    pub(super) id: NeighbourId,
    /// It pushes from this chunk on.
    pub(super) from: Sequence,
    pub(super) since: Instant,
    pub(super) delivered: Option<Instant>,
    /// Pieces it left out, fading with those it delivered.
    pub(super) skips: f32,
}

impl Default for Stripe {
    fn default() -> Self {
        Self {
            parent: None,
            depth: NO_PATH,
            orphan_since: None,
            delay: Estimate::new(Duration::from_millis(60)),
            latest: None,
            covered: Sequence(0),
            previous: None,
        }
    }
}

impl Stripe {
    pub(super) fn parent(&self) -> Option<NeighbourId> {
        self.parent.map(|parent| parent.id)
    }
}

/// What is to be expected of a missing piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// Nobody is going to push it.
    Never,
    /// It should have come by then.
    By(Instant),
}

impl Mesh {
    /// When a piece that was not skipped should be pushed to us.
    pub(super) fn expected(&self, sequence: Sequence, piece: u16, heard: Instant, fetch_at: Instant) -> Expected {
        // There is no hurry while the origin's time is far: what is pulled too early comes twice.
        let slack = fetch_at.saturating_duration_since(heard);
        let (soonest, latest) = (SOONEST.max(slack / 5), LATEST.max(slack.mul_f64(0.65)));
        let stripe = &self.stripes[usize::from(stripe_of(sequence, piece, self.modulus()))];
        let Some(parent) = stripe.parent.filter(|parent| parent.from <= sequence) else {
            return match sequence < stripe.covered {
                true => Expected::By(heard + stripe.delay.high().clamp(soonest, latest)),
                false => Expected::Never,
            };
        };
        let patience = stripe.delay.high().clamp(soonest, latest);
        // A new parent needs the way there and back first.
        let begun = heard.max(parent.since + self.neighbours.get(&parent.id).map_or(Duration::ZERO, |it| it.rtt));
        let overtaken = stripe.latest.is_some_and(|latest| latest > sequence);
        Expected::By(begun + if overtaken { patience.min(soonest.max(OVERTAKEN)) } else { patience })
    }

    /// A neighbour pushed a piece, be it new or not.
    pub(super) fn note_delivery(&mut self, now: Instant, from: NeighbourId, sequence: Sequence, piece: u16) {
        let since_heard = self.window.get(sequence).map(|chunk| now.saturating_duration_since(chunk.heard));
        let index = usize::from(stripe_of(sequence, piece, self.modulus()));
        let Some(stripe) = self.stripes.get_mut(index) else { return };
        let Some(parent) = stripe.parent.as_mut().filter(|parent| parent.id == from) else { return };
        parent.delivered = Some(now);
        parent.skips *= 0.9;
        if let Some(since_heard) = since_heard.filter(|_| sequence >= parent.from) {
            stripe.delay.add(since_heard);
            stripe.latest = stripe.latest.max(Some(sequence));
        }
    }

    /// Regular care: silent parents, orphans, better places.
    pub(super) fn look_after_parents(&mut self, now: Instant) {
        self.leave_silent_parents(now);
        self.choose_parents(now);
        self.look_after_headers();
        if self.improve_at <= now {
            let jitter = 0.75 + 0.5 * self.rng.random::<f64>();
            self.improve_at = now + IMPROVE.mul_f64(jitter);
            self.improve_one(now);
        }
    }

    pub(super) fn subscribe(&mut self, now: Instant, id: NeighbourId, stripes: u32, from: Sequence) {
        for stripe in (0..self.modulus()).filter(|stripe| stripes >> stripe & 1 == 1) {
            let state = &mut self.stripes[usize::from(stripe)];
            state.parent = Some(Parent { id, from, since: now, delivered: None, skips: 0.0 });
            state.orphan_since = None;
            state.latest = None;
            self.stripes[usize::from(stripe)].depth = self.depth(stripe);
        }
        let modulus = self.modulus();
        let headers = self.takes_headers_from(id);
        self.send(id, Control::Subscribe { modulus, stripes, from, headers });
        self.gossip.tell_status(now);
        self.repair_soon(now);
    }

    /// Headers come along with the pieces of the first few parents only.
    fn takes_headers_from(&mut self, id: NeighbourId) -> bool {
        let mut sources: Vec<NeighbourId> = self.stripes.iter().filter_map(Stripe::parent).collect();
        sources.sort();
        sources.dedup();
        sources.retain(|other| {
            let sends = self.neighbours.get(other).is_some_and(|parent| parent.sends_headers || parent.is_source());
            sends && *other != id
        });
        let takes = sources.len() < HEADER_PARENTS;
        if let Some(parent) = self.neighbours.get_mut(&id) {
            parent.sends_headers = takes;
        }
        takes
    }

    /// Makes sure that enough parents send headers.
    fn look_after_headers(&mut self) {
        let mut parents: Vec<NeighbourId> = self.stripes.iter().filter_map(Stripe::parent).collect();
        parents.sort();
        parents.dedup();
        for id in parents {
            let sends = self.neighbours.get(&id).is_none_or(|parent| parent.sends_headers || parent.is_source());
            if !sends && self.takes_headers_from(id) {
                let (modulus, from) = (self.modulus(), self.window.end());
                self.send(id, Control::Subscribe { modulus, stripes: 0, from, headers: true });
            }
        }
    }

    /// Pieces are asked of someone else: their parents need not push them any more.
    pub(super) fn spare_parents(&mut self, asked: NeighbourId, sequence: Sequence, pieces: &PieceSet) {
        let modulus = self.modulus();
        let mut spared: BTreeMap<NeighbourId, PieceSet> = BTreeMap::new();
        for piece in pieces.iter() {
            let stripe = self.stripes.get_mut(usize::from(stripe_of(sequence, piece, modulus)));
            let Some(parent) = stripe.and_then(|stripe| stripe.parent.as_mut()) else { continue };
            if parent.id != asked && parent.from <= sequence {
                parent.skips += 0.5;
                spared.entry(parent.id).or_default().insert(piece);
            }
        }
        for (to, pieces) in spared {
            self.send(to, Control::Cancel { sequence, pieces });
        }
    }

    /// Lets go of parents that let chunks pass which others have heard of.
    fn leave_silent_parents(&mut self, now: Instant) {
        let modulus = self.modulus();
        let heard_wait = self.config.chunk.mul_f64(1.5).max(Duration::from_millis(150));
        let mut silent = 0u32;
        for (index, stripe) in self.stripes.iter().enumerate() {
            let Some(parent) = stripe.parent else { continue };
            let Some(neighbour) = self.neighbours.get(&parent.id) else { continue };
            if parent.skips > SKIPS {
                silent |= 1 << index;
                continue;
            }
            let patience = heard_wait + 2 * neighbour.rtt + stripe.delay.high().min(Duration::from_millis(400));
            let since = parent.delivered.unwrap_or(parent.since).max(parent.since);
            if now.saturating_duration_since(since) < patience {
                continue;
            }
            // Judged by chunks that are known and that it should have sent since, not by the clock alone.
            let owed = self.window.iter().any(|chunk| {
                let late = chunk.sequence >= parent.from && chunk.heard + patience < now && chunk.heard >= since;
                let failed = |piece: u16| !chunk.have.contains(piece) || chunk.pulled.contains(piece);
                late && chunk.meta.is_none_or(|meta| {
                    (0..meta.pieces())
                        .any(|it| usize::from(stripe_of(chunk.sequence, it, modulus)) == index && failed(it))
                })
            });
            if owed {
                silent |= 1 << index;
            }
        }
        for stripe in 0..modulus {
            if silent >> stripe & 1 == 1 {
                self.stats.parents_silent += 1;
                self.leave_parent(now, stripe, true);
            }
        }
    }

    /// Lets go of a stripe's parent, which is not asked again for a while.
    fn leave_parent(&mut self, now: Instant, stripe: u8, tell: bool) {
        let modulus = self.modulus();
        let state = &mut self.stripes[usize::from(stripe)];
        let Some(parent) = state.parent.take() else { return };
        state.orphan_since = Some(now);
        if let Some(neighbour) = self.neighbours.get_mut(&parent.id) {
            neighbour.refuses.insert(stripe, now + REFUSED);
            if tell {
                neighbour.failures += 1.0;
                let from = Sequence(0);
                self.send(parent.id, Control::Unsubscribe { modulus, stripes: 1 << stripe, from });
            }
        }
        self.gossip.tell_status(now);
    }

    /// A neighbour is gone: its stripes need new parents at once.
    pub(super) fn lose_parent(&mut self, now: Instant, id: NeighbourId) {
        for stripe in &mut self.stripes {
            if stripe.parent.take_if(|parent| parent.id == id).is_some() {
                stripe.orphan_since = Some(now);
            }
        }
        self.gossip.tell_status(now);
        self.choose_parents(now);
    }

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
                let since = now;
                let old = state.parent.replace(Parent { id: from, from: first, since, delivered: None, skips: 0.0 });
                state.orphan_since = None;
                state.latest = None;
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
        if theirs < nearest(&mut self.depths()) {
            self.restripe(now, modulus);
            self.choose_parents(now);
        }
    }

    /// Deals the chunks into another number of stripes.
    fn restripe(&mut self, now: Instant, modulus: u8) {
        let old = self.modulus();
        let from = self.next_unheard();
        let mut parents: BTreeMap<NeighbourId, u32> = BTreeMap::new();
        for (index, stripe) in self.stripes.iter().enumerate() {
            if let Some(parent) = stripe.parent() {
                *parents.entry(parent).or_default() |= 1 << index;
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
            if state.parent() != Some(from) {
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
