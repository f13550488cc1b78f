//! Cuts a row of chunks into HLS parts and segments, without looking inside them.

use std::collections::VecDeque;

/// Segments are this long where the encoder gives a keyframe in time, in microseconds.
pub(super) const TARGET_MICROS: u64 = 2_000_000;
/// A part is about this long.
const PART_GOAL: u64 = 500_000;
/// No part is meant to be shorter than this.
const PART_LEAST: u64 = 200_000;
/// A keyframe that comes earlier than this after the last one begins no segment of its own.
const SEGMENT_LEAST: u64 = 400_000;
/// So many segments are listed at most, however short they are.
const SEGMENTS_MOST: usize = 100;
/// A segment without a keyframe is cut before it would round up above the target.
const SEGMENT_MOST: u64 = TARGET_MICROS + 499_000;

/// What the cutter must know of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkMeta {
    pub(super) sequence: u64,
    pub(super) duration: u64,
    pub(super) captured: i64,
    pub(super) size: u64,
    pub(super) init: u32,
    pub(super) keyframe: bool,
    /// Times or format break off before it, or something is missing before it.
    pub(super) breaks: bool,
}

/// One or more whole chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) duration: u64,
    pub(super) independent: bool,
}

/// A run of parts, normally one group of pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) msn: u64,
    pub(super) parts: Vec<Part>,
    pub(super) duration: u64,
    pub(super) bytes: u64,
    pub(super) captured: i64,
    pub(super) init: u32,
    pub(super) discontinuity: bool,
    pub(super) independent: bool,
}

impl Segment {
    pub(super) fn first(&self) -> Option<u64> {
        self.parts.first().map(|part| part.first)
    }

    pub(super) fn last(&self) -> Option<u64> {
        self.parts.last().map(|part| part.last)
    }
}

/// How many chunks make a part, and how long a part may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartRule {
    ideal: u64,
    /// `PART-TARGET`: no part is longer.
    pub(super) target: u64,
}

impl PartRule {
    /// The rule for chunks of this length: near half a second, and dividing a segment evenly where that is possible.
    pub(super) fn new(chunk_millis: u32) -> Self {
        let chunk = u64::from(chunk_millis.max(1)) * 1000;
        let fits = |count: &u64| (PART_LEAST.max(PART_GOAL * 3 / 5)..=PART_GOAL * 7 / 5).contains(&(count * chunk));
        let worth = |count: &u64| (TARGET_MICROS % (count * chunk), (count * chunk).abs_diff(PART_GOAL));
        let count = (1..=PART_GOAL * 2 / chunk.min(PART_GOAL)).filter(fits).min_by_key(worth).unwrap_or(1);
        let ideal = count * chunk;
        Self { ideal, target: ideal + chunk / 2 }
    }

    /// Long enough to be closed: one more chunk would come further from the ideal.
    fn is_full(self, duration: u64) -> bool {
        duration + (self.target - self.ideal) > self.ideal
    }
}

/// What a chunk did to the row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cut {
    /// Whether a player would see something new.
    pub(super) visible: bool,
    /// The segment the chunk went into; none while waiting for a keyframe.
    pub(super) msn: Option<u64>,
}

/// The row of segments of one rendition.
#[derive(Debug)]
pub(super) struct Segments {
    rule: PartRule,
    done: VecDeque<Segment>,
    /// The segment that grows, and the part of it that is not closed yet.
    open: Option<(Segment, Option<Part>)>,
    next_msn: u64,
    /// Discontinuities in segments that were dropped from the front.
    pub(super) dropped_discontinuities: u64,
    /// A break was seen and no keyframe since: nothing can be decoded.
    waits_for_keyframe: bool,
    /// The first segment follows on from nothing, or from one that was dropped: no discontinuity.
    fresh: bool,
    ended: bool,
}

impl Segments {
    /// An empty row.
    pub(super) fn new(rule: PartRule) -> Self {
        Self::after_restart(rule, 0, 0, false)
    }

    /// A row that goes on after a restart: the first segment gets this number and flag.
    pub(super) fn after_restart(
        rule: PartRule,
        next_msn: u64,
        dropped_discontinuities: u64,
        discontinuity: bool,
    ) -> Self {
        Self {
            rule,
            done: VecDeque::new(),
            open: None,
            next_msn,
            dropped_discontinuities,
            waits_for_keyframe: true,
            fresh: !discontinuity,
            ended: false,
        }
    }

    /// Parts are cut by another rule from the next one on; `PART-TARGET` never shrinks.
    pub(super) fn set_rule(&mut self, rule: PartRule) {
        self.rule = PartRule { ideal: rule.ideal, target: rule.target.max(self.rule.target) };
    }

    pub(super) fn part_target(&self) -> u64 {
        self.rule.target
    }

    pub(super) fn done(&self) -> &VecDeque<Segment> {
        &self.done
    }

    /// The segment that grows, with its closed parts only.
    pub(super) fn open(&self) -> Option<&Segment> {
        self.open.as_ref().map(|(segment, _)| segment)
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// The number of the segment that holds or will hold the next part, and how many parts of it are closed.
    pub(super) fn edge(&self) -> (u64, usize) {
        match &self.open {
            Some((segment, _)) => (segment.msn, segment.parts.len()),
            None => (self.next_msn, 0),
        }
    }

    /// Where the next part will most likely appear: the hint for players that ask ahead.
    pub(super) fn hint(&self) -> (u64, usize) {
        match &self.open {
            // A full segment is about to be followed by a keyframe.
            Some((segment, None)) if segment.duration + self.rule.target / 2 > TARGET_MICROS => (segment.msn + 1, 0),
            _ => self.edge(),
        }
    }

    /// A segment by its number.
    pub(super) fn segment(&self, msn: u64) -> Option<&Segment> {
        self.done.iter().find(|segment| segment.msn == msn)
    }

    /// A closed part by its numbers.
    pub(super) fn part(&self, msn: u64, part: usize) -> Option<&Part> {
        let segment = self.segment(msn).or_else(|| self.open().filter(|segment| segment.msn == msn))?;
        segment.parts.get(part)
    }

    /// Whether the discontinuity flag of the segment that a chunk goes into is set, and how many came before it.
    pub(super) fn discontinuities_before(&self, msn: u64) -> u64 {
        let listed = self.done.iter().chain(self.open());
        self.dropped_discontinuities
            + listed.filter(|segment| segment.msn < msn && segment.discontinuity).count() as u64
    }

    /// Adds the next chunk.
    pub(super) fn push(&mut self, chunk: ChunkMeta) -> Cut {
        let mut cut = Cut::default();
        let init_changed = self.open().or(self.done.back()).is_some_and(|segment| segment.init != chunk.init);
        let breaks = chunk.breaks || init_changed;
        if breaks && !self.fresh {
            cut.visible |= self.close_segment();
            self.waits_for_keyframe = true;
        }
        if self.waits_for_keyframe && !chunk.keyframe {
            return cut;
        }
        // After a wait the times do not follow on, whatever the chunk's own flag says.
        let discontinuity = !self.fresh && (breaks || self.waits_for_keyframe);
        (self.waits_for_keyframe, self.fresh) = (false, false);
        let length = self.length();
        let is_due = chunk.keyframe && length >= SEGMENT_LEAST;
        if is_due || length + chunk.duration > SEGMENT_MOST {
            cut.visible |= self.close_segment();
        }
        if self.open.is_none() {
            let segment = Segment {
                msn: self.next_msn,
                parts: Vec::new(),
                duration: 0,
                bytes: 0,
                captured: chunk.captured,
                init: chunk.init,
                discontinuity,
                independent: chunk.keyframe,
            };
            self.next_msn += 1;
            self.open = Some((segment, None));
        }
        let rule = self.rule;
        if self
            .open
            .as_ref()
            .and_then(|(_, part)| part.as_ref())
            .is_some_and(|part| part.duration + chunk.duration > rule.target)
        {
            cut.visible |= self.close_part();
        }
        if let Some((segment, part)) = &mut self.open {
            cut.msn = Some(segment.msn);
            segment.bytes += chunk.size;
            let part = part.get_or_insert(Part {
                first: chunk.sequence,
                last: chunk.sequence,
                duration: 0,
                independent: chunk.keyframe,
            });
            part.last = chunk.sequence;
            part.duration += chunk.duration;
            if rule.is_full(part.duration) {
                cut.visible |= self.close_part();
            }
        }
        cut
    }

    /// Nothing comes any more.
    pub(super) fn end(&mut self) {
        self.close_segment();
        self.ended = true;
    }

    /// Lets go of the segments that begin before `first`, and of those beyond `most` microseconds in all.
    pub(super) fn trim(&mut self, first: u64, most: u64) {
        let mut total: u64 = self.done.iter().map(|segment| segment.duration).sum();
        let goes = |done: &VecDeque<Segment>, total: u64| {
            let old = done.front().is_some_and(|segment| segment.first() < Some(first));
            old || !done.is_empty() && (total > most || done.len() > SEGMENTS_MOST)
        };
        while goes(&self.done, total) {
            if let Some(segment) = self.done.pop_front() {
                total -= segment.duration;
                self.dropped_discontinuities += u64::from(segment.discontinuity);
            }
        }
    }

    /// How long the open segment is, with the part that is not closed.
    fn length(&self) -> u64 {
        let open = self.open.as_ref();
        open.map_or(0, |(segment, part)| segment.duration + part.as_ref().map_or(0, |part| part.duration))
    }

    fn close_part(&mut self) -> bool {
        let Some((segment, part)) = &mut self.open else { return false };
        let Some(part) = part.take() else { return false };
        segment.duration += part.duration;
        segment.parts.push(part);
        true
    }

    fn close_segment(&mut self) -> bool {
        self.close_part();
        let Some((segment, _)) = self.open.take() else { return false };
        if segment.parts.is_empty() {
            return false;
        }
        self.done.push_back(segment);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunk(sequence: u64, millis: u64, keyframe: bool) -> ChunkMeta {
        ChunkMeta { sequence, duration: millis * 1000, captured: 0, size: 10, init: 0, keyframe, breaks: false }
    }

    #[test]
    fn part_rules_follow_the_chunk_length() {
        assert_eq!(PartRule::new(100), PartRule { ideal: 500_000, target: 550_000 });
        assert_eq!(PartRule::new(200), PartRule { ideal: 400_000, target: 500_000 });
        for millis in 20..=2000 {
            let rule = PartRule::new(millis);
            assert!(rule.ideal >= PART_LEAST && rule.target > rule.ideal, "{millis}: {rule:?}");
        }
    }

    #[test]
    fn two_second_groups_become_segments_of_four_parts() {
        let mut segments = Segments::new(PartRule::new(100));
        for sequence in 0..41 {
            segments.push(chunk(sequence, 100, sequence % 20 == 0));
        }
        assert_eq!(segments.done().len(), 2);
        for segment in segments.done() {
            assert_eq!(segment.duration, 2_000_000);
            assert_eq!(segment.parts.iter().map(|part| part.duration).collect::<Vec<_>>(), [500_000; 4]);
            assert!(segment.independent && segment.parts[0].independent && !segment.parts[1].independent);
            assert!(!segment.discontinuity);
        }
        assert_eq!(segments.edge(), (2, 0));
        assert_eq!(segments.hint(), (2, 0));
    }

    #[test]
    fn the_hint_names_the_next_part() {
        let mut segments = Segments::new(PartRule::new(100));
        let mut hints = vec![segments.hint()];
        for sequence in 0..60 {
            let before = segments.edge();
            let cut = segments.push(chunk(sequence, 100, sequence % 20 == 0));
            let appeared = segments
                .part(before.0, before.1)
                .map(|_| before)
                .or_else(|| segments.part(before.0 + 1, 0).map(|_| (before.0 + 1, 0)));
            if cut.visible
                && let Some(appeared) = appeared
            {
                assert_eq!(hints.last(), Some(&appeared), "at chunk {sequence}");
            }
            hints.push(segments.hint());
        }
    }

    #[test]
    fn nothing_is_shown_between_a_break_and_the_next_keyframe() {
        let mut segments = Segments::new(PartRule::new(100));
        for sequence in 0..10 {
            segments.push(chunk(sequence, 100, sequence == 0));
        }
        let gap = ChunkMeta { breaks: true, ..chunk(15, 100, false) };
        assert_eq!(segments.push(gap).msn, None);
        assert_eq!(segments.push(chunk(16, 100, false)).msn, None);
        assert_eq!(segments.push(chunk(20, 100, true)).msn, Some(1));
        segments.push(ChunkMeta { init: 1, ..chunk(21, 100, true) });
        segments.end();
        let flags: Vec<_> = segments.done().iter().map(|segment| (segment.discontinuity, segment.init)).collect();
        assert_eq!(flags, [(false, 0), (true, 0), (true, 1)]);
        segments.trim(21, u64::MAX);
        assert_eq!(segments.dropped_discontinuities, 1);
        assert_eq!(segments.done().len(), 1);
    }

    proptest! {
        #[test]
        fn limits_hold_for_any_row(chunks in proptest::collection::vec((20u64..=150, any::<bool>(), 0u8..40), 1..400)) {
            let mut segments = Segments::new(PartRule::new(100));
            for (sequence, (millis, keyframe, dice)) in chunks.iter().enumerate() {
                let meta = ChunkMeta { breaks: *dice == 0, init: u32::from(*dice == 1), ..chunk(sequence as u64, *millis, *keyframe) };
                segments.push(meta);
            }
            segments.end();
            let mut last = None;
            for (index, segment) in segments.done().iter().enumerate() {
                prop_assert_eq!(segment.msn, index as u64);
                prop_assert!(segment.duration <= SEGMENT_MOST);
                prop_assert_eq!(segment.duration, segment.parts.iter().map(|part| part.duration).sum::<u64>());
                for part in &segment.parts {
                    prop_assert!(part.duration <= segments.part_target());
                    prop_assert!(last.is_none_or(|last| part.first > last), "chunks go into one part only");
                    last = Some(part.last);
                }
                prop_assert!(segment.independent || !segment.discontinuity);
            }
        }
    }
}
