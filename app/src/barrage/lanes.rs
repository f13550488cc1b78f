//! Which lane is free for a comment of a certain width.

use std::time::Duration;

/// Room between two comments in one lane.
const GAP: f32 = 24.0;

/// What the last comment of a lane still blocks.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    /// When its tail and the gap behind it have come in.
    entered: Duration,
    /// When it has left.
    left: Duration,
}

/// The lanes over a picture.
///
/// Comments cross in a time of their own, wider ones faster; one may follow another if it comes in behind the
/// other's tail and does not reach the left edge before the other has left. Two times a lane suffice for that.
#[derive(Debug, Default)]
pub(super) struct Lanes(Vec<Lane>);

impl Lanes {
    pub(super) fn resize(&mut self, count: usize) {
        self.0.resize(count, Lane::default());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(Lane::default());
    }

    /// Puts a comment into the highest free lane.
    pub(super) fn admit(&mut self, now: Duration, life: Duration, stage: f32, width: f32) -> Option<usize> {
        let reaches_edge = now + life.mul_f32(stage / (stage + width));
        let free = self.0.iter().position(|lane| now >= lane.entered && reaches_edge >= lane.left)?;
        self.occupy(free, now, life, stage, width);
        Some(free)
    }

    /// Puts a comment into the lane that is free soonest, over what is there.
    pub(super) fn force(&mut self, now: Duration, life: Duration, stage: f32, width: f32) -> Option<usize> {
        let soonest = (0..self.0.len()).min_by_key(|&lane| self.0[lane].entered)?;
        self.occupy(soonest, now, life, stage, width);
        Some(soonest)
    }

    fn occupy(&mut self, lane: usize, now: Duration, life: Duration, stage: f32, width: f32) {
        let tail = life.mul_f32(((width + GAP) / (stage + width)).min(1.0));
        self.0[lane] = Lane { entered: now + tail, left: now + life };
    }
}
