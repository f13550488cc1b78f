//! Neighbours that come and go: who is let in, and when more are looked for.

use std::time::{Duration, Instant};

use super::event::{DropReason, NeighbourId, NeighbourInfo};
use super::neighbour::Neighbour;
use super::parents::Stripe;
use super::{Mesh, Output};

/// How long a stripe may find no parent among the neighbours before others are asked for.
const FORSAKEN: Duration = Duration::from_millis(300);
/// Most neighbours of one network: whoever owns a few must not surround us.
const OF_ONE_NETWORK: usize = 2;

impl Mesh {
    pub(super) fn on_joined(&mut self, now: Instant, id: NeighbourId, info: NeighbourInfo) {
        let known = self.neighbours.contains_key(&id);
        let welcome = self.has_room() && self.is_welcome(now, info.network);
        if !known && !welcome {
            self.outputs.push_back(Output::Drop { neighbour: id, reason: DropReason::Full });
            return;
        }
        self.neighbours.insert(id, Neighbour::new(info, now));
        self.introduce(id);
        if self.is_source() {
            self.assign_seeds(now);
        }
    }

    /// Tells whether one more neighbour has a place: who can feed many should know many.
    pub(super) fn has_room(&self) -> bool {
        let strong = usize::from(self.places() / u16::from(self.modulus())).min(20);
        self.neighbours.len() < self.config.max_neighbours * (6 + strong) / 6
    }

    /// Tells whether one more neighbour of a network leaves room for others, and whether others of it kept their promises.
    fn is_welcome(&self, now: Instant, network: Option<u64>) -> bool {
        let same = |neighbour: &&Neighbour| neighbour.info.network == network;
        let notorious = |(other, until): &(u64, Instant)| Some(*other) == network && *until > now;
        network.is_none()
            || !self.notorious.iter().any(notorious) && self.neighbours.values().filter(same).count() < OF_ONE_NETWORK
    }

    pub(super) fn on_left(&mut self, now: Instant, id: NeighbourId) {
        if self.neighbours.remove(&id).is_none() {
            return;
        }
        self.children.retain(|child| *child != id);
        for chunk in self.window.iter_mut() {
            chunk.requests.retain(|request| request.to != id);
            chunk.header_request.take_if(|(to, _)| *to == id);
        }
        if self.is_source() {
            self.assign_seeds(now);
        } else {
            self.lose_parent(now, id);
            self.repair_soon(now);
        }
    }

    pub(super) fn drop_neighbour(&mut self, now: Instant, id: NeighbourId, reason: DropReason) {
        if self.neighbours.contains_key(&id) {
            self.outputs.push_back(Output::Drop { neighbour: id, reason });
            self.on_left(now, id);
        }
    }

    pub(super) fn want_candidates(&mut self, now: Instant) {
        let lost = |stripe: &Stripe| stripe.orphan_since.is_some_and(|at| now.saturating_duration_since(at) > FORSAKEN);
        let forsaken = self.start.is_running() && self.stripes.iter().any(lost);
        if forsaken && now >= self.forsaken_at && self.has_room() {
            // Nobody we know takes us in: perhaps somebody else does.
            self.forsaken_at = now + Duration::from_secs(1);
            self.outputs.push_back(Output::WantCandidates { count: 6 });
        }
        if now < self.candidates_at {
            return;
        }
        self.candidates_at = now + Duration::from_secs(2);
        let wanted = 12.min(self.config.max_neighbours);
        let have = self.neighbours.values().filter(|neighbour| !neighbour.is_source()).count();
        // The tracker's number is a little old, so one more than it says may be there.
        let strong = self.places() >= 4 * u16::from(self.modulus());
        if strong && have >= wanted && now >= self.acquaint_at && self.has_room() {
            // The tops of the trees should know each other.
            self.acquaint_at = now + Duration::from_secs(5);
            self.outputs.push_back(Output::WantCandidates { count: 4 });
        }
        let there = self.viewers_told.saturating_sub(1).max(have + usize::from(self.viewers_told == 0));
        if have < wanted.min(there) {
            self.outputs.push_back(Output::WantCandidates { count: wanted - have });
        }
    }
}
