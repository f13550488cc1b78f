//! The chain that sound goes through.

use std::time::Duration;

use crate::format::{SAMPLE_RATE, WallClock};
use crate::frame::AudioFrame;
use crate::preprocess::level::{Level, LevelMeter};
use crate::preprocess::limiter::{self, Limiter};
use crate::preprocess::suppress::Suppressor;

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
    suppressor: Suppressor,
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
            suppressor: Suppressor::new(chain.denoise),
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

    /// Takes noise out from now on or lets it be, without a click or a jump in time.
    pub fn set_denoise(&mut self, denoise: bool) {
        self.chain.denoise = denoise;
        self.suppressor.set(denoise);
    }

    /// By how much what comes out is later than what goes in; the times of frames are corrected by it.
    pub fn latency(&self) -> Duration {
        let limit = if self.limiter.is_some() { limiter::LOOK_AHEAD_FRAMES } else { 0 };
        duration(self.suppressor.latency_frames() + limit)
    }

    /// The level of what comes out.
    pub fn level(&self) -> Level {
        self.meter.level()
    }

    /// Works on a frame in place; it is shorter or empty where noise suppression has just begun, and longer where it ends.
    pub fn process(&mut self, frame: &mut AudioFrame) {
        let latency = self.latency();
        let held = duration(self.suppressor.process(&mut frame.samples));
        self.apply_gain(&mut frame.samples);
        if let Some(limiter) = &mut self.limiter {
            limiter.process(&mut frame.samples);
        }
        self.meter.push(&frame.samples);
        frame.timestamp = frame.timestamp.saturating_add(held).saturating_sub(latency);
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(0);
        let captured = frame.captured.as_micros().saturating_add(micros(held)).saturating_sub(micros(latency));
        frame.captured = WallClock::from_micros(captured);
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

fn duration(frames: usize) -> Duration {
    Duration::from_micros(frames as u64 * 1_000_000 / u64::from(SAMPLE_RATE))
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
        assert_eq!(denoising.latency(), Duration::from_millis(25));
    }

    #[test]
    fn noise_suppression_is_switched_without_a_click_a_gap_or_a_jump_in_time() {
        let block = 441;
        // A voice's lowest tone: smooth, so that a click is steeper than anything in it.
        let tone = |at: usize| 0.25 * (at as f32 * 200.0 * std::f32::consts::TAU / 48_000.0).sin();
        for limiter in [false, true] {
            let mut processor = AudioProcessor::new(AudioChain { limiter, ..plain() });
            let (mut heard, mut next, mut start) = (Vec::new(), None, None);
            for index in 0..400 {
                match index {
                    100 | 300 => processor.set_denoise(true),
                    // Changed one's mind in the middle of the fade.
                    101 | 200 | 301 => processor.set_denoise(false),
                    102 => processor.set_denoise(true),
                    _ => {}
                }
                let at = index * block;
                let samples = (at..at + block).flat_map(|at| [tone(at), tone(at)]).collect();
                let micros = (at * 1_000_000 / 48_000) as i64;
                let (timestamp, captured) = (Timestamp::from_micros(micros), WallClock::from_micros(micros));
                let mut out = AudioFrame { timestamp, captured, samples };
                processor.process(&mut out);
                if out.samples.is_empty() {
                    continue;
                }
                start.get_or_insert(out.timestamp.as_micros());
                let came = out.timestamp.as_micros();
                assert!((came - next.unwrap_or(came)).abs() <= 50, "block {index} begins at {came}, not {next:?}");
                assert_eq!(out.captured.as_micros(), came);
                heard.extend(out.samples.iter().step_by(2).copied());
                next = start.map(|start| start + (heard.len() * 1_000_000 / 48_000) as i64);
            }
            // What comes out is heard at the time when it was captured: nothing is lost or repeated.
            let lost = start.map_or(0, |start| (-start * 48 / 1_000) as usize);
            assert_eq!(heard.len(), 400 * block);
            let same = |from: usize, to: usize| (from..to).all(|at| (heard[at + lost] - tone(at)).abs() < 0.002);
            assert!(same(0, 99 * block) && same(210 * block, 299 * block) && same(310 * block, 399 * block));
            let steepest = heard.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
            assert!(steepest < 0.02, "{steepest} between two samples is a click");
        }
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
