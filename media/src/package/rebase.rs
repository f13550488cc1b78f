//! Moves a recording's fragments to time zero: who begins to record after an hour must not get an hour of nothing. Pure.

use super::{AUDIO_TIMESCALE, AUDIO_TRACK, VIDEO_TIMESCALE};

/// Where a file's time begins.
#[derive(Debug, Default)]
pub(super) struct Rebase {
    /// Media time of the first fragment, in microseconds.
    base: Option<u64>,
}

/// A track's decode time inside a fragment.
struct DecodeTime {
    track: u32,
    /// Where its bytes are: four or eight.
    at: std::ops::Range<usize>,
}

impl Rebase {
    /// The fragment with its times counted from the first fragment that was given; what is no fragment stays as it is.
    pub(super) fn apply(&mut self, fragment: &[u8]) -> Vec<u8> {
        let mut moved = fragment.to_vec();
        let times = decode_times(fragment);
        let micros = times.iter().map(|time| read(fragment, time).saturating_mul(1_000_000) / timescale(time.track));
        let Some(base) = self.base.or(micros.min()) else { return moved };
        self.base = Some(base);
        for time in &times {
            let offset = u128::from(base) * u128::from(timescale(time.track)) / 1_000_000;
            let ticks = read(fragment, time).saturating_sub(u64::try_from(offset).unwrap_or(u64::MAX));
            // Smaller than before, so it fits into as many bytes.
            let bytes = ticks.to_be_bytes();
            moved[time.at.clone()].copy_from_slice(&bytes[8 - time.at.len()..]);
        }
        moved
    }
}

fn timescale(track: u32) -> u64 {
    u64::from(if track == AUDIO_TRACK { AUDIO_TIMESCALE } else { VIDEO_TIMESCALE })
}

fn read(data: &[u8], time: &DecodeTime) -> u64 {
    data[time.at.clone()].iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The `tfdt` of each `traf` of each `moof`.
fn decode_times(data: &[u8]) -> Vec<DecodeTime> {
    let mut times = Vec::new();
    for moof in boxes(data, 0..data.len(), b"moof") {
        for traf in boxes(data, moof, b"traf") {
            let track = boxes(data, traf.clone(), b"tfhd").first().and_then(|tfhd| number(data, tfhd.start + 4));
            let times_of_it = boxes(data, traf, b"tfdt");
            let (Some(track), Some(tfdt)) = (track, times_of_it.first()) else { continue };
            let length = match data.get(tfdt.start) {
                Some(0) => 4,
                Some(_) => 8,
                None => continue,
            };
            let at = tfdt.start + 4..tfdt.start + 4 + length;
            if at.end <= tfdt.end {
                times.push(DecodeTime { track, at });
            }
        }
    }
    times
}

/// The insides of all boxes of a kind directly within a range.
fn boxes(data: &[u8], within: std::ops::Range<usize>, kind: &[u8; 4]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut at = within.start;
    while let Some(size) = number(data, at).map(|size| size as usize).filter(|size| *size >= 8) {
        let Some(end) = at.checked_add(size).filter(|end| *end <= within.end) else { break };
        if data.get(at + 4..at + 8) == Some(kind) {
            found.push(at + 8..end);
        }
        at = end;
    }
    found
}

fn number(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    Some(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::package::demux::{parse_chunk, parse_init};
    use crate::package::{Packager, PackagerConfig, fixtures};

    #[test]
    fn a_recording_that_begins_late_begins_at_zero_and_keeps_its_lip_sync() {
        let hour = Duration::from_secs(3600);
        let (video, sound) = (fixtures::video("64x64".parse().unwrap(), 10, 20, 10), fixtures::audio(2000));
        let frames = fixtures::later([video, sound].concat(), hour);
        let config = PackagerConfig { chunk: Duration::from_millis(100), fps: 10, first_init: 0, first_sequence: 0 };
        let (inits, chunks) = fixtures::package(&mut Packager::new(config), frames);
        let tracks = parse_init(&inits[0].data).unwrap();
        let starts = |data: bytes::Bytes| {
            let frames = parse_chunk(&tracks, &data).unwrap().frames;
            let first = |kind| frames.iter().find(|frame| frame.kind == kind).map(|frame| frame.timestamp.as_micros());
            (first(crate::frame::TrackKind::Video), first(crate::frame::TrackKind::Audio))
        };
        let mut rebase = Rebase::default();
        let late = &chunks[chunks.len() / 2..];
        let base = late[0].start.as_micros();
        for chunk in late {
            let (before, after) = (starts(chunk.data.clone()), starts(rebase.apply(&chunk.data).into()));
            for (before, after) in [(before.0, after.0), (before.1, after.1)] {
                let (Some(before), Some(after)) = (before, after) else { continue };
                // The first of both tracks is zero, and one sample of sound is 21 µs.
                assert!((before - after - base).abs() <= 21_000, "{before} became {after}");
            }
            let shift = |before: Option<i64>, after: Option<i64>| Some(before? - after?);
            if let (Some(video), Some(audio)) = (shift(before.0, after.0), shift(before.1, after.1)) {
                assert!((video - audio).abs() <= 21, "video moved by {video}, audio by {audio}");
            }
        }
    }

    #[test]
    fn what_is_no_fragment_stays_as_it_is() {
        let mut rebase = Rebase::default();
        for data in [&b""[..], b"key1", b"\0\0\0\x08moof", b"\xff\xff\xff\xffmoofxxxx", b"\0\0\0\0moof"] {
            assert_eq!(rebase.apply(data), data);
        }
    }
}
