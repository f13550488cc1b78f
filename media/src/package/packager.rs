//! The packager: cuts encoded frames into chunks.

use std::collections::VecDeque;
use std::time::Duration;

use super::av1::{self, SequenceHeader};
use super::{InitSegment, MediaChunk, PackageOutput, fragment, init};
use crate::format::{InvalidSize, Size, Timestamp};
use crate::frame::{EncodedFrame, TrackKind};

/// How long a chunk waits for its sound, in media time: beyond it the sound comes with the next chunk.
const PATIENCE: Duration = Duration::from_millis(80);
/// Sound kept for pictures that have not come yet; older sound is dropped and counted.
const AUDIO_FRAMES: usize = 512;
/// No encoder of ours makes a larger frame.
const FRAME_BYTES: usize = 16 << 20;

/// What a [`Packager`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackagerConfig {
    /// How much media time a chunk holds: 100 or 200 ms.
    pub chunk: Duration,
    /// Nominal pictures a second, told in the init segment.
    pub fps: u32,
    /// Number of the first init segment.
    pub first_init: u32,
    /// Number of the first chunk.
    pub first_sequence: u64,
}

impl Default for PackagerConfig {
    fn default() -> Self {
        Self { chunk: Duration::from_millis(100), fps: 30, first_init: 0, first_sequence: 0 }
    }
}

/// Why an encoded frame was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Time went backwards.
    #[error("{kind:?} frame at {at} us is not after {last} us")]
    Backwards {
        /// Its track.
        kind: TrackKind,
        /// Its timestamp in microseconds.
        at: i64,
        /// The newest timestamp of the track before it.
        last: i64,
    },
    /// A frame is empty or absurdly large.
    #[error("frame of {0} bytes (expected 1..={FRAME_BYTES})")]
    FrameSize(usize),
    /// A keyframe does not say what decoders need.
    #[error("keyframe without a readable sequence header")]
    NoSequenceHeader,
    /// The stream's pictures have a size we do not handle.
    #[error(transparent)]
    Size(#[from] InvalidSize),
    /// A box could not be written.
    #[error("cannot write a box")]
    Write(#[from] mp4_atom::Error),
}

/// Pictures of one chunk that is complete but for its sound.
struct Closed {
    frames: Vec<EncodedFrame>,
    end: Timestamp,
    init: u32,
    discontinuity: bool,
}

/// Cuts encoded frames into chunks: pure, without a clock.
///
/// A chunk ends where a multiple of the chunk length since the last keyframe is reached, or before a keyframe.
/// It is given out as soon as its sound is there too, at latest when the pictures have gone on for 80 ms more.
pub struct Packager {
    config: PackagerConfig,
    current: Option<(u32, SequenceHeader)>,
    next_init: u32,
    next_sequence: u64,
    discontinuity: bool,
    gop_start: Timestamp,
    open: Vec<EncodedFrame>,
    closed: VecDeque<Closed>,
    audio: VecDeque<EncodedFrame>,
    video_end: Option<(Timestamp, Timestamp)>,
    audio_end: Option<(Timestamp, Timestamp)>,
    outputs: VecDeque<PackageOutput>,
    skipped_video: u64,
    skipped_audio: u64,
}

impl Packager {
    /// A packager that has seen nothing yet.
    pub fn new(config: PackagerConfig) -> Self {
        Self {
            config,
            current: None,
            next_init: config.first_init,
            next_sequence: config.first_sequence,
            discontinuity: false,
            gop_start: Timestamp::ZERO,
            open: Vec::new(),
            closed: VecDeque::new(),
            audio: VecDeque::new(),
            video_end: None,
            audio_end: None,
            outputs: VecDeque::new(),
            skipped_video: 0,
            skipped_audio: 0,
        }
    }

    /// The nominal frame rate from the next init segment on.
    pub fn set_fps(&mut self, fps: u32) {
        self.config.fps = fps;
    }

    /// Frames that went into no chunk: pictures before the first keyframe, sound before the first picture.
    pub fn skipped(&self) -> (u64, u64) {
        (self.skipped_video, self.skipped_audio)
    }

    /// Takes the next frame of a track; tracks may run apart, each in its own order.
    ///
    /// # Errors
    /// [`PackageError`]; the frame is then left out and the packager goes on with the next.
    pub fn push(&mut self, frame: EncodedFrame) -> Result<(), PackageError> {
        let last = match frame.kind {
            TrackKind::Video => self.video_end,
            TrackKind::Audio => self.audio_end,
        };
        if let Some((last, _)) = last.filter(|(last, _)| frame.timestamp <= *last) {
            let (at, last) = (frame.timestamp.as_micros(), last.as_micros());
            return Err(PackageError::Backwards { kind: frame.kind, at, last });
        }
        if frame.data.is_empty() || frame.data.len() > FRAME_BYTES {
            return Err(PackageError::FrameSize(frame.data.len()));
        }
        let times = Some((frame.timestamp, frame.timestamp.saturating_add(frame.duration)));
        match frame.kind {
            TrackKind::Video => {
                self.video(frame)?;
                self.video_end = times;
            }
            TrackKind::Audio => {
                self.audio.push_back(frame);
                self.audio_end = times;
                if self.audio.len() > AUDIO_FRAMES {
                    self.audio.pop_front();
                    self.skipped_audio += 1;
                }
            }
        }
        self.give_out(false)
    }

    /// The next output, if there is one.
    pub fn poll(&mut self) -> Option<PackageOutput> {
        self.outputs.pop_front()
    }

    /// Ends the stream: all pictures that were taken come out.
    ///
    /// # Errors
    /// [`PackageError::Write`].
    pub fn flush(&mut self) -> Result<(), PackageError> {
        self.close(None);
        self.give_out(true)
    }

    fn video(&mut self, mut frame: EncodedFrame) -> Result<(), PackageError> {
        frame.data = av1::strip_delimiters(frame.data);
        if frame.keyframe {
            self.close(Some(frame.timestamp));
            if let Err(error) = self.start_gop(&frame) {
                // What follows cannot be decoded without this picture: wait for the next keyframe.
                self.current = None;
                return Err(error);
            }
        } else if self.current.is_none() {
            self.skipped_video += 1;
            return Ok(());
        }
        let end = frame.timestamp.saturating_add(frame.duration);
        let half = frame.duration / 2;
        if !self.open.is_empty() && frame.timestamp.saturating_add(half) >= self.boundary() {
            // Pictures were lost and the rest of the open chunk with them.
            self.close(None);
        }
        self.open.push(frame);
        // A chunk may end half a picture early: rates that do not divide the chunk length alternate.
        if end.saturating_add(half) >= self.boundary() {
            self.close(None);
        }
        Ok(())
    }

    /// The first multiple of the chunk length since the keyframe that lies after the open chunk's first picture.
    fn boundary(&self) -> Timestamp {
        let chunk = self.config.chunk.as_micros().max(1) as i64;
        let Some(first) = self.open.first() else { return self.gop_start };
        let (start, half) = (self.gop_start.as_micros(), first.duration.as_micros() as i64 / 2);
        let into = first.timestamp.as_micros().saturating_add(half).saturating_sub(start);
        Timestamp::from_micros(start.saturating_add((into.div_euclid(chunk) + 1).saturating_mul(chunk)))
    }

    fn close(&mut self, next: Option<Timestamp>) {
        let Some(last) = self.open.last_mut() else { return };
        // Where the next picture is known, the last one lasts until then (unless pictures were lost).
        if let Some(next) = next {
            let known = next.saturating_since(last.timestamp);
            if !known.is_zero() && known <= last.duration * 2 {
                last.duration = known;
            }
        }
        let end = last.timestamp.saturating_add(last.duration);
        let init = self.current.as_ref().map_or(self.config.first_init, |(id, _)| *id);
        let discontinuity = std::mem::take(&mut self.discontinuity);
        self.closed.push_back(Closed { frames: std::mem::take(&mut self.open), end, init, discontinuity });
    }

    fn start_gop(&mut self, keyframe: &EncodedFrame) -> Result<(), PackageError> {
        self.gop_start = keyframe.timestamp;
        let header = av1::sequence_header(&keyframe.data).ok_or(PackageError::NoSequenceHeader)?;
        if self.current.as_ref().is_some_and(|(_, known)| *known == header) {
            return Ok(());
        }
        // All of the old size must be out before the new init segment is.
        self.give_out(true)?;
        let size = Size::new(header.width, header.height)?;
        let data = init::write(&header, size)?;
        let id = self.next_init;
        let codecs = init::codecs(&header);
        self.outputs.push_back(PackageOutput::Init(InitSegment { id, data, codecs, size, fps: self.config.fps }));
        self.discontinuity = id != self.config.first_init;
        self.next_init += 1;
        self.current = Some((id, header));
        Ok(())
    }

    fn give_out(&mut self, all: bool) -> Result<(), PackageError> {
        while let Some(front) = self.closed.front() {
            let heard = self.audio_end.is_some_and(|(_, end)| end >= front.end);
            let waited = self.video_end.is_some_and(|(_, end)| end >= front.end.saturating_add(PATIENCE));
            if !(all || heard || waited) {
                break;
            }
            if let Some(closed) = self.closed.pop_front() {
                self.write(closed)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, closed: Closed) -> Result<(), PackageError> {
        let Some(first) = closed.frames.first() else { return Ok(()) };
        let before = |end: Timestamp| move |frame: &EncodedFrame| frame.timestamp < end;
        if self.next_sequence == self.config.first_sequence {
            // Sound from before the first picture has nothing to be shown with.
            let early = self.audio.iter().take_while(|frame| before(first.timestamp)(frame)).count();
            self.audio.drain(..early);
            self.skipped_audio += early as u64;
        }
        let count = self.audio.iter().take_while(|frame| before(closed.end)(frame)).count();
        let audio: Vec<_> = self.audio.drain(..count).collect();
        let data = fragment::write((self.next_sequence as u32).wrapping_add(1), &closed.frames, &audio)?;
        let chunk = MediaChunk {
            init: closed.init,
            sequence: self.next_sequence,
            start: first.timestamp,
            duration: closed.end.saturating_since(first.timestamp),
            captured: first.captured,
            keyframe: first.keyframe,
            discontinuity: closed.discontinuity,
            data,
        };
        self.next_sequence += 1;
        self.outputs.push_back(PackageOutput::Chunk(chunk));
        Ok(())
    }
}

#[cfg(test)]
#[path = "packager_tests.rs"]
mod tests;
