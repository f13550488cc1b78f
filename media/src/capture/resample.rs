//! Sound of any rate and layout to 48 kHz stereo, with a ratio that can follow a drifting clock.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable, Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType, WindowFunction,
};

use crate::format::CHANNELS;

/// Rates that sound cards are known to have.
pub const RATES: std::ops::RangeInclusive<u32> = 4_000..=768_000;

/// Largest correction of the ratio: half a percent is nine cents, which nobody hears.
pub const MAX_CORRECTION: f64 = 0.005;

/// A rate that cannot be resampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid sample rate {0} Hz (expected within 4000..=768000)")]
pub struct InvalidRate(pub u32);

/// Turns stereo sound of one rate into stereo sound of another, in blocks of 10 ms of the input.
pub struct Resampler {
    inner: Async<f32>,
    pending: Vec<f32>,
    block: usize,
    output: Vec<f32>,
    input_rate: u32,
    output_rate: u32,
}

impl Resampler {
    /// A resampler from `input_rate` to `output_rate`.
    ///
    /// # Errors
    /// [`InvalidRate`] for a rate outside [`RATES`].
    pub fn new(input_rate: u32, output_rate: u32) -> Result<Self, InvalidRate> {
        for rate in [input_rate, output_rate] {
            if !RATES.contains(&rate) {
                return Err(InvalidRate(rate));
            }
        }
        // 64 points and a cubic between them: under -100 dB of distortion at 1 kHz, and about 1 % of a core.
        let parameters = SincInterpolationParameters {
            sinc_len: 64,
            f_cutoff: None,
            oversampling_factor: 128,
            interpolation: SincInterpolationType::Cubic,
            window: WindowFunction::Blackman2,
        };
        let ratio = f64::from(output_rate) / f64::from(input_rate);
        let block = (input_rate / 100) as usize;
        let inner = Async::new_sinc(ratio, 1.0 + 2.0 * MAX_CORRECTION, &parameters, block, CHANNELS, FixedAsync::Input)
            .map_err(|_| InvalidRate(input_rate))?;
        let output = vec![0.0; inner.output_frames_max() * CHANNELS];
        Ok(Self { inner, pending: Vec::with_capacity(4 * block * CHANNELS), block, output, input_rate, output_rate })
    }

    /// The rate of what goes in.
    pub fn input_rate(&self) -> u32 {
        self.input_rate
    }

    /// Makes what comes out longer (positive) or shorter by the given part, at most [`MAX_CORRECTION`], without a click.
    pub fn set_correction(&mut self, correction: f64) {
        let correction = if correction.is_finite() { correction.clamp(-MAX_CORRECTION, MAX_CORRECTION) } else { 0.0 };
        // In range by construction; were it refused, the old ratio would simply stay.
        let _refused = self.inner.set_resample_ratio_relative(1.0 + correction, true);
    }

    /// Frames that went in and have not been worked on yet.
    pub fn pending_frames(&self) -> usize {
        self.pending.len() / CHANNELS
    }

    /// By how many seconds what comes out lags behind what goes in.
    pub fn delay_seconds(&self) -> f64 {
        self.inner.output_delay() as f64 / f64::from(self.output_rate)
    }

    /// Frames to put in for the next block to come out.
    pub fn block_frames(&self) -> usize {
        self.block
    }

    /// Puts interleaved stereo samples in and appends what comes out to `output`.
    pub fn push(&mut self, samples: &[f32], output: &mut Vec<f32>) {
        self.pending.extend_from_slice(&samples[..samples.len() - samples.len() % CHANNELS]);
        let block = self.block * CHANNELS;
        let mut used = 0;
        while self.pending.len() - used >= block {
            self.block_through(used, output);
            used += block;
        }
        self.pending.drain(..used);
    }

    fn block_through(&mut self, from: usize, output: &mut Vec<f32>) {
        let frames = self.output.len() / CHANNELS;
        let input = InterleavedSlice::new(&self.pending[from..from + self.block * CHANNELS], CHANNELS, self.block);
        let room = InterleavedSlice::new_mut(&mut self.output, CHANNELS, frames);
        // Both sizes are right by construction; were one not, this block would be silent rather than a panic.
        let made = match (input, room) {
            (Ok(input), Ok(mut room)) => {
                self.inner.process_into_buffer(&input, &mut room, None).map_or(0, |(_, made)| made)
            }
            _ => 0,
        };
        output.extend_from_slice(&self.output[..made * CHANNELS]);
    }
}

/// Appends interleaved sound of any layout to `output` as stereo.
///
/// Mono goes to both sides; of surround sound (in the usual order: left, right, center, low, back or side pairs) the
/// center and the pairs are mixed in 3 dB down and the low channel is left out.
pub fn to_stereo(channels: usize, samples: &[f32], output: &mut Vec<f32>) {
    const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
    output.reserve(samples.len() / channels.max(1) * CHANNELS);
    match channels {
        0 => {}
        1 => output.extend(samples.iter().flat_map(|sample| [*sample, *sample])),
        2 => output.extend_from_slice(&samples[..samples.len() - samples.len() % 2]),
        _ => {
            let has_center = channels == 3 || channels >= 5;
            let pairs = if has_center { if channels >= 6 { 4 } else { 3 } } else { 2 };
            let loudest = 1.0 + if has_center { HALF } else { 0.0 } + HALF * ((channels - pairs) / 2) as f32;
            for frame in samples.chunks_exact(channels) {
                let (mut left, mut right) = (frame[0], frame[1]);
                if has_center {
                    left += frame[2] * HALF;
                    right += frame[2] * HALF;
                }
                for pair in frame[pairs..].chunks_exact(2) {
                    left += pair[0] * HALF;
                    right += pair[1] * HALF;
                }
                output.extend([left / loudest, right / loudest]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hertz: f64, seconds: f64) -> Vec<f32> {
        let frames = (f64::from(rate) * seconds) as usize;
        (0..frames)
            .flat_map(|frame| {
                let sample = (std::f64::consts::TAU * hertz * frame as f64 / f64::from(rate)).sin() as f32 * 0.5;
                [sample, -sample]
            })
            .collect()
    }

    /// What is left of a tone after the best fitting sine of that frequency is taken out, relative to it, in dB.
    fn residue(samples: &[f32], rate: u32, hertz: f64) -> f64 {
        let left: Vec<f64> = samples.iter().step_by(2).map(|sample| f64::from(*sample)).collect();
        let phase = |frame: usize| std::f64::consts::TAU * hertz * frame as f64 / f64::from(rate);
        let scale = 2.0 / left.len() as f64;
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (frame, sample) in left.iter().enumerate() {
            sine += sample * phase(frame).sin() * scale;
            cosine += sample * phase(frame).cos() * scale;
        }
        let rest: f64 = left
            .iter()
            .enumerate()
            .map(|(frame, sample)| (sample - sine * phase(frame).sin() - cosine * phase(frame).cos()).powi(2))
            .sum();
        10.0 * (rest * scale / (sine * sine + cosine * cosine)).log10()
    }

    #[test]
    fn a_tone_survives_every_usual_rate() {
        for rate in [8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000] {
            let mut resampler = Resampler::new(rate, 48_000).expect("legal");
            let mut output = Vec::new();
            // Odd pieces, as devices give them.
            for piece in tone(rate, 1000.0, 1.0).chunks(2 * 333) {
                resampler.push(piece, &mut output);
            }
            let middle = &output[2 * 4_800..2 * 43_200];
            let residue = residue(middle, 48_000, 1000.0);
            assert!(residue < -60.0, "{rate} Hz: {residue:.1} dB");
            let frames = output.len() / 2;
            assert!((47_400..=48_100).contains(&frames), "{rate} Hz: {frames} frames");
            assert!(
                output.iter().step_by(2).zip(output.iter().skip(1).step_by(2)).all(|(l, r)| (l + r).abs() < 1e-6),
                "{rate}: sides mixed up"
            );
        }
    }

    #[test]
    fn the_ratio_follows_without_a_click() {
        let mut resampler = Resampler::new(48_000, 48_000).expect("legal");
        let mut output = Vec::new();
        for (index, piece) in tone(48_000, 440.0, 4.0).chunks(960).enumerate() {
            if index == 100 {
                resampler.set_correction(0.003);
            }
            if index == 250 {
                resampler.set_correction(-0.003);
            }
            resampler.push(piece, &mut output);
        }
        // The steepest step of this tone is 0.0288; a click would be far steeper.
        let steepest =
            output.windows(3).step_by(2).skip(500).map(|frame| (frame[2] - frame[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.0295, "{steepest}");
        let frames = output.len() as f64 / 2.0;
        let expected = 48_000.0 + 72_000.0 * 1.003 + 72_000.0 * 0.997;
        assert!((frames - expected).abs() < 700.0, "{frames} instead of {expected}");
    }

    #[test]
    fn layouts_become_stereo() {
        let stereo = |channels, samples: &[f32]| {
            let mut output = Vec::new();
            to_stereo(channels, samples, &mut output);
            output
        };
        assert_eq!(stereo(1, &[0.5, -0.25]), [0.5, 0.5, -0.25, -0.25]);
        assert_eq!(stereo(2, &[0.5, -0.25, 1.0]), [0.5, -0.25]);
        assert!(stereo(0, &[0.5]).is_empty());
        for channels in 3..=12 {
            let full = stereo(channels, &vec![1.0; channels * 2]);
            assert_eq!(full.len(), 4, "{channels}");
            assert!(full.iter().all(|sample| (0.3..=1.0001).contains(sample)), "{channels}: {full:?}");
        }
        let center = stereo(6, &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        assert!((center[0] - center[1]).abs() < 1e-6 && center[0] > 0.2);
    }

    #[test]
    fn odd_rates_are_refused_or_work() {
        assert_eq!(Resampler::new(0, 48_000).err(), Some(InvalidRate(0)));
        assert_eq!(Resampler::new(48_000, 3_999).err(), Some(InvalidRate(3_999)));
        let mut resampler = Resampler::new(11_025, 44_100).expect("legal");
        let mut output = Vec::new();
        resampler.push(&vec![0.0; 2 * 11_025], &mut output);
        assert!(output.len() > 2 * 43_000);
        resampler.set_correction(f64::NAN);
    }
}
