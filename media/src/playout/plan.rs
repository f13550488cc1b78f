//! Where to start the clock: as near to the target delay as a keyframe and the chunks at hand allow.

use super::timeline::{Micros, between, shifted};
use super::{Chunk, Playout};
use crate::format::Timestamp;

/// How good a place to start is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// It meets the target delay.
    OnTarget,
    /// All media is older than the target delay: the best is to start near its end.
    Overdue,
}

/// A place to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) kind: Kind,
    /// First chunk to decode.
    pub(super) sequence: u64,
    /// First media time to show; what lies before it is decoded quickly and not shown.
    pub(super) position: Timestamp,
    /// When to show it.
    pub(super) at: Micros,
    /// How far the target is ahead of what is here; zero when on target.
    pub(super) gap: Micros,
}

/// Time to get the first picture out of the decoder.
const DECODE_LEAD: Micros = 30_000;
/// Old pictures are decoded this many times faster than they play.
const DECODE_SPEED: Micros = 12;
/// No more than this is spent on decoding old pictures before the clock starts.
const LONGEST_LEAD: Micros = 500_000;

fn lead(old: Micros) -> Micros {
    (DECODE_LEAD + old.max(0) / DECODE_SPEED).min(LONGEST_LEAD)
}

impl Playout {
    /// The best place to start at `t`, if any chunk can be decoded at all.
    pub(super) fn plan(&self, t: Micros) -> Option<Plan> {
        let resume = self.buffer.ready(self.next).filter(|chunk| self.goes_on(chunk)).map(|chunk| chunk.sequence);
        let runs = self.buffer.runs(resume);
        let ending = self.last_of_broadcast.is_some();
        let mut best: Option<Plan> = None;
        for run in &runs {
            let found = self.plan_in(t, &run.entries, run.end, ending);
            let better = |old: &Plan, new: &Plan| match (new.kind, old.kind) {
                (Kind::OnTarget, Kind::OnTarget) => new.at < old.at,
                (Kind::Overdue, Kind::Overdue) => !ending,
                (new, old) => new < old,
            };
            if let Some(found) = found
                && best.as_ref().is_none_or(|old| better(old, &found))
            {
                best = Some(found);
            }
        }
        best
    }

    /// Whether the decoder can take `chunk` as it is, after what it was given.
    pub(super) fn goes_on(&self, chunk: &Chunk) -> bool {
        let ready = chunk.sequence == self.next && !self.needs_keyframe && !self.force_reset;
        ready && self.init == Some(chunk.init) && !chunk.discontinuity
    }

    /// The best place within one stretch of chunks without a hole.
    fn plan_in(&self, t: Micros, entries: &[u64], end: Timestamp, ending: bool) -> Option<Plan> {
        let mut later: Option<Plan> = None;
        for &sequence in entries.iter().rev() {
            let chunk = self.buffer.ready(sequence)?;
            let due = self.timeline.captured(chunk.captured).saturating_add(self.held_target);
            if due > t {
                later = Some(Plan { kind: Kind::OnTarget, sequence, position: chunk.start, at: due, gap: 0 });
                continue;
            }
            let old = t.saturating_sub(due);
            let at = t.saturating_add(lead(old));
            let position = shifted(chunk.start, old.saturating_add(lead(old)));
            if position < end {
                let now = Plan { kind: Kind::OnTarget, sequence, position, at, gap: 0 };
                return Some(match later {
                    Some(later) if later.at <= at => later,
                    _ => now,
                });
            }
            if later.is_none() {
                return self.plan_overdue(t, entries, end, between(end, position), ending);
            }
            break;
        }
        later
    }

    fn plan_overdue(&self, t: Micros, entries: &[u64], end: Timestamp, gap: Micros, ending: bool) -> Option<Plan> {
        let first = self.buffer.ready(*entries.first()?)?;
        // A finished broadcast is watched from where it is held; a live one from as near to its edge as is safe.
        let wanted = if ending { first.start } else { shifted(end, -self.cushion).max(first.start) };
        let before = entries.iter().rev().filter_map(|&sequence| self.buffer.ready(sequence));
        let entry = before.into_iter().find(|chunk| chunk.start <= wanted).unwrap_or(first);
        let at = t.saturating_add(lead(between(entry.start, wanted)));
        Some(Plan { kind: Kind::Overdue, sequence: entry.sequence, position: wanted.max(entry.start), at, gap })
    }
}
