//! One rendition of a run: order, memory window, segments and what its waiters see.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use super::disk::{Disk, DiskError, SegmentFile};
use super::order::Order;
use super::playlist::{self, Variant};
use super::segment::{ChunkMeta, PartRule, Segments};
use super::window::{Held, Window};

/// How much a playlist lists; memory holds somewhat more, for players that lag.
const LISTED_MICROS: u64 = 20_000_000;
/// What stays in memory of a broadcast that is over; the rest is on disk.
const KEPT_AT_END: usize = 8 << 20;

/// One version of a media playlist, shared by all who wait for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    pub(super) text: Bytes,
    /// The segment that grows and how many parts of it are there.
    edge: (u64, u64),
    /// The newest complete segment and how many parts it has.
    done: Option<(u64, u64)>,
    pub(super) ended: bool,
}

impl Snapshot {
    /// Whether anything can be played.
    pub(super) fn has_media(&self) -> bool {
        self.done.is_some() || self.edge.1 > 0
    }

    /// Whether a player that knows nothing of parts has something to play.
    pub(super) fn has_segment(&self) -> bool {
        self.done.is_some()
    }

    /// Whether this version answers a reload that asked for this segment, or this part of it.
    pub(super) fn answers(&self, msn: u64, part: Option<u64>) -> bool {
        let complete = self.done.is_some_and(|(done, _)| done >= msn);
        match part {
            _ if self.ended => true,
            None => complete,
            Some(part) if self.edge.0 == msn => self.edge.1 > part,
            Some(part) => match self.done {
                // A part beyond the last one of its segment means the first of the next.
                Some((done, parts)) if done == msn && part >= parts => self.edge.0 == msn + 1 && self.edge.1 > 0,
                _ => complete,
            },
        }
    }

    /// Whether a request is so far ahead that it must be a mistake.
    pub(super) fn is_beyond(&self, msn: u64) -> bool {
        !self.ended && msn > self.edge.0 + 2
    }
}

/// What happened to a chunk that was offered.
#[derive(Debug)]
pub(super) enum Offered {
    /// It is new; the receiver tells when it is on disk, if it goes there now.
    New { stored: Option<oneshot::Receiver<Result<(), DiskError>>> },
    /// The very same is here.
    Same,
    /// Another one is here under this number.
    Different,
    /// Its number has passed and memory does not hold it.
    Passed,
}

#[derive(Debug)]
pub(super) struct Track {
    epoch: u64,
    rendition: u8,
    order: Order<Arc<Held>>,
    window: Window,
    pub(super) segments: Segments,
    /// Files on disk, rising by segment and by sequence.
    files: VecDeque<SegmentFile>,
    playlist: watch::Sender<Arc<Snapshot>>,
    next: watch::Sender<u64>,
    peak: u64,
    bytes: u64,
    micros: u64,
}

impl Track {
    pub(super) fn new(epoch: u64, rendition: u8, next: u64, segments: Segments, memory: (Duration, usize)) -> Self {
        Self {
            epoch,
            rendition,
            order: Order::new(next),
            window: Window::new(memory.0, memory.1),
            segments,
            files: VecDeque::new(),
            playlist: watch::Sender::new(Arc::default()),
            next: watch::Sender::new(next),
            peak: 0,
            bytes: 0,
            micros: 0,
        }
    }

    pub(super) fn set_rule(&mut self, chunk_millis: u32) {
        self.segments.set_rule(PartRule::new(chunk_millis));
    }

    pub(super) fn next(&self) -> u64 {
        self.order.next()
    }

    pub(super) fn window(&self) -> &Window {
        &self.window
    }

    pub(super) fn playlist(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.playlist.subscribe()
    }

    pub(super) fn chunks(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }

    pub(super) fn variant(&self) -> Variant {
        let average = (self.bytes * 8_000_000).checked_div(self.micros).unwrap_or(0);
        Variant { rendition: self.rendition, peak: self.peak, average }
    }

    /// The file that holds a sequence.
    pub(super) fn file_of(&self, sequence: u64) -> Option<SegmentFile> {
        let after = self.files.partition_point(|file| file.first <= sequence);
        self.files.get(after.checked_sub(1)?).copied()
    }

    /// The file of a segment.
    pub(super) fn file_of_segment(&self, msn: u64) -> Option<SegmentFile> {
        let index = self.files.binary_search_by_key(&msn, |file| file.msn).ok()?;
        self.files.get(index).copied()
    }

    /// The first sequence that can be had, from memory or disk.
    pub(super) fn first(&self) -> u64 {
        let on_disk = self.files.front().map(|file| file.first);
        on_disk.into_iter().chain(self.window.first()).min().unwrap_or_else(|| self.next())
    }

    /// Forgets files that were deleted.
    pub(super) fn forget_files(&mut self, gone: impl Fn(&SegmentFile) -> bool) {
        self.files.retain(|file| !gone(file));
    }

    /// Takes a verified chunk; `publish` sees each one when its turn has come.
    pub(super) fn offer(
        &mut self,
        now: Instant,
        held: Arc<Held>,
        disk: &Disk,
        publish: &mut dyn FnMut(&Arc<Held>),
    ) -> Offered {
        let sequence = held.chunk.header.sequence.0;
        if let Some(known) = self.window.get(sequence).or_else(|| self.order.early(sequence)) {
            let same = known.chunk.signed == held.chunk.signed;
            return if same { Offered::Same } else { Offered::Different };
        }
        if sequence < self.order.next() {
            return Offered::Passed;
        }
        self.order.insert(now, sequence, held);
        Offered::New { stored: self.advance(now, Some(sequence), disk, publish) }
    }

    /// Lets through what is in order now; gives the receiver for the chunk `wanted`.
    pub(super) fn advance(
        &mut self,
        now: Instant,
        wanted: Option<u64>,
        disk: &Disk,
        publish: &mut dyn FnMut(&Arc<Held>),
    ) -> Option<oneshot::Receiver<Result<(), DiskError>>> {
        let (mut stored, mut visible, mut moved) = (None, false, false);
        while let Some((sequence, held, gap)) = self.order.pop(now) {
            moved = true;
            publish(&held);
            let (cut, file) = self.commit(&held, gap);
            visible |= cut;
            if let Some(file) = file {
                let receiver = disk.append(file, held.encoded.clone());
                if wanted == Some(sequence) {
                    stored = Some(receiver);
                }
            }
        }
        if visible {
            self.show();
        }
        if moved {
            self.next.send_replace(self.order.next());
        }
        stored
    }

    /// Puts a chunk that was read from disk back; tells whether it went into the segment it came from.
    pub(super) fn restore(&mut self, file: SegmentFile, held: &Arc<Held>, first_of_file: bool) -> bool {
        let sequence = held.chunk.header.sequence.0;
        self.order = Order::new(sequence + 1);
        let (_, landed) = self.commit(held, first_of_file && file.discontinuity);
        landed == Some(file)
    }

    /// Files known to be on disk before those that were restored.
    pub(super) fn set_files(&mut self, files: Vec<SegmentFile>) {
        self.files = files.into();
    }

    /// Nothing comes any more: the last version of the playlist.
    pub(super) fn end(&mut self) {
        self.segments.end();
        self.window.shrink(KEPT_AT_END);
        self.show();
        self.wake();
    }

    /// Everything goes at once.
    pub(super) fn wipe(&mut self) {
        self.window.clear();
        self.files.clear();
        self.segments = Segments::new(PartRule::new(100));
        self.segments.end();
        self.show();
        self.wake();
    }

    /// Renders the playlist for everyone who waits.
    pub(super) fn show(&self) {
        let (msn, parts) = self.segments.edge();
        let done = self.segments.done().back().map(|segment| (segment.msn, segment.parts.len() as u64));
        self.playlist.send_replace(Arc::new(Snapshot {
            text: playlist::media(&self.segments).into(),
            edge: (msn, parts as u64),
            done,
            ended: self.segments.is_ended(),
        }));
    }

    fn wake(&self) {
        self.next.send_modify(|_| {});
    }

    fn commit(&mut self, held: &Arc<Held>, gap: bool) -> (bool, Option<SegmentFile>) {
        let header = &held.chunk.header;
        let size = held.chunk.payload.len() as u64;
        let duration = u64::from(header.duration_micros);
        self.bytes += size;
        self.micros += duration;
        let segments_before = self.segments.done().len();
        let cut = self.segments.push(ChunkMeta {
            sequence: header.sequence.0,
            duration,
            captured: header.captured_micros,
            size,
            init: header.init,
            keyframe: header.flags.keyframe,
            breaks: gap || header.flags.discontinuity,
        });
        if self.segments.done().len() > segments_before
            && let Some(segment) = self.segments.done().back()
            && segment.duration >= 500_000
        {
            self.peak = self.peak.max((segment.bytes * 8_000_000).checked_div(segment.duration).unwrap_or(0));
        }
        self.window.push(Arc::clone(held));
        self.segments.trim(self.window.first().unwrap_or(0), LISTED_MICROS);
        let file = cut.msn.map(|msn| match self.files.back() {
            Some(last) if last.msn == msn => *last,
            _ => {
                let file = SegmentFile {
                    epoch: self.epoch,
                    rendition: self.rendition,
                    msn,
                    first: header.sequence.0,
                    discontinuities: self.segments.discontinuities_before(msn),
                    discontinuity: self.segments.open().is_some_and(|segment| segment.discontinuity),
                };
                self.files.push_back(file);
                file
            }
        });
        (cut.visible, file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reloads_are_answered_as_the_draft_says() {
        let snapshot = |edge, done| Snapshot { edge, done, ..Snapshot::default() };
        let now = snapshot((5, 2), Some((4, 4)));
        for (msn, part, expected) in [
            (4, None, true),
            (5, None, false),
            (3, Some(9), true),
            (4, Some(3), true),
            (4, Some(4), true), // Means part 0 of segment 5.
            (5, Some(1), true),
            (5, Some(2), false),
            (6, Some(0), false),
        ] {
            assert_eq!(now.answers(msn, part), expected, "{msn} {part:?}");
        }
        assert!(!snapshot((5, 0), Some((4, 4))).answers(4, Some(4)));
        assert!(!now.is_beyond(7) && now.is_beyond(8));
        assert!(!snapshot((0, 0), None).has_media());
        assert!(Snapshot { ended: true, ..now }.answers(9, Some(9)));
    }
}
