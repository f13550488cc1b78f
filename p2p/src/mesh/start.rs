//! Where a viewer starts: at the newest keyframe that somebody holds.

use std::time::{Duration, Instant};

use super::Mesh;
use super::event::ChunkMeta;
use crate::wire::Sequence;

/// How long to wait for more neighbours to say what they hold.
const GATHER: Duration = Duration::from_millis(60);
/// How long to wait for any neighbour before the origin's word is enough.
const ALONE: Duration = Duration::from_millis(300);
/// Longest stretch between keyframe and live edge that is fetched at the start.
const LONGEST: u64 = 64;

#[derive(Debug, Default)]
pub(super) struct Start {
    pub(super) phase: Phase,
    /// When a neighbour first said that there is something.
    told_at: Option<Instant>,
    /// When we first looked.
    since: Option<Instant>,
    /// Keyframe and newest chunk, as the server says.
    pub(super) edge: Option<(Sequence, Sequence)>,
    /// The first chunk that is wanted.
    pub(super) first: Sequence,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is known yet.
    #[default]
    Waiting,
    /// The first chunk is chosen.
    Running,
}

impl Start {
    pub(super) fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// When we first looked.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// A neighbour has something to start from.
    pub(super) fn told(&mut self, now: Instant) {
        self.told_at.get_or_insert(now);
    }
}

impl Mesh {
    /// Chooses the first chunk as soon as enough is known.
    pub(super) fn try_start(&mut self, now: Instant) {
        if self.is_source() || self.start.is_running() {
            return;
        }
        let since = *self.start.since.get_or_insert(now);
        let gathered = self.start.told_at.is_some_and(|at| now.saturating_duration_since(at) >= GATHER);
        let alone = self.start.edge.is_some()
            && (now.saturating_duration_since(since) >= ALONE || self.neighbours.is_empty() && self.config.origin);
        if !gathered && !alone {
            if let Some(at) = self.start.told_at {
                self.repair_by(at + GATHER);
            }
            return;
        }
        let edge = self.start.edge;
        let keyframes = self.neighbours.values().filter_map(|neighbour| neighbour.keyframe);
        let newest =
            self.neighbours.values().filter_map(|neighbour| neighbour.newest).chain(edge.map(|edge| edge.1)).max();
        let Some(keyframe) = keyframes.chain(edge.map(|edge| edge.0)).max() else { return };
        self.start_at(now, keyframe, newest.unwrap_or(keyframe));
    }

    /// Starts at this chunk, with all up to the newest to be fetched.
    pub(super) fn start_at(&mut self, now: Instant, keyframe: Sequence, newest: Sequence) {
        let newest = newest.max(keyframe).min(keyframe.after(LONGEST));
        self.start.phase = Phase::Running;
        self.start.first = keyframe;
        self.window.begin(now, keyframe);
        self.window.hear_of(now, newest);
        for chunk in self.window.iter_mut().filter(|chunk| chunk.is_open()) {
            chunk.backlog = true;
        }
        self.choose_parents(now);
        self.repair_by(now);
    }

    /// A genuine header before a start was chosen: the broadcast begins, or someone pushes already.
    pub(super) fn start_at_header(&mut self, now: Instant, meta: &ChunkMeta) {
        if self.start.is_running() {
            return;
        }
        if meta.keyframe {
            self.start.phase = Phase::Running;
            self.start.first = meta.sequence;
            self.window.begin(now, meta.sequence);
        } else {
            self.start.told(now);
        }
    }
}
