//! Sound to Opus packets of 20 ms.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use opus::{Application, Bitrate, Channels, Encoder};

use super::EncodeError;
use crate::format::{CHANNELS, SAMPLE_RATE, Timestamp, WallClock};
use crate::frame::{AudioFrame, EncodedFrame, TrackKind};

/// How long a packet plays.
pub const PACKET: Duration = Duration::from_millis(20);
/// Samples of a packet, per channel.
const PACKET_SAMPLES: usize = SAMPLE_RATE as usize / 50;
/// The largest packet Opus makes of one frame.
const PACKET_BYTES: usize = 1276;
/// A break in the timestamps of less than this is jitter of the source's clock and not a gap.
const JITTER: i64 = 5_000;

/// Opus behind an interface for blocks of any length.
pub struct OpusEncoder {
    encoder: Encoder,
    /// What the decoder will hear late: its timestamps are moved back by it.
    delay: Duration,
    samples: VecDeque<f32>,
    /// Times of the first sample in `samples`.
    start: Option<(Timestamp, WallClock)>,
    ready: VecDeque<EncodedFrame>,
    gaps: u64,
}

fn failed(error: opus::Error) -> EncodeError {
    EncodeError::Failed { name: "opus".to_owned(), reason: error.to_string() }
}

impl OpusEncoder {
    /// An encoder for 48 kHz stereo at so many kbit/s.
    ///
    /// # Errors
    /// [`EncodeError::Config`] for rates out of range, [`EncodeError::Failed`] if libopus refuses.
    pub fn new(bitrate_kbps: u32) -> Result<Self, EncodeError> {
        if !(6..=510).contains(&bitrate_kbps) {
            return Err(EncodeError::Config { name: "bitrate_kbps", value: bitrate_kbps, least: 6, most: 510 });
        }
        let mut encoder = Encoder::new(SAMPLE_RATE, Channels::Stereo, Application::Audio).map_err(failed)?;
        encoder.set_bitrate(Bitrate::Bits((bitrate_kbps * 1000).cast_signed())).map_err(failed)?;
        let lookahead = encoder.get_lookahead().map_err(failed)?.unsigned_abs();
        Ok(Self {
            encoder,
            delay: Duration::from_micros(u64::from(lookahead) * 1_000_000 / u64::from(SAMPLE_RATE)),
            samples: VecDeque::with_capacity(2 * PACKET_SAMPLES * CHANNELS),
            start: None,
            ready: VecDeque::new(),
            gaps: 0,
        })
    }

    /// Takes sound that follows what came before; a gap in time is kept as a gap between packets.
    ///
    /// # Errors
    /// [`EncodeError::Failed`] if libopus refuses.
    pub fn push(&mut self, frame: &AudioFrame) -> Result<(), EncodeError> {
        if let Some((start, _)) = self.start {
            let expected = start.saturating_add(duration_of(self.samples.len()));
            let off = frame.timestamp.as_micros().saturating_sub(expected.as_micros());
            if off.abs() > JITTER {
                self.gaps += 1;
                self.samples.clear();
                self.start = None;
            }
        }
        if self.samples.is_empty() {
            self.start = Some((frame.timestamp, frame.captured));
        }
        self.samples.extend(&frame.samples);
        let wanted = PACKET_SAMPLES * CHANNELS;
        while let Some((timestamp, captured)) = self.start
            && self.samples.len() >= wanted
        {
            let block: Vec<f32> = self.samples.drain(..wanted).collect();
            let data = self.encoder.encode_vec_float(&block, PACKET_BYTES).map_err(failed)?;
            let delay = self.delay.as_micros() as i64;
            self.ready.push_back(EncodedFrame {
                kind: TrackKind::Audio,
                timestamp: timestamp.saturating_sub(self.delay),
                duration: PACKET,
                captured: WallClock::from_micros(captured.as_micros().saturating_sub(delay)),
                keyframe: true,
                data: Bytes::from(data),
            });
            let captured = WallClock::from_micros(captured.as_micros().saturating_add(PACKET.as_micros() as i64));
            self.start = Some((timestamp.saturating_add(PACKET), captured));
        }
        Ok(())
    }

    /// The next packet that is ready.
    pub fn poll(&mut self) -> Option<EncodedFrame> {
        self.ready.pop_front()
    }

    /// Breaks in the timestamps so far; each lost less than a packet of sound.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }
}

fn duration_of(samples: usize) -> Duration {
    Duration::from_micros((samples / CHANNELS) as u64 * 1_000_000 / u64::from(SAMPLE_RATE))
}
