//! Have-maps, their deltas, acknowledgements and status: what neighbours tell each other.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::event::NeighbourId;
use super::window::ChunkState;
use super::{Mesh, Output};
use crate::wire::control::{LAG_UNIT_MILLIS, NO_PATH};
use crate::wire::{Control, HaveEntry, MAX_HAVE, PieceSet, Role, Sequence, Status};

/// How long news is collected before it is told.
const COALESCE: Duration = Duration::from_millis(100);
/// How soon after another a status may be told.
const STATUS_GAP: Duration = Duration::from_millis(250);
/// How long a status holds without being told again.
const STATUS_AGE: Duration = Duration::from_secs(2);
/// The same for who hands nothing on: its place matters to nobody else.
const LEAF_STATUS_AGE: Duration = Duration::from_secs(5);
/// Most whole chunks that are noted from one message.
const RUN: u32 = 1024;

/// What is to be told.
#[derive(Debug)]
pub(super) struct Gossip {
    fresh: BTreeMap<Sequence, PieceSet>,
    flush_at: Option<Instant>,
    status_at: Instant,
    status_told: Instant,
    told: Status,
}

impl Gossip {
    pub(super) fn new(now: Instant) -> Self {
        Self { fresh: BTreeMap::new(), flush_at: None, status_at: now, status_told: now, told: Status::default() }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        [self.flush_at, Some(self.status_at)].into_iter().flatten().min()
    }

    /// Tells how we are placed as soon as it is proper.
    pub(super) fn tell_status(&mut self, now: Instant) {
        self.status_at = self.status_at.min((self.status_told + STATUS_GAP).max(now));
    }

    fn flush_soon(&mut self, now: Instant) {
        self.flush_at.get_or_insert(now + COALESCE);
    }
}

impl Mesh {
    /// Tells a new neighbour all we have.
    pub(super) fn introduce(&mut self, to: NeighbourId) {
        let have = self.have();
        if let Some(neighbour) = self.neighbours.get_mut(&to) {
            neighbour.told_start = matches!(have, Control::Have { keyframe: Some(_), .. });
        }
        self.send(to, have);
        let status = self.status();
        self.send(to, Control::Status(status));
    }

    fn have(&self) -> Control {
        // A source has everything anyway, and who uploads nothing has nothing to offer.
        let forbidden = self.upload.is_forbidden();
        let entries = if self.is_source() || forbidden { Vec::new() } else { self.all_i_have() };
        let keyframe = self.window.keyframe().filter(|_| !forbidden);
        Control::Have { entries, keyframe, newest: self.window.newest() }
    }

    fn all_i_have(&self) -> Vec<HaveEntry> {
        let mut entries = Vec::new();
        for chunk in self.window.iter() {
            let whole = chunk.state == ChunkState::Complete;
            if whole || !chunk.have.is_empty() {
                add_entry(&mut entries, chunk.sequence, whole, &chunk.have);
            }
        }
        let surplus = entries.len().saturating_sub(MAX_HAVE);
        entries.drain(..surplus);
        entries
    }

    /// Remembers to tell that a piece is here.
    pub(super) fn announce(&mut self, now: Instant, sequence: Sequence, piece: u16) {
        if !self.is_source() && !self.upload.is_forbidden() {
            self.gossip.fresh.entry(sequence).or_default().insert(piece);
            self.gossip.flush_soon(now);
        }
    }

    /// Gives a neighbour the credit for a piece: the next one may wait for it.
    pub(super) fn acknowledge(&mut self, to: NeighbourId) {
        let Some(neighbour) = self.neighbours.get(&to) else { return };
        let bytes = neighbour.received;
        self.send(to, Control::Ack { bytes });
    }

    pub(super) fn flush_gossip(&mut self, now: Instant) {
        if self.gossip.flush_at.is_some_and(|at| at <= now) {
            self.gossip.flush_at = None;
            self.flush_news();
        }
        if self.gossip.status_at <= now {
            self.flush_status(now);
        }
    }

    fn flush_news(&mut self) {
        let fresh = std::mem::take(&mut self.gossip.fresh);
        let can_start = !self.upload.is_forbidden() && self.window.keyframe().is_some();
        // Some came before there was anything to start from.
        let untold = can_start && self.neighbours.values().any(|it| !it.told_start && !it.is_source());
        let have = untold.then(|| self.have());
        for (&to, neighbour) in self.neighbours.iter_mut() {
            if neighbour.is_source() {
                continue;
            }
            if let Some(have) = have.as_ref().filter(|_| !neighbour.told_start) {
                neighbour.told_start = true;
                self.outputs.push_back(Output::Send { to, control: have.clone() });
                continue;
            }
            let mut entries = Vec::new();
            for (&sequence, pieces) in &fresh {
                let Some(chunk) = self.window.get(sequence) else { continue };
                if neighbour.have.has_all(sequence, pieces) {
                    continue;
                }
                let whole = chunk.state == ChunkState::Complete;
                add_entry(&mut entries, sequence, whole, if whole { &chunk.have } else { pieces });
            }
            if !entries.is_empty() {
                entries.truncate(MAX_HAVE);
                self.outputs.push_back(Output::Send { to, control: Control::HaveDelta { entries } });
            }
        }
    }

    /// How we are placed.
    pub(super) fn status(&self) -> Status {
        let places = self.places();
        let taken = self.places_taken().min(u16::MAX.into()) as u16;
        Status {
            depth: self.depths().collect(),
            copies: if self.is_source() { self.seeding.copies(self.modulus()) } else { Vec::new() },
            lag_millis: self.lag().as_millis().min(60_000) as u16,
            lags: (0..self.modulus()).map(|stripe| (self.lag_in(stripe) / LAG_UNIT_MILLIS).min(255) as u8).collect(),
            interior: self.interior(),
            queue_millis: self.wait.mean().as_millis().min(60_000) as u16,
            places,
            places_free: places.saturating_sub(taken),
            newest: self.window.newest(),
        }
    }

    fn flush_status(&mut self, now: Instant) {
        let status = self.status();
        let told = &self.gossip.told;
        let placed = status.places > 0 || self.is_source();
        let orphaned = |status: &Status| -> Vec<bool> { status.depth.iter().map(|depth| *depth == NO_PATH).collect() };
        let news = status.places != told.places
            || orphaned(&status) != orphaned(told)
            || placed
                && (status.depth != told.depth
                    || status.copies != told.copies
                    || status.interior != told.interior
                    || (status.places_free == 0) != (told.places_free == 0));
        let age = if placed { STATUS_AGE } else { LEAF_STATUS_AGE };
        let old = now.saturating_duration_since(self.gossip.status_told) >= age;
        if news || old {
            for &to in self.neighbours.keys() {
                self.outputs.push_back(Output::Send { to, control: Control::Status(status.clone()) });
            }
            self.gossip.told = status;
            self.gossip.status_told = now;
        }
        self.gossip.status_at = self.gossip.status_told + age;
        if self.gossip.status_at <= now {
            self.gossip.status_at = now + age;
        }
    }

    pub(super) fn on_status(&mut self, now: Instant, from: NeighbourId, status: Status) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        let (depth, copies, newest) = (status.depth.clone(), status.copies.clone(), status.newest);
        let before = neighbour.status.replace(status);
        neighbour.newest = neighbour.newest.max(newest);
        let role = neighbour.info.role;
        if self.is_source() {
            let same = before.is_some_and(|before| before.copies == copies && before.depth.len() == depth.len());
            // The server leaves to the broadcaster what that seeds already.
            if role == Role::Publisher && !same {
                self.assign_seeds(now);
            }
            return;
        }
        self.follow_stripes(now, from);
        self.follow_parent(now, from);
        if let Some(newest) = newest {
            self.hear_of(now, newest);
        }
    }

    pub(super) fn on_have(
        &mut self,
        now: Instant,
        from: NeighbourId,
        entries: &[HaveEntry],
        keyframe: Option<Sequence>,
        newest: Option<Sequence>,
    ) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.have.clear();
        neighbour.keyframe = keyframe;
        neighbour.newest = newest;
        self.take_entries(from, entries);
        if self.is_source() {
            return;
        }
        if keyframe.is_some() && !self.start.is_running() {
            self.start.told(now);
            self.try_start(now);
        }
        if let Some(newest) = newest {
            self.hear_of(now, newest);
        }
    }

    pub(super) fn on_have_delta(&mut self, now: Instant, from: NeighbourId, entries: &[HaveEntry]) {
        let newest = self.take_entries(from, entries);
        self.drop_pushes_of(from, entries);
        if self.is_source() {
            return;
        }
        if let Some(newest) = newest {
            if let Some(neighbour) = self.neighbours.get_mut(&from) {
                neighbour.newest = neighbour.newest.max(Some(newest));
            }
            self.hear_of(now, newest);
        }
        self.repair_if_starving(now);
    }

    /// What a child got elsewhere need not be pushed to it any more.
    fn drop_pushes_of(&mut self, child: NeighbourId, entries: &[HaveEntry]) {
        let Some(child) = self.neighbours.get_mut(&child).filter(|child| !child.pushes.is_empty()) else { return };
        child.pushes.retain(|queued| {
            !entries.iter().any(|entry| match entry {
                HaveEntry::Complete { first, count } => {
                    *first <= queued.sequence && queued.sequence < first.after(u64::from(*count))
                }
                HaveEntry::Partial { sequence, pieces } => {
                    *sequence == queued.sequence && pieces.contains(queued.piece)
                }
            })
        });
    }

    /// Notes what a neighbour has; tells the newest chunk among it.
    fn take_entries(&mut self, from: NeighbourId, entries: &[HaveEntry]) -> Option<Sequence> {
        let neighbour = self.neighbours.get_mut(&from)?;
        let mut newest = None;
        let mut run = RUN;
        for entry in entries.iter().take(MAX_HAVE) {
            match entry {
                HaveEntry::Complete { first, count } => {
                    let count = (*count).min(run);
                    run -= count;
                    for step in 0..u64::from(count) {
                        neighbour.have.complete(first.after(step));
                    }
                    newest = newest.max(Some(first.after(u64::from(count).saturating_sub(1))));
                }
                HaveEntry::Partial { sequence, pieces } => {
                    neighbour.have.insert_all(*sequence, pieces);
                    newest = newest.max(Some(*sequence));
                }
            }
        }
        newest
    }

    /// A neighbour spoke of a chunk: if we do not know it, something was missed.
    fn hear_of(&mut self, now: Instant, sequence: Sequence) {
        if self.start.is_running() && self.window.end() <= sequence && self.window.hear_of(now, sequence).is_some() {
            self.repair_by(now + super::repair::HEADER_WAIT);
        }
    }

    /// Our own lag behind the source, on average over stripes.
    fn lag(&self) -> Duration {
        let led = (0..self.modulus()).filter(|stripe| self.stripes[usize::from(*stripe)].parent.is_some());
        let (sum, count) = led.fold((0, 0), |(sum, count), stripe| (sum + u64::from(self.lag_in(stripe)), count + 1));
        Duration::from_millis(sum.checked_div(count).unwrap_or_default())
    }

    /// Our own lag behind the source in a stripe, in milliseconds, as the sum of the steps on the way.
    fn lag_in(&self, stripe: u8) -> u16 {
        let parent = self.stripes.get(usize::from(stripe)).and_then(|stripe| self.neighbours.get(&stripe.parent()?));
        parent.map_or(0, |parent| {
            let hop = (parent.rtt / 2).as_millis() as u16 + 3;
            parent.lag_in(stripe, self.modulus()).saturating_add(parent.queue_millis()).saturating_add(hop)
        })
    }

    /// Hops from the source in a stripe.
    pub(super) fn depth(&self, stripe: u8) -> u8 {
        match self.config.role {
            Role::Publisher => 0,
            Role::Server => 1,
            Role::Viewer => {
                let parent = self.stripes.get(usize::from(stripe)).and_then(|stripe| stripe.parent());
                let parent = parent.and_then(|parent| self.neighbours.get(&parent));
                match parent.map_or(NO_PATH, |parent| parent.depth(stripe, self.modulus())) {
                    depth if depth < super::parents::DEEPEST => depth + 1,
                    _ => NO_PATH,
                }
            }
        }
    }
}

fn add_entry(entries: &mut Vec<HaveEntry>, sequence: Sequence, whole: bool, pieces: &PieceSet) {
    if !whole {
        entries.push(HaveEntry::Partial { sequence, pieces: pieces.clone() });
        return;
    }
    if let Some(HaveEntry::Complete { first, count }) = entries.last_mut()
        && first.after(u64::from(*count)) == sequence
    {
        *count += 1;
        return;
    }
    entries.push(HaveEntry::Complete { first: sequence, count: 1 });
}
