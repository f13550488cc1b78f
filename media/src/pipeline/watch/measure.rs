//! What a viewer measured.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::format::{Size, Timestamp, WallClock};
use crate::frame::VideoFrame;
use crate::playout::{PlayState, PlayoutStats, Quantiles, Spread};
use crate::testing::{AvSync, BeepDetector, FlashDetector, Strip};

/// Everything that was counted and measured; times in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WatchStats {
    /// From the start to the first picture.
    pub first_frame_ms: Option<f64>,
    /// From the first chunk that came to the first picture.
    pub first_frame_after_chunk_ms: Option<f64>,
    /// From capture to the screen, for each picture.
    pub latency_ms: Spread,
    /// How much the sound was early.
    pub av_offset_ms: Spread,
    /// How often the picture stopped after the first one.
    pub stalls: u64,
    /// For how long altogether.
    pub stall_ms: u64,
    /// Pictures that came out of the decoder.
    pub frames_decoded: u64,
    /// Pictures handed over on time.
    pub frames_shown: u64,
    /// Pictures that came out of the decoder when a newer one was due already.
    pub frames_skipped: u64,
    /// Chunks or pictures that could not be decoded.
    pub decode_errors: u64,
    /// How often a new decoder was made.
    pub decoder_restarts: u64,
    /// Chunks that came.
    pub chunks_received: u64,
    /// Chunks that came after their turn.
    pub chunks_late: u64,
    /// Chunks that came twice.
    pub chunks_duplicate: u64,
    /// Chunks that were skipped because they did not come.
    pub chunks_missing: u64,
    /// Chunks given up for the byte bound.
    pub chunks_dropped: u64,
    /// Jumps towards the live edge.
    pub jumps: u64,
    /// How far behind the target delay the picture is.
    pub behind_live_ms: f64,
    /// From capture to the screen, now.
    pub delay_ms: f64,
    /// Media held ahead of the picture.
    pub buffer_ms: f64,
    /// Compressed bytes held.
    pub buffer_bytes: u64,
    /// The playing rate.
    pub rate: f64,
    /// Whether the viewer paused.
    pub paused: bool,
    /// Whether the delay follows the target.
    pub live: bool,
    /// What the player is doing.
    pub state: PlayState,
    /// Size of the last picture.
    pub size: Option<Size>,
    /// Pictures a second, by their timestamps.
    pub fps: f64,
    /// Where the sound goes, in words.
    pub audio: String,
}

/// What playout alone knows; all else is as if nothing had been measured.
impl From<PlayoutStats> for WatchStats {
    fn from(playout: PlayoutStats) -> Self {
        Self {
            stalls: playout.stalls,
            stall_ms: u64::try_from(playout.stalled.as_millis()).unwrap_or(u64::MAX),
            chunks_received: playout.received,
            chunks_late: playout.late,
            chunks_duplicate: playout.duplicate,
            chunks_missing: playout.missing,
            chunks_dropped: playout.dropped,
            jumps: playout.jumps,
            behind_live_ms: playout.behind_ms,
            delay_ms: playout.delay_ms,
            buffer_ms: playout.ahead_ms,
            buffer_bytes: playout.bytes as u64,
            rate: playout.rate,
            paused: playout.state == PlayState::Paused,
            live: playout.live,
            state: playout.state,
            ..Self::default()
        }
    }
}

/// The measuring instruments behind [`WatchStats`].
pub(super) struct Measures {
    strip: bool,
    latency: Quantiles,
    av_offset: Quantiles,
    flashes: FlashDetector,
    beeps: BeepDetector,
    sync: AvSync,
    last_timestamp: Option<Timestamp>,
    interval: Option<f64>,
    pub(super) first_chunk: Option<Duration>,
    pub(super) first_frame: Option<Duration>,
    pub(super) decoded: u64,
    pub(super) shown: u64,
    pub(super) skipped: u64,
    pub(super) errors: u64,
    pub(super) restarts: u64,
    pub(super) unusable: u64,
    pub(super) size: Option<Size>,
    pub(super) audio: String,
}

/// A picture at the moment it is shown.
pub(super) struct Showing<'a> {
    pub(super) frame: &'a VideoFrame,
    /// Since the start.
    pub(super) at: Duration,
    /// The publisher's wall clock now.
    pub(super) wall: WallClock,
    /// Media time being heard.
    pub(super) heard: Timestamp,
}

impl Measures {
    pub(super) fn new(strip: bool) -> Self {
        Self {
            strip,
            latency: Quantiles::new(),
            av_offset: Quantiles::new(),
            flashes: FlashDetector::new(),
            beeps: BeepDetector::new(),
            sync: AvSync::new(),
            last_timestamp: None,
            interval: None,
            first_chunk: None,
            first_frame: None,
            decoded: 0,
            shown: 0,
            skipped: 0,
            errors: 0,
            restarts: 0,
            unusable: 0,
            size: None,
            audio: String::new(),
        }
    }

    pub(super) fn show(&mut self, showing: &Showing<'_>) {
        let frame = showing.frame;
        self.shown += 1;
        self.size = Some(frame.size);
        self.first_frame.get_or_insert(showing.at);
        let captured = if self.strip { Strip::read(frame).map(|strip| strip.captured) } else { Some(frame.captured) };
        if let Some(captured) = captured.filter(|captured| captured.as_micros() != 0) {
            let delay = showing.wall.as_micros().saturating_sub(captured.as_micros());
            self.latency.push(delay as f64 / 1000.0);
        }
        if self.strip {
            let flash = self.flashes.push(frame, on_line(showing.at));
            if let Some(offset) = flash.and_then(|at| self.sync.flash(at)) {
                self.av_offset.push(offset);
            }
        } else {
            let ahead = showing.heard.as_micros().saturating_sub(frame.timestamp.as_micros());
            self.av_offset.push(ahead as f64 / 1000.0);
        }
        if let Some(last) = self.last_timestamp.replace(frame.timestamp) {
            let interval = frame.timestamp.saturating_since(last).as_secs_f64();
            if interval > 0.0 && interval < 1.0 {
                self.interval = Some(self.interval.map_or(interval, |old| old + 0.05 * (interval - old)));
            }
        }
    }

    /// Listens for the beep in what is heard `at` after the start.
    pub(super) fn hear(&mut self, samples: &[f32], at: Duration) {
        if !self.strip {
            return;
        }
        let beep = self.beeps.push(samples, on_line(at));
        if let Some(offset) = beep.and_then(|at| self.sync.beep(at)) {
            self.av_offset.push(offset);
        }
    }

    pub(super) fn fill(&self, stats: &mut WatchStats) {
        let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
        stats.first_frame_ms = self.first_frame.map(millis);
        stats.first_frame_after_chunk_ms =
            self.first_frame.zip(self.first_chunk).map(|(frame, chunk)| millis(frame.saturating_sub(chunk)));
        stats.latency_ms = self.latency.spread();
        stats.av_offset_ms = self.av_offset.spread();
        stats.frames_decoded = self.decoded;
        stats.frames_shown = self.shown;
        stats.frames_skipped = self.skipped;
        stats.decode_errors = self.errors;
        stats.decoder_restarts = self.restarts;
        stats.chunks_dropped += self.unusable;
        stats.size = self.size;
        stats.fps = self.interval.map_or(0.0, |interval| 1.0 / interval);
        stats.audio.clone_from(&self.audio);
    }
}

/// A time since the start on the detectors' time line.
fn on_line(at: Duration) -> Timestamp {
    Timestamp::ZERO.saturating_add(at)
}
