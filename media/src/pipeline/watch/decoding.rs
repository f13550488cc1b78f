//! Chunks to pictures and sound, surviving whatever they hold.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use crate::decode::dav1d::{Dav1dConfig, Dav1dDecoder};
use crate::decode::opus::OpusDecoder;
use crate::decode::{DecodeError, VideoDecoder};
use crate::format::{Timestamp, WallClock};
use crate::frame::{AudioFrame, EncodedFrame, TrackKind, VideoFrame};
use crate::package::demux::{DemuxError, Tracks, parse_chunk, parse_init};
use crate::playout::Release;

/// Init segments remembered.
const MOST_INITS: usize = 64;
/// Encoded pictures waiting for the decoder; a chunk holds some ten.
const MOST_PENDING: usize = 4096;
/// A frame's time may differ from its chunk's by this much.
const SLACK: Duration = Duration::from_secs(1);
/// So many failures in a row, and the decoder is made anew.
const STORM: u32 = 8;
/// Sound before the clock that is decoded to settle the decoder.
const SETTLE: Duration = Duration::from_millis(100);
/// A gap in the sound up to this long is bridged.
const LONGEST_BRIDGE: Duration = Duration::from_millis(120);
const SHORTEST_BRIDGE: Duration = Duration::from_millis(5);

/// One encoded picture and the chunk it came in.
#[derive(Debug)]
struct Pending {
    sequence: u64,
    frame: EncodedFrame,
}

/// Something that could not be decoded.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) sequence: u64,
    pub(super) reason: String,
    /// Whether no picture can be made before the next keyframe that is still to be released.
    pub(super) lost: bool,
    /// Whether the decoder was made anew.
    pub(super) restarted: bool,
}

/// Demuxer, decoders and what waits between them.
pub(super) struct Decoding {
    inits: BTreeMap<u32, Tracks>,
    video: Box<dyn VideoDecoder>,
    sound: OpusDecoder,
    pending: VecDeque<Pending>,
    /// Whether pictures are passed over until a keyframe.
    needs_keyframe: bool,
    show_from: Timestamp,
    heard_until: Option<Timestamp>,
    failures: u32,
    threads: usize,
}

impl Decoding {
    pub(super) fn new(threads: usize) -> Result<Self, DecodeError> {
        Ok(Self {
            inits: BTreeMap::new(),
            video: open(threads)?,
            sound: OpusDecoder::new()?,
            pending: VecDeque::new(),
            needs_keyframe: true,
            show_from: Timestamp::ZERO,
            heard_until: None,
            failures: 0,
            threads,
        })
    }

    /// Learns an init segment; `Ok(false)` for a known one.
    pub(super) fn init(&mut self, id: u32, data: &Bytes) -> Result<bool, DemuxError> {
        if self.inits.contains_key(&id) {
            return Ok(false);
        }
        let tracks = parse_init(data)?;
        if self.inits.len() >= MOST_INITS {
            self.inits.pop_first();
        }
        self.inits.insert(id, tracks);
        Ok(true)
    }

    /// The clock starts anew at `position`: earlier pictures are decoded and not shown.
    pub(super) fn start(&mut self, position: Timestamp) {
        self.show_from = position;
        self.heard_until = None;
    }

    /// Takes a chunk apart: its pictures wait for [`Decoding::next_picture`], its sound is returned.
    pub(super) fn release(&mut self, release: &Release) -> Result<Vec<AudioFrame>, Failure> {
        let chunk = &release.chunk;
        if release.reset {
            self.pending.clear();
            self.video.reset();
            self.needs_keyframe = true;
            self.heard_until = None;
            // A decoder that cannot be reset still decodes; it only sounds odd for a moment.
            let _ = self.sound.reset();
        }
        let failure = |reason: String| Failure { sequence: chunk.sequence, reason, lost: true, restarted: false };
        let tracks =
            self.inits.get(&chunk.init).ok_or_else(|| failure(format!("init segment {} is forgotten", chunk.init)))?;
        let demuxed = parse_chunk(tracks, &chunk.data).map_err(|error| failure(error.to_string()))?;
        let earliest = chunk.start.saturating_sub(SLACK);
        let latest = chunk.start.saturating_add(chunk.duration).saturating_add(SLACK);
        let mut sound = Vec::new();
        for mut frame in demuxed.frames {
            if frame.timestamp < earliest || frame.timestamp > latest {
                return Err(failure(format!(
                    "a frame at {} µs (expected {}..={} µs)",
                    frame.timestamp.as_micros(),
                    earliest.as_micros(),
                    latest.as_micros()
                )));
            }
            if demuxed.captured.is_none() {
                let after = frame.timestamp.as_micros().saturating_sub(chunk.start.as_micros());
                frame.captured = WallClock::from_micros(chunk.captured.as_micros().saturating_add(after));
            }
            match frame.kind {
                TrackKind::Video if release.video && self.pending.len() < MOST_PENDING => {
                    self.pending.push_back(Pending { sequence: chunk.sequence, frame });
                }
                TrackKind::Video => {}
                TrackKind::Audio => self.decode_sound(&frame, &mut sound),
            }
        }
        Ok(sound)
    }

    /// Decodes one packet, with a bridge over what is missing before it; a damaged one is silence.
    fn decode_sound(&mut self, packet: &EncodedFrame, into: &mut Vec<AudioFrame>) {
        let end = packet.timestamp.saturating_add(packet.duration);
        if end.saturating_add(SETTLE) < self.show_from {
            return;
        }
        if let Some(until) = self.heard_until {
            let gap = packet.timestamp.saturating_since(until);
            if (SHORTEST_BRIDGE..=LONGEST_BRIDGE).contains(&gap)
                && let Ok(bridge) = self.sound.conceal(until, packet.captured, gap)
            {
                into.push(bridge);
            }
        }
        self.heard_until = Some(end);
        if let Ok(frame) = self.sound.decode(packet) {
            into.push(frame);
        }
    }

    /// Whether the next picture is only decoded on the way to a later one.
    pub(super) fn hurries(&self) -> bool {
        self.pending.front().is_some_and(|pending| pending.frame.timestamp < self.show_from)
    }

    pub(super) fn has_pictures(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Decodes one temporal unit: the pictures to show that came out, and how many came out at all.
    pub(super) fn next_picture(&mut self) -> Result<(Vec<VideoFrame>, u64), Failure> {
        let (mut shown, mut decoded) = (Vec::new(), 0);
        let Some(Pending { sequence, frame }) = self.pending.pop_front() else { return Ok((shown, 0)) };
        if self.needs_keyframe && !frame.keyframe {
            return Ok((shown, 0));
        }
        if let Err(error) = self.video.push(&frame) {
            return Err(self.fail(sequence, &error));
        }
        self.needs_keyframe = false;
        loop {
            match self.video.poll() {
                Ok(Some(picture)) => {
                    decoded += 1;
                    self.failures = 0;
                    if picture.timestamp >= self.show_from {
                        shown.push(picture);
                    }
                }
                Ok(None) => return Ok((shown, decoded)),
                Err(error) => return Err(self.fail(sequence, &error)),
            }
        }
    }

    /// Gives up everything up to the next keyframe at hand.
    fn fail(&mut self, sequence: u64, error: &DecodeError) -> Failure {
        self.failures += 1;
        let restarted = self.failures >= STORM && self.restart();
        if !restarted {
            self.video.reset();
        }
        let lost = !self.skip_to_keyframe();
        Failure { sequence, reason: error.to_string(), lost, restarted }
    }

    fn restart(&mut self) -> bool {
        let Ok(video) = open(self.threads) else { return false };
        self.video = video;
        self.failures = 0;
        true
    }

    /// Drops waiting pictures up to a keyframe; `false` if there is none.
    fn skip_to_keyframe(&mut self) -> bool {
        self.needs_keyframe = true;
        while self.pending.front().is_some_and(|pending| !pending.frame.keyframe) {
            self.pending.pop_front();
        }
        !self.pending.is_empty()
    }

    /// Gives up pictures when the decoder is far behind the clock; how many, and whether a keyframe is left.
    pub(super) fn catch_up(&mut self, position: Timestamp, most: Duration) -> Option<(u64, bool)> {
        let late = position.saturating_since(self.pending.front()?.frame.timestamp);
        if late <= most {
            return None;
        }
        let before = self.pending.len();
        let first = self.pending.pop_front();
        drop(first);
        let kept = self.skip_to_keyframe();
        Some(((before - self.pending.len()) as u64, kept))
    }
}

fn open(threads: usize) -> Result<Box<dyn VideoDecoder>, DecodeError> {
    let config = Dav1dConfig { threads: threads.max(1), ..Dav1dConfig::default() };
    Ok(Box::new(Dav1dDecoder::new(config)?))
}
