//! Takes noise out of speech, with RNNoise.

use nnnoiseless::DenoiseState;

use crate::format::CHANNELS;

/// Frames that RNNoise works on at once.
const BLOCK_FRAMES: usize = DenoiseState::FRAME_SIZE;
/// By so many frames what comes out is late: a block is filled while the one before it is read, and RNNoise itself gives
/// back the block before the one that it gets, since its windows overlap by half.
pub(crate) const LATENCY_FRAMES: usize = 2 * BLOCK_FRAMES;
/// RNNoise wants samples as large as 16-bit integers.
const SCALE: f32 = 32_768.0;

/// Noise suppression for both sides; what comes out is what went in `LATENCY_FRAMES` before.
pub struct Denoiser {
    sides: [Side; CHANNELS],
}

struct Side {
    state: Box<DenoiseState<'static>>,
    input: Vec<f32>,
    output: Vec<f32>,
    read: usize,
}

impl Default for Denoiser {
    fn default() -> Self {
        Self::new()
    }
}

impl Denoiser {
    /// A suppressor that has heard nothing.
    pub fn new() -> Self {
        Self { sides: std::array::from_fn(|_| Side::new()) }
    }

    /// Suppresses noise in interleaved samples in place.
    pub fn process(&mut self, samples: &mut [f32]) {
        for pair in samples.chunks_exact_mut(CHANNELS) {
            for (sample, side) in pair.iter_mut().zip(&mut self.sides) {
                *sample = side.run(*sample);
            }
        }
    }
}

impl Side {
    fn new() -> Self {
        Self {
            state: DenoiseState::new(),
            input: Vec::with_capacity(BLOCK_FRAMES),
            output: vec![0.0; BLOCK_FRAMES],
            read: 0,
        }
    }

    /// One sample in, one out: filling the next block while the one before is read.
    fn run(&mut self, sample: f32) -> f32 {
        // One infinite sample would stay in the network's memory for ever.
        let sample = if sample.is_finite() { sample.clamp(-4.0, 4.0) } else { 0.0 };
        self.input.push(sample * SCALE);
        let out = self.output[self.read] / SCALE;
        self.read += 1;
        if self.input.len() == BLOCK_FRAMES {
            self.state.process_frame(&mut self.output, &self.input);
            self.input.clear();
            self.read = 0;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: &mut u32) -> f32 {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*seed >> 8) as f32 / 8_388_608.0 - 1.0
    }

    fn energy(samples: &[f32]) -> f64 {
        samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64
    }

    #[test]
    fn noise_becomes_quiet_on_both_sides() {
        let mut seed = 7;
        let mut samples: Vec<f32> = std::iter::repeat_with(|| 0.05 * noise(&mut seed)).take(2 * 96_000).collect();
        let before = energy(&samples[96_000..]);
        let mut denoiser = Denoiser::new();
        // Odd blocks, too.
        for block in samples.chunks_mut(2 * 441) {
            denoiser.process(block);
        }
        for side in 0..2 {
            let side: Vec<f32> = samples[96_000..].iter().skip(side).step_by(2).copied().collect();
            let less = 10.0 * (before / energy(&side).max(1e-12)).log10();
            assert!(less > 5.0, "only {less:.1} dB less noise");
        }
    }

    #[test]
    fn what_comes_out_is_late_by_what_is_said() {
        let mut seed = 3;
        let heard: Vec<f32> = std::iter::repeat_with(|| 0.05 * noise(&mut seed)).take(48_000).collect();
        let mut samples: Vec<f32> = heard.iter().flat_map(|sample| [*sample, *sample]).collect();
        Denoiser::new().process(&mut samples);
        let out: Vec<f32> = samples.iter().step_by(2).copied().collect();
        // Where the two are most alike; the first half second is left out, while the network learns the noise.
        let alike =
            |lag: usize| -> f64 { (24_000..48_000).map(|at| f64::from(out[at]) * f64::from(heard[at - lag])).sum() };
        let lag = (0..2_400).max_by(|one, other| alike(*one).total_cmp(&alike(*other)));
        assert_eq!(lag, Some(LATENCY_FRAMES));
    }

    #[test]
    fn nonsense_does_not_stick() {
        let mut denoiser = Denoiser::new();
        let mut samples = vec![f32::NAN; 2 * 480];
        denoiser.process(&mut samples);
        let mut samples = vec![0.0; 2 * 4_800];
        denoiser.process(&mut samples);
        assert!(samples.iter().all(|sample| sample.is_finite()));
    }
}
