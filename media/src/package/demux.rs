//! Reading init segments and chunks that anybody may have written.
//!
//! Everything is bounded before it is believed; boxes we do not know are passed over.

use std::time::Duration;

use bytes::Bytes;
use mp4_atom::{Atom, Av1c, Mdhd, Prft, Tfdt, Tfhd, Tkhd, Trex, Trun};

use super::av1::{self, SequenceHeader};
use super::boxes::{Truncated, boxes, child, descend};
use super::fragment::from_ntp;
use crate::format::{ColorSpace, InvalidSize, Size, Timestamp, WallClock};
use crate::frame::{EncodedFrame, TrackKind};

/// Largest init segment that is read.
pub const MAX_INIT: usize = 64 << 10;
/// Largest chunk that is read.
pub const MAX_CHUNK: usize = 32 << 20;
/// Most samples of a chunk that are read.
pub const MAX_SAMPLES: usize = 2048;
/// Most tracks that are read.
const MAX_TRACKS: usize = 8;
/// Sample flag: decoding cannot start here.
const NON_SYNC: u32 = 0x0001_0000;
/// A sample entry's own fields before its boxes: video, audio.
const ENTRY_FIELDS: [usize; 2] = [78, 28];

/// Why an init segment or a chunk was refused.
#[derive(Debug, thiserror::Error)]
pub enum DemuxError {
    /// More bytes than we read.
    #[error("{what} of {bytes} bytes (expected at most {most})")]
    TooLarge {
        /// Init segment or chunk.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The most we read.
        most: usize,
    },
    /// A box does not fit.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// A box that must be there is not.
    #[error("no `{0}` box")]
    Missing(&'static str),
    /// A box does not hold what its type says.
    #[error("damaged `{0}` box")]
    Damaged(&'static str),
    /// A track's codec is not ours.
    #[error("unsupported codec `{0}` (expected av01 or Opus)")]
    Codec(String),
    /// A picture size we do not handle.
    #[error(transparent)]
    Size(#[from] InvalidSize),
    /// More samples than we read.
    #[error("{0} samples (expected at most {MAX_SAMPLES})")]
    Samples(usize),
    /// A sample lies outside the chunk.
    #[error("sample of {size} bytes at {at} reaches beyond the chunk's {chunk} bytes")]
    OutOfBounds {
        /// Where it starts.
        at: u64,
        /// Its size.
        size: u32,
        /// The chunk's size.
        chunk: usize,
    },
    /// A time no stream reaches.
    #[error("time {0} does not fit 64-bit microseconds")]
    Time(u64),
}

/// One track of an init segment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Track {
    id: u32,
    kind: TrackKind,
    timescale: u32,
    defaults: Defaults,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Defaults {
    duration: u32,
    size: u32,
    flags: u32,
}

/// What an init segment says; chunks are read with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracks {
    /// Picture size.
    pub size: Size,
    /// Matrix and range; unspecified counts as BT.709.
    pub color: ColorSpace,
    /// Bits per sample.
    pub bit_depth: u8,
    /// The `codecs` parameter of RFC 6381.
    pub codecs: String,
    tracks: Vec<Track>,
}

/// What a chunk holds.
#[derive(Clone, Debug)]
pub struct DemuxedChunk {
    /// Wall clock at the capture of its first picture, if the chunk says so.
    pub captured: Option<WallClock>,
    /// Media time of its first sample.
    pub start: Timestamp,
    /// All samples: pictures first, each track in its own order; their bytes are slices of the chunk.
    pub frames: Vec<EncodedFrame>,
}

/// Reads an init segment.
///
/// # Errors
/// [`DemuxError`] for anything but a stream of AV1 with or without Opus.
pub fn parse_init(data: &[u8]) -> Result<Tracks, DemuxError> {
    if data.len() > MAX_INIT {
        return Err(DemuxError::TooLarge { what: "init segment", bytes: data.len(), most: MAX_INIT });
    }
    let moov = child(data, b"moov").ok_or(DemuxError::Missing("moov"))?;
    let mut trexs = Vec::new();
    for found in boxes(child(moov, b"mvex").ok_or(DemuxError::Missing("mvex"))?) {
        let found = found?;
        if found.kind == *b"trex" && trexs.len() < MAX_TRACKS {
            trexs.push(decode::<Trex>("trex", found.body)?);
        }
    }
    let mut picture = None;
    let mut opus = false;
    let mut tracks = Vec::new();
    for found in boxes(moov) {
        let found = found?;
        if found.kind != *b"trak" || tracks.len() >= MAX_TRACKS {
            continue;
        }
        let (track, sequence) = track(found.body, &trexs)?;
        opus |= track.kind == TrackKind::Audio;
        picture = picture.or(sequence);
        tracks.push(track);
    }
    let sequence = picture.ok_or(DemuxError::Missing("av01"))?;
    let codecs = sequence.codec_string() + if opus { ",opus" } else { "" };
    let size = Size::new(sequence.width, sequence.height)?;
    Ok(Tracks { size, color: sequence.color_space(), bit_depth: sequence.bit_depth, codecs, tracks })
}

fn decode<T: Atom>(name: &'static str, mut body: &[u8]) -> Result<T, DemuxError> {
    T::decode_body(&mut body).map_err(|_| DemuxError::Damaged(name))
}

fn track(trak: &[u8], trexs: &[Trex]) -> Result<(Track, Option<SequenceHeader>), DemuxError> {
    let id = decode::<Tkhd>("tkhd", child(trak, b"tkhd").ok_or(DemuxError::Missing("tkhd"))?)?.track_id;
    let mdia = child(trak, b"mdia").ok_or(DemuxError::Missing("mdia"))?;
    let timescale = decode::<Mdhd>("mdhd", child(mdia, b"mdhd").ok_or(DemuxError::Missing("mdhd"))?)?.timescale;
    if timescale == 0 {
        return Err(DemuxError::Damaged("mdhd"));
    }
    let stsd = descend(mdia, &[b"minf", b"stbl", b"stsd"]).ok_or(DemuxError::Missing("stsd"))?;
    // Version, flags and the number of entries come first; we read one entry.
    let entry =
        boxes(stsd.get(8..).ok_or(DemuxError::Damaged("stsd"))?).next().ok_or(DemuxError::Missing("stsd"))??;
    let (kind, sequence) = match &entry.kind {
        b"av01" => {
            let children = entry.body.get(ENTRY_FIELDS[0]..).ok_or(DemuxError::Damaged("av01"))?;
            let av1c: Av1c = decode("av1C", child(children, b"av1C").ok_or(DemuxError::Missing("av1C"))?)?;
            let sequence = av1::sequence_header(&Bytes::from(av1c.config_obus)).ok_or(DemuxError::Damaged("av1C"))?;
            (TrackKind::Video, Some(sequence))
        }
        b"Opus" => {
            let children = entry.body.get(ENTRY_FIELDS[1]..).ok_or(DemuxError::Damaged("Opus"))?;
            let _ = child(children, b"dOps").ok_or(DemuxError::Missing("dOps"))?;
            (TrackKind::Audio, None)
        }
        other => return Err(DemuxError::Codec(String::from_utf8_lossy(other).into_owned())),
    };
    let defaults = trexs.iter().find(|trex| trex.track_id == id).map_or_else(Defaults::default, |trex| Defaults {
        duration: trex.default_sample_duration,
        size: trex.default_sample_size,
        flags: trex.default_sample_flags,
    });
    Ok((Track { id, kind, timescale, defaults }, sequence))
}

/// Reads a chunk.
///
/// # Errors
/// [`DemuxError`] for anything but a fragment of the tracks given.
pub fn parse_chunk(tracks: &Tracks, data: &Bytes) -> Result<DemuxedChunk, DemuxError> {
    if data.len() > MAX_CHUNK {
        return Err(DemuxError::TooLarge { what: "chunk", bytes: data.len(), most: MAX_CHUNK });
    }
    let mut clock = None;
    let mut frames = Vec::new();
    let mut moofs = false;
    for found in boxes(data) {
        let found = found?;
        match &found.kind {
            b"prft" => clock = reference(tracks, decode("prft", found.body)?).or(clock),
            b"moof" => {
                moofs = true;
                fragment(tracks, data, found.start, found.body, &mut frames)?;
            }
            _ => {}
        }
    }
    if !moofs {
        return Err(DemuxError::Missing("moof"));
    }
    // Stable: each track keeps its own order.
    frames.sort_by_key(|frame: &EncodedFrame| frame.kind == TrackKind::Audio);
    let start = frames.iter().map(|frame| frame.timestamp).min().ok_or(DemuxError::Missing("trun"))?;
    if let Some((at, media)) = clock {
        for frame in &mut frames {
            let apart = frame.timestamp.as_micros().saturating_sub(media.as_micros());
            frame.captured = WallClock::from_micros(at.as_micros().saturating_add(apart));
        }
    }
    Ok(DemuxedChunk { captured: clock.map(|(at, _)| at), start, frames })
}

fn reference(tracks: &Tracks, prft: Prft) -> Option<(WallClock, Timestamp)> {
    let track = tracks.tracks.iter().find(|track| track.id == prft.reference_track_id)?;
    Some((from_ntp(prft.ntp_timestamp), micros(prft.media_time, track.timescale).ok()?))
}

/// Ticks as microseconds, rounded.
fn micros(ticks: u64, timescale: u32) -> Result<Timestamp, DemuxError> {
    let timescale = u128::from(timescale);
    let micros = (u128::from(ticks) * 1_000_000 + timescale / 2) / timescale;
    // Half the range, so that adding durations never saturates.
    let micros = i64::try_from(micros).ok().filter(|micros| *micros < i64::MAX / 2);
    micros.map(Timestamp::from_micros).ok_or(DemuxError::Time(ticks))
}

fn fragment(
    tracks: &Tracks,
    data: &Bytes,
    moof_start: usize,
    moof: &[u8],
    frames: &mut Vec<EncodedFrame>,
) -> Result<(), DemuxError> {
    for found in boxes(moof) {
        let found = found?;
        if found.kind != *b"traf" {
            continue;
        }
        let tfhd: Tfhd = decode("tfhd", child(found.body, b"tfhd").ok_or(DemuxError::Missing("tfhd"))?)?;
        let Some(track) = tracks.tracks.iter().find(|track| track.id == tfhd.track_id) else { continue };
        let tfdt: Tfdt = decode("tfdt", child(found.body, b"tfdt").ok_or(DemuxError::Missing("tfdt"))?)?;
        let mut run = Run {
            track,
            data,
            defaults: Defaults {
                duration: tfhd.default_sample_duration.unwrap_or(track.defaults.duration),
                size: tfhd.default_sample_size.unwrap_or(track.defaults.size),
                flags: tfhd.default_sample_flags.unwrap_or(track.defaults.flags),
            },
            ticks: tfdt.base_media_decode_time,
            base: tfhd.base_data_offset.unwrap_or(moof_start as u64),
            position: None,
        };
        for found in boxes(found.body) {
            let found = found?;
            if found.kind == *b"trun" {
                run.read(decode("trun", found.body)?, frames)?;
            }
        }
    }
    Ok(())
}

/// Reads the runs of one track fragment.
struct Run<'a> {
    track: &'a Track,
    data: &'a Bytes,
    defaults: Defaults,
    ticks: u64,
    base: u64,
    position: Option<u64>,
}

impl Run<'_> {
    fn read(&mut self, trun: Trun, frames: &mut Vec<EncodedFrame>) -> Result<(), DemuxError> {
        let count = frames.len() + trun.samples.len();
        if count > MAX_SAMPLES {
            return Err(DemuxError::Samples(count));
        }
        let start = match (trun.data_offset, self.position) {
            (Some(offset), _) => self.base.checked_add_signed(offset.into()),
            (None, position) => position.or(Some(self.base)),
        };
        let mut position = start.ok_or(DemuxError::Damaged("trun"))?;
        for sample in trun.samples.iter() {
            let size = sample.size.unwrap_or(self.defaults.size);
            let duration = sample.duration.unwrap_or(self.defaults.duration);
            let flags = sample.flags.unwrap_or(self.defaults.flags);
            let out = DemuxError::OutOfBounds { at: position, size, chunk: self.data.len() };
            let Some(end) = position.checked_add(size.into()).filter(|end| *end <= self.data.len() as u64) else {
                return Err(out);
            };
            let timestamp = micros(self.ticks, self.track.timescale)?;
            self.ticks = self.ticks.checked_add(duration.into()).ok_or(DemuxError::Time(self.ticks))?;
            let next = micros(self.ticks, self.track.timescale)?;
            frames.push(EncodedFrame {
                kind: self.track.kind,
                timestamp,
                duration: next.saturating_since(timestamp),
                captured: WallClock::default(),
                keyframe: self.track.kind == TrackKind::Audio || flags & NON_SYNC == 0,
                data: self.data.slice(position as usize..end as usize),
            });
            position = end;
        }
        self.position = Some(position);
        Ok(())
    }
}

impl DemuxedChunk {
    /// From the first sample's start to the last one's end.
    pub fn duration(&self) -> Duration {
        let end = self.frames.iter().map(|frame| frame.timestamp.saturating_add(frame.duration)).max();
        end.map_or(Duration::ZERO, |end| end.saturating_since(self.start))
    }
}

#[cfg(test)]
#[path = "demux_tests.rs"]
mod tests;
