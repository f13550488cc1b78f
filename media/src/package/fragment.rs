//! Writing one chunk: `prft`, `moof`, `mdat`.

use bytes::Bytes;
use mp4_atom::{Encode, Mfhd, Moof, Prft, ReferenceTime, Tfdt, Tfhd, Traf, Trun, TrunEntry, TrunSamples};

use super::{AUDIO_TIMESCALE, AUDIO_TRACK, VIDEO_TRACK};
use crate::format::{Timestamp, WallClock};
use crate::frame::EncodedFrame;

/// Sample flags: decoding can start here (`sample_depends_on` = 2).
pub(crate) const SYNC: u32 = 0x0200_0000;
/// Sample flags: decoding cannot start here (`sample_depends_on` = 1, `sample_is_non_sync_sample`).
pub(crate) const NOT_SYNC: u32 = 0x0101_0000;

/// Seconds from 1900, where NTP counts from, to 1970.
const NTP_TO_UNIX: i64 = 2_208_988_800;

/// A wall-clock time as NTP writes it: seconds and 2^-32 fractions.
pub(crate) fn to_ntp(at: WallClock) -> u64 {
    let seconds = at.as_micros().div_euclid(1_000_000) + NTP_TO_UNIX;
    let micros = at.as_micros().rem_euclid(1_000_000) as u64;
    // Rounded up, so that rounding down on the way back gives the same microsecond.
    ((seconds as u64) << 32) | (micros << 32).div_ceil(1_000_000)
}

/// The opposite of [`to_ntp`].
pub(crate) fn from_ntp(ntp: u64) -> WallClock {
    let micros = ((ntp & 0xffff_ffff) * 1_000_000) >> 32;
    WallClock::from_micros(((ntp >> 32) as i64 - NTP_TO_UNIX) * 1_000_000 + micros as i64)
}

/// A media time in the audio track's ticks.
pub(crate) fn audio_ticks(at: Timestamp) -> u64 {
    let micros = at.as_micros().max(0) as u128;
    ((micros * u128::from(AUDIO_TIMESCALE) + 500_000) / 1_000_000) as u64
}

/// A media time in the video track's ticks, which are microseconds.
pub(crate) fn video_ticks(at: Timestamp) -> u64 {
    at.as_micros().max(0) as u64
}

/// One track's samples of a chunk, in time order.
struct Run<'a> {
    track: u32,
    frames: &'a [EncodedFrame],
    ticks: fn(Timestamp) -> u64,
}

impl Run<'_> {
    /// Sample durations: up to the next sample, and what the last one says of itself.
    fn durations(&self) -> Vec<u32> {
        let start = |frame: &EncodedFrame| (self.ticks)(frame.timestamp);
        let end = |frame: &EncodedFrame| (self.ticks)(frame.timestamp.saturating_add(frame.duration));
        let ends = self.frames.iter().skip(1).map(start).chain(self.frames.last().map(end));
        let duration = |(frame, end): (&EncodedFrame, u64)| u32::try_from(end.saturating_sub(start(frame)));
        self.frames.iter().zip(ends).map(|pair| duration(pair).unwrap_or(u32::MAX)).collect()
    }

    fn bytes(&self) -> usize {
        self.frames.iter().map(|frame| frame.data.len()).sum()
    }

    fn traf(&self, data_offset: i32) -> Traf {
        let durations = self.durations();
        let uniform = durations.iter().all(|duration| *duration == durations[0]);
        let entries = self.frames.iter().zip(&durations).enumerate().map(|(index, (frame, duration))| TrunEntry {
            duration: (!uniform).then_some(*duration),
            size: Some(frame.data.len() as u32),
            // Only a chunk's first picture can be a keyframe; the rest is as `trex` says.
            flags: (self.track == VIDEO_TRACK && index == 0 && frame.keyframe).then_some(SYNC),
            cts: None,
        });
        let tfhd = Tfhd {
            track_id: self.track,
            default_sample_duration: uniform.then(|| durations[0]),
            default_base_is_moof: true,
            ..Default::default()
        };
        let trun = Trun { data_offset: Some(data_offset), samples: TrunSamples::Explicit(entries.collect()) };
        let base = self.frames.first().map_or(0, |frame| (self.ticks)(frame.timestamp));
        Traf { tfhd, tfdt: Some(Tfdt { base_media_decode_time: base }), trun: vec![trun], ..Default::default() }
    }
}

/// The bytes of a chunk; `number` is `mfhd`'s sequence number, `video` is not empty.
pub(crate) fn write(number: u32, video: &[EncodedFrame], audio: &[EncodedFrame]) -> Result<Bytes, mp4_atom::Error> {
    let runs = [
        Run { track: VIDEO_TRACK, frames: video, ticks: video_ticks },
        Run { track: AUDIO_TRACK, frames: audio, ticks: audio_ticks },
    ];
    let runs: Vec<&Run<'_>> = runs.iter().filter(|run| !run.frames.is_empty()).collect();
    let payload: usize = runs.iter().map(|run| run.bytes()).sum();
    let mut data = Vec::with_capacity(payload + 64 + 160 * runs.len() + 12 * (video.len() + audio.len()));
    if let Some(first) = video.first() {
        let prft = Prft {
            reference_track_id: VIDEO_TRACK,
            ntp_timestamp: to_ntp(first.captured),
            media_time: video_ticks(first.timestamp),
            utc_time_semantics: ReferenceTime::Input,
        };
        prft.encode(&mut data)?;
    }
    // The offsets count from the start of `moof`, whose length does not depend on their values.
    let moof = |offset: usize| {
        let mut next = offset;
        let traf = runs.iter().map(|run| {
            let traf = run.traf(i32::try_from(next).unwrap_or(i32::MAX));
            next += run.bytes();
            traf
        });
        Moof { traf: traf.collect(), mfhd: Mfhd { sequence_number: number } }
    };
    let start = data.len();
    moof(0).encode(&mut data)?;
    let length = data.len() - start;
    data.truncate(start);
    moof(length + 8).encode(&mut data)?;
    data.extend_from_slice(&(payload as u32 + 8).to_be_bytes());
    data.extend_from_slice(b"mdat");
    for frame in runs.iter().flat_map(|run| run.frames) {
        data.extend_from_slice(&frame.data);
    }
    Ok(data.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn wall_clocks_survive_ntp_to_the_microsecond(micros in 0i64..4_000_000_000_000_000 / 2) {
            let at = WallClock::from_micros(micros);
            prop_assert_eq!(from_ntp(to_ntp(at)), at);
        }
    }
}
