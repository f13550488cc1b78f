//! How large keyframes come out against the rest of a stream: pure.
//!
//! A keyframe and the pictures after it travel as one chunk of 100 ms. Where that chunk is several times the mean chunk,
//! every link of the way has to carry a burst that it cannot carry in time.

use crate::frame::EncodedFrame;

/// Most that a chunk with a keyframe may hold, against the mean chunk.
pub const LIMIT: f64 = 2.5;
/// A still picture needs next to nothing between keyframes; they are held against this part of the wanted rate then.
const STILL: f64 = 0.5;

/// One keyframe with the pictures up to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// Bytes of the pictures that share a chunk with the keyframe.
    pub(crate) first: u64,
    /// Bytes of all pictures.
    pub(crate) bytes: u64,
    /// All pictures.
    pub(crate) frames: u32,
}

impl Group {
    /// The chunk with the keyframe against the mean chunk, for groups of `interval` pictures of which this is a sample.
    ///
    /// `least` is the least that counts as a mean chunk, in bytes.
    fn ratio(&self, pace: Pace, interval: u32, least: f64) -> Option<f64> {
        let others = self.frames.checked_sub(pace.together).filter(|others| *others > 0)?;
        let first = self.first as f64;
        let rest = (self.bytes - self.first) as f64 / f64::from(others);
        let interval = interval.max(pace.together);
        let whole = first + rest * f64::from(interval - pace.together);
        Some(first / (whole / f64::from(interval) * pace.in_chunk).max(least).max(1.0))
    }
}

/// How many pictures share a chunk.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// On average.
    in_chunk: f64,
    /// With a keyframe: the packager ends a chunk up to half a picture early.
    together: u32,
}

impl Pace {
    fn new(fps: u32) -> Self {
        let in_chunk = f64::from(fps) / 10.0;
        Self { in_chunk, together: ((in_chunk - 0.5).ceil() as u32).max(1) }
    }
}

/// Watches what an encoder makes, group by group.
#[derive(Debug)]
pub(crate) struct Meter {
    pace: Pace,
    interval: u32,
    group: Group,
}

impl Meter {
    /// A meter for so many pictures a second with a keyframe every `interval` of them.
    pub(crate) fn new(fps: u32, interval: u32) -> Self {
        Self { pace: Pace::new(fps), interval, group: Group::default() }
    }

    /// Pictures that share a chunk with a keyframe, itself counted.
    pub(crate) fn together(&self) -> u32 {
        self.pace.together
    }

    /// Takes the next picture's size.
    pub(crate) fn add(&mut self, keyframe: bool, bytes: usize) {
        if keyframe {
            self.group = Group::default();
        }
        self.group.frames += 1;
        self.group.bytes += bytes as u64;
        if self.group.frames <= self.pace.together {
            self.group.first += bytes as u64;
        }
    }

    /// The newest chunk with a keyframe against the mean chunk of a stream of `kbps`, once it is known.
    pub(crate) fn ratio(&self, kbps: u32) -> Option<f64> {
        self.group.ratio(self.pace, self.interval, f64::from(kbps) * 125.0 / 10.0 * STILL)
    }
}

/// The largest chunk with a keyframe against the mean chunk of a stream of `kbps`, the first keyframe left out: before it
/// nothing can be known of the pictures.
///
/// For short runs, whose own mean says little; `None` where there is no second keyframe with the pictures of its chunk.
pub(crate) fn against_rate(frames: &[EncodedFrame], fps: u32, kbps: u32) -> Option<f64> {
    let together = Pace::new(fps).together as usize;
    let keyframes = (1..frames.len()).filter(|index| frames[*index].keyframe);
    let chunks = keyframes.filter_map(|index| frames.get(index..index + together));
    let bytes = chunks.map(|chunk| chunk.iter().map(|frame| frame.data.len()).sum::<usize>()).max()?;
    Some(bytes as f64 / (f64::from(kbps) * 125.0 / 10.0).max(1.0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::format::{Timestamp, WallClock};
    use crate::frame::TrackKind;

    fn stream(groups: &[&[usize]]) -> Vec<EncodedFrame> {
        let of_group = |group: &&[usize]| group.iter().enumerate().map(|(n, size)| (n == 0, *size)).collect::<Vec<_>>();
        let frame = |(keyframe, size): (bool, usize)| EncodedFrame {
            kind: TrackKind::Video,
            timestamp: Timestamp::ZERO,
            duration: Duration::from_millis(33),
            captured: WallClock::default(),
            keyframe,
            data: Bytes::from(vec![0; size]),
        };
        groups.iter().flat_map(of_group).map(frame).collect()
    }

    #[test]
    fn chunks_with_keyframes_are_held_against_the_mean_chunk_of_a_whole_group() {
        // At 30 a second three pictures share a chunk: 600 + 100 + 100 against 3 * (800 + 7 * 100) / 10.
        let frames = stream(&[&[9000, 100, 100, 100], &[600, 100, 100, 100, 100]]);
        let mut meter = Meter::new(30, 10);
        frames.iter().for_each(|frame| meter.add(frame.keyframe, frame.data.len()));
        // 100 ms of 3600 bits: the mean chunk is larger than what counts at least.
        let learnt = meter.ratio(1).expect("known");
        assert!((learnt - 800.0 / 450.0).abs() < 1e-9, "{learnt}");
    }

    #[test]
    fn short_runs_are_held_against_the_rate() {
        let frames = stream(&[&[9000, 100, 100, 100], &[600, 100, 100, 100], &[500, 100, 100]]);
        // 32 kb/s are 400 bytes in 100 ms.
        assert_eq!(against_rate(&frames, 30, 32), Some(2.0));
        assert_eq!(against_rate(&frames[..4], 30, 32), None, "the first keyframe says nothing");
        assert_eq!(against_rate(&frames[..6], 30, 32), None, "nor does half a chunk");
    }

    #[test]
    fn as_many_pictures_share_a_chunk_as_the_packager_puts_there() {
        for (fps, together) in [(5, 1), (15, 1), (24, 2), (25, 2), (30, 3), (50, 5), (60, 6)] {
            assert_eq!(Pace::new(fps).together, together, "{fps}");
        }
    }

    #[test]
    fn a_still_picture_is_held_against_half_its_rate() {
        let mut meter = Meter::new(30, 60);
        for index in 0..60 {
            meter.add(index == 0, if index == 0 { 10_000 } else { 1 });
        }
        // 1,600 kb/s are 20,000 bytes in 100 ms.
        let ratio = meter.ratio(1600).expect("known");
        assert!((ratio - 10_002.0 / 10_000.0).abs() < 1e-9, "{ratio}");
    }
}
