//! Decoded pictures waiting for their turn.

use std::collections::VecDeque;

use crate::format::Timestamp;
use crate::frame::VideoFrame;

/// A few decoded pictures, oldest first, bounded by number and bytes.
#[derive(Debug, Default)]
pub struct FrameQueue {
    frames: VecDeque<VideoFrame>,
    shown: Option<Timestamp>,
}

/// What is due.
#[derive(Debug)]
pub struct Due {
    /// The picture to show now.
    pub show: Option<VideoFrame>,
    /// Pictures whose time passed before anyone showed them.
    pub skipped: u64,
    /// Media time of the next picture.
    pub next: Option<Timestamp>,
}

impl FrameQueue {
    /// Pictures decoded ahead, at most.
    pub const FRAMES: usize = 6;
    /// Bytes decoded ahead, at most, beyond two pictures.
    pub const BYTES: usize = 24 << 20;

    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether another picture may be decoded.
    pub fn has_room(&self) -> bool {
        self.frames.len() < 2 || (self.frames.len() < Self::FRAMES && self.bytes() < Self::BYTES)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.frames.iter().map(|frame| frame.planes.iter().map(|plane| plane.data.len()).sum::<usize>()).sum()
    }

    /// Adds a decoded picture; one that is not later than the last is dropped and `false` returned.
    pub fn push(&mut self, frame: VideoFrame) -> bool {
        let last = self.frames.back().map(|frame| frame.timestamp).max(self.shown);
        if last.is_some_and(|last| frame.timestamp <= last) {
            return false;
        }
        self.frames.push_back(frame);
        true
    }

    /// Takes the newest picture whose time has come, and counts older ones as skipped.
    pub fn due(&mut self, position: Timestamp) -> Due {
        let mut due = Due { show: None, skipped: 0, next: None };
        while let Some(frame) = self.frames.pop_front_if(|frame| frame.timestamp <= position) {
            self.shown = Some(frame.timestamp);
            due.skipped += u64::from(due.show.replace(frame).is_some());
        }
        due.next = self.frames.front().map(|frame| frame.timestamp);
        due
    }

    /// Drops everything, because the clock starts anew; tells how many pictures that were.
    pub fn clear(&mut self) -> u64 {
        self.shown = None;
        let dropped = self.frames.len() as u64;
        self.frames.clear();
        dropped
    }

    /// Pictures waiting.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{ColorSpace, Size, WallClock};

    fn frame(millis: i64) -> VideoFrame {
        let size = Size::new(16, 16).expect("legal");
        let planes = [vec![0; 256], vec![0; 64], vec![0; 64]];
        let timestamp = Timestamp::from_micros(millis * 1000);
        VideoFrame::from_i420(timestamp, WallClock::default(), size, ColorSpace::default(), planes)
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(millis * 1000)
    }

    #[test]
    fn shows_the_newest_due_and_never_goes_back() {
        let mut queue = FrameQueue::new();
        for millis in [0, 33, 66, 100] {
            assert!(queue.has_room());
            assert!(queue.push(frame(millis)));
        }
        assert!(queue.due(at(-1)).show.is_none());
        let due = queue.due(at(70));
        assert_eq!((due.show.map(|frame| frame.timestamp), due.skipped, due.next), (Some(at(66)), 2, Some(at(100))));
        assert!(!queue.push(frame(66)), "it was shown already");
        assert!(!queue.push(frame(100)), "it waits already");
        assert_eq!(queue.clear(), 1);
        assert!(queue.push(frame(10)), "a new clock may start anywhere");
    }

    #[test]
    fn is_bounded() {
        let mut queue = FrameQueue::new();
        let mut pushed = 0;
        while queue.has_room() {
            queue.push(frame(pushed));
            pushed += 1;
        }
        assert_eq!((queue.len(), queue.bytes()), (FrameQueue::FRAMES, FrameQueue::FRAMES * 384));
    }
}
