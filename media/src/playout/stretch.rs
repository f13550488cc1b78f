//! Playing sound a little faster or slower without anyone noticing.
//!
//! Up to 1 % is resampled, which moves the pitch by less than a fifth of a semitone.
//! Beyond that, short pieces are left out or repeated where the wave fits best, so the pitch stays.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Adjustable, Async, FixedAsync, PolynomialDegree, Resampler};

use super::rate::RateController;
use crate::format::CHANNELS;

/// Output frames made at a time: 5 ms.
pub(super) const BLOCK: usize = 240;
/// Frames over which two pieces are faded into each other.
const FADE: usize = 240;
/// Shortest and longest piece left out or repeated: 5 to 20 ms covers a period of any voice.
const SHORTEST: usize = 240;
const LONGEST: usize = 960;
/// Step of the search for the best fit.
const STEP: usize = 8;

/// Makes output blocks from input of a slightly different length.
pub(super) struct Stretch {
    resampler: Async<f32>,
    /// Input not yet used, interleaved.
    window: Vec<f32>,
    output: Vec<f32>,
    rate: f64,
    /// Input frames that should have been left out (or repeated, where negative).
    debt: f64,
}

impl std::fmt::Debug for Stretch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stretch").field("rate", &self.rate).field("pending", &self.pending()).finish_non_exhaustive()
    }
}

impl Stretch {
    pub(super) fn new() -> Self {
        let resampler = Async::new_poly(1.0, 1.1, PolynomialDegree::Septic, BLOCK, CHANNELS, FixedAsync::Output)
            .expect("the ratio is 1, its bounds are 0.91 to 1.1, and block and channels are not zero");
        let window = Vec::with_capacity(CHANNELS * (BLOCK * 2 + LONGEST + FADE));
        Self { resampler, window, output: vec![0.0; BLOCK * CHANNELS], rate: 1.0, debt: 0.0 }
    }

    /// Forgets all input.
    pub(super) fn reset(&mut self) {
        self.resampler.reset();
        self.window.clear();
        self.debt = 0.0;
        self.set_rate(self.rate);
    }

    pub(super) fn set_rate(&mut self, rate: f64) {
        let largest = RateController::CATCH_UP;
        self.rate = if rate.is_finite() { rate.clamp(1.0 - largest, 1.0 + largest) } else { 1.0 };
        let resampled = self.resampled();
        if self.resampler.set_resample_ratio_relative(1.0 / resampled, true).is_err() {
            self.rate = 1.0;
        }
        if (self.rate - resampled).abs() < 1e-9 {
            self.debt = 0.0;
        }
    }

    /// The part of the rate that is left to resampling.
    fn resampled(&self) -> f64 {
        self.rate.clamp(1.0 - RateController::SLEW, 1.0 + RateController::SLEW)
    }

    /// Input frames that are held and not yet heard.
    pub(super) fn pending(&self) -> usize {
        self.window.len() / CHANNELS
    }

    /// Input frames that should be fed before the next block.
    pub(super) fn wanted(&self) -> usize {
        let splice = if self.debt.abs() >= (LONGEST / 2) as f64 { LONGEST + FADE } else { 0 };
        (self.resampler.input_frames_next() + splice).saturating_sub(self.pending())
    }

    /// Where input is put: interleaved samples are appended.
    pub(super) fn input(&mut self) -> &mut Vec<f32> {
        &mut self.window
    }

    /// The next [`BLOCK`] frames, unless there is too little input.
    pub(super) fn produce(&mut self) -> Option<&[f32]> {
        self.splice();
        let needed = self.resampler.input_frames_next();
        if self.pending() < needed {
            return None;
        }
        let input = InterleavedSlice::new(&self.window, CHANNELS, needed).ok()?;
        let mut output = InterleavedSlice::new_mut(&mut self.output, CHANNELS, BLOCK).ok()?;
        let (consumed, _) = self.resampler.process_into_buffer(&input, &mut output, None).ok()?;
        self.window.drain(..consumed * CHANNELS);
        self.debt += consumed as f64 * (self.rate / self.resampled() - 1.0);
        Some(&self.output)
    }

    /// Leaves out or repeats a piece once enough is owed and enough input is at hand.
    fn splice(&mut self) {
        if self.debt.abs() < (LONGEST / 2) as f64 || self.pending() < LONGEST + FADE {
            return;
        }
        let lag = self.best_lag();
        if self.debt > 0.0 {
            // Fade from the beginning into what comes `lag` later, and go on there.
            for index in 0..FADE * CHANNELS {
                let share = (index / CHANNELS) as f32 / FADE as f32;
                self.window[index] = self.window[index] * (1.0 - share) + self.window[index + lag * CHANNELS] * share;
            }
            self.window.drain(FADE * CHANNELS..(FADE + lag) * CHANNELS);
            self.debt -= lag as f64;
        } else {
            // Play `lag` frames, then fade back to the beginning and play them again.
            let mut joined = Vec::with_capacity(self.window.len() + lag * CHANNELS);
            joined.extend_from_slice(&self.window[..lag * CHANNELS]);
            for index in 0..FADE * CHANNELS {
                let share = (index / CHANNELS) as f32 / FADE as f32;
                joined.push(self.window[index + lag * CHANNELS] * (1.0 - share) + self.window[index] * share);
            }
            joined.extend_from_slice(&self.window[FADE * CHANNELS..]);
            self.window = joined;
            self.debt += lag as f64;
        }
    }

    /// The distance at which the sound is most like its beginning.
    fn best_lag(&self) -> usize {
        let mono: Vec<f32> = self.window.chunks_exact(CHANNELS).map(|frame| frame.iter().sum()).collect();
        let likeness = |lag: usize| -> f32 {
            let (mut product, mut energy) = (0.0_f32, 1e-9_f32);
            for index in (0..FADE).step_by(2) {
                product += mono[index] * mono[index + lag];
                energy += mono[index + lag] * mono[index + lag];
            }
            product / energy.sqrt()
        };
        let lags = (SHORTEST..=LONGEST).step_by(STEP).map(|lag| (likeness(lag), lag));
        lags.max_by(|a, b| a.0.total_cmp(&b.0)).map_or(LONGEST / 2, |(_, lag)| lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frames: usize) -> Vec<f32> {
        (0..frames).flat_map(|n| [(n as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin() * 0.5; 2]).collect()
    }

    /// Plays a tone at a rate: input frames used, and the output.
    fn play(rate: f64, blocks: usize) -> (usize, Vec<f32>) {
        let source = tone(BLOCK * blocks * 2);
        let (mut stretch, mut at, mut heard) = (Stretch::new(), 0, Vec::new());
        stretch.set_rate(rate);
        for _ in 0..blocks {
            let wanted = stretch.wanted();
            stretch.input().extend_from_slice(&source[at * CHANNELS..(at + wanted) * CHANNELS]);
            at += wanted;
            heard.extend_from_slice(stretch.produce().expect("it was fed"));
        }
        (at - stretch.pending(), heard)
    }

    fn crossings(samples: &[f32]) -> usize {
        let mono: Vec<f32> = samples.iter().step_by(CHANNELS).copied().collect();
        mono.windows(2).filter(|pair| pair[0] <= 0.0 && pair[1] > 0.0).count()
    }

    #[test]
    fn uses_as_much_input_as_the_rate_says() {
        for rate in [0.95, 0.98, 0.995, 1.0, 1.004, 1.02, 1.05] {
            let (used, heard) = play(rate, 800);
            let wanted = rate * heard.len() as f64 / CHANNELS as f64;
            assert!((used as f64 - wanted).abs() < 1000.0, "{rate}: {used} instead of {wanted}");
        }
    }

    #[test]
    fn catching_up_keeps_the_pitch_and_does_not_click() {
        for rate in [0.95, 1.0, 1.05] {
            let (_, heard) = play(rate, 800);
            let seconds = heard.len() as f64 / CHANNELS as f64 / 48_000.0;
            let pitch = crossings(&heard) as f64 / seconds;
            assert!((pitch - 440.0).abs() < 440.0 * 0.012, "{rate}: {pitch} Hz");
            let left = heard.iter().skip(BLOCK * CHANNELS).step_by(CHANNELS).copied().collect::<Vec<_>>();
            let steepest = left.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
            assert!(steepest < 0.06, "{rate}: a step of {steepest}");
        }
    }

    #[test]
    fn too_little_input_makes_nothing() {
        let mut stretch = Stretch::new();
        stretch.input().extend_from_slice(&tone(10));
        assert!(stretch.produce().is_none());
        stretch.set_rate(f64::NAN);
        stretch.set_rate(1e9);
        stretch.reset();
        assert_eq!(stretch.pending(), 0);
    }
}
