//! Keeps sound from clipping.

use std::collections::VecDeque;

use crate::format::{CHANNELS, SAMPLE_RATE};

/// How far it looks ahead: 5 ms, in which the gain goes down smoothly.
pub(crate) const LOOK_AHEAD_FRAMES: usize = 240;
/// Highest sample that leaves: -1 dB, so that a codec's overshoot does not clip either.
pub const CEILING: f32 = 0.891;
/// Time in which the gain comes back by two thirds.
const RELEASE_SECONDS: f32 = 0.08;

/// A limiter that looks ahead: loud sound is turned down before it comes, so nothing is ever cut off.
///
/// The gain is the least that any of the coming frames needs, smoothed over the look-ahead by a moving average; both sides
/// get the same gain, so that nothing wanders between them.
#[derive(Clone, Debug)]
pub struct Limiter {
    delayed: VecDeque<f32>,
    /// Gains that coming frames need, least first: (frame, gain).
    least: VecDeque<(u64, f32)>,
    /// The held gains of the look-ahead, and their sum.
    window: VecDeque<f32>,
    sum: f64,
    held: f32,
    frame: u64,
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Limiter {
    /// A limiter that has heard silence.
    pub fn new() -> Self {
        Self {
            delayed: VecDeque::from(vec![0.0; LOOK_AHEAD_FRAMES * CHANNELS]),
            least: VecDeque::with_capacity(LOOK_AHEAD_FRAMES + 1),
            window: VecDeque::from(vec![1.0; LOOK_AHEAD_FRAMES]),
            sum: LOOK_AHEAD_FRAMES as f64,
            held: 1.0,
            frame: 0,
        }
    }

    /// Limits interleaved samples in place; what comes out is what went in `LOOK_AHEAD_FRAMES` before.
    pub fn process(&mut self, samples: &mut [f32]) {
        let release = 1.0 - (-1.0 / (RELEASE_SECONDS * SAMPLE_RATE as f32)).exp();
        for pair in samples.chunks_exact_mut(CHANNELS) {
            for sample in pair.iter_mut() {
                // Bounded, so that one absurd sample does not silence what follows.
                *sample = if sample.is_finite() { sample.clamp(-64.0, 64.0) } else { 0.0 };
            }
            let gain = self.gain(pair, release);
            for sample in pair.iter_mut() {
                self.delayed.push_back(*sample);
                let delayed = self.delayed.pop_front().unwrap_or(0.0);
                *sample = (delayed * gain).clamp(-CEILING, CEILING);
            }
        }
    }

    fn gain(&mut self, pair: &[f32], release: f32) -> f32 {
        let loudest = pair.iter().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
        let needed = if loudest > CEILING { CEILING / loudest } else { 1.0 };
        while self.least.back().is_some_and(|(_, gain)| *gain >= needed) {
            self.least.pop_back();
        }
        self.least.push_back((self.frame, needed));
        // One frame more than the average covers, so that the average is down when the loud frame leaves.
        if self.least.front().is_some_and(|(frame, _)| frame + LOOK_AHEAD_FRAMES as u64 <= self.frame) {
            self.least.pop_front();
        }
        self.frame += 1;
        let least = self.least.front().map_or(1.0, |(_, gain)| *gain);
        self.held = if least < self.held { least } else { self.held + (least - self.held) * release };
        let oldest = self.window.pop_front().unwrap_or(1.0);
        self.window.push_back(self.held);
        self.sum += f64::from(self.held) - f64::from(oldest);
        (self.sum / LOOK_AHEAD_FRAMES as f64) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(amplitude: impl Fn(usize) -> f32, frames: usize) -> Vec<f32> {
        (0..frames)
            .flat_map(|frame| {
                let sample = (std::f64::consts::TAU * 440.0 * frame as f64 / 48_000.0).sin() as f32 * amplitude(frame);
                [sample, sample * 0.5]
            })
            .collect()
    }

    #[test]
    fn quiet_sound_passes_bit_for_bit_but_later() {
        let input = sine(|_| 0.5, 4_800);
        let mut output = input.clone();
        Limiter::new().process(&mut output);
        for (late, early) in output[2 * LOOK_AHEAD_FRAMES..].iter().zip(&input) {
            assert!((late - early).abs() < 1e-6);
        }
    }

    #[test]
    fn loud_sound_is_turned_down_without_cutting() {
        // Three times too loud all of a sudden.
        let mut samples = sine(|frame| if (20_000..30_000).contains(&frame) { 3.0 } else { 0.3 }, 60_000);
        let mut limiter = Limiter::new();
        for block in samples.chunks_mut(960) {
            limiter.process(block);
        }
        assert!(samples.iter().all(|sample| sample.abs() <= CEILING));
        // Where the tone was turned down it is still a sine: its samples at the ceiling are few.
        let cut = samples[2 * 21_000..2 * 29_000].iter().filter(|sample| sample.abs() >= CEILING - 1e-6).count();
        assert!(cut < 200, "{cut} samples were cut");
        let sides = samples[2 * 25_000..2 * 25_100].chunks_exact(2).all(|pair| (pair[0] * 0.5 - pair[1]).abs() < 1e-4);
        assert!(sides, "both sides keep their relation");
        let after = samples[2 * 58_000..].iter().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
        assert!((after - 0.3).abs() < 0.01, "{after}: the gain came back");
    }

    #[test]
    fn one_loud_sample_and_nonsense_are_survived() {
        let mut limiter = Limiter::new();
        let mut samples = sine(|_| 0.1, 48_000);
        samples[20_000] = 1e30;
        samples[20_002] = f32::NAN;
        samples[20_004] = f32::INFINITY;
        limiter.process(&mut samples);
        assert!(samples.iter().all(|sample| sample.is_finite() && sample.abs() <= CEILING));
        let after = samples[2 * 46_000..].iter().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
        assert!((after - 0.1).abs() < 0.01, "{after}");
    }
}
