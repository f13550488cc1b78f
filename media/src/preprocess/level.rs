//! How loud sound is.

use std::collections::VecDeque;

use crate::format::{CHANNELS, SAMPLE_RATE};

/// The level of silence: nothing lower is told.
pub const FLOOR: f32 = -100.0;

/// Length of a step of the window over which loudness is measured.
const STEP_FRAMES: usize = SAMPLE_RATE as usize / 10;
/// Steps in that window: 400 ms, the momentary loudness of Rec. ITU-R BS.1770.
const STEPS: usize = 4;

/// A level of sound.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Level {
    /// Highest sample lately, falling by 20 dB a second, in dB of full scale.
    pub peak_dbfs: f32,
    /// Loudness as people hear it over the last 400 ms (K-weighted), in dB of full scale.
    pub loudness_dbfs: f32,
}

impl Level {
    /// Silence.
    pub const SILENCE: Self = Self { peak_dbfs: FLOOR, loudness_dbfs: FLOOR };
}

impl Default for Level {
    fn default() -> Self {
        Self::SILENCE
    }
}

/// Measures the level of 48 kHz stereo sound.
#[derive(Clone, Debug)]
pub struct LevelMeter {
    peak: f32,
    filters: [[Biquad; 2]; CHANNELS],
    energy: f64,
    frames: usize,
    steps: VecDeque<f64>,
}

impl Default for LevelMeter {
    fn default() -> Self {
        Self::new()
    }
}

impl LevelMeter {
    /// A meter that has heard nothing.
    pub fn new() -> Self {
        Self {
            peak: 0.0,
            filters: [[Biquad::SHELF, Biquad::HIGH_PASS]; CHANNELS],
            energy: 0.0,
            frames: 0,
            steps: VecDeque::with_capacity(STEPS),
        }
    }

    /// Listens to interleaved samples.
    pub fn push(&mut self, samples: &[f32]) {
        // 20 dB a second.
        let fall = 10f32.powf(-(samples.len() as f32 / CHANNELS as f32) / SAMPLE_RATE as f32);
        let loudest = samples
            .iter()
            .filter(|sample| sample.is_finite())
            .fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
        self.peak = (self.peak * fall).max(loudest);
        for pair in samples.chunks_exact(CHANNELS) {
            for (sample, [shelf, high_pass]) in pair.iter().zip(&mut self.filters) {
                let sample = if sample.is_finite() { f64::from(sample.clamp(-16.0, 16.0)) } else { 0.0 };
                self.energy += high_pass.run(shelf.run(sample)).powi(2);
            }
            self.frames += 1;
            if self.frames == STEP_FRAMES {
                if self.steps.len() == STEPS {
                    self.steps.pop_front();
                }
                self.steps.push_back(self.energy / STEP_FRAMES as f64);
                (self.energy, self.frames) = (0.0, 0);
            }
        }
    }

    /// The level now.
    pub fn level(&self) -> Level {
        let mean = self.steps.iter().sum::<f64>() / self.steps.len().max(1) as f64;
        // BS.1770: so that a sine of 1 kHz on one side at full scale reads -3.01.
        let loudness = if mean > 0.0 { (-0.691 + 10.0 * mean.log10()) as f32 } else { FLOOR };
        Level { peak_dbfs: decibels(self.peak), loudness_dbfs: loudness.max(FLOOR) }
    }
}

/// An amplitude in dB of full scale.
pub fn decibels(amplitude: f32) -> f32 {
    if amplitude > 0.0 { (20.0 * amplitude.log10()).max(FLOOR) } else { FLOOR }
}

/// A filter of second order.
#[derive(Clone, Copy, Debug)]
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    state: [f64; 2],
}

impl Biquad {
    /// BS.1770's first filter at 48 kHz: the head.
    const SHELF: Self = Self {
        b: [1.535_124_859_586_97, -2.691_696_189_406_38, 1.198_392_810_852_85],
        a: [-1.690_659_293_182_41, 0.732_480_774_215_85],
        state: [0.0; 2],
    };
    /// Its second: deep tones weigh less.
    const HIGH_PASS: Self =
        Self { b: [1.0, -2.0, 1.0], a: [-1.990_047_454_833_98, 0.990_072_250_366_21], state: [0.0; 2] };

    fn run(&mut self, input: f64) -> f64 {
        let output = self.b[0] * input + self.state[0];
        self.state[0] = self.b[1] * input - self.a[0] * output + self.state[1];
        self.state[1] = self.b[2] * input - self.a[1] * output;
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hertz: f64, amplitude: f64, seconds: f64, right: f64) -> Vec<f32> {
        (0..(48_000.0 * seconds) as usize)
            .flat_map(|frame| {
                let sample = amplitude * (std::f64::consts::TAU * hertz * frame as f64 / 48_000.0).sin();
                [sample as f32, (sample * right) as f32]
            })
            .collect()
    }

    #[test]
    fn reads_what_the_standard_says() {
        let mut meter = LevelMeter::new();
        assert_eq!(meter.level(), Level::SILENCE);
        // BS.1770: 0 dBFS at 997 Hz on one channel reads -3.01 LKFS.
        meter.push(&sine(997.0, 1.0, 2.0, 0.0));
        let level = meter.level();
        assert!((level.loudness_dbfs + 3.01).abs() < 0.05, "{level:?}");
        assert!(level.peak_dbfs.abs() < 0.1, "{level:?}");
        let mut meter = LevelMeter::new();
        meter.push(&sine(997.0, 0.1, 2.0, 1.0));
        assert!((meter.level().loudness_dbfs + 20.0).abs() < 0.05, "{:?}", meter.level());
    }

    #[test]
    fn deep_tones_are_less_loud_and_the_peak_falls() {
        let mut meter = LevelMeter::new();
        meter.push(&sine(25.0, 0.5, 1.0, 1.0));
        let level = meter.level();
        assert!(level.loudness_dbfs < level.peak_dbfs - 10.0, "{level:?}");
        meter.push(&vec![0.0; 96_000]);
        let later = meter.level();
        assert!((level.peak_dbfs - later.peak_dbfs - 20.0).abs() < 0.2, "{later:?}");
        assert_eq!(later.loudness_dbfs, FLOOR);
    }

    #[test]
    fn nonsense_does_not_stick() {
        let mut meter = LevelMeter::new();
        meter.push(&[f32::NAN, f32::INFINITY, -f32::INFINITY, 1e30]);
        meter.push(&vec![0.0; 960_000]);
        let level = meter.level();
        assert!(level.loudness_dbfs.is_finite() && level.peak_dbfs.is_finite(), "{level:?}");
    }
}
