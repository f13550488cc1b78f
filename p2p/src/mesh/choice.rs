//! Choosing parents: who is nearest to the source, has a place, and is no descendant.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::RngExt;

use super::Mesh;
use super::event::NeighbourId;
use super::neighbour::{Neighbour, stripe_of};
use super::parents::{DEEPEST, Stripe};
use super::push::REACH_BACK;
use super::start::Phase;
use crate::wire::{Control, Sequence};

/// How much nearer, in milliseconds and as a share, a parent must be to be worth a change: to who hands the stripe on, whose
/// children gain as well, and to a leaf.
const WORTH: [(f64, f64); 2] = [(20.0, 0.1), (50.0, 0.2)];
/// How long a parent is kept at least, by both.
const KEPT: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];
/// How long a stripe finds nobody to ask before it asks a source.
const SOURCE_AFTER: Duration = Duration::from_millis(500);
/// From how many viewers on no network leads most of our stripes: 3 of 8 where the neighbour has proved itself, 1 where it has
/// not, and 2 as long as we are young.
pub(super) const DIVERSE: usize = 200;
const YOUNG: Duration = Duration::from_secs(7);
/// How long a stripe may be without a parent before those are asked who take children in other stripes.
const ELSEWHERE_AFTER: Duration = Duration::from_millis(200);
/// How long depths from before the loss of a parent still mean something.
const DEPTHS_HOLD: Duration = Duration::from_millis(300);

impl Mesh {
    /// Finds a parent for every stripe that has none, and after a loss another to try at the same time: a refusal would cost a
    /// round trip.
    pub(super) fn choose_parents(&mut self, now: Instant) {
        let mut chosen: BTreeMap<NeighbourId, u32> = BTreeMap::new();
        let mut rivals: BTreeMap<NeighbourId, u32> = BTreeMap::new();
        for stripe in 0..self.modulus() {
            let state = &mut self.stripes[usize::from(stripe)];
            if state.parent.is_some() {
                continue;
            }
            state.orphan_since.get_or_insert(now);
            state.unasked_since.get_or_insert(now);
            let bereaved = state.bereaved;
            let Some(id) = self.best_parent(now, stripe, &chosen, None) else { continue };
            *chosen.entry(id).or_default() |= 1 << stripe;
            if bereaved && let Some(rival) = self.best_parent(now, stripe, &rivals, Some(id)) {
                *rivals.entry(rival).or_default() |= 1 << stripe;
            }
        }
        let next = self.next_unheard();
        for (id, stripes) in chosen {
            for (from, stripes) in self.starts(stripes, next) {
                self.subscribe(now, id, stripes, from);
            }
        }
        let modulus = self.modulus();
        for (id, stripes) in rivals {
            for (from, stripes) in self.starts(stripes, next) {
                self.send(id, Control::Subscribe { modulus, stripes, from, headers: false });
            }
            for stripe in (0..modulus).filter(|stripe| stripes >> stripe & 1 == 1) {
                self.stripes[usize::from(stripe)].rival = Some(id);
            }
        }
    }

    /// From which chunk on stripes are wanted: those that someone still delivers for a while start later.
    fn starts(&self, stripes: u32, next: Sequence) -> BTreeMap<Sequence, u32> {
        let mut starts = BTreeMap::new();
        for stripe in (0..self.modulus()).filter(|stripe| stripes >> stripe & 1 == 1) {
            let from = self.first_missing(stripe, next).max(self.stripes[usize::from(stripe)].covered);
            *starts.entry(from).or_default() |= 1 << stripe;
        }
        starts
    }

    /// The first chunk that nobody can have begun to push to us.
    pub(super) fn next_unheard(&self) -> Sequence {
        match self.start.phase {
            Phase::Running => self.window.end(),
            // Nothing is known: whatever comes.
            Phase::Waiting => {
                let told = self.neighbours.values().filter_map(|neighbour| neighbour.newest).max();
                told.map_or(Sequence(0), Sequence::next)
            }
        }
    }

    /// The first of the latest chunks of which something in a stripe is missing and was not asked for.
    fn first_missing(&self, stripe: u8, next: Sequence) -> Sequence {
        let modulus = self.modulus();
        let missing = self.window.iter().rev().take(REACH_BACK as usize).filter(|chunk| {
            let wanted = |piece: u16| {
                stripe_of(chunk.sequence, piece, modulus) == stripe
                    && !chunk.have.contains(piece)
                    && !chunk.requests.iter().any(|request| request.piece == piece)
            };
            let open = chunk.is_open() && !chunk.backlog && chunk.fetching.is_none();
            open && chunk.meta.is_none_or(|meta| (0..meta.pieces()).any(wanted))
        });
        missing.last().map_or(next, |chunk| chunk.sequence).min(next)
    }

    /// The neighbour that should push a stripe, given what is about to be asked of others; a second one is always a viewer.
    fn best_parent(
        &mut self,
        now: Instant,
        stripe: u8,
        chosen: &BTreeMap<NeighbourId, u32>,
        first: Option<NeighbourId>,
    ) -> Option<NeighbourId> {
        let orphan_for = self.stripes[usize::from(stripe)]
            .orphan_since
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let unasked_for = self.stripes[usize::from(stripe)]
            .unasked_since
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        // As long as nothing is published nothing is missed: neighbours may still be on their way here.
        let something = self.start.is_running() || self.neighbours.values().any(|it| it.newest.is_some());
        let sources = something && unasked_for >= SOURCE_AFTER;
        let jitter: f64 = self.rng.random();
        let modulus = self.modulus();
        let missing = self
            .window
            .iter()
            .rev()
            .take(REACH_BACK as usize)
            .any(|chunk| chunk.missing().iter().any(|piece| stripe_of(chunk.sequence, piece, modulus) == stripe));
        let mut best: Option<((bool, f64), NeighbourId)> = None;
        for (index, (&id, neighbour)) in self.neighbours.iter().enumerate() {
            if neighbour.is_source() && (!sources || first.is_some()) || Some(id) == first {
                continue;
            }
            if !self.may_lead(now, id, stripe, orphan_for) {
                continue;
            }
            let also = chosen.get(&id).map_or(0, |mask| mask.count_ones());
            let share = self.leads_too_much(now, id, stripe, also as usize);
            if share && !neighbour.proven {
                continue;
            }
            let much = share || self.strangers_lead_enough(id, stripe);
            // Equal ones are chosen among by chance, differently by each viewer.
            let chance = (jitter + index as f64 * 0.618_034).fract();
            // Who spoke lately, and has what is missing, is well supplied.
            let behind =
                if missing && !neighbour.is_source() && !self.is_ahead(neighbour, stripe) { 150.0 } else { 0.0 };
            let quiet = if neighbour.spoke + 2 * self.config.chunk < now { 150.0 } else { 0.0 };
            // A refusal costs more time than a longer way.
            let refusal = match &neighbour.status {
                Some(status) if !neighbour.is_source() => 120.0 / (1.0 + f64::from(status.places_free)),
                _ => 0.0,
            };
            let cost = self.cost(id, stripe) + 12.0 * f64::from(also) + 25.0 * chance + behind + quiet + refusal;
            let cost = (much, cost);
            if best.is_none_or(|(other, _)| cost < other) {
                best = Some((cost, id));
            }
        }
        best.map(|(_, id)| id)
    }

    /// Tells whether a neighbour can push a stripe to us without a loop.
    pub(super) fn may_lead(&self, now: Instant, id: NeighbourId, stripe: u8, orphan_for: Duration) -> bool {
        let Some(neighbour) = self.neighbours.get(&id) else { return false };
        let modulus = self.modulus();
        if neighbour.refuses.get(&stripe).is_some_and(|until| *until > now) {
            return false;
        }
        // Few know few: there everyone gets another chance soon.
        if self.viewers() >= DIVERSE && neighbour.shunned.is_some_and(|until| until > now) {
            return false;
        }
        // Who has not said a word since it was left is gone, though its connection is not yet.
        if neighbour.doubted.is_some_and(|at| neighbour.spoke <= at) {
            return false;
        }
        if neighbour.status.as_ref().is_some_and(|status| status.places == 0) {
            return false;
        }
        let depth = neighbour.depth(stripe, modulus);
        let elsewhere = !neighbour.takes_children(stripe, modulus) && orphan_for < ELSEWHERE_AFTER;
        if depth >= DEEPEST || elsewhere {
            return false;
        }
        let is_child = neighbour.wants.modulus() == modulus && neighbour.wants.mask() >> stripe & 1 == 1;
        // A child that a source seeds has its own way there.
        if is_child && depth > 1 {
            return false;
        }
        // Those below us were deeper than we were; after a while they have heard that we lost our way. Who has what we miss
        // did not get it through us.
        depth <= self.stripes[usize::from(stripe)].depth || orphan_for > DEPTHS_HOLD || self.is_ahead(neighbour, stripe)
    }

    /// Tells whether half of our stripes have parents that proved themselves: newcomers get a few of the others only.
    fn is_settled(&self) -> bool {
        let proven =
            |stripe: &&Stripe| stripe.parent().and_then(|id| self.neighbours.get(&id)).is_some_and(|it| it.proven);
        2 * self.stripes.iter().filter(proven).count() >= self.stripes.len()
    }

    /// How many stripes besides this one have parents that have not proved themselves.
    fn led_by_unproven(&self, stripe: u8) -> usize {
        let others = self.stripes.iter().enumerate().filter(|(index, _)| *index != usize::from(stripe));
        let parents = others.filter_map(|(_, other)| self.neighbours.get(&other.parent()?));
        parents.filter(|parent| !parent.proven && !parent.is_source()).count()
    }

    /// Tells whether a neighbour has something of a stripe that is missing here.
    fn is_ahead(&self, neighbour: &Neighbour, stripe: u8) -> bool {
        let modulus = self.modulus();
        self.window.iter().rev().take(REACH_BACK as usize).any(|chunk| {
            let ours = |piece: &u16| stripe_of(chunk.sequence, *piece, modulus) == stripe;
            chunk.missing().iter().filter(ours).any(|piece| neighbour.have.has(chunk.sequence, piece))
        })
    }

    /// Tells whether a neighbour, or its network, leads so many of our other stripes that one more would put us at its mercy.
    pub(super) fn leads_too_much(&self, now: Instant, id: NeighbourId, stripe: u8, also: usize) -> bool {
        let modulus = self.modulus();
        let Some(neighbour) = self.neighbours.get(&id) else { return false };
        if self.viewers() < DIVERSE || neighbour.is_source() {
            return false;
        }
        let same = |parent: &NeighbourId| {
            let network =
                |parent: &Neighbour| parent.info.network.is_some() && parent.info.network == neighbour.info.network;
            *parent == id || self.neighbours.get(parent).is_some_and(network)
        };
        let others = self.stripes.iter().enumerate().filter(|(index, _)| *index != usize::from(stripe));
        let led = others.filter_map(|(_, other)| other.parent()).filter(same).count();
        // At the start nobody has proved anything.
        let young = self.start.since().is_none_or(|since| now.saturating_duration_since(since) < YOUNG);
        let eighths = match (neighbour.proven, neighbour.broken) {
            (true, _) => 3,
            (false, 0) if young => 2,
            (false, _) => 1,
        };
        led + also >= usize::from((eighths * modulus).div_ceil(8))
    }

    /// Tells whether those who have not proved themselves lead as much as they may, so that this one must wait.
    fn strangers_lead_enough(&self, id: NeighbourId, stripe: u8) -> bool {
        let stranger = self.neighbours.get(&id).is_some_and(|neighbour| !neighbour.proven && !neighbour.is_source());
        stranger && self.viewers() >= DIVERSE && self.is_settled() && self.led_by_unproven(stripe) >= 2
    }

    /// How far, in milliseconds, a stripe would lag with that parent; more where it is busy.
    pub(super) fn cost(&self, id: NeighbourId, stripe: u8) -> f64 {
        let Some(neighbour) = self.neighbours.get(&id) else { return f64::MAX };
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let full = neighbour.status.as_ref().is_some_and(|status| status.places_free == 0);
        let taken = self.stripes.iter().filter(|stripe| stripe.parent() == Some(id)).count() as f64;
        // Who hands this stripe on takes a leaf's place.
        let crowded = if !full || self.stripes[usize::from(stripe)].parent() == Some(id) {
            0.0
        } else if self.strength_in(stripe) > 0 {
            30.0
        } else {
            250.0
        };
        f64::from(neighbour.lag_in(stripe, self.modulus()))
            + f64::from(neighbour.queue_millis())
            + millis(neighbour.rtt) / 2.0
            + 15.0 * f64::from(neighbour.depth(stripe, self.modulus()))
            + 10.0 * taken
            + 60.0 * f64::from(neighbour.failures)
            + 100.0 * f64::from(neighbour.broken.min(10))
            + crowded
    }

    /// Moves stripes to clearly better parents, without a gap: one at a time where we are a leaf.
    pub(super) fn improve(&mut self, now: Instant) {
        let mut best: Option<(f64, u8, NeighbourId)> = None;
        for stripe in 0..self.modulus() {
            let found = self.better_parent(now, stripe);
            if self.strength_in(stripe) > 0 {
                found.into_iter().for_each(|(_, id)| self.move_stripe(now, stripe, id));
            } else if let Some((gain, id)) = found.filter(|(gain, _)| best.is_none_or(|(other, ..)| *gain > other)) {
                best = Some((gain, stripe, id));
            }
        }
        if let Some((_, stripe, id)) = best {
            self.move_stripe(now, stripe, id);
        }
    }

    /// The neighbour with which a stripe would gain most, and how much, if that is worth the change.
    fn better_parent(&self, now: Instant, stripe: u8) -> Option<(f64, NeighbourId)> {
        let parent = self.stripes[usize::from(stripe)].parent?;
        let seeded = self.neighbours.get(&parent.id).is_none_or(|neighbour| neighbour.is_source());
        // Who hands a stripe on may take a leaf's place.
        let strong = self.strength_in(stripe) > 0;
        let (worth, kept) = (WORTH[usize::from(!strong)], KEPT[usize::from(!strong)]);
        if seeded || now.saturating_duration_since(parent.since) < kept {
            return None;
        }
        let current = self.cost(parent.id, stripe) - 10.0;
        let ours = self.depth(stripe);
        let gains = self.neighbours.iter().filter_map(|(&id, neighbour)| {
            let free = neighbour.status.as_ref().is_some_and(|status| status.places_free > 0 || strong);
            let nearer = neighbour.depth(stripe, self.modulus()) < ours;
            let fit = !neighbour.is_source() && id != parent.id && free && nearer;
            let fit = fit && !self.leads_too_much(now, id, stripe, 0) && !self.strangers_lead_enough(id, stripe);
            let gain = current - self.cost(id, stripe);
            let worth_it = gain > worth.0 + worth.1 * current;
            (fit && worth_it && self.may_lead(now, id, stripe, Duration::ZERO)).then_some((gain, id))
        });
        gains.max_by(|(a, first), (b, second)| a.total_cmp(b).then(second.cmp(first)))
    }

    /// Changes to another parent; the old one goes on until the new one has had time to hear of it.
    pub(super) fn move_stripe(&mut self, now: Instant, stripe: u8, id: NeighbourId) {
        let Some(old) = self.stripes[usize::from(stripe)].parent() else { return };
        let from = self.window.end().after(2);
        let modulus = self.modulus();
        self.send(old, Control::Unsubscribe { modulus, stripes: 1 << stripe, from });
        self.subscribe(now, id, 1 << stripe, from);
        let state = &mut self.stripes[usize::from(stripe)];
        state.previous = Some(old);
        state.covered = from;
        self.stats.parents_improved += 1;
    }
}
