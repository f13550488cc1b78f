//! Between the callback that gives 48 kHz stereo in small blocks and a device that wants anything else.

use std::time::{Duration, Instant};

use crate::capture::output::{OutputTiming, PULL_FRAMES, Pull};
use crate::capture::resample::Resampler;
use crate::format::{CHANNELS, SAMPLE_RATE};

/// Pulls samples and gives them to a device at its own rate and layout.
pub(crate) struct Feeder {
    pull: Pull,
    /// The device's rate; none while there is no device.
    resampler: Option<Resampler>,
    ready: Vec<f32>,
    block: Vec<f32>,
}

impl Feeder {
    pub(crate) fn new(pull: Pull) -> Self {
        Self {
            pull,
            resampler: None,
            ready: Vec::with_capacity(8 * PULL_FRAMES * CHANNELS),
            block: vec![0.0; PULL_FRAMES * CHANNELS],
        }
    }

    /// Prepares for a device of `rate`; false if it cannot be served.
    pub(crate) fn set_rate(&mut self, rate: u32) -> bool {
        self.ready.clear();
        self.resampler = None;
        if rate == SAMPLE_RATE {
            return true;
        }
        self.resampler = Resampler::new(SAMPLE_RATE, rate).ok();
        self.resampler.is_some()
    }

    /// Fills `samples` (stereo, 48 kHz, silent) straight from the callback.
    pub(crate) fn pull(&mut self, samples: &mut [f32], timing: OutputTiming) {
        (self.pull)(samples, timing);
    }

    /// Gives `frames` stereo frames at the device's rate, which are heard from `plays_at` on.
    pub(crate) fn give(
        &mut self,
        frames: usize,
        rate: u32,
        now: Instant,
        plays_at: Instant,
        mut put: impl FnMut(usize, f32, f32),
    ) {
        while self.ready.len() < frames * CHANNELS {
            let waiting = self.ready.len() / CHANNELS;
            // The resampler's filter delays what is pulled now.
            let delay = self.resampler.as_ref().map_or(0.0, Resampler::delay_seconds);
            let ahead = Duration::from_secs_f64(waiting as f64 / f64::from(rate.max(1)) + delay);
            self.block.fill(0.0);
            (self.pull)(&mut self.block, OutputTiming { now, plays_at: plays_at + ahead });
            match &mut self.resampler {
                Some(resampler) => resampler.push(&self.block, &mut self.ready),
                None => self.ready.extend_from_slice(&self.block),
            }
        }
        for (frame, pair) in self.ready.chunks_exact(CHANNELS).take(frames).enumerate() {
            put(frame, pair[0], pair[1]);
        }
        self.ready.drain(..frames * CHANNELS);
    }
}

/// What a channel of a device plays of a stereo pair: mono gets both, further channels nothing.
pub(crate) fn channel(index: usize, channels: usize, left: f32, right: f32) -> f32 {
    match (channels, index) {
        (1, _) => f32::midpoint(left, right),
        (_, 0) => left,
        (_, 1) => right,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::queue;

    /// Plays a tone at `rate` in callbacks of odd lengths; gives what a device would play, and the times.
    fn play(rate: u32) -> (Vec<f32>, Vec<(Instant, Instant)>) {
        let (sender, times) = queue::queue(4096);
        let mut phase = 0u32;
        let mut feeder = Feeder::new(Box::new(move |samples, timing| {
            for pair in samples.chunks_exact_mut(2) {
                let sample = (std::f64::consts::TAU * 500.0 * f64::from(phase) / 48_000.0).sin() as f32 * 0.5;
                pair.fill(sample);
                phase += 1;
            }
            let _gone = sender.send((timing.now, timing.plays_at));
        }));
        assert!(feeder.set_rate(rate));
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let mut played = Vec::new();
        let mut done = 0;
        for length in [333, 512, 1, 1024].into_iter().cycle().take(200) {
            let now = start + Duration::from_secs_f64(f64::from(done) / f64::from(rate));
            feeder.give(length as usize, rate, now, now + Duration::from_millis(20), |_, left, _| played.push(left));
            done += length;
        }
        (played, std::iter::from_fn(|| times.try_recv()).collect())
    }

    #[test]
    fn a_tone_reaches_devices_of_every_rate_unharmed() {
        for rate in [8_000, 22_050, 44_100, 48_000, 96_000, 192_000] {
            let (played, _) = play(rate);
            let settled = &played[(rate / 20) as usize..];
            let step = settled.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
            let steepest = (std::f64::consts::TAU * 500.0 / f64::from(rate) * 0.5) as f32;
            assert!(step < steepest * 1.05, "{rate}: {step} is a click, {steepest} would be smooth");
            let loudest = settled.iter().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
            assert!((loudest - 0.5).abs() < 0.01, "{rate}: {loudest}");
        }
    }

    #[test]
    fn pulled_blocks_are_heard_one_after_the_other() {
        for (rate, tolerance) in [(48_000, 30), (44_100, 600)] {
            let (_, times) = play(rate);
            for pair in times.windows(2).skip(3) {
                let apart = (pair[1].1 - pair[0].1).as_micros() as i64;
                assert!((apart - 10_000).abs() <= tolerance, "{rate}: {apart} us apart");
                assert!(pair[1].1 > pair[1].0);
            }
        }
    }

    #[test]
    fn layouts_get_what_they_can_play() {
        assert_eq!(channel(0, 1, 1.0, 0.5), 0.75);
        assert_eq!([0, 1, 2].map(|index| channel(index, 6, 0.25, 0.5)), [0.25, 0.5, 0.0]);
        let mut feeder = Feeder::new(Box::new(|_, _| {}));
        assert!(!feeder.set_rate(1));
    }
}
