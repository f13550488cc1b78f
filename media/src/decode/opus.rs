//! Opus packets to sound.

use std::time::Duration;

use opus::{Channels, Decoder};

use super::DecodeError;
use crate::format::{CHANNELS, SAMPLE_RATE, Timestamp, WallClock};
use crate::frame::{AudioFrame, EncodedFrame};

/// Samples per channel of the longest packet there is: 120 ms.
const LONGEST: usize = SAMPLE_RATE as usize * 120 / 1000;
/// Opus conceals in steps of 2.5 ms.
const STEP: usize = SAMPLE_RATE as usize / 400;

/// libopus for 48 kHz stereo.
pub struct OpusDecoder {
    decoder: Decoder,
}

fn damaged(error: opus::Error) -> DecodeError {
    DecodeError::Damaged(error.to_string())
}

impl OpusDecoder {
    /// A decoder.
    ///
    /// # Errors
    /// [`DecodeError::Open`] if libopus refuses.
    pub fn new() -> Result<Self, DecodeError> {
        let decoder = Decoder::new(SAMPLE_RATE, Channels::Stereo);
        Ok(Self { decoder: decoder.map_err(|error| DecodeError::Open(error.to_string()))? })
    }

    /// The sound of one packet.
    ///
    /// # Errors
    /// [`DecodeError::Damaged`]; the next packet may be sound again.
    pub fn decode(&mut self, packet: &EncodedFrame) -> Result<AudioFrame, DecodeError> {
        if packet.data.is_empty() {
            return Err(DecodeError::Damaged("empty packet".to_owned()));
        }
        let mut samples = vec![0.0; LONGEST * CHANNELS];
        let count = self.decoder.decode_float(&packet.data, &mut samples, false).map_err(damaged)?;
        samples.truncate(count * CHANNELS);
        Ok(AudioFrame { timestamp: packet.timestamp, captured: packet.captured, samples })
    }

    /// Sound in place of packets that are lost, faded on from what came before; at most 120 ms of it.
    ///
    /// # Errors
    /// [`DecodeError::Damaged`] if libopus refuses.
    pub fn conceal(
        &mut self,
        timestamp: Timestamp,
        captured: WallClock,
        duration: Duration,
    ) -> Result<AudioFrame, DecodeError> {
        let wanted = duration.as_micros().min(120_000) as usize * SAMPLE_RATE as usize / 1_000_000;
        let mut samples = vec![0.0; (wanted / STEP).max(1) * STEP * CHANNELS];
        let count = self.decoder.decode_float(&[], &mut samples, false).map_err(damaged)?;
        samples.truncate(count * CHANNELS);
        Ok(AudioFrame { timestamp, captured, samples })
    }

    /// Forgets everything, after a jump.
    ///
    /// # Errors
    /// [`DecodeError::Damaged`] if libopus refuses.
    pub fn reset(&mut self) -> Result<(), DecodeError> {
        self.decoder.reset_state().map_err(damaged)
    }
}
