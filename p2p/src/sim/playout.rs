//! A viewer's playout, as far as the swarm feels it: what is needed when, and how often it was not there.

use std::collections::BTreeSet;

use super::stream::Published;

/// How much faster a viewer plays that is too far behind.
const CATCH_UP: f64 = 0.05;

#[derive(Debug, Default)]
pub(super) struct Playout {
    /// The next chunk to play, once one was chosen.
    next: Option<u64>,
    /// When it is due.
    due: u64,
    stalled_since: Option<u64>,
    whole: BTreeSet<u64>,
    missed: BTreeSet<u64>,
    pub(super) first_frame: Option<u64>,
    pub(super) played: u64,
    pub(super) stalled: u64,
    pub(super) stalls: u64,
    pub(super) skipped: u64,
    /// The longest stall.
    pub(super) longest: u64,
    /// When playing went on after the latest stall.
    pub(super) resumed: Option<u64>,
}

impl Playout {
    /// A chunk is whole; tells whether anything may change by it.
    pub(super) fn completed(&mut self, now: u64, chunk: &Published, target: u64) {
        let sequence = chunk.meta.sequence.0;
        self.whole.insert(sequence);
        if self.next.is_none() && chunk.meta.keyframe {
            self.next = Some(sequence);
            self.due = now.max(chunk.captured + target);
        }
    }

    pub(super) fn missed(&mut self, sequence: u64) {
        self.missed.insert(sequence);
    }

    /// What is needed next, and when.
    pub(super) fn playhead(&self) -> Option<(u64, u64)> {
        self.next.map(|next| (next, self.due))
    }

    /// Plays what is due; tells when to look again.
    ///
    /// `shown` is told how long after its capture each chunk is due.
    pub(super) fn play(
        &mut self,
        now: u64,
        published: &[Published],
        target: u64,
        mut shown: impl FnMut(u64),
    ) -> Option<u64> {
        while let Some(next) = self.next {
            if self.due > now && self.stalled_since.is_none() {
                return Some(self.due);
            }
            let chunk = usize::try_from(next).ok().and_then(|index| published.get(index))?;
            let here = self.whole.remove(&next);
            if !here && !self.missed.remove(&next) {
                if self.stalled_since.is_none() {
                    self.stalled_since = Some(self.due);
                    self.stalls += 1;
                }
                return None;
            }
            if let Some(since) = self.stalled_since.take() {
                self.stalled += now - since;
                self.longest = self.longest.max(now - since);
                // What comes after a gap is not played before its time.
                self.due = now.max(chunk.captured + target);
                self.resumed = Some(self.due);
                if self.due > now {
                    self.whole.insert(next);
                    return Some(self.due);
                }
            }
            let duration = u64::from(chunk.meta.duration_micros);
            if here {
                shown(self.due.saturating_sub(chunk.captured));
                self.first_frame.get_or_insert(self.due);
                self.played += duration;
            } else {
                // The picture stands still for as long as the chunk would have played.
                self.skipped += duration;
                self.stalled += duration;
            }
            let behind = self.due.saturating_sub(chunk.captured + target);
            let hurry = (duration as f64 * CATCH_UP) as u64;
            self.due += duration - hurry.min(behind);
            self.next = Some(next + 1);
        }
        None
    }

    /// Ends the account at this time.
    pub(super) fn finish(&mut self, now: u64) {
        if let Some(since) = self.stalled_since.take() {
            self.stalled += now.saturating_sub(since);
            self.longest = self.longest.max(now.saturating_sub(since));
        }
    }
}
