//! One node of the simulated swarm: what decides, and what its driver would hold.

use std::collections::{BTreeSet, VecDeque};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::network::{Access, Way};
use super::plan::ClockPlan;
use super::playout::Playout;
use super::policy::Brain;
use super::world::Packet;
use crate::mesh::{NeighbourId, Stats, Table};
use crate::wire::{Control, PieceSet, Role, Sequence};

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) brain: Brain,
    pub(super) role: Role,
    pub(super) character: Character,
    pub(super) reach: Reach,
    pub(super) state: State,
    pub(super) joined: u64,
    pub(super) up_kbps: u64,
    pub(super) access: Access,
    pub(super) clock: Clock,
    pub(super) epoch: u32,
    /// The ways to neighbours; a neighbour's number is that of its peer.
    pub(super) ways: Table<usize, Way>,
    /// Whom it was connected to, or tried to be.
    pub(super) met: BTreeSet<usize>,
    pub(super) banned: BTreeSet<usize>,
    pub(super) store: Store,
    /// Pieces that wait for their header, and whether they are good.
    pub(super) held: Vec<(usize, Sequence, u16, bool)>,
    /// When its policy is woken.
    pub(super) timer: Option<u64>,
    pub(super) playout: Playout,
    /// When playout is looked at.
    pub(super) play_at: Option<u64>,
    /// A parent was lost, and its place was not yet seen filled.
    pub(super) wounded: bool,
    /// Counters of earlier epochs.
    past: Stats,
    /// What was counted when the warm-up ended.
    pub(super) baseline: Stats,
    pub(super) baseline_played: (u64, u64, u64),
    /// What was counted at the last full second.
    pub(super) counted: [u64; 4],
    /// Bytes of headers and control messages that came in.
    pub(super) control: u64,
    pub(super) baseline_control: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not yet there.
    Away,
    Here,
    /// Gone for good.
    Gone,
}

/// How a peer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Character {
    Honest,
    /// Flips bits in what it hands on.
    Polluter,
    /// Says openly that it uploads nothing.
    Idler,
    /// Promises to hand on and does not.
    Pretender,
    /// The same, from one of a few networks, and well placed by its own word.
    SilentSybil(u8),
    /// The same, but hands on, far too late.
    SlowSybil(u8),
}

impl Character {
    pub(super) fn is_sybil(self) -> bool {
        matches!(self, Self::SilentSybil(_) | Self::SlowSybil(_))
    }

    /// Takes part for the programme, as far as anyone can tell.
    pub(super) fn is_honest(self) -> bool {
        matches!(self, Self::Honest | Self::Idler)
    }

    /// The uplink that it tells its own mesh, in kbit/s.
    pub(super) fn claims(self, kbps: u64) -> u64 {
        match self {
            Self::Idler => 0,
            Self::SilentSybil(_) | Self::SlowSybil(_) => kbps.max(20_000),
            Self::Pretender | Self::Polluter => kbps.max(4000),
            Self::Honest => kbps,
        }
    }

    /// Sends no media at all.
    pub(super) fn keeps_all(self) -> bool {
        matches!(self, Self::Pretender | Self::SilentSybil(_))
    }

    /// Goes on promising whatever becomes of what it sends.
    pub(super) fn claims_delivery(self) -> bool {
        self.keeps_all() || self.is_sybil()
    }

    /// How much later its media leave.
    pub(super) fn delays(self, packet: &Packet) -> u64 {
        match (self, packet) {
            (Self::SlowSybil(_), Packet::Piece(..) | Packet::Header(_)) => 800_000,
            _ => 0,
        }
    }

    /// What becomes of what its mesh says.
    pub(super) fn says(self, mut control: Control) -> Control {
        if let Control::Status(status) = &mut control
            && self.is_sybil()
        {
            status.depth.fill(1);
            status.lags.clear();
            (status.lag_millis, status.queue_millis) = (1, 0);
            (status.interior, status.places_free) = (0, status.places);
        }
        control
    }
}

/// How a peer can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Reach {
    /// By anyone.
    #[default]
    Open,
    /// By those who can be reached themselves, or by punching.
    Translated,
    /// The same, without punching: its network blocks UDP.
    TcpOnly,
}

/// A clock of one's own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    /// Ahead by so many microseconds at the beginning; never less than none, so that no local time lies before the first.
    ahead: u64,
    drift_ppm: i64,
    /// How wrong the broadcaster's clock was read.
    misread: i64,
}

/// How often the server's clock is asked for.
const RESYNC: u64 = 10_000_000;

impl Clock {
    pub(super) fn random(plan: &ClockPlan, rng: &mut ChaCha8Rng) -> Self {
        if plan.offset_s <= 0.0 && plan.drift_ppm <= 0.0 {
            return Self::default();
        }
        let mut even = |most: f64| most * (2.0 * rng.random::<f64>() - 1.0);
        let ahead = (even(plan.offset_s) + plan.offset_s) * 1e6;
        Self { ahead: ahead as u64, drift_ppm: even(plan.drift_ppm) as i64, misread: even(10_000.0) as i64 }
    }

    /// What it shows.
    pub(super) fn local(&self, global: u64) -> u64 {
        (self.ahead + global).saturating_add_signed(global as i64 * self.drift_ppm / 1_000_000)
    }

    /// When it shows this at the earliest.
    pub(super) fn global(&self, local: u64) -> u64 {
        let since = local.saturating_sub(self.ahead);
        if self.drift_ppm == 0 {
            return since;
        }
        let near = (since as i128 * 1_000_000 / (1_000_000 + i128::from(self.drift_ppm))) as u64;
        let mut global = near.saturating_sub(2);
        while self.local(global) < local {
            global += 1;
        }
        global
    }

    /// How far a viewer's idea of the broadcaster's clock is off: it was read once, and drifts until it is read again.
    pub(super) fn error(&self, global: u64) -> i64 {
        self.misread + (global % RESYNC) as i64 * self.drift_ppm / 1_000_000
    }
}

/// What a node has checked and kept.
#[derive(Debug, Default)]
pub(super) struct Store {
    base: u64,
    chunks: VecDeque<(bool, PieceSet)>,
}

/// How many chunks are kept.
const KEPT: usize = 160;

impl Store {
    pub(super) fn has_header(&self, sequence: Sequence) -> bool {
        self.get(sequence).is_some_and(|chunk| chunk.0)
    }

    pub(super) fn has(&self, sequence: Sequence, piece: u16) -> bool {
        self.get(sequence).is_some_and(|chunk| chunk.1.contains(piece))
    }

    pub(super) fn has_all(&self, sequence: Sequence, pieces: u16) -> bool {
        self.get(sequence).is_some_and(|chunk| chunk.1.is_complete(pieces))
    }

    pub(super) fn put_header(&mut self, sequence: Sequence) {
        if let Some(chunk) = self.get_mut(sequence) {
            chunk.0 = true;
        }
    }

    pub(super) fn put(&mut self, sequence: Sequence, piece: u16) {
        if let Some(chunk) = self.get_mut(sequence) {
            chunk.1.insert(piece);
        }
    }

    pub(super) fn put_all(&mut self, sequence: Sequence, pieces: u16) {
        if let Some(chunk) = self.get_mut(sequence) {
            *chunk = (true, PieceSet::first(pieces));
        }
    }

    fn get(&self, sequence: Sequence) -> Option<&(bool, PieceSet)> {
        self.chunks.get(sequence.0.checked_sub(self.base)? as usize)
    }

    fn get_mut(&mut self, sequence: Sequence) -> Option<&mut (bool, PieceSet)> {
        if self.chunks.is_empty() {
            // A little room for what comes out of order.
            self.base = sequence.0.saturating_sub(KEPT as u64 / 4);
        }
        let index = sequence.0.checked_sub(self.base)? as usize;
        if index >= self.chunks.len() {
            self.chunks.resize_with(index + 1, Default::default);
        }
        while self.chunks.len() > KEPT {
            self.chunks.pop_front();
            self.base += 1;
        }
        self.chunks.get_mut((sequence.0 - self.base) as usize)
    }
}

impl Peer {
    pub(super) fn new(brain: Brain, role: Role, up_kbps: u64, down_kbps: u64) -> Self {
        Self {
            brain,
            role,
            character: Character::Honest,
            reach: Reach::Open,
            state: State::Away,
            joined: 0,
            up_kbps,
            access: Access::new(up_kbps, down_kbps),
            clock: Clock::default(),
            epoch: 0,
            ways: Table::new(),
            met: BTreeSet::new(),
            banned: BTreeSet::new(),
            store: Store::default(),
            held: Vec::new(),
            timer: None,
            playout: Playout::default(),
            play_at: None,
            wounded: false,
            past: Stats::default(),
            baseline: Stats::default(),
            baseline_played: (0, 0, 0),
            counted: [0; 4],
            control: 0,
            baseline_control: 0,
        }
    }

    pub(super) fn is_here(&self) -> bool {
        self.state == State::Here
    }

    pub(super) fn is_honest(&self) -> bool {
        self.character.is_honest()
    }

    /// Starts counting anew.
    pub(super) fn set_baseline(&mut self) {
        self.baseline = self.stats();
        self.baseline_played = (self.playout.played, self.playout.stalled, self.playout.stalls);
        self.baseline_control = self.control;
    }

    /// What was counted in all epochs.
    pub(super) fn stats(&self) -> Stats {
        let mut stats = self.past;
        stats.add(self.brain.stats());
        stats
    }

    /// Goes on with another epoch.
    pub(super) fn replace_brain(&mut self, brain: Brain, epoch: u32) {
        self.past = self.stats();
        self.brain = brain;
        self.epoch = epoch;
        self.held.clear();
        self.timer = None;
    }

    /// How much it sent, for finding the busiest.
    pub(super) fn sent(&self) -> u64 {
        self.brain.stats().bytes_sent
    }
}

/// The number of a peer as a neighbour.
pub(super) fn number(peer: usize) -> NeighbourId {
    NeighbourId(peer as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_turns_times_there_and_back() {
        for (ahead, drift_ppm) in [(0, 0), (3_000_000, 200), (123, -200)] {
            let clock = Clock { ahead, drift_ppm, misread: 0 };
            for global in [0, 1, 999_999, 60_000_001, 3_600_000_000] {
                let there = clock.global(clock.local(global));
                assert!(there <= global && clock.local(there) >= clock.local(global), "{clock:?} {global}");
            }
        }
    }

    #[test]
    fn a_store_holds_the_latest() {
        let mut store = Store::default();
        store.put_header(Sequence(1000));
        store.put(Sequence(1000), 3);
        assert!(store.has_header(Sequence(1000)) && store.has(Sequence(1000), 3) && !store.has(Sequence(1000), 2));
        store.put_all(Sequence(999), 5);
        assert!(store.has_all(Sequence(999), 5) && !store.has_all(Sequence(1000), 4));
        store.put(Sequence(1300), 0);
        assert!(store.has(Sequence(1300), 0) && !store.has(Sequence(1000), 3));
    }
}
