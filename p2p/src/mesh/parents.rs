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
/// Bounds of how long after its chunk was heard of a piece is expected.
pub(super) const SOONEST: Duration = Duration::from_millis(60);
/// Time for asking the parent and then a neighbour before the origin must be asked.
const PULL: Duration = Duration::from_millis(250);
/// Patience where a later chunk's piece came first: whoever lost it above us may still repair it.
const OVERTAKEN: Duration = Duration::from_millis(350);
/// Who pushed reliably for so long has proved itself, and made good for what it left out before.
const PROVEN: Duration = Duration::from_secs(4);
/// From how many parents headers are taken: the others' would come twice.
const HEADER_PARENTS: usize = 2;

/// One of the stripes that chunks are dealt into, as seen by one of its receivers.
#[derive(Debug)]
pub(super) struct Stripe {
    pub(super) parent: Option<Parent>,
    /// Our depth under the last parent: nobody below us was nearer to the source.
    pub(super) depth: u8,
    pub(super) orphan_since: Option<Instant>,
    /// Since when nobody was even asked.
    pub(super) unasked_since: Option<Instant>,
    /// How long after its chunk was heard of a pushed piece comes.
    pub(super) delay: Estimate,
    /// The newest chunk of which the parent delivered a piece.
    pub(super) latest: Option<Sequence>,
    /// A parent that lets go still delivers what comes before this chunk.
    pub(super) covered: Sequence,
    /// Whom we left for the present parent; asked again if that one declines.
    pub(super) previous: Option<NeighbourId>,
    /// The last parent was lost, and nobody has brought anything since.
    pub(super) bereaved: bool,
    /// Asked at the same time as the parent after a loss: who brings something first stays.
    pub(super) rival: Option<NeighbourId>,
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
    /// Chunks in a row of which it brought nothing in time, and the latest of them.
    pub(super) late: (u8, Sequence),
    /// Since when nobody had brought the stripe when it was asked.
    pub(super) orphan_since: Option<Instant>,
}

impl Parent {
    pub(super) fn new(id: NeighbourId, from: Sequence, since: Instant) -> Self {
        Self { id, from, since, delivered: None, skips: 0.0, late: (0, Sequence(0)), orphan_since: None }
    }
}

impl Default for Stripe {
    fn default() -> Self {
        Self {
            parent: None,
            depth: NO_PATH,
            orphan_since: None,
            unasked_since: None,
            delay: Estimate::new(Duration::from_millis(60)),
            latest: None,
            covered: Sequence(0),
            previous: None,
            bereaved: false,
            rival: None,
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
        let patience = stripe.delay.overdue().clamp(SOONEST, latest);
        // A new parent needs the way there and back first.
        let begun = heard.max(parent.since + self.neighbours.get(&parent.id).map_or(Duration::ZERO, |it| it.rtt));
        let overtaken = stripe.latest.is_some_and(|latest| latest > sequence);
        Expected::By(begun + if overtaken { patience.min(OVERTAKEN) } else { patience })
    }

    /// A neighbour pushed a piece, be it new or not.
    pub(super) fn note_delivery(&mut self, now: Instant, from: NeighbourId, sequence: Sequence, piece: u16) {
        let Some(chunk) = self.window.get(sequence) else { return };
        let (since_heard, pulled) = (now.saturating_duration_since(chunk.heard), chunk.pulled.contains(piece));
        let index = stripe_of(sequence, piece, self.modulus());
        self.settle_rivalry(now, index, from);
        let Some(stripe) = self.stripes.get_mut(usize::from(index)) else { return };
        let Some(parent) = stripe.parent.as_mut().filter(|parent| parent.id == from) else { return };
        parent.delivered = Some(now);
        parent.orphan_since = None;
        parent.skips *= 0.9;
        if !pulled && sequence > parent.late.1 {
            parent.late.0 = 0;
        }
        if sequence >= parent.from {
            // One that came very late must not make us patient with the next.
            stripe.delay.add(since_heard.min(stripe.delay.high().mul_f64(1.5)));
            stripe.latest = stripe.latest.max(Some(sequence));
        }
        let steady = now.saturating_duration_since(parent.since) > PROVEN && parent.late.0 == 0;
        if steady && let Some(neighbour) = self.neighbours.get_mut(&from) {
            (neighbour.proven, neighbour.broken) = (true, 0);
        }
    }

    /// One of two that were asked after a loss was first.
    fn settle_rivalry(&mut self, now: Instant, stripe: u8, first: NeighbourId) {
        let modulus = self.modulus();
        let Some(state) = self.stripes.get_mut(usize::from(stripe)) else { return };
        let Some(rival) = state.rival else {
            state.bereaved &= state.parent() != Some(first);
            return;
        };
        let slower =
            if rival == first { state.parent() } else { Some(rival).filter(|_| state.parent() == Some(first)) };
        let Some(slower) = slower else { return };
        (state.bereaved, state.rival) = (false, None);
        self.send(slower, Control::Unsubscribe { modulus, stripes: 1 << stripe, from: Sequence(0) });
        if rival == first {
            self.take_rival(now, stripe, rival);
        }
    }

    /// The one that was asked beside the parent takes its place.
    pub(super) fn take_rival(&mut self, now: Instant, stripe: u8, rival: NeighbourId) {
        let state = &mut self.stripes[usize::from(stripe)];
        state.rival = None;
        let from = state.parent.map_or(Sequence(0), |parent| parent.from);
        let orphan_since = state.parent.and_then(|parent| parent.orphan_since);
        state.parent = Some(Parent { orphan_since, ..Parent::new(rival, from, now) });
        self.stripes[usize::from(stripe)].depth = self.depth(stripe);
        self.gossip.tell_status(now);
    }

    /// Regular care: silent parents, orphans, better places.
    pub(super) fn look_after_parents(&mut self, now: Instant) {
        self.leave_idle_parents(now);
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
            let orphan_since = state.orphan_since.take();
            state.unasked_since = None;
            state.parent = Some(Parent { orphan_since, ..Parent::new(id, from, now) });
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
    pub(super) fn spare_parents(&mut self, now: Instant, asked: NeighbourId, sequence: Sequence, pieces: &PieceSet) {
        let modulus = self.modulus();
        let mut spared: BTreeMap<NeighbourId, PieceSet> = BTreeMap::new();
        for piece in pieces.iter() {
            let stripe = stripe_of(sequence, piece, modulus);
            let state = self.stripes.get_mut(usize::from(stripe));
            let Some(parent) = state.and_then(|stripe| stripe.parent.as_mut()) else { continue };
            if parent.id != asked && parent.from <= sequence {
                spared.entry(parent.id).or_default().insert(piece);
                self.note_late(now, stripe, sequence, piece);
            }
        }
        for (to, pieces) in spared {
            self.send(to, Control::Cancel { sequence, pieces });
        }
    }
}
