//! What decides at each node: our mesh, or a reference to measure it against on the same work.

use std::time::Instant;

use super::puller::Puller;
use crate::mesh::{Config, Input, Mesh, NeighbourId, Output, Stats};

/// Who decides what goes where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// [`Mesh`], the code of the app.
    #[default]
    Runnel,
    /// Whole chunks, pulled from neighbours chosen at random as soon as they tell that they have them; the server in time.
    PullMesh,
    /// Whole segments, pulled from neighbours chosen at random, and by chance or in time from the server over HTTP, as
    /// p2p-media-loader documents it. No node pushes anything, and viewers play three segments behind.
    SegmentPull,
}

impl Policy {
    /// What it is called on the command line.
    pub const NAMES: [(&'static str, Self); 3] =
        [("runnel", Self::Runnel), ("pull-mesh", Self::PullMesh), ("segment-pull", Self::SegmentPull)];

    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, policy)| *policy == self).map_or("", |(name, _)| name)
    }
}

/// The deciding part of one node.
#[derive(Debug)]
pub(super) enum Brain {
    Mesh(Box<Mesh>),
    Puller(Box<Puller>),
}

impl Brain {
    /// `gop` is how many chunks a segment has.
    pub(super) fn new(policy: Policy, config: Config, gop: u64, seed: u64, now: Instant) -> Self {
        match policy {
            Policy::Runnel => Self::Mesh(Box::new(Mesh::new(config, seed, now))),
            Policy::PullMesh => Self::Puller(Box::new(Puller::new(config, 1, seed, now))),
            Policy::SegmentPull => Self::Puller(Box::new(Puller::new(config, gop, seed, now))),
        }
    }

    pub(super) fn handle(&mut self, now: Instant, input: Input) {
        match self {
            Self::Mesh(mesh) => mesh.handle(now, input),
            Self::Puller(puller) => puller.handle(now, input),
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        match self {
            Self::Mesh(mesh) => mesh.poll_output(),
            Self::Puller(puller) => puller.poll_output(),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Mesh(mesh) => mesh.poll_timeout(),
            Self::Puller(puller) => puller.poll_timeout(),
        }
    }

    pub(super) fn stats(&self) -> &Stats {
        match self {
            Self::Mesh(mesh) => mesh.stats(),
            Self::Puller(puller) => puller.stats(),
        }
    }

    /// The parent of each stripe; a puller has none.
    pub(super) fn parents(&self) -> Vec<Option<NeighbourId>> {
        match self {
            Self::Mesh(mesh) => mesh.parents().collect(),
            Self::Puller(_) => Vec::new(),
        }
    }

    /// Hops from the source in each stripe; a puller has none.
    pub(super) fn depths(&self) -> Vec<u8> {
        match self {
            Self::Mesh(mesh) => mesh.depths().collect(),
            Self::Puller(_) => Vec::new(),
        }
    }
}
