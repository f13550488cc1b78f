//! Noise suppression that can be switched while sound goes through it, without a click, a gap or a jump in time.

use std::collections::VecDeque;

use crate::format::{CHANNELS, SAMPLE_RATE};
use crate::preprocess::denoise::{Denoiser, LATENCY_FRAMES};

/// Time in which the sound with noise gives way to the one without, or the other way round.
const FADE_SECONDS: f32 = 0.02;

/// A [`Denoiser`] beside the sound as it came, and how much of each is heard.
///
/// The suppressor is late by [`LATENCY_FRAMES`]. Where it begins, so many frames are held back, and where it ends, they come out
/// at once: what comes out always follows what came out before.
struct Running {
    denoiser: Denoiser,
    /// What came in, as late as what the suppressor gives.
    plain: VecDeque<f32>,
    /// Samples of the time before the beginning that the suppressor gives first.
    early: usize,
    /// Share of the suppressed sound, 0 to 1.
    share: f32,
}

/// Noise suppression behind a switch.
#[derive(Default)]
pub(crate) struct Suppressor {
    wanted: bool,
    running: Option<Running>,
}

impl Suppressor {
    /// A suppressor that is on or off from the first sample.
    pub(crate) fn new(on: bool) -> Self {
        // Nothing was heard before, so nothing has to fade.
        let running = on.then(|| Running { early: 0, share: 1.0, ..Running::new() });
        Self { wanted: on, running }
    }

    /// Switches it.
    pub(crate) fn set(&mut self, on: bool) {
        self.wanted = on;
        if on && self.running.is_none() {
            self.running = Some(Running::new());
        }
    }

    /// By how many frames what comes out of the next call is late.
    pub(crate) fn latency_frames(&self) -> usize {
        if self.running.is_some() { LATENCY_FRAMES } else { 0 }
    }

    /// Suppresses noise in interleaved samples; gives how many frames are left out in front, where it has just begun.
    pub(crate) fn process(&mut self, samples: &mut Vec<f32>) -> usize {
        let Some(running) = &mut self.running else { return 0 };
        let step = if self.wanted { 1.0 } else { -1.0 } / (FADE_SECONDS * SAMPLE_RATE as f32);
        let mut held = running.process(samples, step);
        if !self.wanted && running.share <= 0.0 {
            // Nothing of the suppressed sound is heard any more: the rest of the plain one follows at once.
            samples.extend(running.plain.drain(..).skip(running.early));
            held += running.early / CHANNELS;
            self.running = None;
        }
        held
    }
}

impl Running {
    fn new() -> Self {
        let late = LATENCY_FRAMES * CHANNELS;
        Self { denoiser: Denoiser::new(), plain: VecDeque::from(vec![0.0; late]), early: late, share: 0.0 }
    }

    fn process(&mut self, samples: &mut Vec<f32>, step: f32) -> usize {
        let mut suppressed = samples.clone();
        self.denoiser.process(&mut suppressed);
        for sample in samples.iter_mut() {
            self.plain.push_back(*sample);
            *sample = self.plain.pop_front().unwrap_or_default();
        }
        let held = self.early.min(samples.len());
        self.early -= held;
        samples.drain(..held);
        suppressed.drain(..held);
        for (pair, less) in samples.chunks_mut(CHANNELS).zip(suppressed.chunks(CHANNELS)) {
            self.share = (self.share + step).clamp(0.0, 1.0);
            for (sample, less) in pair.iter_mut().zip(less) {
                *sample += (less - *sample) * self.share;
            }
        }
        held / CHANNELS
    }
}
