//! Who pushes which stripe to us: choosing parents, noticing silent ones, changing to better ones.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::RngExt;

use super::Mesh;
use super::estimate::Estimate;
use super::event::NeighbourId;
use super::neighbour::stripe_of;
use crate::wire::control::NO_PATH;
use crate::wire::{Control, PieceSet, Sequence};

/// No viewer is further from the source.
pub(super) const DEEPEST: u8 = 12;
/// How often a better parent is looked for.
pub(super) const IMPROVE: Duration = Duration::from_millis(500);
/// How long a refusal holds.
const REFUSED: Duration = Duration::from_secs(1);
/// Bounds of how long after its chunk was heard of a piece is expected.
const SOONEST: Duration = Duration::from_millis(60);
/// Time for asking a neighbour before the origin must be asked.
const PULL: Duration = Duration::from_millis(120);
/// Patience where a later chunk's piece came first: whoever lost it above us may still repair it.
const OVERTAKEN: Duration = Duration::from_millis(350);
/// From how many parents headers are taken: the others' would come twice.
const HEADER_PARENTS: usize = 2;
/// How long a parent that is there may bring nothing.
const ALIVE: Duration = Duration::from_millis(1500);
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
        let latest = fetch_at.saturating_duration_since(heard + PULL).max(SOONEST);
        let stripe = &self.stripes[usize::from(stripe_of(sequence, piece, self.modulus()))];
        let Some(parent) = stripe.parent.filter(|parent| parent.from <= sequence) else {
            return match sequence < stripe.covered {
                true => Expected::By(heard + stripe.delay.high().clamp(SOONEST, latest)),
                false => Expected::Never,
            };
        };
        let patience = stripe.delay.high().clamp(SOONEST, latest);
        // A new parent needs the way there and back first.
        let begun = heard.max(parent.since + self.neighbours.get(&parent.id).map_or(Duration::ZERO, |it| it.rtt));
        let overtaken = stripe.latest.is_some_and(|latest| latest > sequence);
        Expected::By(begun + if overtaken { patience.min(OVERTAKEN) } else { patience })
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
            let period = if self.places() > 0 { IMPROVE } else { 4 * IMPROVE };
            self.improve_at = now + period.mul_f64(jitter);
            self.improve(now);
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
        let heard_wait = self.config.chunk.mul_f64(1.25).max(Duration::from_millis(150));
        let mut silent = 0u32;
        for (index, stripe) in self.stripes.iter().enumerate() {
            let Some(parent) = stripe.parent else { continue };
            let Some(neighbour) = self.neighbours.get(&parent.id) else { continue };
            if parent.skips > SKIPS {
                silent |= 1 << index;
                continue;
            }
            // Who is gone says nothing at all. Who only has nothing lost its own parent and looks for another: if all below
            // it did so too, nothing would be left of the tree.
            let quiet = now.saturating_duration_since(neighbour.spoke) > heard_wait + neighbour.rtt;
            let patience = match (quiet, neighbour.depth(index as u8, modulus)) {
                (true, _) => SOONEST + neighbour.rtt,
                (false, NO_PATH) => 3 * ALIVE,
                (false, _) => ALIVE + stripe.delay.high().min(Duration::from_millis(400)),
            };
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
    pub(super) fn leave_parent(&mut self, now: Instant, stripe: u8, tell: bool) {
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
}
