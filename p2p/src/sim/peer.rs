//! One node of the simulated swarm: a mesh and what its driver would hold.

use std::collections::{BTreeMap, BTreeSet};

use super::network::{Access, Way};
use super::playout::Playout;
use crate::mesh::{Mesh, NeighbourId, Stats};
use crate::wire::{Role, Sequence};

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) mesh: Mesh,
    pub(super) role: Role,
    pub(super) state: State,
    pub(super) joined: u64,
    pub(super) up_kbps: u64,
    pub(super) access: Access,
    /// The ways to neighbours; a neighbour's number is that of its peer.
    pub(super) ways: BTreeMap<usize, Way>,
    /// Whom it was connected to, or tried to be.
    pub(super) met: BTreeSet<usize>,
    /// Chunks whose header is here.
    pub(super) headers: BTreeSet<Sequence>,
    /// Pieces that wait for their header.
    pub(super) held: Vec<(usize, Sequence, u16)>,
    /// When the mesh is woken.
    pub(super) timer: Option<u64>,
    pub(super) playout: Playout,
    /// When playout is looked at.
    pub(super) play_at: Option<u64>,
    /// What was counted when the warm-up ended.
    pub(super) baseline: Stats,
    pub(super) baseline_played: (u64, u64, u64),
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

impl Peer {
    pub(super) fn new(mesh: Mesh, role: Role, up_kbps: u64, down_kbps: u64) -> Self {
        Self {
            mesh,
            role,
            state: State::Away,
            joined: 0,
            up_kbps,
            access: Access::new(up_kbps, down_kbps),
            ways: BTreeMap::new(),
            met: BTreeSet::new(),
            headers: BTreeSet::new(),
            held: Vec::new(),
            timer: None,
            playout: Playout::default(),
            play_at: None,
            baseline: Stats::default(),
            baseline_played: (0, 0, 0),
            control: 0,
            baseline_control: 0,
        }
    }

    pub(super) fn is_here(&self) -> bool {
        self.state == State::Here
    }

    /// Starts counting anew.
    pub(super) fn set_baseline(&mut self) {
        self.baseline = *self.mesh.stats();
        self.baseline_played = (self.playout.played, self.playout.stalled, self.playout.stalls);
        self.baseline_control = self.control;
    }

    /// How many stripes it pushes to others, roughly: for finding the busiest.
    pub(super) fn sent(&self) -> u64 {
        self.mesh.stats().bytes_sent
    }
}

/// The number of a peer as a neighbour.
pub(super) fn number(peer: usize) -> NeighbourId {
    NeighbourId(peer as u64)
}
