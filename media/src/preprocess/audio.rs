//! The chain that sound goes through.

use std::time::Duration;

use crate::format::{SAMPLE_RATE, WallClock};
use crate::frame::AudioFrame;
use crate::preprocess::denoise::{self, Denoiser};
use crate::preprocess::level::{Level, LevelMeter};
use crate::preprocess::limiter::{self, Limiter};

/// What sound is turned into.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AudioChain {
    /// Gain in dB, within -60..=30.
    pub gain_db: f32,
    /// Whether nothing is heard.
    pub muted: bool,
    /// Whether noise is taken out, which suits speech and spoils music.
    pub denoise: bool,
    /// Whether what is too loud is turned down instead of clipping.
    pub limiter: bool,
}

impl Default for AudioChain {
    fn default() -> Self {
        Self { gain_db: 0.0, muted: false, denoise: false, limiter: true }
    }
}

/// Turns captured sound into what is encoded: noise suppression, gain, limiter, in this order; then the level is measured.
pub struct AudioProcessor {
    chain: AudioChain,
    denoiser: Option<Box<Denoiser>>,
    limiter: Option<Limiter>,
    /// The gain of the last sample; it glides to the wanted one.
    gain: f32,
    meter: LevelMeter,
}

/// Time in which the gain glides by two thirds of the way.
const GLIDE_SECONDS: f32 = 0.01;

impl AudioProcessor {
    /// A processor without history.
    pub fn new(chain: AudioChain) -> Self {
        Self {
            denoiser: chain.denoise.then(Box::default),
            limiter: chain.limiter.then(Limiter::new),
            gain: wanted_gain(&chain),
            meter: LevelMeter::new(),
            chain,
        }
    }

    /// What it does.
    pub fn chain(&self) -> AudioChain {
        self.chain
    }

    /// Changes the gain, without a click.
    pub fn set_gain_db(&mut self, gain_db: f32) {
        self.chain.gain_db = gain_db;
    }

    /// Mutes or unmutes, without a click.
    pub fn set_muted(&mut self, muted: bool) {
        self.chain.muted = muted;
    }

    /// By how much what comes out is later than what goes in; the times of frames are corrected by it.
    pub fn latency(&self) -> Duration {
        let denoise = if self.denoiser.is_some() { denoise::BLOCK_FRAMES } else { 0 };
        let limit = if self.limiter.is_some() { limiter::LOOK_AHEAD_FRAMES } else { 0 };
        Duration::from_micros((denoise + limit) as u64 * 1_000_000 / u64::from(SAMPLE_RATE))
    }

    /// The level of what comes out.
    pub fn level(&self) -> Level {
        self.meter.level()
    }

    /// Works on a frame in place.
    pub fn process(&mut self, frame: &mut AudioFrame) {
        if let Some(denoiser) = &mut self.denoiser {
            denoiser.process(&mut frame.samples);
        }
        self.apply_gain(&mut frame.samples);
        if let Some(limiter) = &mut self.limiter {
            limiter.process(&mut frame.samples);
        }
        self.meter.push(&frame.samples);
        let latency = self.latency();
        frame.timestamp = frame.timestamp.saturating_sub(latency);
        let micros = i64::try_from(latency.as_micros()).unwrap_or(0);
        frame.captured = WallClock::from_micros(frame.captured.as_micros().saturating_sub(micros));
    }

    fn apply_gain(&mut self, samples: &mut [f32]) {
        let wanted = wanted_gain(&self.chain);
        if (self.gain - wanted).abs() < 1e-5 {
            self.gain = wanted;
            if (wanted - 1.0).abs() > 1e-6 {
                samples.iter_mut().for_each(|sample| *sample *= wanted);
            }
            return;
        }
        let glide = 1.0 - (-1.0 / (GLIDE_SECONDS * SAMPLE_RATE as f32)).exp();
        for pair in samples.chunks_mut(2) {
            self.gain += (wanted - self.gain) * glide;
            pair.iter_mut().for_each(|sample| *sample *= self.gain);
        }
    }
}

fn wanted_gain(chain: &AudioChain) -> f32 {
    if chain.muted || chain.gain_db.is_nan() { 0.0 } else { 10f32.powf(chain.gain_db.clamp(-60.0, 30.0) / 20.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Timestamp;
    use crate::testing::{BeepDetector, TestSound};

    fn plain() -> AudioChain {
        AudioChain { gain_db: 0.0, muted: false, denoise: false, limiter: false }
    }

    fn frame(samples: Vec<f32>) -> AudioFrame {
        AudioFrame { timestamp: Timestamp::from_micros(100_000), captured: WallClock::from_micros(5_100_000), samples }
    }

    #[test]
    fn an_empty_chain_changes_nothing() {
        let mut processor = AudioProcessor::new(plain());
        let samples: Vec<f32> = (0..960).map(|index| index as f32 / 960.0).collect();
        let mut out = frame(samples.clone());
        processor.process(&mut out);
        assert_eq!(
            (out.samples, out.timestamp, processor.latency()),
            (samples, Timestamp::from_micros(100_000), Duration::ZERO)
        );
    }

    #[test]
    fn gain_and_mute_glide() {
        let mut processor = AudioProcessor::new(AudioChain { gain_db: 6.0206, ..plain() });
        let mut out = frame(vec![0.25; 960]);
        processor.process(&mut out);
        assert!(out.samples.iter().all(|sample| (sample - 0.5).abs() < 1e-4));
        processor.set_muted(true);
        let mut heard = Vec::new();
        for _ in 0..20 {
            let mut out = frame(vec![0.25; 960]);
            processor.process(&mut out);
            heard.extend(out.samples.iter().step_by(2).copied());
        }
        let steepest = heard.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.005 && heard[0] > 0.4 && heard.last().is_some_and(|last| *last < 1e-4), "{steepest}");
        processor.set_muted(false);
        processor.set_gain_db(f32::NAN);
        let mut out = frame(vec![0.25; 960]);
        processor.process(&mut out);
        assert!(out.samples.iter().all(|sample| sample.is_finite()));
    }

    #[test]
    fn times_say_when_it_was_captured_whatever_the_chain_delays() {
        for (chain, tolerance) in [(plain(), 1_500), (AudioChain::default(), 1_500)] {
            let mut processor = AudioProcessor::new(chain);
            let mut detector = BeepDetector::new();
            let mut onsets = Vec::new();
            for block in 50..150 {
                let mut out = crate::testing::test_sound(block);
                processor.process(&mut out);
                onsets.extend(detector.push(&out.samples, out.timestamp));
            }
            assert_eq!(onsets.len(), 1, "{chain:?}");
            assert!((onsets[0].as_micros() - 1_000_000).abs() <= tolerance, "{chain:?}: {onsets:?}");
        }
        let denoising = AudioProcessor::new(AudioChain { denoise: true, ..AudioChain::default() });
        assert_eq!(denoising.latency(), Duration::from_millis(15));
    }

    #[test]
    fn the_level_is_that_of_what_comes_out() {
        let mut processor = AudioProcessor::new(AudioChain { gain_db: 30.0, ..AudioChain::default() });
        for block in 100..110 {
            let mut out = frame(TestSound::samples(block));
            processor.process(&mut out);
        }
        let level = processor.level();
        assert!((-1.5..=-0.9).contains(&level.peak_dbfs), "{level:?}: limited to -1 dB");
    }
}
